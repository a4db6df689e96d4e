"""The distribution behind 19 quantiles: chances, draws and means agree with each other and with point masses."""

import numpy as np
import pytest

from spm_ml.forecasting import distribution
from spm_ml.forecasting.distribution import LEVELS

UNBOUNDED = np.array([-np.inf])


def row(values: np.ndarray) -> np.ndarray:
    return np.asarray(values, dtype=float)[None, :]


def test_chance_at_a_quantile_is_one_minus_its_level() -> None:
    quantiles = row(100 * LEVELS)
    for level, value in zip(LEVELS, 100 * LEVELS, strict=True):
        chance = distribution.probability_at_least(quantiles, UNBOUNDED, float(value))
        assert chance[0] == pytest.approx(1 - level)


def test_chance_falls_without_jumps_into_the_tails() -> None:
    thresholds = np.linspace(-200, 400, 4_001)
    quantiles, floor = np.tile(100 * LEVELS, (thresholds.size, 1)), np.full(thresholds.size, -np.inf)
    chance = distribution.probability_at_least(quantiles, floor, thresholds)
    steps = -np.diff(chance)
    assert (steps >= 0).all()
    assert steps.max() < 0.003
    assert 0.999 < chance[0] <= 1
    assert 0 <= chance[-1] < 0.001


def test_a_row_that_is_there_already_reaches_its_threshold() -> None:
    quantiles = row(50 + 10 * LEVELS)
    assert distribution.probability_at_least(quantiles, np.array([50.0]), 50.0)[0] == 1
    assert distribution.probability_at_least(quantiles, np.array([50.0]), 49.0)[0] == 1


def test_a_point_mass_counts_in_full_at_its_value_and_not_beyond() -> None:
    quantiles = row(np.where(LEVELS <= 0.6, 7.0, 7.0 + LEVELS))
    floor = np.array([7.0])
    assert distribution.probability_at_least(quantiles, floor, 7.0)[0] == 1
    assert distribution.probability_at_least(quantiles, floor, 7.0001)[0] == pytest.approx(0.4, abs=0.001)


def test_all_mass_on_one_value() -> None:
    quantiles, floor = row(np.full(19, 3.0)), np.array([3.0])
    assert distribution.probability_at_least(quantiles, floor, 3.0)[0] == 1
    assert distribution.probability_at_least(quantiles, floor, 3.1)[0] == 0
    assert distribution.mean(quantiles, floor)[0] == pytest.approx(3.0)
    assert distribution.inverse(quantiles, floor, np.array([[0.001, 0.5, 0.999]])).tolist() == [[3.0, 3.0, 3.0]]


@pytest.mark.parametrize("floor", [-np.inf, -4.0, 0.5])
def test_draws_chances_and_the_mean_tell_the_same_story(floor: float) -> None:
    shape = np.maximum(np.log(LEVELS / (1 - LEVELS)) + 1, floor)
    quantiles, bound = row(shape), np.array([floor])
    level = (np.arange(400_000) + 0.5)[None, :] / 400_000
    drawn = distribution.inverse(quantiles, bound, level)[0]
    assert np.array_equal(distribution.at_levels(quantiles, bound, level[0])[0], drawn)
    assert (drawn >= floor).all()
    assert (np.diff(drawn) >= 0).all()
    assert distribution.mean(quantiles, bound)[0] == pytest.approx(drawn.mean(), abs=1e-3)
    for threshold in (-6.0, -2.5, 0.6, 1.3, 5.0):
        chance = distribution.probability_at_least(quantiles, bound, threshold)[0]
        assert chance == pytest.approx((drawn >= threshold).mean(), abs=1e-4)


def test_what_is_unknown_stays_unknown() -> None:
    quantiles = np.vstack([np.full(19, np.nan), LEVELS])
    floor = np.zeros(2)
    chance = distribution.probability_at_least(quantiles, floor, np.array([0.5, np.nan]))
    assert np.isnan(chance).all()
    assert np.isnan(distribution.mean(quantiles, floor)).tolist() == [True, False]
