"""Do chances and intervals mean what they say? Reliability, coverage and PIT of one forecaster, each with its interval.

Rows of a rep-period share one outcome and rows of a period share the organisation's luck, so every interval is that of
as many independent rows as the reps or the periods are worth, the wider of the two.
"""

from collections.abc import Iterator, Sequence
from typing import Final, Literal

import numpy as np
import pandas as pd

from spm_ml.accuracy import Array, pit_shares
from spm_ml.backtest.columns import BOOKINGS
from spm_ml.backtest.groups import LEVELS, covered
from spm_ml.backtest.intervals import coverage_interval
from spm_ml.backtest.result import Backtest
from spm_ml.predictions import Calibration, Coverage, MeasuredShare, PitBin, ReliabilityBin, WeekReliability
from spm_ml.predictions.scope import SMALLEST_GROUP
from spm_ml.settings import QUANTILE_LEVELS

NOMINAL: Final = (0.5, 0.8, 0.9)
"""Shares that the central intervals should hold."""

_EDGES: Final = np.linspace(0, 1, 11)
_MOST_BINS: Final = 10
_REPS: Final = ("rep", "tested")
_GROUPS: Final = ("tested",)

Part = Literal["all", "early", "middle", "late"]


def measure_calibration(backtest: Backtest, forecaster: str) -> Calibration | None:
    """Measures one forecaster on the rows that it answered; None where fewer than five reps were tested.

    Args:
        backtest: Rolling-origin rows of every forecaster.
        forecaster: Slug of the one to measure.
    """
    rows = backtest.frame[backtest.frame["forecaster"] == forecaster]
    rows = rows[rows["actual_bookings"].notna() & rows[BOOKINGS[0]].notna()]
    if rows["rep_id"].nunique() < SMALLEST_GROUP:
        return None
    rows = rows.assign(rep=pd.factorize(rows["rep_id"])[0], tested=pd.factorize(rows["period"])[0])
    groups = backtest.groups[backtest.groups["forecaster"] == forecaster]
    groups = groups.assign(tested=pd.factorize(groups["period"])[0])
    chances = rows.dropna(subset=["p_hit", "actual_attainment"])
    chances = chances.assign(hit=(chances["actual_attainment"] >= 1).astype(float))
    return Calibration(
        periods=tuple(str(period) for period in pd.unique(rows["period"])),
        reps=int(rows["rep_id"].nunique()),
        reliability=tuple(_reliability(chances)),
        by_week=tuple(_by_week(chances)),
        coverage=(*_coverage("rep", rows, _REPS), *(one for level in LEVELS for one in _of_level(level, groups))),
        pit=_pit(rows),
    )


def _share(values: Array, rows: pd.DataFrame, clusters: Sequence[str]) -> MeasuredShare:
    """Where all rows agree, nothing tells how alike those of a period are: then each rep counts once."""
    share = float(values.mean())
    agree = values.min() == values.max()
    labels = [rows[name].to_numpy() for name in (clusters[:1] if agree else clusters)]
    found = [coverage_interval(values, label)[1:] for label in labels if (label != label[0]).any()]
    low, high = max(found, key=lambda ends: ends[1] - ends[0], default=(0.0, 1.0))
    return MeasuredShare(share, min(low, share), max(high, share), len(values))


def _parts(chances: pd.DataFrame) -> Iterator[tuple[Part, pd.DataFrame]]:
    yield "all", chances
    weeks = np.array_split(np.sort(chances["week"].unique()), 3)
    parts: tuple[Part, ...] = ("early", "middle", "late")
    for part, own in zip(parts, weeks, strict=True):
        yield part, chances[chances["week"].isin(own)]


def _reliability(chances: pd.DataFrame) -> Iterator[ReliabilityBin]:
    """Bins of equally many rows, as many as leave at least five reps in each."""
    for part, rows in _parts(chances):
        ordered = rows.sort_values("p_hit", kind="stable")
        for bins in range(min(_MOST_BINS, ordered["rep"].nunique() // SMALLEST_GROUP), 0, -1):
            cut = [ordered.iloc[places] for places in np.array_split(np.arange(len(ordered)), bins)]
            if all(one["rep"].nunique() >= SMALLEST_GROUP for one in cut):
                yield from (
                    ReliabilityBin(
                        part=part,
                        first_week=int(rows["week"].min()),
                        last_week=int(rows["week"].max()),
                        said=float(one["p_hit"].mean()),
                        seen=_share(one["hit"].to_numpy(), one, _REPS),
                    )
                    for one in cut
                )
                break


def _by_week(chances: pd.DataFrame) -> Iterator[WeekReliability]:
    for week, rows in chances.groupby("week"):
        if rows["rep"].nunique() >= SMALLEST_GROUP:
            yield WeekReliability(
                week=int(str(week)),
                said=float(rows["p_hit"].mean()),
                seen=_share(rows["hit"].to_numpy(), rows, _REPS),
                brier=float(((rows["p_hit"] - rows["hit"]) ** 2).mean()),
            )


def _of_level(level: Literal["team", "region", "company"], groups: pd.DataFrame) -> Iterator[Coverage]:
    """Of sums of at least five reps."""
    rows = groups[(groups["level"] == level) & (groups["members"] >= SMALLEST_GROUP)]
    if len(rows):
        yield from _coverage(level, rows, _GROUPS)


def _coverage(
    level: Literal["rep", "team", "region", "company"], rows: pd.DataFrame, clusters: Sequence[str]
) -> Iterator[Coverage]:
    of_week = [(int(str(week)), part) for week, part in rows.groupby("week")]
    of_period = [(str(period), part) for period, part in rows.groupby("period", sort=False)] if level == "rep" else []
    for nominal in NOMINAL:
        yield Coverage(level, None, None, nominal, _share(covered(rows, nominal), rows, clusters))
        yield from (
            Coverage(level, week, None, nominal, _share(covered(part, nominal), part, clusters))
            for week, part in of_week
            if level != "rep" or part["rep"].nunique() >= SMALLEST_GROUP
        )
        yield from (
            Coverage(level, None, period, nominal, _share(covered(part, nominal), part, clusters))
            for period, part in of_period
            if part["rep"].nunique() >= SMALLEST_GROUP
        )


def _pit(rows: pd.DataFrame) -> tuple[PitBin, ...]:
    quantiles = rows[list(BOOKINGS)].to_numpy(dtype=float)
    weights = pit_shares(rows["actual_bookings"].to_numpy(dtype=float), quantiles, QUANTILE_LEVELS, _EDGES)
    return tuple(
        PitBin(float(_EDGES[at]), float(_EDGES[at + 1]), _share(weights[:, at], rows, _REPS))
        for at in range(_EDGES.size - 1)
    )
