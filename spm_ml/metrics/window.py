"""Window: the period a metric is for, and the day up to which it is read."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Self

from spm_ml.errors import DataError
from spm_ml.fiscal import FiscalCalendar, Period

ALL_PERIODS = "all"
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Window:
    """One fiscal period, or a range of them, as it stood at the end of a day.

    Attributes:
        calendar: The organisation's.
        period: First and last day, and the label of outputs.
        fiscal_periods: The fiscal periods in it.
        before: Fiscal periods before it from which data are known, oldest first.
        as_of: Day at whose end the answer is known.
        last: Day at whose end it is read: the as-of day, or the period's last day once it is over.
    """

    calendar: FiscalCalendar
    period: Period
    fiscal_periods: tuple[Period, ...]
    before: tuple[Period, ...]
    as_of: date
    last: date

    @classmethod
    def of(cls, calendar: FiscalCalendar, known: tuple[Period, ...], as_of: date, period: str | None) -> Self:
        """Reads the window from text: a period, a range `2025Q1..2025Q4`, `all`, or None for the running period.

        Args:
            calendar: The organisation's.
            known: Fiscal periods of which data are known.
            as_of: Day at whose end the answer is known.
            period: The text.

        Raises:
            DataError: The text names no period, or a range that ends before it starts.
        """
        if period is None:
            whole = calendar.period_of(as_of)
        elif period.strip().lower() == ALL_PERIODS:
            first, final = (known[0], known[-1]) if known else (calendar.period_of(as_of),) * 2
            whole = Period(first.start, final.end, ALL_PERIODS, first.fiscal_year, first.number)
        else:
            first_text, _, last_text = period.partition("..")
            first, final = calendar.parse(first_text), calendar.parse(last_text or first_text)
            if final < first:
                raise DataError(f"period range {period!r} ends before it starts: write it as {last_text}..{first_text}")
            label = first.label if first == final else f"{first.label}..{final.label}"
            whole = Period(first.start, final.end, label, first.fiscal_year, first.number)
        return cls._read(calendar, known, whole, as_of)

    @classmethod
    def between(cls, calendar: FiscalCalendar, known: tuple[Period, ...], as_of: date, first: date, last: date) -> Self:
        """The window from one day to another, whatever the periods.

        Raises:
            DataError: It ends before it starts.
        """
        if last < first:
            raise DataError(f"the window from {first} to {last} ends before it starts: exchange the two days")
        whole = Period(first, last, f"{first}..{last}", calendar.period_of(first).fiscal_year, 1)
        return cls._read(calendar, known, whole, as_of)

    @classmethod
    def _read(cls, calendar: FiscalCalendar, known: tuple[Period, ...], whole: Period, day: date) -> Self:
        return cls(
            calendar=calendar,
            period=whole,
            fiscal_periods=calendar.periods_between(whole.start, whole.end),
            before=tuple(one for one in known if one.end < whole.start),
            as_of=day,
            last=min(day, whole.end),
        )

    @property
    def eve(self) -> date:
        """Day before the period; the last day read where that is earlier still."""
        return min(self.period.start - _DAY, self.last)

    @property
    def finished(self) -> bool:
        """Whether the period is over."""
        return self.as_of >= self.period.end

    @property
    def single(self) -> bool:
        """Whether it is one fiscal period."""
        return len(self.fiscal_periods) == 1

    @property
    def elapsed_days(self) -> int:
        """Selling days up to the day it is read."""
        return self.calendar.selling_days(self.period.start, self.last)

    @property
    def period_days(self) -> int:
        """Selling days of the whole period."""
        return self.calendar.selling_days(self.period.start, self.period.end)

    @property
    def current(self) -> Period:
        """The fiscal period that holds the day it is read."""
        return self.calendar.period_of(self.last)


def same_point(calendar: FiscalCalendar, current: Period, day: date, other: Period) -> date:
    """The day of another period at which as many selling days have passed as of `current` on `day`.

    Periods of another length are read at the same share of their selling days, rounded to whole days: the selling day
    itself, the eve of the period before its first one, and its last day after its last one.

    >>> from spm_ml.settings import FiscalSettings
    >>> calendar = FiscalCalendar(FiscalSettings(), "UTC")
    >>> same_point(calendar, calendar.parse("2026Q2"), date(2026, 4, 2), calendar.parse("2026Q1"))
    datetime.date(2026, 1, 2)
    """
    total, elapsed = calendar.selling_days(current.start, current.end), calendar.elapsed_selling_days(current, day)
    there = calendar.selling_days(other.start, other.end)
    number = (2 * elapsed * there + total) // (2 * total) if total else 0
    if elapsed >= total:
        return other.end
    if number == 0:
        return other.start - _DAY
    rows = calendar.day_table(other.start, other.end)
    place = rows["selling_day_number"].index(number)
    day_there: date = rows["day"][place]
    return day_there
