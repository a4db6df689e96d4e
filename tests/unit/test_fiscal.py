"""Golden dates of published calendars, daylight saving, holidays and what is refused."""

from datetime import UTC, date, datetime, timedelta, timezone
from itertools import pairwise

import pytest

from spm_ml.errors import ConfigurationError, DataError
from spm_ml.fiscal import DAY_TABLE_COLUMNS, FiscalCalendar
from spm_ml.settings import FiscalSettings, Organisation

NRF = FiscalSettings(start_month=2, pattern="4-5-4", year_end_rule="nearest", year_label="start")
APPLE = FiscalSettings(start_month=10, pattern="4-4-5", year_end_rule="last", year_label="end")


def calendar(timezone_name: str = "UTC", **settings: object) -> FiscalCalendar:
    return FiscalCalendar(FiscalSettings.model_validate(settings), timezone_name)


# Published by the National Retail Federation as its 4-5-4 calendar.
@pytest.mark.parametrize(
    ("year", "start", "weeks"),
    [
        (2012, date(2012, 1, 29), 53),
        (2016, date(2016, 1, 31), 52),
        (2017, date(2017, 1, 29), 53),
        (2018, date(2018, 2, 4), 52),
        (2019, date(2019, 2, 3), 52),
        (2020, date(2020, 2, 2), 52),
        (2021, date(2021, 1, 31), 52),
        (2022, date(2022, 1, 30), 52),
        (2023, date(2023, 1, 29), 53),
        (2024, date(2024, 2, 4), 52),
        (2025, date(2025, 2, 2), 52),
    ],
)
def test_nrf_years_start_and_last_as_published(year: int, start: date, weeks: int) -> None:
    fiscal = FiscalCalendar(NRF)
    quarters = [fiscal.parse(f"{year}Q{number}") for number in range(1, 5)]
    assert quarters[0].start == start
    assert sum(quarter.days for quarter in quarters) == weeks * 7
    assert [quarter.days for quarter in quarters] == [91, 91, 91, 91 if weeks == 52 else 98]


def test_nrf_months_of_the_53_week_year_2023() -> None:
    fiscal = FiscalCalendar(NRF.model_copy(update={"period": "month"}))
    starts = [fiscal.parse(f"2023-{number:02d}").start for number in range(1, 13)]
    assert starts == [
        date(2023, 1, 29),
        date(2023, 2, 26),
        date(2023, 4, 2),
        date(2023, 4, 30),
        date(2023, 5, 28),
        date(2023, 7, 2),
        date(2023, 7, 30),
        date(2023, 8, 27),
        date(2023, 10, 1),
        date(2023, 10, 29),
        date(2023, 11, 26),
        date(2023, 12, 31),
    ]
    january = fiscal.parse("2023-12")
    assert (january.end, january.days) == (date(2024, 2, 3), 35)
    assert fiscal.parse("2022-12").days == 28


# Last days of the fiscal year in Apple's annual reports: the last Saturday of September.
@pytest.mark.parametrize(
    ("year", "end"),
    [
        (2016, date(2016, 9, 24)),
        (2017, date(2017, 9, 30)),
        (2018, date(2018, 9, 29)),
        (2019, date(2019, 9, 28)),
        (2020, date(2020, 9, 26)),
        (2021, date(2021, 9, 25)),
        (2022, date(2022, 9, 24)),
        (2023, date(2023, 9, 30)),
        (2024, date(2024, 9, 28)),
    ],
)
def test_a_year_that_ends_on_the_last_saturday_of_september(year: int, end: date) -> None:
    assert FiscalCalendar(APPLE).parse(f"{year}Q4").end == end


def test_the_53rd_week_belongs_to_the_last_month() -> None:
    months = FiscalCalendar(APPLE.model_copy(update={"period": "month"}))
    assert [months.parse(f"2023-{number:02d}").days // 7 for number in range(1, 13)] == [4, 4, 5] * 3 + [4, 4, 6]
    assert [months.parse(f"2022-{number:02d}").days // 7 for number in range(1, 13)] == [4, 4, 5] * 4


def test_calendar_quarters_and_months() -> None:
    quarter = calendar().period_of(date(2024, 2, 29))
    assert (quarter.start, quarter.end, quarter.label) == (date(2024, 1, 1), date(2024, 3, 31), "2024Q1")
    assert quarter.days == 91
    assert quarter.contains(date(2024, 3, 31))
    assert not quarter.contains(date(2024, 4, 1))
    month = calendar(period="month").period_of(date(2024, 2, 29))
    assert (month.start, month.end, month.label) == (date(2024, 2, 1), date(2024, 2, 29), "2024-02")


@pytest.mark.parametrize(("label", "year"), [("end", 2026), ("start", 2025)])
def test_a_year_that_starts_in_july_is_named_as_declared(label: str, year: int) -> None:
    fiscal = calendar(start_month=7, year_label=label)
    assert fiscal.period_of(date(2025, 7, 1)).label == f"{year}Q1"
    assert fiscal.period_of(date(2026, 6, 30)).label == f"{year}Q4"


def test_a_shifted_month_label_counts_fiscal_months() -> None:
    period = calendar(period="month", start_month=7, year_label="end").parse("2026-03")
    assert (period.start, period.number, period.fiscal_year) == (date(2025, 9, 1), 3, 2026)


@pytest.mark.parametrize("text", ["2026Q1", "2026q1", "2026-Q1", " 2026Q1 ", "2026-01-01"])
def test_a_quarter_is_read_however_it_is_written(text: str) -> None:
    assert calendar().parse(text).label == "2026Q1"


@pytest.mark.parametrize(
    ("text", "period", "says"),
    [
        ("2026-03", "quarter", "is a month, but the organisation's periods are quarters"),
        ("2026Q1", "month", "is a quarter, but the organisation's periods are months"),
        ("2026Q5", "quarter", "is not understood"),
        ("2026-13", "month", "does not exist"),
        ("2026-00", "month", "does not exist"),
        ("0000Q1", "quarter", "years run from 1900"),
        ("9999Q4", "quarter", "years run from 1900"),
        ("9999-12-31", "quarter", "lies outside 1900"),
        ("2026-01-02", "quarter", "2026Q1 holds it and starts on 2026-01-01"),
        ("2026-02-30", "quarter", "is not understood"),
        ("first quarter", "quarter", "is not understood"),
        ("", "quarter", "is not understood"),
    ],
)
def test_what_is_no_period_is_refused_with_what_to_write(text: str, period: str, says: str) -> None:
    with pytest.raises(DataError, match=says):
        calendar(period=period).parse(text)


def test_a_mistyped_year_is_an_error_and_not_two_thousand_years_of_periods() -> None:
    with pytest.raises(DataError, match="0202-01-01 lies outside"):
        calendar().period_of(date(202, 1, 1))


def test_moving_between_periods() -> None:
    fiscal = calendar()
    first = fiscal.parse("2026Q1")
    assert fiscal.next(first).label == "2026Q2"
    assert fiscal.previous(first).label == "2025Q4"
    assert fiscal.previous(first, 5).label == "2024Q4"
    assert fiscal.previous(first, 0) == first
    assert fiscal.same_last_year(first).label == "2025Q1"
    labels = [period.label for period in fiscal.periods_between(date(2025, 12, 31), date(2026, 4, 1))]
    assert labels == ["2025Q4", "2026Q1", "2026Q2"]
    assert fiscal.periods_between(date(2026, 1, 2), date(2026, 1, 1)) == ()


def test_the_weekly_grid_of_a_13_week_quarter() -> None:
    fiscal = FiscalCalendar(NRF)
    days = fiscal.as_of_days(fiscal.parse("2024Q1"))
    assert len(days) == 13
    assert days[0] == date(2024, 2, 3)
    assert all(after - before == timedelta(7) for before, after in pairwise(days))
    assert len(fiscal.as_of_days(fiscal.parse("2023Q4"))) == 14


def test_a_92_day_quarter_has_a_14th_as_of_day_one_day_before_its_end() -> None:
    fiscal = calendar()
    days = fiscal.as_of_days(fiscal.parse("2026Q3"))
    assert (len(days), days[-1]) == (14, date(2026, 9, 29))


def test_selling_days_leave_out_weekends_public_and_extra_holidays() -> None:
    plain = calendar()
    assert plain.selling_days(date(2026, 7, 1), date(2026, 7, 7)) == 5
    american = calendar(holidays="US", extra_holidays=(date(2026, 7, 6),))
    assert not american.is_selling_day(date(2026, 7, 3))  # Independence Day, observed
    assert not american.is_selling_day(date(2026, 7, 6))
    assert american.selling_days(date(2026, 7, 1), date(2026, 7, 7)) == 3
    assert american.selling_days(date(2026, 7, 7), date(2026, 7, 1)) == 0


def test_holidays_of_one_state() -> None:
    assert not calendar(holidays="DE-BY").is_selling_day(date(2026, 6, 4))  # Corpus Christi
    assert calendar(holidays="DE").is_selling_day(date(2026, 6, 4))


@pytest.mark.parametrize("code", ["XX", "DE-QQ"])
def test_an_unknown_country_is_a_configuration_error(code: str) -> None:
    with pytest.raises(ConfigurationError, match=f"fiscal.holidays is '{code}'"):
        calendar(holidays=code).is_selling_day(date(2026, 1, 1))


def test_people_may_sell_from_sunday_to_thursday() -> None:
    fiscal = calendar(selling_weekdays=(6, 0, 1, 2, 3))
    assert fiscal.is_selling_day(date(2026, 3, 1))
    assert not fiscal.is_selling_day(date(2026, 3, 6))


def test_elapsed_selling_days_stay_inside_the_period() -> None:
    fiscal = calendar()
    period = fiscal.parse("2026Q1")
    assert fiscal.elapsed_selling_days(period, date(2025, 12, 31)) == 0
    assert fiscal.elapsed_selling_days(period, date(2026, 1, 1)) == 1
    assert fiscal.elapsed_selling_days(period, date(2027, 1, 1)) == fiscal.selling_days(period.start, period.end) == 64


@pytest.mark.parametrize(
    ("zone", "text", "day"),
    [
        ("Europe/Berlin", "2026-03-31T21:59:59", date(2026, 3, 31)),  # summer time, UTC+2
        ("Europe/Berlin", "2026-03-31T22:00:00", date(2026, 4, 1)),
        ("Europe/Berlin", "2025-12-31T22:59:59", date(2025, 12, 31)),  # winter time, UTC+1
        ("Europe/Berlin", "2025-12-31T23:00:00", date(2026, 1, 1)),
        ("America/New_York", "2026-04-01T03:59:00", date(2026, 3, 31)),
        ("America/New_York", "2026-01-01T04:59:00", date(2025, 12, 31)),
        ("Asia/Kolkata", "2026-03-31T18:30:00", date(2026, 4, 1)),
        ("Pacific/Kiritimati", "2026-03-31T10:00:00", date(2026, 4, 1)),
        ("UTC", "2026-03-31T23:59:59.999999", date(2026, 3, 31)),
    ],
)
def test_days_are_cut_off_in_the_organisations_zone(zone: str, text: str, day: date) -> None:
    instant = datetime.fromisoformat(text)
    fiscal = calendar(zone)
    assert fiscal.local_day(instant) == day
    assert fiscal.local_day(instant.replace(tzinfo=UTC)) == day
    assert fiscal.local_day(instant.replace(tzinfo=UTC).astimezone(timezone(timedelta(hours=-7)))) == day


def test_the_day_table_is_kept_and_joins_days_to_periods() -> None:
    fiscal = FiscalCalendar(NRF)
    table = fiscal.day_table(date(2024, 1, 27), date(2024, 2, 6))
    assert tuple(table) == DAY_TABLE_COLUMNS
    assert table is fiscal.day_table(date(2024, 1, 27), date(2024, 2, 6))
    assert table["period"] == ("2023Q4",) * 8 + ("2024Q1",) * 3
    assert table["week"] == (12,) + (13,) * 7 + (0, 0, 0)
    assert table["selling_day"] == (False, False, True, True, True, True, True, False, False, True, True)
    assert table["selling_day_number"] == (65, 65, 66, 67, 68, 69, 70, 70, 0, 1, 2)
    assert set(table["period_selling_days"]) == {70, 65}
    empty = fiscal.day_table(date(2024, 2, 6), date(2024, 2, 5))
    assert {name: len(column) for name, column in empty.items()} == dict.fromkeys(DAY_TABLE_COLUMNS, 0)


def test_a_calendar_comes_from_what_the_organisation_declared() -> None:
    fiscal = FiscalCalendar.of(Organisation(timezone="Asia/Tokyo", fiscal=APPLE))
    assert (fiscal.timezone, fiscal.settings) == ("Asia/Tokyo", APPLE)
