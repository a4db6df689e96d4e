"""Backtest: what every forecaster said about every tested row, what came of it, and how good it was."""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from spm_ml.backtest.columns import BOOKINGS, GROUP_ROWS, QUANTILES, ROWS
from spm_ml.backtest.comparison import Comparison, compare_rows
from spm_ml.backtest.groups import empty_groups, measure_levels
from spm_ml.backtest.measures import MEASURES, Scores, measure
from spm_ml.errors import ConfigurationError, DataError, did_you_mean
from spm_ml.tables import minor_digits

_MONEY: Final = ("quota", "booked_to_date", "actual_bookings", "usual_bookings", "mean_bookings", *BOOKINGS)
_WHOLE: Final = ("quota", "booked_to_date", "actual_bookings")
"""Money that is whole minor units."""

_OF_GROUP: Final = {"booked": "booked_to_date", "mean": "mean_bookings"}
"""What a file calls the columns of `Backtest.groups`."""

_FORMAT: Final = 2

METADATA: Final = b"spm_ml.backtest"
"""Key of the description in a stored backtest."""


@dataclass(frozen=True)
class Backtest:
    """One row for each forecaster, rep, period and as-of day that was tested.

    Attributes:
        frame: Columns of `spm_ml.backtest.columns.ROWS`. Money is minor units, `quota` what was in force on the as-of
            day, `actual_bookings` and `actual_attainment` are empty where `censored`, quantiles where it abstained
            (`abstention` says why); `usual_bookings` is the rep's usual size.
        currency: ISO 4217 code.
        baselines: Forecasters that are the simple rules to beat.
        dataset_hash: `RepPeriodDataset.content_hash` of what was tested; '' = not of a stored dataset.
        submissions: Forecasters that are numbers people submitted: measured, never a baseline and never served.
        groups: One row for each forecaster, team, region or company (`level`), period and as-of day: columns of
            `spm_ml.backtest.columns.GROUP_ROWS`. The members are the reps who were forecast and stayed,
            `actual_bookings` is what they booked together, `booked` what they had booked by the day; minor units.
    """

    frame: pd.DataFrame
    currency: str
    baselines: tuple[str, ...]
    dataset_hash: str = ""
    submissions: tuple[str, ...] = ()
    groups: pd.DataFrame = field(default_factory=empty_groups)

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
        scores = self._scores
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

    def by_level(self) -> pd.DataFrame:
        """Accuracy of bookings by level of the organisation: one row a forecaster and level.

        Columns: `forecaster`, `level` (`rep`, `team`, `region`, `company`), `n`, `crps_of_mean` and `width_of_mean`
        (CRPS and width of the 80 % interval ÷ mean outcome of the level, so that levels can be compared),
        `coverage_80` (0–1) and `bias` (Σ(mean − outcome) ÷ Σ outcome, positive when forecasts are too high).
        """
        return measure_levels(self.frame, self.groups)

    def best_baseline(self) -> str | None:
        """Slug of the simple rule that others are held against; None where none answers enough."""
        return self._scores.best_baseline

    def tested_rows(self) -> pd.DataFrame:
        """The tested rows, each once, whoever forecast them.

        Columns: `rep_id, period, as_of, week, censored`, and what is known of the rep on the day: `team, region,
        segment, tenure_days`.
        """
        return self._scores.keys

    def answers(self, forecaster: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What came of `tested_rows` and what a forecaster had said of them, in the unit of `value_added`.

        Returns:
            (n,) outcomes, NaN where they are unknown, and (n, 19) quantiles, NaN where it abstained.

        Raises:
            ConfigurationError: It is not in the backtest.
        """
        return self._scores.actual, self._scores.quantiles[self._checked(forecaster)]

    def compare(
        self,
        challenger: str,
        baseline: str,
        *,
        rows: NDArray[np.bool_] | None = None,
        level: float = 0.95,
        draws: int = 2_000,
        seed: int = 0,
    ) -> Comparison:
        """Paired block bootstrap of the difference in CRPS of two forecasters, by rep and period; see `compare_rows`.

        Args:
            challenger: Slug.
            baseline: Slug.
            rows: (n,) which of `tested_rows` to compare on; default: all.
            level: Of the interval.
            draws: Bootstrap draws.
            seed: Of the draws.

        Raises:
            ConfigurationError: One of them is not in the backtest.
        """
        first, second = (self._scores.crps[self._checked(name)] for name in (challenger, baseline))
        reps, periods = self._scores.reps, self._scores.periods
        if rows is not None:
            first, second, reps, periods = first[rows], second[rows], reps[rows], periods[rows]
        return compare_rows(first, second, reps, periods, draws=draws, seed=seed, level=level)

    def write(self, path: Path) -> None:
        """Writes the rows as `.csv` or `.parquet`, money as decimals of the currency; the file before stays on a crash.

        In Parquet the rows of groups follow those of the reps, told apart by a column `level`, so that one file is
        always of one backtest. CSV holds the reps alone.

        Raises:
            ConfigurationError: The file has another ending.
        """
        digits = minor_digits(self.currency)
        frame = self.frame.copy() if path.suffix == ".csv" else self._levels()
        frame[list(_MONEY)] = frame[list(_MONEY)] / 10**digits
        path.parent.mkdir(parents=True, exist_ok=True)
        pending = path.with_name(path.name + ".pending")
        if path.suffix == ".csv":
            frame[list(_MONEY)] = frame[list(_MONEY)].round(digits)
            frame.assign(as_of=frame["as_of"].dt.strftime("%Y-%m-%d")).to_csv(pending, index=False)
        elif path.suffix == ".parquet":
            table = pa.Table.from_pandas(frame, preserve_index=False)
            names = ("currency", "baselines", "dataset_hash", "submissions")
            description = json.dumps({"format": _FORMAT} | {name: getattr(self, name) for name in names}).encode()
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
        if description.get("format") != _FORMAT:
            raise DataError(f"{path} was written by another version of spm-ml: run 'spm backtest', or train anew")
        frame = table.to_pandas()
        frame[list(_MONEY)] *= 10 ** minor_digits(description["currency"])
        frame[list(_WHOLE)] = frame[list(_WHOLE)].round()
        of_rep = frame["level"] == "rep"
        reps = frame.loc[of_rep, list(ROWS)].astype({"booked_to_date": "int64", "as_of": "datetime64[s]"})
        reps["censored"] = reps["censored"].astype(bool)
        groups = (
            frame[~of_rep].drop(columns=["mean"]).rename(columns={column: own for own, column in _OF_GROUP.items()})
        )
        return cls(
            reps,
            description["currency"],
            tuple(description["baselines"]),
            description["dataset_hash"],
            tuple(description["submissions"]),
            groups.loc[:, list(GROUP_ROWS)].astype(empty_groups().dtypes.to_dict()).reset_index(drop=True),
        )

    def _levels(self) -> pd.DataFrame:
        """Reps and groups in one table."""
        reps = self.frame.assign(level="rep", group="", members=1)
        if self.groups.empty:
            return reps
        return pd.concat([reps, self.groups.rename(columns=_OF_GROUP)], ignore_index=True).loc[:, list(reps)]

    def _checked(self, name: str) -> str:
        known = self._scores.forecasters
        if name not in known:
            raise ConfigurationError(
                f"the backtest holds no forecaster {name!r}{did_you_mean(name, known)}; it holds {', '.join(known)}"
            )
        return name

    def _kind(self, forecaster: str) -> str:
        if forecaster in self.submissions:
            return "submission"
        return "rule" if forecaster in self.baselines else "model"

    @cached_property
    def _scores(self) -> Scores:
        return Scores.of(self.frame, self.baselines, QUANTILES, BOOKINGS)

    def _by(self, column: str) -> pd.DataFrame:
        scores = self._scores
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
