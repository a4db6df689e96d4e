"""The weeks of a simulated history, its selling days, and the step from local days to UTC."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from spm_ml.fiscal import FiscalCalendar, Period
from spm_ml.simulation.world import Bools, Floats, Ints

EPOCH = date(1970, 1, 1)
_LOOK_AHEAD = 6
"""Periods after the last in which expected close days may lie."""


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - EPOCH).days


def day_of(number: int) -> date:
    """The day of a day number."""
    return EPOCH + timedelta(days=int(number))


@dataclass(frozen=True)
class Timeline:
    """Periods cut into weeks that start with the period, so that week ends are the as-of days of the dataset.

    Days are numbers since 1970-01-01. The last week of a period takes the days that are left over.

    Attributes:
        periods: Burn-in periods, the reported ones, and the running one (last).
        first_reported: Index of the first period that is written.
        end: Last day that is written; it lies in the running period.
        week_period, week_number, week_start, week_end: One entry a week; ends are inclusive.
        week_load: Selling days of the week ÷ 5.
        progress: Position of the week in its period, 0 (first) to 1 (last).
    """

    periods: tuple[Period, ...]
    first_reported: int
    end: int
    week_period: Ints
    week_number: Ints
    week_start: Ints
    week_end: Ints
    week_load: Floats
    progress: Floats
    zone: str
    _first_day: int
    _selling: Bools
    _period_end: Ints
    _selling_by_week: Ints
    _selling_count: Ints
    _utc_offset: Ints

    @classmethod
    def of(
        cls, calendar: FiscalCalendar, *, last: date, periods: int, burn_in: int, start: date | None = None
    ) -> "Timeline":
        """Lays out `periods` finished periods and the one that holds `last`; `start` moves all of it.

        Args:
            calendar: The organisation's.
            last: Last day of the history.
            periods: Finished periods to report.
            burn_in: Periods simulated before, to fill the pipeline.
            start: A day of the first reported period; the last day then keeps its distance into the running period.
        """
        running = calendar.period_of(last)
        if start is not None:
            into = (last - running.start).days
            running = calendar.period_of(start)
            for _ in range(periods):
                running = calendar.next(running)
            last = min(running.start + timedelta(days=into), running.end)
        listed = [running]
        for _ in range(periods + burn_in):
            listed.insert(0, calendar.previous(listed[0]))
        future = listed[-1]
        for _ in range(_LOOK_AHEAD):
            future = calendar.next(future)
        first_day, last_day = day_number(listed[0].start), day_number(future.end)
        days = calendar.day_table(listed[0].start, future.end)
        selling = np.array(days["selling_day"], dtype=np.bool_)
        weeks = [
            (index, number, *bounds)
            for index, period in enumerate(listed)
            for number, bounds in enumerate(_weeks(period))
        ]
        period_of, number_of, starts, ends = np.array(weeks, dtype=np.int64).T
        by_week = [_selling_days(selling, first_day, start_, end_) for start_, end_ in zip(starts, ends, strict=True)]
        counts = np.array([len(days_) for days_ in by_week], dtype=np.int64)
        padded = np.array([[*days_, *[days_[-1]] * (counts.max() - len(days_))] for days_ in by_week], dtype=np.int64)
        return cls(
            periods=tuple(listed),
            first_reported=burn_in,
            end=day_number(last),
            week_period=period_of,
            week_number=number_of,
            week_start=starts,
            week_end=ends,
            week_load=counts / 5.0,
            progress=number_of / np.maximum(np.bincount(period_of)[period_of] - 1, 1),
            zone=calendar.timezone,
            _first_day=first_day,
            _selling=selling,
            _period_end=np.array([day_number(end_) for end_ in days["period_end"]], dtype=np.int64),
            _selling_by_week=padded,
            _selling_count=counts,
            _utc_offset=_offsets(ZoneInfo(calendar.timezone), first_day, last_day),
        )

    @property
    def weeks(self) -> int:
        """Weeks of all periods."""
        return len(self.week_start)

    @property
    def report_start(self) -> int:
        """First day that is written."""
        return day_number(self.periods[self.first_reported].start)

    def weeks_of(self, period: int) -> Ints:
        """Week indices of a period."""
        return np.flatnonzero(self.week_period == period)

    def start_of(self, period: int) -> int:
        """First day of a period."""
        return day_number(self.periods[period].start)

    def end_of(self, period: int) -> int:
        """Last day of a period."""
        return day_number(self.periods[period].end)

    def period_end(self, days: Ints) -> Ints:
        """Last day of the period of each day; days beyond the look-ahead count for its last period."""
        return np.asarray(self._period_end[np.clip(days - self._first_day, 0, len(self._period_end) - 1)])

    def selling_day(self, week: int, share: Floats) -> Ints:
        """The selling day at each share (0–1) of the week's selling days."""
        index = (share * self._selling_count[week]).astype(np.int64)
        return np.asarray(self._selling_by_week[week, np.minimum(index, self._selling_count[week] - 1)])

    def remaining_load(self, week: int, day: int) -> float:
        """Selling days of the week after a day, ÷ 5."""
        days = self._selling_by_week[week, : self._selling_count[week]]
        return float((days > day).sum() / 5)

    def next_selling_day(self, days: Ints) -> Ints:
        """Each day, or the first selling day after it."""
        positions = np.flatnonzero(self._selling)
        index = np.searchsorted(positions, np.clip(days - self._first_day, 0, positions[-1]))
        return np.asarray(positions[index] + self._first_day)

    def utc_seconds(self, days: Ints, local_seconds: Ints) -> Ints:
        """Seconds since the epoch, UTC, of local clock times after 03:00 (when clocks have changed)."""
        index = np.clip(days - self._first_day, 0, len(self._utc_offset) - 1)
        return days * 86_400 + local_seconds - self._utc_offset[index]


def _weeks(period: Period) -> list[tuple[int, int]]:
    start, end = day_number(period.start), day_number(period.end)
    count = max(1, round(period.days / 7))
    starts = [start + 7 * number for number in range(count)]
    return list(zip(starts, [*(after - 1 for after in starts[1:]), end], strict=True))


def _selling_days(selling: Bools, first_day: int, start: int, end: int) -> list[int]:
    days = np.arange(start, end + 1)
    chosen = days[selling[days - first_day]]
    return [int(day) for day in (chosen if len(chosen) else days)]


def _offsets(zone: ZoneInfo, first: int, last: int) -> Ints:
    noons = [
        datetime.combine(day_of(number), datetime.min.time(), UTC) + timedelta(hours=12)
        for number in range(first, last + 1)
    ]
    seconds = [int((noon.astimezone(zone).utcoffset() or timedelta(0)).total_seconds()) for noon in noons]
    return np.array(seconds, dtype=np.int64)
