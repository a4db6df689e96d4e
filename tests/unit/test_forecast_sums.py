"""Recalibration, what reps share, and the sums of their forecasts."""

import runpy
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from spm_ml.forecasting import AttainmentForecast, roll_up
from spm_ml.forecasting.dependence import BANDS, Dependence
from spm_ml.forecasting.recalibration import WeeklyRecalibration, scores_of, scores_within
from spm_ml.forecasting.roll_up import roll_up_each
from spm_ml.settings import QUANTILE_LEVELS

WORLD = runpy.run_path(str(Path(__file__).parents[1] / "rep_period_world.py"))
LEVELS = np.array(QUANTILE_LEVELS)


def past_scores(
    periods: int, reps: int, *, shift: float = 0.0, spread: float = 1.0, common: float = 0.0, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    luck = random.normal(size=periods)[:, None, None] * np.sqrt(common)
    own = random.normal(size=(periods, 3, reps)) * np.sqrt(1 - common)
    score = shift + spread * (luck + own)
    period, week, _ = np.meshgrid(np.arange(periods), np.arange(3), np.arange(reps), indexing="ij")
    return week.ravel().astype(float), period.ravel(), score.ravel()


def test_calibrated_forecasts_are_left_alone() -> None:
    recalibration = WeeklyRecalibration.fit(*past_scores(8, 60))
    levels = recalibration.levels(np.array([0.0, 2.0]), LEVELS)
    assert np.abs(levels - LEVELS).max() < 0.02


def test_a_spread_that_is_too_small_is_widened_and_coverage_is_restored() -> None:
    recalibration = WeeklyRecalibration.fit(*past_scores(8, 200, spread=1.5))
    levels = recalibration.levels(np.array([1.0]), LEVELS)[0]
    low, high = 1.5 * norm.ppf([0.1, 0.9])
    assert levels[1] == pytest.approx(norm.cdf(low), abs=0.02)
    assert levels[17] == pytest.approx(norm.cdf(high), abs=0.02)


def test_a_shift_is_believed_only_where_periods_agree() -> None:
    agreed = WeeklyRecalibration.fit(*past_scores(10, 60, shift=0.5))
    assert agreed.shift == pytest.approx(np.full(3, 0.5), abs=0.12)
    lucky = WeeklyRecalibration.fit(*past_scores(4, 60, common=0.3, seed=3))
    assert np.abs(lucky.shift).max() < 0.05


def test_a_drift_counts_more_when_it_is_new() -> None:
    week, period, score = past_scores(12, 60, shift=-0.8)
    drifted = np.where(period >= 6, score, score + 0.8)
    returned = np.where(period < 6, score, score + 0.8)
    assert WeeklyRecalibration.fit(week, period, drifted).spread.max() > 1.0
    new, old = (WeeklyRecalibration.fit(week, period, each).shift.mean() for each in (drifted, returned))
    assert new <= old <= 0


def test_levels_never_cross_and_stay_inside() -> None:
    recalibration = WeeklyRecalibration((0, 5), np.array([1.5, -2.0]), np.array([0.4, 2.5]))
    levels = recalibration.levels(np.arange(14.0), LEVELS)
    assert (np.diff(levels, axis=1) > 0).all()
    assert levels.min() > 0
    assert levels.max() < 1


def test_outcomes_within_quantiles_are_scored() -> None:
    quantiles = np.tile(norm.ppf(LEVELS), (3, 1))
    floor = np.full(3, -np.inf)
    scores = scores_within(quantiles, floor, np.array([0.0, norm.ppf(0.9), np.nan]))
    assert scores[:2] == pytest.approx([0.0, norm.ppf(0.9)], abs=0.02)
    assert np.isnan(scores[2])
    atom = scores_within(np.full((1, 19), 5.0), np.full(1, 5.0), np.array([5.0]))
    assert atom == pytest.approx([0.0], abs=1e-6)
    assert np.abs(scores_of(np.array([0.0, 1.0]))).max() == 3


def shared(periods: int, teams: int, reps: int, of_period: float, of_team: float) -> tuple[pd.DataFrame, np.ndarray]:
    random = np.random.default_rng(1)
    rows, scores = [], []
    for period in range(periods):
        luck = random.normal() * np.sqrt(of_period)
        for team in range(teams):
            with_team = luck + random.normal() * np.sqrt(of_team)
            own = random.normal(size=reps) * np.sqrt(1 - of_period - of_team)
            for week in range(3):
                day = pd.Timestamp("2024-01-01") + pd.Timedelta(days=100 * period + 7 * week)
                start = pd.Timestamp("2024-01-01") + pd.Timedelta(days=100 * period)
                columns = {"period_start": start, "as_of": day, "team": f"T{team}", "elapsed_share": week / 3}
                rows.append(pd.DataFrame(columns, index=range(reps)))
                scores.append(with_team + own)
    return pd.concat(rows, ignore_index=True), np.concatenate(scores)


def test_what_reps_share_is_found() -> None:
    found = Dependence.fit(*shared(60, 8, 10, 0.15, 0.1))
    assert found.period == pytest.approx(np.full(BANDS, 0.15), abs=0.06)
    assert found.team == pytest.approx(np.full(BANDS, 0.1), abs=0.05)
    alone = Dependence.fit(*shared(60, 8, 10, 0.0, 0.0))
    assert alone.period.max() < 0.03
    assert alone.team.max() < 0.03


def test_one_rep_or_nothing_gives_what_is_usual() -> None:
    frame, score = shared(3, 1, 1, 0.0, 0.0)
    usual = Dependence.usual()
    assert np.array_equal(Dependence.fit(frame, score).period, usual.period)
    assert Dependence.fit(frame, np.full(len(frame), np.nan)).freedom == usual.freedom
    assert np.array_equal(Dependence.of_state(usual.to_state()).team, usual.team)


def forecast_of(reps: int, dependence: Dependence) -> AttainmentForecast:
    dataset = WORLD["make_dataset"](60, 3, 2)
    running = dataset.where((dataset.frame["week"] == 2) & dataset.frame["actual_bookings"].isna())
    running = running.where(np.arange(len(running)) < reps)
    booked = running.frame["booked_to_date"].to_numpy(dtype=float)[:, None]
    quantiles = booked + 1e6 * (4 + norm.ppf(LEVELS))[None, :]
    return AttainmentForecast.of(running, quantiles, [None] * reps, may_fall=False, dependence=dependence)


def test_sums_are_wider_the_more_reps_share() -> None:
    widths = []
    for share in (0.0, 0.1, 0.5):
        forecast = forecast_of(60, Dependence(np.full(BANDS, share), np.zeros(BANDS), 30.0))
        quantiles = roll_up(forecast, ["all"] * 60, draws=4_000).bookings[0]
        widths.append(quantiles[17] - quantiles[1])
    independent = 2 * norm.ppf(0.9) * 1e6 * np.sqrt(60)
    assert widths[0] == pytest.approx(independent, rel=0.1)
    assert widths[1] == pytest.approx(independent * np.sqrt(1 + 59 * 0.1), rel=0.15)
    assert widths[2] == pytest.approx(independent * np.sqrt(1 + 59 * 0.5), rel=0.15)


def test_a_sum_of_one_is_the_rep_and_groups_are_coherent() -> None:
    forecast = forecast_of(12, Dependence.usual())
    alone = roll_up(forecast, [f"rep {row}" for row in range(12)])
    order = [list(alone.keys["group"]).index(f"rep {row}") for row in range(12)]
    assert alone.bookings[order] == pytest.approx(forecast.bookings, rel=0.02)
    halves = roll_up(forecast, ["a", "b"] * 6)
    whole = roll_up(forecast, ["all"] * 12)
    assert halves.draws.mean(axis=1).sum() == pytest.approx(whole.draws.mean(), rel=1e-9)
    assert halves.mean_bookings.sum() == pytest.approx(whole.mean_bookings[0], rel=1e-12)
    assert halves.members.tolist() == [6, 6]


def test_several_groupings_of_one_drawing_are_what_each_of_them_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["spm_ml.forecasting.roll_up"], "_AT_ONCE", 7)
    forecast = forecast_of(20, Dependence.usual())
    groupings = [["all"] * 20, ["a", ""] * 10, [""] * 20]
    for several, alone in zip(
        roll_up_each(forecast, groupings, draws=64),
        [roll_up(forecast, names, draws=64) for names in groupings],
        strict=True,
    ):
        assert several.keys.equals(alone.keys)
        assert np.array_equal(several.draws, alone.draws)
        assert np.array_equal(several.mean_bookings, alone.mean_bookings)
    assert roll_up_each(forecast, []) == []


def test_rows_can_be_left_out_and_counted_in_part() -> None:
    forecast = forecast_of(4, Dependence.usual())
    some = roll_up(forecast, ["", "team", "team", ""])
    assert some.members.tolist() == [2]
    part = roll_up(forecast, ["team"] * 4, counted=0.5, booked=np.zeros(4))
    whole = roll_up(forecast, ["team"] * 4, booked=np.zeros(4))
    assert part.mean_bookings == pytest.approx(whole.mean_bookings / 2)
    nobody = roll_up(replace(forecast, bookings=np.full((4, 19), np.nan)), ["team"] * 4)
    assert len(nobody.keys) == 0
    assert nobody.bookings.shape == (0, 19)


def test_the_chance_to_reach_an_amount() -> None:
    forecast = forecast_of(30, Dependence.usual())
    total = roll_up(forecast, ["all"] * 30)
    assert total.probability_at_least(total.booked)[0] == 1
    assert total.probability_at_least([total.bookings[0, 9]])[0] == pytest.approx(0.5, abs=0.02)
    assert np.isnan(total.probability_at_least([np.nan])[0])
