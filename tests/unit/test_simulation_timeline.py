"""Weeks, selling days and the organisation's time zone."""

from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from spm_ml.fiscal import FiscalCalendar
from spm_ml.settings import FiscalSettings
from spm_ml.simulation import simulate
from spm_ml.simulation.timeline import Timeline, day_number, day_of

_NEW_YORK = FiscalCalendar(FiscalSettings(holidays="US"), "America/New_York")


def _timeline(calendar: FiscalCalendar = _NEW_YORK, last: date = date(2026, 11, 20), periods: int = 8) -> Timeline:
    return Timeline.of(calendar, last=last, periods=periods, burn_in=1)


@pytest.mark.parametrize(
    "settings", [FiscalSettings(), FiscalSettings(start_month=2, pattern="4-4-5"), FiscalSettings(period="month")]
)
def test_weeks_tile_the_periods_and_end_on_as_of_days(settings: FiscalSettings) -> None:
    calendar = FiscalCalendar(settings, "UTC")
    timeline = _timeline(calendar)
    assert (timeline.week_start[1:] == timeline.week_end[:-1] + 1).all()
    for index, period in enumerate(timeline.periods):
        weeks = timeline.weeks_of(index)
        assert timeline.week_start[weeks[0]] == day_number(period.start)
        assert timeline.week_end[weeks[-1]] == day_number(period.end)
        assert timeline.progress[weeks[0]] == 0
        assert timeline.progress[weeks[-1]] == 1
        ends = {day_of(number) for number in timeline.week_end[weeks[:-1]]}
        assert ends <= set(calendar.as_of_days(period))


def test_week_loads_add_up_to_the_calendars_selling_days() -> None:
    timeline = _timeline()
    for index, period in enumerate(timeline.periods):
        loads = timeline.week_load[timeline.weeks_of(index)]
        assert loads.sum() * 5 == pytest.approx(_NEW_YORK.selling_days(period.start, period.end))


def test_drawn_days_are_selling_days_of_their_week() -> None:
    timeline = _timeline()
    for week in range(timeline.weeks):
        days = timeline.selling_day(week, np.linspace(0, 0.999, 40))
        assert days.min() >= timeline.week_start[week]
        assert days.max() <= timeline.week_end[week]
        assert all(_NEW_YORK.is_selling_day(day_of(day)) for day in set(days.tolist()))


def test_what_is_left_of_a_week_shrinks_day_by_day() -> None:
    timeline = _timeline()
    week = int(timeline.weeks_of(3)[4])
    loads = [
        timeline.remaining_load(week, day) for day in range(timeline.week_start[week] - 1, timeline.week_end[week] + 1)
    ]
    assert loads[0] == timeline.week_load[week]
    assert loads[-1] == 0
    assert loads == sorted(loads, reverse=True)


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Berlin", "Asia/Kolkata", "Pacific/Auckland", "UTC"])
def test_local_times_become_utc_across_clock_changes(zone: str) -> None:
    timeline = _timeline(FiscalCalendar(FiscalSettings(), zone))
    days = np.arange(timeline.start_of(0), timeline.start_of(0) + 420)
    for hour in (4, 12, 23):
        seconds = timeline.utc_seconds(days, np.full(len(days), hour * 3600))
        expected = [
            datetime.combine(day_of(day), datetime.min.time(), ZoneInfo(zone)).replace(hour=hour) for day in days
        ]
        assert [datetime.fromtimestamp(int(second), UTC) for second in seconds] == expected


def test_a_start_keeps_the_distance_into_the_running_period() -> None:
    timeline = Timeline.of(_NEW_YORK, last=date(2026, 11, 20), periods=3, burn_in=0, start=date(2021, 1, 1))
    assert timeline.periods[0].label == "2021Q1"
    assert timeline.periods[-1].label == "2021Q4"
    assert day_of(timeline.end) == date(2021, 11, 20)


def test_some_closings_fall_into_the_next_period_by_utc_only(tmp_path: Path) -> None:
    simulate(tmp_path, reps=60, periods=6, seed=4, fmt="parquet")
    planted = pd.read_csv(tmp_path / "truth" / "planted_hazards.csv").query("code == 'H12'")
    deals = pd.read_parquet(tmp_path / "opportunities.parquet").set_index("opportunity_id")
    events = pd.read_parquet(tmp_path / "opportunity_events.parquet").dropna(subset=["outcome"])
    assert len(planted) > 5
    for deal in planted["row_id"]:
        times = events.loc[events["opportunity_id"] == deal, "recorded_at"]
        utc = {_NEW_YORK.period_of(time.date()) for time in times}
        local = {_NEW_YORK.period_of(_NEW_YORK.local_day(time)) for time in times}
        assert utc != local
        assert deal in deals.index
