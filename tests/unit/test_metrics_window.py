"""The window a metric is read in: periods, ranges, the day that counts, and the same point of another period."""

from datetime import date

import pytest

from spm_ml.errors import DataError
from spm_ml.fiscal import FiscalCalendar
from spm_ml.metrics.inputs_bookings import last_fiscal_month
from spm_ml.metrics.window import Window, same_point
from spm_ml.settings import FiscalSettings

CALENDAR = FiscalCalendar(FiscalSettings())
RETAIL = FiscalCalendar(FiscalSettings(pattern="4-4-5", start_month=2, year_end_rule="nearest", year_label="start"))
KNOWN = CALENDAR.periods_between(date(2025, 1, 1), date(2026, 5, 4))


def window(period: str | None, as_of: date = date(2026, 5, 4)) -> Window:
    return Window.of(CALENDAR, KNOWN, as_of, period)


def test_the_running_period_is_read_at_the_as_of_day() -> None:
    running = window(None)
    assert (running.period.label, running.last, running.finished) == ("2026Q2", date(2026, 5, 4), False)
    assert running.elapsed_days == 24
    assert [one.label for one in running.before] == ["2025Q1", "2025Q2", "2025Q3", "2025Q4", "2026Q1"]


def test_a_finished_period_is_read_at_its_end() -> None:
    past = window("2026Q1")
    assert (past.last, past.eve, past.finished, past.single) == (date(2026, 3, 31), date(2025, 12, 31), True, True)


def test_a_period_to_come_has_not_begun() -> None:
    coming = window("2026Q4")
    assert (coming.last, coming.eve, coming.elapsed_days) == (date(2026, 5, 4), date(2026, 5, 4), 0)


@pytest.mark.parametrize("text", ["all", "ALL", "2025Q1..2026Q2", "2025-01-01..2026Q2"])
def test_a_range_reaches_from_its_first_day_to_its_last(text: str) -> None:
    whole = window(text)
    assert (whole.period.start, whole.period.end, whole.single) == (date(2025, 1, 1), date(2026, 6, 30), False)
    assert len(whole.fiscal_periods) == 6


def test_days_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(DataError, match="exchange the two days"):
        Window.between(CALENDAR, KNOWN, date(2026, 5, 4), date(2026, 3, 2), date(2026, 3, 1))


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2026, 3, 31), date(2025, 12, 31)),
        (date(2026, 4, 1), date(2026, 1, 1)),
        (date(2026, 4, 5), date(2026, 1, 5)),
        (date(2026, 5, 15), date(2026, 2, 13)),
        (date(2026, 6, 30), date(2026, 3, 31)),
    ],
)
def test_the_same_point_of_another_quarter(day: date, expected: date) -> None:
    quarter, other = CALENDAR.parse("2026Q2"), CALENDAR.parse("2026Q1")
    assert same_point(CALENDAR, quarter, day, other) == expected


def test_a_longer_quarter_is_read_at_the_same_share_of_its_days() -> None:
    long, short = RETAIL.parse("2023Q4"), RETAIL.parse("2023Q3")
    assert RETAIL.selling_days(long.start, long.end) == 70
    assert RETAIL.selling_days(short.start, short.end) == 65
    day = same_point(RETAIL, short, date(2023, 9, 15), long)
    assert RETAIL.elapsed_selling_days(short, date(2023, 9, 15)) == 35
    assert RETAIL.elapsed_selling_days(long, day) == 38


def test_the_last_fiscal_month_follows_the_week_pattern() -> None:
    assert last_fiscal_month(CALENDAR, CALENDAR.parse("2026Q1")) == date(2026, 3, 1)
    quarter = RETAIL.parse("2023Q4")
    assert (quarter.end - last_fiscal_month(RETAIL, quarter)).days + 1 == 6 * 7, "five weeks and the 53rd"
