"""The series of finished periods, and exponential smoothing of many of them at once."""

import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spm_ml.forecasting.panel.histories import Calendar, Panel, SeriesBook, cycle
from spm_ml.forecasting.panel.smoothed import RECIPES, Smoothed
from spm_ml.forecasting.panel.smoothing import MULTIPLIED, NONE, Grid, make_grid, smooth
from spm_ml.forecasting.protocol import readable_rows, training_rows

WORLD = runpy.run_path(str(Path(__file__).parents[1] / "panel_world.py"))
make_months, noise, quarterly_rush = WORLD["make_months"], WORLD["noise"], WORLD["quarterly_rush"]


def one_model(level: float, drift: float = 0.0, season: float = 0.0, kind: float = NONE) -> Grid:
    return Grid(*(np.array([[value]]) for value in (level, drift, season, kind)))


def test_the_book_holds_each_finished_period_once() -> None:
    values = noise(5, 7, 1)
    book = SeriesBook.of(training_rows(make_months(values)))
    assert book.reps == tuple(f"R{rep:02d}" for rep in range(5))
    assert np.array_equal(book.values, values[:, :-1])
    assert book.calendar.season == 12
    again = SeriesBook.of_state(book.to_state())
    assert np.array_equal(again.values, book.values)
    assert again.calendar == book.calendar


def test_a_row_knows_only_periods_before_its_own() -> None:
    values = noise(4, 8, 2)
    dataset = make_months(values)
    book = SeriesBook.of(training_rows(dataset))
    frame = readable_rows(dataset)
    early = frame.loc[(frame["period"] == "2020-04") & (frame["week"] == 0)]
    known = book.known_at(early, 3)
    assert np.array_equal(known.values[:, -3:], values[:, :3])
    assert np.isnan(known.values[:, :-3]).all()


def test_what_a_row_knows_of_late_bookings_comes_first() -> None:
    dataset = make_months(noise(4, 8, 3))
    book = SeriesBook.of(training_rows(dataset))
    running = readable_rows(dataset).tail(1)
    known = book.known_at(running.assign(bookings_last_2=5.0), 7).values[0]
    assert known[-2] == 5.0
    assert known[-3] == book.values[-1, -3]


def test_a_rep_that_was_never_seen_has_what_its_own_row_says() -> None:
    dataset = make_months(noise(4, 8, 3))
    book = SeriesBook.of(training_rows(dataset))
    stranger = (
        readable_rows(dataset)
        .tail(1)
        .assign(rep_id="new", bookings_last_1=30.0, bookings_last_2=10.0, bookings_mean=15.0, periods_of_history=4.0)
    )
    known = book.known_at(stranger, 7).values[0]
    assert known[-4:].tolist() == [10.0, 10.0, 10.0, 30.0]
    assert np.isnan(known[:-4]).all()


def test_a_period_after_a_gap_keeps_its_place_in_the_calendar() -> None:
    dataset = make_months(noise(4, 9, 3))
    frame = training_rows(dataset)
    book = SeriesBook.of(frame.loc[frame["period"] != "2020-03"])
    assert np.isnan(book.values[:, 2]).all()
    assert not np.isnan(book.values[:, 3]).any()


@pytest.mark.parametrize(("weeks", "season"), [((4, 4, 5), 12), ((13,), 4), ((4,), 13), ((52,), 1)])
def test_the_season_is_read_from_the_length_of_periods(weeks: tuple[int, ...], season: int) -> None:
    length = pd.to_timedelta(7 * np.resize(weeks, 12), unit="D")
    start = pd.Timestamp(2022, 1, 3) + (length.to_series().cumsum() - length).reset_index(drop=True)
    calendar = Calendar.of(pd.DataFrame({"period_start": start, "period_end": start + length - pd.Timedelta(days=1)}))
    assert calendar.season == season
    assert calendar.number(start).tolist() == list(range(12))


def test_a_shared_pattern_needs_two_years_or_the_quarter() -> None:
    assert [cycle(4, periods) for periods in (3, 7, 8)] == [1, 1, 4]
    assert [cycle(12, periods) for periods in (3, 4, 23, 24)] == [1, 3, 3, 12]


def test_the_plain_mean_is_the_mean_of_the_past() -> None:
    values = noise(3, 9, 4)
    forecasts = smooth(values, make_grid(mean_only=True, seasonal=False), 12)[:, 0]
    assert np.isnan(forecasts[:, 0]).all()
    for column in range(1, 10):
        assert forecasts[:, column] == pytest.approx(values[:, :column].mean(axis=1))


def test_level_and_drift_follow_the_textbook() -> None:
    values = noise(1, 12, 5)
    forecast = smooth(values, one_model(0.5, 0.5), 1)[0, 0]
    level, drift = 0.0, 0.0
    for seen, value in enumerate(values[0]):
        if seen:
            assert forecast[seen] == pytest.approx(level + drift)
        level = level + drift + max(0.5, 1 / (seen + 1)) * (value - level - drift)
        slope = np.polyfit(np.arange(seen + 1), values[0, : seen + 1], 1)[0] if seen else 0.0
        drift = 0.5 * slope * (seen + 1) / (seen + 1 + 2)
    assert forecast[-1] == pytest.approx(level + drift)


def test_a_season_is_known_from_the_second_year_on() -> None:
    pattern = np.array([1.0, 2.0, 0.5, 0.5])
    values = np.tile(pattern, 4)[None, :]
    forecast = smooth(values, one_model(0.3, season=0.3, kind=MULTIPLIED), 4)[0, 0]
    assert np.isnan(forecast[:4]).all()
    assert forecast[4:] == pytest.approx(np.tile(pattern, 4)[: forecast[4:].size])


def test_a_gap_is_passed_over() -> None:
    values = np.array([[2.0, 2.0, np.nan, np.nan, 2.0]])
    forecast = smooth(values, make_grid(mean_only=False, seasonal=True), 4)
    known = forecast[:, :, 1:]
    assert known[~np.isnan(known)] == pytest.approx(2.0)


@pytest.mark.parametrize("name", RECIPES)
def test_every_smoothed_member_scales_with_its_series(name: str) -> None:
    values = np.abs(noise(12, 14, 6))
    one = Smoothed.fit(name, Panel(values, 14, 4)).forecast(Panel(values, 14, 4))
    ten = Smoothed.fit(name, Panel(10 * values, 14, 4)).forecast(Panel(10 * values, 14, 4))
    assert ten == pytest.approx(10 * one)
    assert (np.diff(one, axis=1) >= 0).all()
    assert (one >= 0).all()


def test_a_member_forecasts_a_series_the_same_whoever_stands_beside_it() -> None:
    panel = Panel(noise(12, 14, 7), 14, 4)
    fitted = Smoothed.fit("smoothing", panel)
    alone = fitted.forecast(panel.where(np.arange(12) == 5))
    assert alone == pytest.approx(fitted.forecast(panel)[5:6])


def test_a_series_without_a_value_has_no_forecast_and_one_of_zeros_stays_near_zero() -> None:
    values = noise(12, 10, 8)
    values[0], values[1] = np.nan, 0.0
    forecast = Smoothed.fit("smoothing", Panel(values, 10, 12)).forecast(Panel(values, 10, 12))
    assert np.isnan(forecast[0]).all()
    assert forecast[1, 9] == pytest.approx(0.0)
    assert not np.isnan(forecast[2:]).any()


def test_the_shared_pattern_is_found_and_shrunk() -> None:
    values = quarterly_rush(30, 15, 9)
    fitted = Smoothed.fit("seasonal_mean", Panel(values, 15, 12))
    assert fitted.cycle == 3
    assert fitted.factors[2] == pytest.approx(1.8, abs=0.2)
    assert fitted.factors[:2] == pytest.approx([0.6, 0.6], abs=0.15)
    again = Smoothed.of_state(fitted.to_state())
    assert np.array_equal(again.forecast(Panel(values, 15, 12)), fitted.forecast(Panel(values, 15, 12)))
