"""The fiscal calendar: periods, weekly as-of days, selling days and the organisation's own days.

Week patterns follow the retail calendar of the National Retail Federation (NRF) and its siblings: a year of 52
weeks, four quarters of three months of 4, 4 and 5 (or 4-5-4, 5-4-4) weeks; a 53rd week, where the year-end rule
makes one, goes to the last month.
"""

import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate
from types import MappingProxyType
from typing import Any, Self
from zoneinfo import ZoneInfo

from spm_ml.errors import ConfigurationError, DataError, did_you_mean
from spm_ml.settings import FiscalSettings, Organisation

_DAY = timedelta(days=1)
_QUARTER = re.compile(r"(\d{4})-?Q([1-4])", re.IGNORECASE)
_MONTH = re.compile(r"(\d{4})-(\d{2})")
_YEARS = range(1900, 2200)
_PERIOD_COLUMNS = ("period", "period_start", "period_end", "fiscal_year", "period_number")
_SELLING_COLUMNS = ("selling_day", "selling_day_number", "period_selling_days")
DAY_TABLE_COLUMNS = ("day", *_PERIOD_COLUMNS, "week", *_SELLING_COLUMNS)
"""Columns of `FiscalCalendar.day_table`, in order."""


@dataclass(frozen=True, order=True)
class Period:
    """What a quota is set for: a fiscal quarter or month.

    Attributes:
        start: First day.
        end: Last day, inclusive.
        label: `2026Q1`, or `2026-03` for the third month of fiscal year 2026 (which is March only where the fiscal
            year starts in January).
        fiscal_year: Year in the label.
        number: 1–4 for quarters, 1–12 for months.
    """

    start: date
    end: date
    label: str
    fiscal_year: int
    number: int

    @property
    def days(self) -> int:
        """Calendar days in the period."""
        return (self.end - self.start).days + 1

    def contains(self, day: date) -> bool:
        """Tells whether the day lies in the period."""
        return self.start <= day <= self.end


@dataclass(frozen=True)
class FiscalCalendar:
    """Cuts time into periods, and counts the days on which people sell.

    Attributes:
        settings: What the organisation declared.
        timezone: IANA name of the zone in which days are cut off (H12).

    >>> retail = FiscalSettings(start_month=2, pattern="4-5-4", year_end_rule="nearest", year_label="start")
    >>> FiscalCalendar(retail, "UTC").parse("2023Q4").end
    datetime.date(2024, 2, 3)
    """

    settings: FiscalSettings
    timezone: str = "UTC"
    _years: dict[int, tuple[date, ...]] = field(default_factory=dict, init=False, repr=False, compare=False)
    _selling: dict[int, tuple[int, ...]] = field(default_factory=dict, init=False, repr=False, compare=False)
    _day_tables: dict[tuple[date, date], Mapping[str, tuple[Any, ...]]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @classmethod
    def of(cls, organisation: Organisation) -> Self:
        """The calendar that the organisation declared."""
        return cls(organisation.fiscal, organisation.timezone)

    @property
    def periods_a_year(self) -> int:
        """4 or 12."""
        return 4 if self.settings.period == "quarter" else 12

    def period_of(self, day: date) -> Period:
        """The period that holds the day.

        Raises:
            DataError: The year is not one of 1900–2199: a mistyped date rather than a sale.
        """
        if day.year not in _YEARS:
            raise DataError(f"date {day.isoformat()} lies outside {_YEARS[0]}–{_YEARS[-1]}: mend the record it is from")
        nominal = day.year + 1
        while self._starts(nominal)[0] > day:
            nominal -= 1
        return self._period(nominal, bisect_right(self._starts(nominal), day))

    def parse(self, text: str) -> Period:
        """Reads a period as quotas name it: `2026Q1`, `2026-03` (fiscal month) or its ISO start date.

        Raises:
            DataError: It is none of these, of the other length than the organisation's periods, or a date on which
                no period starts.
        """
        text = text.strip()
        quarter, month = _QUARTER.fullmatch(text), _MONTH.fullmatch(text)
        if quarter and self.settings.period == "quarter":
            return self._labelled(text, int(quarter[1]), int(quarter[2]))
        if month and self.settings.period == "month":
            return self._labelled(text, int(month[1]), int(month[2]))
        if quarter or month:
            raise DataError(
                f"period {text!r} is a {'quarter' if quarter else 'month'}, but the organisation's periods are "
                f"{self.settings.period}s: write {self._example()} or change fiscal.period in organisation.yaml"
            )
        try:
            day = date.fromisoformat(text)
        except ValueError as error:
            raise DataError(f"period {text!r} is not understood: write {self._example()} or a start date") from error
        period = self.period_of(day)
        if period.start != day:
            raise DataError(
                f"no period starts on {text}: period {period.label} holds it and starts on {period.start.isoformat()}; "
                f"write {period.label!r} or its start date"
            )
        return period

    def next(self, period: Period) -> Period:
        """The period after."""
        return self._moved(period, 1)

    def previous(self, period: Period, count: int = 1) -> Period:
        """The period `count` periods before."""
        return self._moved(period, -count)

    def same_last_year(self, period: Period) -> Period:
        """The period of the same number a fiscal year before; a 53rd week makes its length differ."""
        return self._moved(period, -self.periods_a_year)

    def periods_between(self, first: date, last: date) -> tuple[Period, ...]:
        """Every period that holds a day from `first` to `last`, in order; none when `last` lies before `first`."""
        if last < first:
            return ()
        periods = [self.period_of(first)]
        while periods[-1].end < last:
            periods.append(self.next(periods[-1]))
        return tuple(periods)

    def is_selling_day(self, day: date) -> bool:
        """Tells whether people sell on the day: a selling weekday and no holiday.

        Raises:
            ConfigurationError: `settings.holidays` names no country that the `holidays` package knows.
        """
        index = day.timetuple().tm_yday
        counts = self._selling_counts(day.year)
        return counts[index] > counts[index - 1]

    def selling_days(self, first: date, last: date) -> int:
        """Selling days from `first` to `last`, both included; 0 when `last` lies before `first`."""
        if last < first:
            return 0
        before = self._selling_counts(first.year)[first.timetuple().tm_yday - 1]
        whole_years = sum(self._selling_counts(year)[-1] for year in range(first.year, last.year))
        return whole_years + self._selling_counts(last.year)[last.timetuple().tm_yday] - before

    def elapsed_selling_days(self, period: Period, as_of: date) -> int:
        """Selling days of the period up to the end of the as-of day."""
        return self.selling_days(period.start, min(as_of, period.end))

    def as_of_days(self, period: Period) -> tuple[date, ...]:
        """The weekly grid of the period: its eve (week 0, nothing seen yet), then every 7 days before its end."""
        eve = period.start - _DAY
        return tuple(eve + timedelta(days=ahead) for ahead in range(0, period.days, 7))

    def local_day(self, instant: datetime) -> date:
        """The organisation's day in which an instant falls; an instant without a zone is UTC (H12).

        >>> FiscalCalendar(FiscalSettings(), "America/New_York").local_day(datetime(2026, 4, 1, 3, 59))
        datetime.date(2026, 3, 31)
        """
        aware = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
        return aware.astimezone(ZoneInfo(self.timezone)).date()

    def day_table(self, first: date, last: date) -> Mapping[str, tuple[Any, ...]]:
        """Columns of one row a day from `first` to `last`, for joins; kept, so ask as often as you like.

        Returns:
            `day`, `period` (label), `period_start`, `period_end`, `fiscal_year`, `period_number`, `week` (whole weeks
            of the period before the day), `selling_day` (bool), `selling_day_number` (selling days of the period up
            to and with the day) and `period_selling_days`, each a tuple of the same length.
        """
        if (first, last) not in self._day_tables:
            rows = [row for period in self.periods_between(first, last) for row in self._day_rows(period, first, last)]
            columns = zip(*rows, strict=True) if rows else [()] * len(DAY_TABLE_COLUMNS)
            table = MappingProxyType(dict(zip(DAY_TABLE_COLUMNS, map(tuple, columns), strict=True)))
            self._day_tables[first, last] = table
        return self._day_tables[first, last]

    def _day_rows(self, period: Period, first: date, last: date) -> list[tuple[Any, ...]]:
        of_period = (period.label, period.start, period.end, period.fiscal_year, period.number)
        total = self.selling_days(period.start, period.end)
        rows = []
        day = max(period.start, first)
        number = self.selling_days(period.start, day - _DAY)
        while day <= min(period.end, last):
            selling = self.is_selling_day(day)
            number += selling
            rows.append((day, *of_period, (day - period.start).days // 7, selling, number, total))
            day += _DAY
        return rows

    def _labelled(self, text: str, fiscal_year: int, number: int) -> Period:
        if fiscal_year not in _YEARS or not 1 <= number <= self.periods_a_year:
            raise DataError(
                f"period {text!r} does not exist: years run from {_YEARS[0]} to {_YEARS[-1]} and "
                f"{self.settings.period}s from 1 to {self.periods_a_year}"
            )
        return self._period(fiscal_year - self._label_shift, number)

    def _example(self) -> str:
        return "'2026Q1'" if self.settings.period == "quarter" else "'2026-03' (year and fiscal month)"

    @property
    def _label_shift(self) -> int:
        return int(self.settings.year_label == "end" and self.settings.start_month > 1)

    def _moved(self, period: Period, count: int) -> Period:
        year, index = divmod(period.fiscal_year * self.periods_a_year + period.number - 1 + count, self.periods_a_year)
        return self._period(year - self._label_shift, index + 1)

    def _period(self, nominal: int, number: int) -> Period:
        starts = self._starts(nominal)
        after = starts[number] if number < len(starts) else self._year_start(nominal + 1)
        fiscal_year = nominal + self._label_shift
        label = f"{fiscal_year}Q{number}" if self.settings.period == "quarter" else f"{fiscal_year}-{number:02d}"
        return Period(starts[number - 1], after - _DAY, label, fiscal_year, number)

    def _starts(self, nominal: int) -> tuple[date, ...]:
        """First days of the periods of the fiscal year whose first month lies in calendar year `nominal`."""
        if nominal not in self._years:
            self._years[nominal] = self._month_starts(nominal)[:: 12 // self.periods_a_year]
        return self._years[nominal]

    def _month_starts(self, nominal: int) -> tuple[date, ...]:
        if self.settings.pattern == "calendar":
            months = range(self.settings.start_month - 1, self.settings.start_month + 11)
            return tuple(date(nominal + month // 12, month % 12 + 1, 1) for month in months)
        weeks = [int(count) for count in self.settings.pattern.split("-")] * 4
        year_start = self._year_start(nominal)
        return tuple(year_start + timedelta(weeks=before) for before in accumulate(weeks[:-1], initial=0))

    def _year_start(self, nominal: int) -> date:
        first = date(nominal, self.settings.start_month, 1)
        if self.settings.pattern == "calendar":
            return first
        eve = first - _DAY
        back = (eve.weekday() - self.settings.week_end) % 7
        if self.settings.year_end_rule == "nearest" and back > 3:
            back -= 7
        return first - timedelta(days=back)

    def _selling_counts(self, year: int) -> tuple[int, ...]:
        """Selling days of the calendar year up to and with its n-th day, n = 0 … 366."""
        if year not in self._selling:
            off = self._holidays(year)
            start, days = date(year, 1, 1), (date(year + 1, 1, 1) - date(year, 1, 1)).days
            flags = (
                day.weekday() in self.settings.selling_weekdays and day not in off
                for day in (start + timedelta(days=ahead) for ahead in range(days))
            )
            self._selling[year] = tuple(accumulate(flags, initial=0))
        return self._selling[year]

    def _holidays(self, year: int) -> frozenset[date]:
        extra = frozenset(self.settings.extra_holidays)
        if self.settings.holidays is None:
            return extra
        import holidays  # here, because it is large and most organisations' tests and pages never need it

        country, _, subdivision = self.settings.holidays.partition("-")
        try:
            public = holidays.country_holidays(country, subdiv=subdivision or None, years=year)
        except NotImplementedError as error:
            known = holidays.list_supported_countries(include_aliases=False)
            raise ConfigurationError(
                f"fiscal.holidays is {self.settings.holidays!r}, which the holidays package does not know"
                f"{did_you_mean(country, known)}: write an ISO 3166 code such as 'US' or 'DE-BY' in organisation.yaml"
            ) from error
        return extra | frozenset(public)
