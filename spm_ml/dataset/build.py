"""Building a RepPeriodDataset from a history: rows, readings, features, flags and outcomes in one pass."""

import math
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from spm_ml.dataset.deal_states import read_bookings, read_states
from spm_ml.dataset.flags import abstention, hazards
from spm_ml.dataset.organisation import organisation_readings
from spm_ml.dataset.outcomes import labels, targets
from spm_ml.dataset.rows import rep_rows
from spm_ml.dataset.schema import COLUMNS, dtypes, label_names
from spm_ml.dataset.submissions import submissions
from spm_ml.dataset.table import RepPeriodDataset
from spm_ml.dataset.writer import DatasetWriter
from spm_ml.errors import DataError
from spm_ml.features import (
    FEATURES,
    AsOf,
    AsOfGrid,
    Feature,
    Row,
    RunningSums,
    first_days,
    period_of_as_of,
    records_begin,
)
from spm_ml.features.bookings import BOOKED, QUOTAS
from spm_ml.features.day_numbers import days_of
from spm_ml.features.flow import RECONSTRUCTED
from spm_ml.features.pipeline import DUE
from spm_ml.fiscal import Period
from spm_ml.history import SalesHistory
from spm_ml.progress import Progress, silent

_OF_STATES: Final = ["rep_id", "as_of", "period_start", "period_end"]
"""Columns of the rows that states are told by."""

REPS_AT_ONCE: Final = 4_000
"""Reps that are built at a time where a dataset is written: some 480 000 rows of three years."""


def as_of_grid(history: SalesHistory, *, first_period: Period | str | None = None) -> tuple[date, ...]:
    """The weekly as-of days of every period from the first up to the watermark, and the watermark itself.

    Args:
        history: Its ledger's first record and its watermark bound the grid.
        first_period: A later period to start from, itself or its label.
    """
    calendar, last = history.calendar, history.watermark
    if first_period is None:
        first = records_begin(history) or last
    else:
        first = (calendar.parse(first_period) if isinstance(first_period, str) else first_period).start
    periods = calendar.periods_between(first, period_of_as_of(history, last).end)
    days = {day for period in periods for day in calendar.as_of_days(period) if day <= last}
    return tuple(sorted(days | ({last} if first <= last else set())))


def build_dataset(
    history: SalesHistory,
    *,
    first_period: Period | str | None = None,
    as_of_days: Sequence[date] | None = None,
    reps: Collection[str] | None = None,
    features: Sequence[Feature] = FEATURES,
    progress: Progress = silent,
) -> RepPeriodDataset:
    """Builds the rows of every rep employed in a period, for every weekly as-of day of it.

    Managers have rows only if they own or are credited with deals or ever had a quota.

    Args:
        history: What is known.
        first_period: Period to start from; default: that of the ledger's first record.
        as_of_days: Build exactly these days instead of the weekly grid. A day looks into the period of the day after.
        reps: Build the rows of these reps alone, equal to the same rows of a whole build.
        features: Columns to compute: `FEATURES`, some of them, or more (see `spm_ml.features`).
        progress: Told after each feature, and of the deals.

    Raises:
        DataError: No as-of day lies in the data, two features share a name, or a stream is not as it must be.
    """
    build = _Build(history, first_period, as_of_days, tuple(features))
    with AsOfGrid(history, build.days) as grid:
        readings = organisation_readings(grid)
        if reps is None:
            return build.block(grid, readings, progress)
        with grid.only(reps) as some:
            return build.block(some, readings, progress)


def build_beside(
    history: SalesHistory, as_of_days: Sequence[date], beside: pd.DataFrame, *, progress: Progress = silent
) -> RepPeriodDataset:
    """Builds the rows of some days of one period; its states are those of other rows of the period too.

    Args:
        history: What is known.
        as_of_days: Days that are built.
        beside: Rows of other days, which are not built.
        progress: As for `build_dataset`.
    """
    build = _Build(history, None, as_of_days, FEATURES)
    with AsOfGrid(history, build.days) as grid:
        return build.block(grid, organisation_readings(grid), progress, beside=beside)


def write_dataset(
    history: SalesHistory,
    path: Path,
    *,
    first_period: Period | str | None = None,
    as_of_days: Sequence[date] | None = None,
    features: Sequence[Feature] = FEATURES,
    reps_at_once: int = REPS_AT_ONCE,
    progress: Progress = silent,
) -> str:
    """Builds what `build_dataset` does and writes it, some reps at a time, so that no more than they are in memory.

    Args:
        history: What is known.
        path: File that `RepPeriodDataset.read` reads. It is there when all is; a killed build leaves what there was.
        first_period: As for `build_dataset`.
        as_of_days: Likewise.
        features: Likewise.
        reps_at_once: How many reps are built at a time, at most; the content is the same whatever it is.
        progress: Told after each feature, and of the deals, of each block.

    Returns:
        The dataset's `content_hash`.

    Raises:
        DataError: As for `build_dataset`.
    """
    build = _Build(history, first_period, as_of_days, tuple(features))
    with AsOfGrid(history, build.days) as grid, DatasetWriter(path) as writer:
        readings, writer.begins = organisation_readings(grid), first_days(history)
        blocks = np.array_split(grid.rep_ids, max(math.ceil(len(grid.rep_ids) / reps_at_once), 1))
        for number, reps in enumerate(blocks):
            with grid.only(reps) as some:
                writer.add(build.block(some, readings, _of_block(progress, number, len(blocks))))
    return writer.content_hash


def _of_block(progress: Progress, number: int, blocks: int) -> Progress:
    """Tells of a block as a part of all of them."""
    return lambda stage, done, total: progress(stage, number * total + done, blocks * total)


class _Build:
    """What every block of a dataset has in common.

    Raises:
        DataError: No as-of day lies in the data, or two features share a name.
    """

    def __init__(
        self,
        history: SalesHistory,
        first_period: Period | str | None,
        as_of_days: Sequence[date] | None,
        features: tuple[Feature, ...],
    ) -> None:
        days = as_of_grid(history, first_period=first_period) if as_of_days is None else tuple(as_of_days)
        if not days and as_of_days is None:
            raise DataError(
                f"there is nothing to build: the first period starts after the last record ({history.watermark})"
            )
        self.days = days
        self._history, self._features = history, features
        self._stages = tuple(stage.name for stage in history.organisation.stages)
        self._names = tuple(name for feature in features for name in feature.names(len(self._stages)))
        _check_names(self._names, len(self._stages))

    def block(
        self,
        grid: AsOfGrid,
        readings: Mapping[str, np.ndarray],
        progress: Progress,
        *,
        beside: pd.DataFrame | None = None,
    ) -> RepPeriodDataset:
        """The rows of the grid's reps.

        Args:
            grid: As-of days and reps.
            readings: What the organisation as a whole stood at, each (as-of days,).
            progress: Told after each feature, and of the deals.
            beside: Other rows, whose states are read too.
        """
        history = self._history
        columns, profile = rep_rows(grid)
        of_rows = {name: values[columns["slot"]] for name, values in readings.items()}
        at = AsOf(grid, Row(columns | of_rows), RunningSums(grid))
        frame = _frame(at, profile, self._features, dtypes(self._names, len(self._stages)), progress)
        progress("deals", 0, 2)
        states = read_states(
            at, frame if beside is None else pd.concat([named[_OF_STATES] for named in (frame, beside)])
        )
        progress("deals", 1, 2)
        bookings = read_bookings(at)
        progress("deals", 2, 2)
        return RepPeriodDataset(
            frame=frame,
            states=states,
            bookings=bookings,
            feature_names=self._names,
            stages=self._stages,
            currency=history.organisation.currency,
            version=history.version,
            data_hash=history.data_hash,
            watermark=history.watermark,
        )


def _check_names(names: tuple[str, ...], stages: int) -> None:
    declared = {column.name for column in COLUMNS} | set(label_names(stages))
    twice = sorted({name for name in names if names.count(name) > 1 or name in declared})
    if twice:
        raise DataError(f"feature names {twice} occur twice or are columns of every dataset: name the features anew")


def _frame(
    at: AsOf, profile: pd.DataFrame, features: Sequence[Feature], kinds: Mapping[str, Any], progress: Progress
) -> pd.DataFrame:
    """Every column of the dataset, of its type and in order; context comes before what reads it."""
    at.row.add(_context(at))
    at.row.add(targets(at))
    values: dict[str, np.ndarray] = {}
    for number, feature in enumerate(features, start=1):
        for name, column in feature.columns(at).items():
            values[name] = np.broadcast_to(np.asarray(column, dtype=np.float64), (len(at),))
        progress("features", number, len(features))
    values |= labels(at)
    declared = [column for column in COLUMNS if column.name not in profile]
    values |= {"hazards": hazards(at), "abstention": abstention(at)}
    values |= {
        column.name: days_of(getattr(at.row, column.name)) if column.kind == "date" else getattr(at.row, column.name)
        for column in declared
        if column.name not in values
    }
    columns = {name: pd.Series(values.get(name, profile.get(name)), dtype=kind) for name, kind in kinds.items()}
    return pd.DataFrame(columns, copy=False)


def _context(at: AsOf) -> dict[str, np.ndarray]:
    known = at.now(QUOTAS, "known") > 0
    return {
        "booked_to_date": np.nan_to_num(at.now(BOOKED, "lag_0")),
        "open_in_period": np.nan_to_num(at.now(DUE, "amount")),
        "quota": np.where(known, at.now(QUOTAS, "amount"), np.nan),
        "quota_original": np.where(known, at.now(QUOTAS, "original"), np.nan),
        "history_reconstructed": at.now(RECONSTRUCTED, "changes") > 0,
        **submissions(at),
    }
