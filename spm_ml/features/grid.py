"""AsOfGrid: the as-of days and reps of one build, and the small tables that map a day to them."""

from bisect import bisect_right
from collections.abc import Callable, Collection, Sequence
from copy import copy
from datetime import date, timedelta
from functools import cached_property
from types import TracebackType
from typing import Final, Self, get_args
from weakref import WeakKeyDictionary

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pyarrow as pa

from spm_ml.errors import DataError
from spm_ml.features.day_numbers import dates_of, day_numbers, number_of
from spm_ml.features.days import Days, Slots
from spm_ml.features.feature import Log
from spm_ml.fiscal import Period
from spm_ml.history import SalesHistory

_DAY: Final = timedelta(days=1)
_FIRST_DAY, _LAST_DAY = date(1950, 1, 1), date(2199, 12, 31)
"""Days beyond these are mistyped: they belong to no period, and stop nothing."""

_RECENT: Final = 120
"""Days before the first as-of day, longer than any quarter, from which on states of deals are read."""

LATE_SHARE: Final = 0.8
"""Selling days of a period beyond this share of them are its end, where hockey sticks show (H24)."""


def period_of_as_of(history: SalesHistory, as_of: date) -> Period:
    """The period an as-of day looks into: the one that holds the day after, so that a period's eve is its week 0."""
    return history.calendar.period_of(as_of + _DAY)


_BEGINS: Final = WeakKeyDictionary[SalesHistory, dict[Log, date | None]]()
"""First days of the logs of each history, which several grids ask for."""


def records_begin(history: SalesHistory) -> date | None:
    """First day of which the ledger tells everything; None if it is empty.

    It is the day of its first record that was made at the time, or of its first close: deals that were open when
    records began are known back to their creation, but those that had been closed by then are not known at all.
    """
    return first_day_of(history, "ledger")


def _first_firm_day(history: SalesHistory) -> date | None:
    ledger = history.ledger
    firm = ledger.filter(~ledger.history_reconstructed | (ledger.outcome != "open"))
    begin: date | None = firm.recorded_on.min().to_pyarrow().as_py()
    return begin


def first_days(history: SalesHistory) -> dict[str, str | None]:
    """First day (ISO) of which each log tells everything; None = it is empty. See `AsOfGrid.first_recorded`."""
    first = {log: first_day_of(history, log) for log in get_args(Log)}
    return {log: None if day is None else day.isoformat() for log, day in first.items()}


def first_day_of(history: SalesHistory, log: Log) -> date | None:
    """First day of which a log tells everything; None if it is empty. See `records_begin` for the ledger."""
    known = _BEGINS.setdefault(history, {})
    if log not in known:
        known[log] = _first_firm_day(history) if log == "ledger" else _first_recorded_day(history, log)
    return known[log]


def _first_recorded_day(history: SalesHistory, log: Log) -> date | None:
    activity, enrolments = history.activity_days, history.table("enrolments")
    day = activity.recorded_on if log == "activity" else enrolments.started_on
    first: date | None = day.min().to_pyarrow().as_py()
    return first


class AsOfGrid:
    """The as-of days and reps of one build, with the mapping tables that streams join.

    A context manager: the temporary tables it keeps in the history's connection go when it is left.

    Args:
        history: What is read.
        as_of_days: Days at whose ends rows are built; each belongs to one period.

    Attributes:
        slots: The as-of days.
        calendar_days: The days, as arrays.
        days: The same in the engine: `day, period_index, period_start, period_end, late`.
        periods: In the engine: `period_index, period_start, period_end, last_year_index` of those days.
        staff: In the engine, of everybody with a profile, whoever's rows are built: `rep_id, known_from` (day of the
            first profile), `first_index` (the first period that counts as the rep's own history).
        known_from: Number of the first day on which anybody is known; infinity = there is nobody.
        rep_ids: The reps whose rows are built and who have a profile, in order; a rep's place is its `rep_index`.
        reps: In the engine: `rep_id, rep_index, first_index` of them.
        first_index: (reps,) as in `reps`.
        recent_from: What ended before this day, counted from 1970-01-01, is left out: states of deals, and periods that
            are looked at; None = nothing is.
    """

    def __init__(self, history: SalesHistory, as_of_days: Sequence[date]) -> None:
        self.history = history
        self.as_of_days = tuple(sorted(set(as_of_days)))
        if not self.as_of_days:
            raise DataError("there is no as-of day to build rows for: give at least one day")
        self.stage_count = len(history.organisation.stages)
        self.recent_from: int | None = None
        self._kept: dict[str, ir.Table] = {}
        self._periods = self._covered_periods()
        self._starts = [period.start for period in self._periods]
        self.slots = self._slots()
        self.calendar_days = self._calendar_days()
        self.days = self.keep("days", self._day_rows())
        self.periods = self.keep("periods", self._period_rows())
        firsts = self.profiles.drop_duplicates("rep_id")
        self.rep_ids = pd.Index(firsts["rep_id"])
        self.first_index = self._first_indices(day_numbers(firsts["hired_on"]).astype(np.int64))
        known_from = day_numbers(firsts["valid_from"])
        self.known_from = known_from.min(initial=np.inf)
        self.staff = self.keep("staff", _staff_rows(firsts["rep_id"], known_from, self.first_index))
        self.reps = self.keep("reps", self._rep_rows())

    def only(self, reps: Collection[str]) -> Self:
        """The same grid for the rows of some reps; leaving it leaves the whole one as it is.

        Args:
            reps: Ids of reps; those without a profile have no rows.
        """
        some = copy(self)
        built = self.rep_ids.isin(list(reps))
        some._kept = {}
        some.__dict__.pop("own_profiles", None)
        some.rep_ids, some.first_index = self.rep_ids[built], self.first_index[built]
        some.reps = some.keep("reps", some._rep_rows())
        return some

    def recent(self, day: int) -> Self:
        """The same grid for what is read on no day before one: what ended long before is left out.

        Args:
            day: Counted from 1970-01-01; a day too long before the first as-of day gives the grid itself.
        """
        first = int(self.slots.as_of[0]) - _RECENT
        if day < first:
            return self
        some = copy(self)
        some.recent_from = first
        return some

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for table in self._kept.values():
            self.history.engine.drop(table)
        self._kept.clear()

    def keep(self, name: str, content: pa.Table | ir.Table) -> ir.Table:
        """Computes a table once and keeps it until the grid is left."""
        self._kept[name] = self.history.engine.keep(f"grid_{name}", content)
        return self._kept[name]

    def shared(self, name: str, build: Callable[[], ir.Table]) -> ir.Table:
        """The kept table of that name, built when it is first asked for; several streams may read it."""
        return self._kept[name] if name in self._kept else self.keep(name, build())

    @property
    def ledger(self) -> ir.Table:
        """Of the history's ledger what the reps of the rows owned, with their `rep_index`."""
        return self.history.ledger.inner_join(self.reps.select("rep_id", "rep_index"), "rep_id")

    def own(self, rows: ir.Table) -> ir.Table:
        """The rows of the reps whose rows are built, so that a block of reps does no work for all others."""
        return rows.semi_join(self.reps, "rep_id")

    def first_recorded(self, log: Log) -> date | None:
        """First day of which a log tells everything; None if it is empty. See `records_begin` for the ledger."""
        return first_day_of(self.history, log)

    @cached_property
    def profiles(self) -> pd.DataFrame:
        """The history's profiles, ordered by rep and first day, days as `datetime64`."""
        rows: pd.DataFrame = self.history.profiles.to_pyarrow().to_pandas(date_as_object=False)
        return rows.sort_values(["rep_id", "valid_from"], kind="stable", ignore_index=True)

    @cached_property
    def own_profiles(self) -> pd.DataFrame:
        """Those of the reps whose rows are built."""
        return self.profiles[self.profiles["rep_id"].isin(self.rep_ids)].reset_index(drop=True)

    def last_year_index(self, period_index: np.ndarray) -> np.ndarray:
        """Place of the period of the same number a fiscal year before each period."""
        before: np.ndarray = self._last_year[period_index]
        return before

    def _first_period_index(self) -> int:
        """Index of the period in which the ledger begins: the first finished period of any rep."""
        first = self.first_recorded("ledger")
        return self._index_of(first) if first is not None else len(self._periods)

    def _index_of(self, day: date) -> int:
        return bisect_right(self._starts, day) - 1

    def _covered_periods(self) -> tuple[Period, ...]:
        """Periods of every day that matters; they only map days, so their extent changes no result."""
        ledger, bookings = self.history.ledger, self.history.bookings
        extent = (
            ledger.aggregate(
                recorded=ibis._.recorded_on.min(),
                due_first=ibis._.expected_close_on.min(),
                due_last=ibis._.expected_close_on.max(),
            )
            .cross_join(bookings.aggregate(first=ibis._.booked_on.min(), last=ibis._.booked_on.max()))
            .to_pyarrow()
            .to_pylist()[0]
        )
        named = [day for day in extent.values() if day is not None]
        first = max(min([*named, self.history.calendar.same_last_year(self._period_of_slot(0)).start]), _FIRST_DAY)
        last = min(max([*named, self._period_of_slot(-1).end]), _LAST_DAY)
        return self.history.calendar.periods_between(first, last)

    def _period_of_slot(self, slot: int) -> Period:
        return period_of_as_of(self.history, self.as_of_days[slot])

    def _slots(self) -> Slots:
        calendar = self.history.calendar
        periods = [period_of_as_of(self.history, as_of) for as_of in self.as_of_days]
        pairs = list(zip(periods, self.as_of_days, strict=True))
        return Slots(
            as_of=np.array([number_of(as_of) for as_of in self.as_of_days]),
            week=np.array([((as_of + _DAY) - period.start).days // 7 for period, as_of in pairs]),
            period=np.array([period.label for period in periods]),
            period_start=np.array([number_of(period.start) for period in periods]),
            period_end=np.array([number_of(period.end) for period in periods]),
            period_number=np.array([period.number for period in periods]),
            period_index=np.array([self._index_of(period.start) for period in periods]),
            period_selling_days=np.array([calendar.selling_days(period.start, period.end) for period in periods]),
            elapsed_selling_days=np.array([calendar.elapsed_selling_days(period, as_of) for period, as_of in pairs]),
        )

    def _calendar_days(self) -> Days:
        lengths = [period.days for period in self._periods]
        selling = self.history.calendar.day_table(self._periods[0].start, self._period_of_slot(-1).end)
        beyond = sum(lengths) - len(selling["selling_day"])  # nobody asks how far those periods have run
        number = np.array([*selling["selling_day_number"], *[0] * beyond])
        total = np.array([*selling["period_selling_days"], *[0] * beyond])
        return Days(
            first=number_of(self._periods[0].start),
            period_index=np.repeat(np.arange(len(lengths)), lengths),
            selling_day=np.array([*selling["selling_day"], *[False] * beyond]).astype(np.int64),
            selling_day_number=number,
            late=number > LATE_SHARE * total,
        )

    def _day_rows(self) -> pa.Table:
        days = self.calendar_days
        starts, ends = (
            np.array([number_of(day) for day in ends_of])[days.period_index]
            for ends_of in (self._starts, [period.end for period in self._periods])
        )
        numbers = days.first + np.arange(len(days.period_index))
        return pa.table(
            {
                "day": dates_of(numbers),
                "period_index": pa.array(days.period_index),
                "period_start": dates_of(starts),
                "period_end": dates_of(ends),
                "late": pa.array(days.late),
            }
        )

    @cached_property
    def _last_year(self) -> np.ndarray:
        calendar = self.history.calendar
        return np.array([self._index_of(calendar.same_last_year(period).start) for period in self._periods])

    def _period_rows(self) -> pa.Table:
        return pa.table(
            {
                "period_index": pa.array(range(len(self._periods)), pa.int64()),
                "period_start": pa.array(self._starts, pa.date32()),
                "period_end": pa.array([period.end for period in self._periods], pa.date32()),
                "last_year_index": pa.array(self._last_year),
            }
        )

    def _first_indices(self, hired_on: np.ndarray) -> np.ndarray:
        """Own history begins with the period of the first hiring, or of the ledger if that is later."""
        days = self.calendar_days
        place = np.maximum(days.place(hired_on), 0)
        after = place >= len(days.period_index)  # hired after the last day that anything names
        index = np.where(after, len(self._periods), days.period_index[np.where(after, 0, place)])
        return np.maximum(index, self._first_period_index())

    def _rep_rows(self) -> pa.Table:
        return pa.table(
            {
                "rep_id": pa.array(self.rep_ids, pa.string()),
                "rep_index": pa.array(range(len(self.rep_ids)), pa.int64()),
                "first_index": pa.array(self.first_index, pa.int64()),
            }
        )


def _staff_rows(rep_ids: pd.Series, known_from: np.ndarray, first_index: np.ndarray) -> pa.Table:
    return pa.table(
        {
            "rep_id": pa.array(rep_ids, pa.string()),
            "known_from": dates_of(known_from),
            "first_index": pa.array(first_index, pa.int64()),
        }
    )
