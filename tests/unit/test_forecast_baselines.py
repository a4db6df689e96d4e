"""The simple rules: what each forecasts, what it falls back to, and that its errors are honest."""

import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spm_ml.dataset import RepPeriodDataset
from spm_ml.forecasting import (
    HistoricalMean,
    LastPeriod,
    RunRateLinear,
    RunRateSeasonal,
    SamePeriodLastYear,
    WeightedPipeline,
)
from spm_ml.forecasting.baseline import MIN_REP_PERIODS, Baseline
from spm_ml.forecasting.patterns import expected_from_pipeline, learn_pace, learn_stage_rates, usual_share
from spm_ml.forecasting.protocol import readable_rows, training_rows

make_dataset = runpy.run_path(str(Path(__file__).parents[1] / "rep_period_world.py"))["make_dataset"]


@pytest.fixture(scope="module")
def world() -> RepPeriodDataset:
    return make_dataset(12, 6, 5)


def point_of(rule: Baseline, world: RepPeriodDataset, **changes: float) -> np.ndarray:
    frame = readable_rows(world).assign(**changes)
    return rule.point(frame, rule.learn(training_rows(world)))


def test_linear_run_rate_divides_by_the_share_of_selling_days(world: RepPeriodDataset) -> None:
    frame = readable_rows(world).query("week == 4")
    expected = frame["booked_to_date"] / (20 / 65)
    assert RunRateLinear().point(frame, {}) == pytest.approx(expected.to_numpy())


def test_run_rates_use_the_historical_mean_before_anything_can_be_booked(world: RepPeriodDataset) -> None:
    frame = readable_rows(world).query("week == 0 and bookings_mean.notna()")
    pace = learn_pace(training_rows(world))
    assert (RunRateLinear().point(frame, {}) == frame["bookings_mean"].to_numpy()).all()
    assert (RunRateSeasonal().point(frame, pace) == frame["bookings_mean"].to_numpy()).all()


def test_the_usual_pace_is_a_ratio_of_sums_from_zero_to_one(world: RepPeriodDataset) -> None:
    frame = training_rows(world)
    pace = learn_pace(frame)
    sixth = frame[frame["week"] == 6]
    assert usual_share(sixth, pace)[0] == pytest.approx(sixth["booked_to_date"].sum() / sixth["actual_bookings"].sum())
    assert (pace["share"][0], pace["share"][-1]) == (0, 1)
    assert (np.diff(pace["share"]) >= 0).all()


def test_a_pace_cannot_be_learnt_from_nothing(world: RepPeriodDataset) -> None:
    nothing = training_rows(world).head(0)
    assert learn_pace(nothing) == {}
    assert np.isnan(usual_share(training_rows(world), {})).all()


def test_lags_repeat_what_the_rep_did(world: RepPeriodDataset) -> None:
    frame = readable_rows(world)
    for rule, column in ((LastPeriod(), "bookings_last_1"), (HistoricalMean(), "bookings_mean")):
        pd.testing.assert_series_equal(pd.Series(rule.point(frame, {})), frame[column], check_names=False)


def test_same_period_last_year_falls_back_to_the_last_period(world: RepPeriodDataset) -> None:
    frame = readable_rows(world)
    point = SamePeriodLastYear().point(frame, {})
    known = frame["bookings_same_last_year"].notna().to_numpy()
    assert known.any()
    assert (point[known] == frame["bookings_same_last_year"].to_numpy()[known]).all()
    first_year = ~known & frame["bookings_last_1"].notna().to_numpy()
    assert (point[first_year] == frame["bookings_last_1"].to_numpy()[first_year]).all()


def test_stage_rates_are_won_over_open_by_week(world: RepPeriodDataset) -> None:
    frame = training_rows(world)
    rates = learn_stage_rates(frame)
    ninth = frame[frame["week"] == 9]
    expected = ninth["label_won_stage_3"].sum() / ninth["open_amount_stage_3"].sum()
    assert rates["open_amount_stage_3"][9] == pytest.approx(expected)
    weighted = expected_from_pipeline(ninth, rates).sum()
    won = ninth[[f"label_won_stage_{stage}" for stage in (1, 2, 3)]].sum().sum()
    assert weighted == pytest.approx(won)


def test_weighted_pipeline_adds_to_what_is_booked(world: RepPeriodDataset) -> None:
    nothing_open = {f"open_amount_stage_{stage}": 0.0 for stage in (1, 2, 3)}
    booked = readable_rows(world)["booked_to_date"].to_numpy(dtype=float)
    assert (point_of(WeightedPipeline(), world, **nothing_open) == booked).all()


def test_errors_are_measured_with_rates_of_the_other_periods(world: RepPeriodDataset) -> None:
    frame = training_rows(world)
    rule = WeightedPipeline()
    honest = rule._honest_point(frame)
    own = (frame["period"] == frame["period"].iloc[0]).to_numpy()
    apart = rule.point(frame[own], rule.learn(frame[~own]))
    assert honest[own] == pytest.approx(np.maximum(apart, frame.loc[own, "booked_to_date"]))
    assert not np.allclose(honest, rule.point(frame, rule.learn(frame)))


def test_intervals_are_as_wide_as_past_errors(world: RepPeriodDataset) -> None:
    finished = world.finished()
    forecast = HistoricalMean().fit(finished).predict(finished)
    inside = (forecast.bookings[:, 1] <= finished.frame["actual_bookings"]) & (
        finished.frame["actual_bookings"] <= forecast.bookings[:, 17]
    )
    answered = ~np.isnan(forecast.bookings[:, 0])
    assert inside[answered].mean() == pytest.approx(0.8, abs=0.04)


def test_a_rule_without_enough_past_errors_abstains(world: RepPeriodDataset) -> None:
    frame = world.frame
    first = sorted(frame["period"].unique())[:2]
    few = world.where(frame["period"].isin(first) & (frame["rep_id"] < f"R{MIN_REP_PERIODS - 1:03d}"))
    forecast = LastPeriod().fit(few).predict(world)
    assert np.isnan(forecast.bookings).all()
    assert {why.reason for why in forecast.abstentions if why} == {"thin_history"}
