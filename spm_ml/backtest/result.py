"""Backtest: what every forecaster said about every tested row, what came of it, and how good it was."""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from spm_ml.backtest.comparison import Comparison, compare_rows
from spm_ml.backtest.measures import MEASURES, Scores, measure
from spm_ml.errors import ConfigurationError, DataError, did_you_mean
from spm_ml.settings import QUANTILE_LEVELS
from spm_ml.tables import minor_digits

QUANTILES: Final = tuple(f"q{round(100 * level):02d}" for level in QUANTILE_LEVELS)
"""Columns of the quantiles of attainment."""

BOOKINGS: Final = tuple(f"b{round(100 * level):02d}" for level in QUANTILE_LEVELS)
"""Columns of the quantiles of bookings, minor units."""

_CONTRACT: Final = (
    "forecaster",
    "rep_id",
    "period",
    "as_of",
    "quota",
    "booked_to_date",
    "actual_bookings",
    "actual_attainment",
    *QUANTILES,
    "mean",
    "p_hit",
)
_MORE: Final = ("week", "team", "censored", "abstention", "usual_bookings", "mean_bookings", *BOOKINGS)
_MONEY: Final = ("quota", "booked_to_date", "actual_bookings", "usual_bookings", "mean_bookings", *BOOKINGS)
_WHOLE: Final = ("quota", "booked_to_date", "actual_bookings")
"""Money that is whole minor units."""

METADATA: Final = b"spm_ml.backtest"
"""Key of the description in a stored backtest."""


def frame_columns() -> tuple[str, ...]:
    """Names of the columns of `Backtest.frame`: those of the data contract, then what measuring needs."""
    return (*_CONTRACT, *_MORE)


@dataclass(frozen=True)
class Backtest:
    """One row for each forecaster, rep, period and as-of day that was tested.

    Attributes:
        frame: Columns of `frame_columns()`. Money is minor units, `quota` what was in force on the as-of day,
            `actual_bookings` and `actual_attainment` are empty where `censored`, quantiles where it abstained
            (`abstention` says why); `usual_bookings` is the rep's usual size.
        currency: ISO 4217 code.
        baselines: Forecasters that are the simple rules to beat.
        dataset_hash: `RepPeriodDataset.content_hash` of what was tested; '' = not of a stored dataset.
        submissions: Forecasters that are numbers people submitted: measured, never a baseline and never served.
    """

    frame: pd.DataFrame
    currency: str
    baselines: tuple[str, ...]
    dataset_hash: str = ""
    submissions: tuple[str, ...] = ()

    @property
    def periods(self) -> int:
        """How many periods were tested."""
        return int(self.frame["period"].nunique())

    def value_added(self) -> pd.DataFrame:
        """The forecast-value-added table: one row a forecaster, best CRPS first, people's numbers last.

        Columns: `forecaster, kind, unit, n, censored, abstained, crps, pinball, mae, wape, bias, brier, ece, auc,
        coverage_80, width_80, value_added`. `crps`, `pinball`, `mae` and `width_80` are in the unit: `attainment` where
        most rows have a quota, else `bookings_of_usual` (bookings ÷ the rep's usual size). `value_added` is how much
        lower the CRPS is than that of the best simple baseline, over the rows both answered. A submission answers from
        the day it was made on, which is rarely the first: its CRPS is of later, easier rows, its `value_added` is fair.
        """
        scores = self._scores()
        table = _table(measure(scores, name) for name in scores.forecasters)
        ranked = table.sort_values("crps", kind="stable", na_position="last")
        ranked.insert(1, "kind", [self._kind(name) for name in ranked["forecaster"]])
        said = ranked["kind"] == "submission"
        return pd.concat([ranked[~said], ranked[said]], ignore_index=True)

    def by_week(self) -> pd.DataFrame:
        """The same for each forecaster and week of the period, in a column `week`."""
        return self._by("week")

    def by_period(self) -> pd.DataFrame:
        """The same for each forecaster and tested period, in a column `period`."""
        return self._by("period")

    def compare(self, challenger: str, baseline: str, *, draws: int = 2_000, seed: int = 0) -> Comparison:
        """Paired block bootstrap of the difference in CRPS of two forecasters, by rep; see `Comparison`.

        Raises:
            ConfigurationError: One of them is not in the backtest.
        """
        scores = self._scores()
        for name in (challenger, baseline):
            if name not in scores.forecasters:
                raise ConfigurationError(
                    f"the backtest holds no forecaster {name!r}{did_you_mean(name, scores.forecasters)}; "
                    f"it holds {', '.join(scores.forecasters)}"
                )
        return compare_rows(scores.crps[challenger], scores.crps[baseline], scores.reps, draws=draws, seed=seed)

    def write(self, path: Path) -> None:
        """Writes the rows as `.csv` or `.parquet`, money as decimals of the currency; the file before stays on a crash.

        Raises:
            ConfigurationError: The file has another ending.
        """
        digits = minor_digits(self.currency)
        frame = self.frame.copy()
        frame[list(_MONEY)] = frame[list(_MONEY)] / 10**digits
        path.parent.mkdir(parents=True, exist_ok=True)
        pending = path.with_name(path.name + ".pending")
        if path.suffix == ".csv":
            frame[list(_MONEY)] = frame[list(_MONEY)].round(digits)
            frame.assign(as_of=frame["as_of"].dt.strftime("%Y-%m-%d")).to_csv(pending, index=False)
        elif path.suffix == ".parquet":
            table = pa.Table.from_pandas(frame, preserve_index=False)
            names = ("currency", "baselines", "dataset_hash", "submissions")
            description = json.dumps({name: getattr(self, name) for name in names}).encode()
            pq.write_table(table.replace_schema_metadata({METADATA: description}), pending, compression="zstd")
        else:
            raise ConfigurationError(f"{path} ends neither in .csv nor in .parquet: name the file accordingly")
        os.replace(pending, path)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Reads the Parquet file that `write` wrote.

        Raises:
            DataError: It is missing or is no backtest.
        """
        try:
            table = pq.read_table(path)
            description = json.loads((table.schema.metadata or {})[METADATA])
        except (OSError, KeyError, pa.ArrowInvalid) as error:
            raise DataError(f"{path} is not a backtest written as Parquet ({error}): run 'spm backtest'") from error
        frame = table.to_pandas()
        frame[list(_MONEY)] *= 10 ** minor_digits(description["currency"])
        frame[list(_WHOLE)] = frame[list(_WHOLE)].round()
        frame = frame.astype({"booked_to_date": "int64", "as_of": "datetime64[s]"})
        return cls(
            frame,
            description["currency"],
            tuple(description["baselines"]),
            description["dataset_hash"],
            tuple(description.get("submissions", ())),
        )

    def _kind(self, forecaster: str) -> str:
        if forecaster in self.submissions:
            return "submission"
        return "rule" if forecaster in self.baselines else "model"

    def _scores(self) -> Scores:
        return Scores.of(self.frame, self.baselines, QUANTILES, BOOKINGS)

    def _by(self, column: str) -> pd.DataFrame:
        scores = self._scores()
        groups: list[Any] = sorted(scores.keys[column].drop_duplicates())
        return _table(
            {"forecaster": name, column: group} | measure(scores, name, scores.keys[column] == group)
            for name in scores.forecasters
            for group in groups
        )


def _table(rows: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """Makes a table of measures; what could not be measured is NaN."""
    table = pd.DataFrame(list(rows))
    return table.astype(dict.fromkeys(MEASURES, "float64"))
