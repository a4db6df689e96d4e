"""Selling days as a number line: the world's own clock, and the way between it and the calendar."""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Self

import numpy as np

from spm_ml.errors import DataError
from spm_ml.fiscal import FiscalCalendar, Period
from spm_ml.settings import FiscalSettings, Organisation, StageSettings
from spm_ml.simulation.timeline import day_number, day_of
from spm_ml.simulation.world import Bools, Floats, Ints

BURN_IN = 5
"""Periods simulated before the first that is written, so that the pipeline is full."""
_LOOK_AHEAD = 10
"""Periods after the running one in which decisions and expected close days may lie."""


def organisation(stages: tuple[str, ...]) -> Organisation:
    """What the simulated organisation declares."""
    return Organisation(
        name="Hold-out organisation (reporting only)",
        currency="EUR",
        timezone="Europe/Berlin",
        fiscal=FiscalSettings(holidays="DE"),
        stages=tuple(StageSettings(name=stage) for stage in stages),
    )


@dataclass(frozen=True)
class Days:
    """D selling days, numbered 0, 1, …; calendar days are numbers since 1970-01-01.

    Attributes:
        periods: Burn-in, reported, running and later ones.
        first_reported, running: Indices of the first written period and of the one under way.
        calendar: (D,) calendar day of each selling day.
        period: (D,) index into `periods`.
        end: Last calendar day that is written.
    """

    periods: tuple[Period, ...]
    first_reported: int
    running: int
    calendar: Ints
    period: Ints
    end: int

    @classmethod
    def of(cls, fiscal: FiscalCalendar, *, periods: int, end: date) -> Self:
        """Lays out `periods` finished periods and the one that holds the last day `end`."""
        running = fiscal.period_of(end)
        first = fiscal.previous(running, periods + BURN_IN)
        last = fiscal.previous(running, -_LOOK_AHEAD)
        listed = fiscal.periods_between(first.start, last.end)
        table = fiscal.day_table(first.start, last.end)
        selling = np.array(table["selling_day"], dtype=np.bool_)
        every = day_number(first.start) + np.arange(len(selling))
        calendar = every[selling]
        starts = np.array([day_number(period.start) for period in listed])
        return cls(
            periods=listed,
            first_reported=BURN_IN,
            running=BURN_IN + periods,
            calendar=calendar,
            period=np.searchsorted(starts, calendar, side="right") - 1,
            end=day_number(end),
        )

    @property
    def count(self) -> int:
        """D."""
        return len(self.calendar)

    @property
    def report_start(self) -> int:
        """First calendar day that is written."""
        return day_number(self.periods[self.first_reported].start)

    @property
    def last(self) -> int:
        """Last selling day that is written."""
        return self.until(self.end)

    def until(self, day: int) -> int:
        """The last selling day up to the end of a calendar day; -1 = none."""
        return int(np.searchsorted(self.calendar, day, side="right")) - 1

    def place(self, as_of: date) -> tuple[int, int, int]:
        """Period that a forecast as of the day is for, the last selling day up to it, and the period's last one.

        The eve of a period belongs to that period.

        Raises:
            DataError: The day lies outside the written periods.
        """
        day = day_number(as_of)
        if not self.report_start - 1 <= day < day_number(self.periods[self.running].end):
            raise DataError(
                f"{as_of} lies outside the simulated periods: take a day from the eve of {day_of(self.report_start)} "
                f"to the eve of {self.periods[self.running].end}"
            )
        index = next(number for number, period in enumerate(self.periods) if as_of + timedelta(days=1) <= period.end)
        return index, self.until(day), self.last_of(index)

    def first_of(self, period: int) -> int:
        """First selling day of a period."""
        return int(np.searchsorted(self.period, period))

    def last_of(self, period: int) -> int:
        """Last selling day of a period."""
        return int(np.searchsorted(self.period, period, side="right")) - 1

    @cached_property
    def month(self) -> Ints:
        """(D,) months since the first day's."""
        months = self.calendar.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
        return np.asarray(months - months[0])

    @cached_property
    def month_of_year(self) -> Ints:
        """(D,) 0 = January."""
        return np.asarray(self.calendar.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12)

    @cached_property
    def left_in_month(self) -> Ints:
        """(D,) selling days of the month after the day."""
        return _left(self.month)

    @cached_property
    def left_in_period(self) -> Ints:
        """(D,) selling days of the period after the day."""
        return _left(self.period)

    @cached_property
    def broken(self) -> Bools:
        """(D,) whether the day lies after the break: from the month half-way through the reported periods on."""
        middle = (self.first_of(self.first_reported) + self.last) // 2
        return np.asarray(self.month >= self.month[middle])

    def first_days_of_months(self) -> Ints:
        """(M,) first selling day of each month."""
        return np.unique(self.month, return_index=True)[1]


def _left(group: Ints) -> Ints:
    last = np.searchsorted(group, group, side="right") - 1
    return np.asarray(last - np.arange(len(group)))


def share_between(first: Floats | Ints, last: Floats | Ints, start: int, end: int) -> Floats:
    """Share of the days `start` … `end` that lies between each first and last day, both included."""
    overlap = np.minimum(last, end) - np.maximum(first, start) + 1
    return np.asarray(np.clip(overlap, 0, None) / (end - start + 1))
