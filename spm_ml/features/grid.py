"""AsOfGrid: the as-of days and reps of one build, and the small tables that map a day to them."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from types import TracebackType
from typing import Final, Self
from uuid import uuid4

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from spm_ml.errors import DataError
from spm_ml.features.feature import Log
from spm_ml.fiscal import Period
from spm_ml.history import SalesHistory

_DAY: Final = timedelta(days=1)
_FIRST_DAY, _LAST_DAY = date(1950, 1, 1), date(2199, 12, 31)
"""Days beyond these are mistyped: they belong to no period, and stop nothing."""

LATE_SHARE: Final = 0.8
"""Selling days of a period beyond this share of them are its end, where hockey sticks show (H24)."""


def period_of_as_of(history: SalesHistory, as_of: date) -> Period:
    """The period an as-of day looks into: the one that holds the day after, so that a period's eve is its week 0."""
    return history.calendar.period_of(as_of + _DAY)


def records_begin(history: SalesHistory) -> date | None:
    """First day of which the ledger tells everything; None if it is empty.

    It is the day of its first record that was made at the time, or of its first close: deals that were open when
    records began are known back to their creation, but those that had been closed by then are not known at all.
    """
    ledger = history.ledger
    firm = ledger.filter(~ledger.history_reconstructed | (ledger.outcome != "open"))
    begin: date | None = firm.recorded_on.min().to_pyarrow().as_py()
    return begin


class AsOfGrid:
    """The rows of one build (reps × as-of days) with the mapping tables that every stream joins.

    A context manager: the temporary tables it keeps in the history's connection go when it is left.

    Args:
        history: What is read.
        as_of_days: Days at whose ends rows are built; each belongs to one period.

    Attributes:
        slots: `slot (0 …), as_of, week, period, period_start, period_end, period_number, period_index,
            period_selling_days, elapsed_selling_days`: one row an as-of day.
        days: `day, period_index, period_start, period_end, selling_day (0 or 1), selling_day_number, late`: every day
            that a deal, a booking or a row names; late = in the last fifth of its period's selling days.
        periods: `period_index, period_start, period_end, last_year_index` of those days.
        reps: `rep_id, rep_index (0 …), known_from` (day of the first profile), `first_index` (the first period that
            counts as the rep's own history).
    """

    def __init__(self, history: SalesHistory, as_of_days: Sequence[date]) -> None:
        self.history = history
        self.as_of_days = tuple(sorted(set(as_of_days)))
        if not self.as_of_days:
            raise DataError("there is no as-of day to build rows for: give at least one day")
        self.stage_count = len(history.organisation.stages)
        self._kept: dict[str, ir.Table] = {}
        self._first_recorded: dict[Log, date | None] = {}
        self._prefix = f"grid_{uuid4().hex[:8]}_"
        self._periods = self._covered_periods()
        self._starts = [period.start for period in self._periods]
        self.slots = self.keep("slots", self._slot_rows())
        self.days = self.keep("days", self._day_rows())
        self.periods = self.keep("periods", self._period_rows())
        self.next_slot = self.keep("next_slot", self._next_slot_rows())
        self.reps = self.keep("reps", self._rep_rows())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in self._kept:
            self.history.connection.drop_table(self._prefix + name, force=True)
        self._kept.clear()

    def keep(self, name: str, content: pa.Table | ir.Table) -> ir.Table:
        """Computes a table once and keeps it until the grid is left."""
        self._kept[name] = self.history.connection.create_table(self._prefix + name, content, temp=True)
        return self._kept[name]

    def shared(self, name: str, build: Callable[[], ir.Table]) -> ir.Table:
        """The kept table of that name, built when it is first asked for; several streams may read it."""
        return self._kept[name] if name in self._kept else self.keep(name, build())

    def first_recorded(self, log: Log) -> date | None:
        """First day of which a log tells everything; None if it is empty. See `records_begin` for the ledger."""
        if log not in self._first_recorded:
            if log == "ledger":
                first = records_begin(self.history)
            else:
                activity, enrolments = self.history.activity, self.history.table("enrolments")
                day = activity.recorded_on if log == "activity" else enrolments.started_on
                first = day.min().to_pyarrow().as_py()
            self._first_recorded[log] = first
        return self._first_recorded[log]

    def slot_at(self, day: ir.DateColumn) -> ir.DateColumn:
        """The key under which `next_slot` knows the first as-of day at or after a day."""
        return ibis.greatest(day, ibis.literal(self.as_of_days[0]))

    @property
    def first_day(self) -> date:
        """First day that `days` holds."""
        return self._periods[0].start

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

    def _slot_rows(self) -> pa.Table:
        calendar = self.history.calendar
        rows = []
        for slot, as_of in enumerate(self.as_of_days):
            period = self._period_of_slot(slot)
            rows.append(
                {
                    "slot": slot,
                    "as_of": as_of,
                    "week": ((as_of + _DAY) - period.start).days // 7,
                    "period": period.label,
                    "period_start": period.start,
                    "period_end": period.end,
                    "period_number": period.number,
                    "period_index": self._index_of(period.start),
                    "period_selling_days": calendar.selling_days(period.start, period.end),
                    "elapsed_selling_days": calendar.elapsed_selling_days(period, as_of),
                }
            )
        return pa.Table.from_pylist(rows)

    def _day_rows(self) -> pa.Table:
        last = self._period_of_slot(-1).end
        selling = self.history.calendar.day_table(self.first_day, last)
        numbers = zip(
            selling["selling_day"], selling["selling_day_number"], selling["period_selling_days"], strict=True
        )
        rows = []
        for index, period in enumerate(self._periods):
            for day in (period.start + timedelta(days=ahead) for ahead in range(period.days)):
                # beyond the last as-of day's period nobody asks how far a period has run
                is_selling, number, total = next(numbers, (False, 0, 0))
                rows.append(
                    {
                        "day": day,
                        "period_index": index,
                        "period_start": period.start,
                        "period_end": period.end,
                        "selling_day": int(is_selling),
                        "selling_day_number": number,
                        "late": number > LATE_SHARE * total,
                    }
                )
        return pa.Table.from_pylist(rows)

    def _period_of_slot(self, slot: int) -> Period:
        return period_of_as_of(self.history, self.as_of_days[slot])

    def _period_rows(self) -> pa.Table:
        calendar = self.history.calendar
        rows = []
        for index, period in enumerate(self._periods):
            before = calendar.same_last_year(period).start
            rows.append(
                {
                    "period_index": index,
                    "period_start": period.start,
                    "period_end": period.end,
                    "last_year_index": self._index_of(before),
                }
            )
        return pa.Table.from_pylist(rows)

    def _next_slot_rows(self) -> pa.Table:
        rows = []
        slot = 0
        day = self.as_of_days[0]
        while day <= self.as_of_days[-1]:
            slot += self.as_of_days[slot] < day
            rows.append({"day": day, "slot": slot})
            day += _DAY
        return pa.Table.from_pylist(rows)

    def _rep_rows(self) -> ir.Table:
        """Own history begins with the period of the first hiring, or of the ledger if that is later."""
        profiles = self.history.profiles
        reps = profiles.group_by("rep_id").agg(
            hired_on=profiles.hired_on.argmin(profiles.valid_from), known_from=profiles.valid_from.min()
        )
        hired_in = self.days.select("day", "period_index")
        known = reps.mutate(day=ibis.greatest(reps.hired_on, ibis.literal(self.first_day)))
        joined = known.left_join(hired_in, "day")
        hired_index = joined.period_index.fill_null(len(self._periods))  # hired after the last as-of day's period
        return joined.select(
            "rep_id",
            "known_from",
            rep_index=ibis.row_number().over(order_by=joined.rep_id),
            first_index=ibis.greatest(hired_index, self._first_period_index()),
        )
