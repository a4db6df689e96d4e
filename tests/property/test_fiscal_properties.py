"""Whatever an organisation declares, its periods tile time and its counts agree with counting one by one."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from spm_ml.fiscal import FiscalCalendar
from spm_ml.settings import FiscalSettings

DAYS = st.dates(date(1990, 1, 1), date(2060, 12, 31))
ONE_DAY = timedelta(1)


@st.composite
def calendars(draw: st.DrawFn) -> FiscalCalendar:
    return FiscalCalendar(
        FiscalSettings(
            period=draw(st.sampled_from(["quarter", "month"])),
            start_month=draw(st.integers(1, 12)),
            pattern=draw(st.sampled_from(["calendar", "4-4-5", "4-5-4", "5-4-4"])),
            week_end=draw(st.integers(0, 6)),
            year_end_rule=draw(st.sampled_from(["last", "nearest"])),
            year_label=draw(st.sampled_from(["start", "end"])),
            extra_holidays=tuple(draw(st.lists(DAYS, max_size=3))),
            selling_weekdays=tuple(draw(st.sets(st.integers(0, 6)))),
        ),
        draw(st.sampled_from(["UTC", "Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe"])),
    )


@given(calendars(), DAYS)
def test_periods_tile_the_timeline(fiscal: FiscalCalendar, day: date) -> None:
    period = fiscal.period_of(day)
    assert period.contains(day)
    assert fiscal.period_of(period.start) == fiscal.period_of(period.end) == period
    assert fiscal.next(period).start == period.end + ONE_DAY
    assert fiscal.previous(period).end == period.start - ONE_DAY
    assert fiscal.period_of(period.end + ONE_DAY) == fiscal.next(period)
    assert fiscal.previous(fiscal.next(period)) == period


@given(calendars(), DAYS)
def test_labels_and_start_dates_read_back(fiscal: FiscalCalendar, day: date) -> None:
    period = fiscal.period_of(day)
    assert fiscal.parse(period.label) == period
    assert fiscal.parse(period.start.isoformat()) == period


@given(calendars(), DAYS)
def test_a_fiscal_year_has_all_its_periods_once(fiscal: FiscalCalendar, day: date) -> None:
    period = fiscal.period_of(day)
    last_year = fiscal.same_last_year(period)
    assert (last_year.number, last_year.fiscal_year) == (period.number, period.fiscal_year - 1)
    year = fiscal.periods_between(last_year.start, period.start - ONE_DAY)
    assert len({each.label for each in year}) == len(year) == fiscal.periods_a_year
    days = sum(each.days for each in year)
    if fiscal.settings.pattern == "calendar":
        assert days in (365, 366)
    else:
        assert days in (364, 371)
        assert period.end.weekday() == fiscal.settings.week_end


@given(calendars(), st.integers(1995, 2055))
def test_week_patterns_hold_and_only_the_last_month_grows(fiscal: FiscalCalendar, year: int) -> None:
    if fiscal.settings.pattern == "calendar":
        return
    months = FiscalCalendar(fiscal.settings.model_copy(update={"period": "month"}))
    weeks = [months.parse(f"{year}-{number:02d}").days / 7 for number in range(1, 13)]
    pattern = [int(count) for count in fiscal.settings.pattern.split("-")] * 4
    assert weeks[:11] == pattern[:11]
    assert weeks[11] - pattern[11] in (0, 1)


@given(calendars(), st.integers(1995, 2055))
def test_week_patterns_end_where_their_rule_says(fiscal: FiscalCalendar, year: int) -> None:
    if fiscal.settings.pattern == "calendar":
        return
    nominal = year - (fiscal.settings.year_label == "end" and fiscal.settings.start_month > 1)
    eve = date(nominal, fiscal.settings.start_month, 1) - ONE_DAY
    first = fiscal.parse(f"{year}Q1" if fiscal.settings.period == "quarter" else f"{year}-01")
    distance = (eve - (first.start - ONE_DAY)).days
    assert distance in (range(7) if fiscal.settings.year_end_rule == "last" else range(-3, 4))


@given(calendars(), DAYS, st.integers(-5, 900))
def test_selling_days_are_what_counting_gives(fiscal: FiscalCalendar, first: date, length: int) -> None:
    days = [first + timedelta(ahead) for ahead in range(length)]
    counted = sum(
        day.weekday() in fiscal.settings.selling_weekdays and day not in fiscal.settings.extra_holidays for day in days
    )
    assert fiscal.selling_days(first, first + timedelta(length - 1)) == counted
    assert sum(map(fiscal.is_selling_day, days)) == counted


@given(calendars(), DAYS)
def test_as_of_days_are_weekly_from_the_eve_and_before_the_end(fiscal: FiscalCalendar, day: date) -> None:
    period = fiscal.period_of(day)
    grid = fiscal.as_of_days(period)
    assert grid[0] == period.start - ONE_DAY
    assert list(grid) == [grid[0] + timedelta(7 * week) for week in range(len(grid))]
    assert grid[-1] < period.end <= grid[-1] + timedelta(7)


@settings(max_examples=30)
@given(calendars(), DAYS, st.integers(0, 400))
def test_the_day_table_says_what_the_methods_say(fiscal: FiscalCalendar, first: date, length: int) -> None:
    last = first + timedelta(length)
    table = fiscal.day_table(first, last)
    assert list(table["day"]) == [first + timedelta(ahead) for ahead in range(length + 1)]
    for index in {0, length // 2, length}:
        day = table["day"][index]
        period = fiscal.period_of(day)
        row = {name: column[index] for name, column in table.items()}
        assert row == {
            "day": day,
            "period": period.label,
            "period_start": period.start,
            "period_end": period.end,
            "fiscal_year": period.fiscal_year,
            "period_number": period.number,
            "week": (day - period.start).days // 7,
            "selling_day": fiscal.is_selling_day(day),
            "selling_day_number": fiscal.elapsed_selling_days(period, day),
            "period_selling_days": fiscal.selling_days(period.start, period.end),
        }


@given(calendars(), st.datetimes(datetime.fromisoformat("1995-01-01"), datetime.fromisoformat("2060-01-01")))
def test_a_local_day_starts_at_local_midnight(fiscal: FiscalCalendar, instant: datetime) -> None:
    day = fiscal.local_day(instant)
    wall = instant.replace(tzinfo=ZoneInfo("UTC")).astimezone(ZoneInfo(fiscal.timezone))
    assert (wall.year, wall.month, wall.day) == (day.year, day.month, day.day)
    assert abs((instant.date() - day).days) <= 1
