"""Measures of accuracy: hand-computed values, what is left out, and what nothing is worth."""

import numpy as np
import pytest

from spm_ml import accuracy
from spm_ml.settings import QUANTILE_LEVELS

NAN = float("nan")


def test_crps_of_a_uniform_forecast_is_near_its_closed_form() -> None:
    # CRPS of a uniform distribution on 0–1 at y is y² − y + 1/3; the 19 levels leave out the outermost tails.
    for outcome in (0.0, 0.3, 1.0):
        measured = accuracy.crps([outcome], [QUANTILE_LEVELS], QUANTILE_LEVELS)
        assert measured == pytest.approx(outcome**2 - outcome + 1 / 3, abs=0.02)


def test_crps_is_twice_the_mean_pinball_loss() -> None:
    quantiles = [[1.0, 2.0, 4.0], [0.0, 0.0, 3.0]]
    levels = [0.25, 0.5, 0.75]
    pinball = accuracy.mean_pinball([3.0, 1.0], quantiles, levels)
    assert pinball is not None
    assert accuracy.crps([3.0, 1.0], quantiles, levels) == pytest.approx(2 * pinball)


def test_rows_with_a_missing_value_are_left_out() -> None:
    assert accuracy.crps([1.0, 5.0, NAN], [[1.0], [NAN], [2.0]], [0.5]) == 0.0
    assert accuracy.wape([10.0, NAN, 10.0], [12.0, 3.0, NAN]) == pytest.approx(0.2)
    assert accuracy.brier_score([1, NAN, 0], [1.0, 0.5, NAN]) == 0.0
    assert accuracy.coverage([1, 2, NAN], [0, NAN, 0], [2, 3, 1]) == 1.0


@pytest.mark.parametrize(
    "measured",
    [
        accuracy.crps([], np.empty((0, 19)), QUANTILE_LEVELS),
        accuracy.mean_pinball([NAN], [[1.0]], [0.5]),
        accuracy.mean_absolute_error([], []),
        accuracy.wape([], []),
        accuracy.bias([NAN], [1.0]),
        accuracy.brier_score([], []),
        accuracy.expected_calibration_error([], []),
        accuracy.auc([], []),
        accuracy.coverage([], [], []),
        accuracy.interval_width([], []),
    ],
)
def test_a_measure_of_nothing_is_none(measured: float | None) -> None:
    assert measured is None


def test_ratios_to_nothing_are_none() -> None:
    assert accuracy.wape([0.0, 0.0], [1.0, 2.0]) is None
    assert accuracy.bias([5.0, -5.0], [1.0, 2.0]) is None


def test_auc_needs_both_kinds_of_rows() -> None:
    assert accuracy.auc([1, 1], [0.2, 0.9]) is None
    assert accuracy.auc([0, 1], [0.5, 0.5]) == 0.5


def test_calibration_error_of_a_constant_forecast_is_its_distance_from_the_base_rate() -> None:
    happened = [1, 0, 0, 0]
    assert accuracy.expected_calibration_error(happened, [0.75] * 4, bins=1) == pytest.approx(0.5)


def test_interval_width_is_in_the_unit_of_its_ends() -> None:
    assert accuracy.interval_width([1.0, 2.0], [4.0, 3.0]) == 2.0


def test_pit_of_draws_from_the_forecast_is_uniform() -> None:
    random = np.random.default_rng(3)
    outcome = random.uniform(size=20_000)
    quantiles = np.tile(QUANTILE_LEVELS, (outcome.size, 1))
    levels = accuracy.probability_integral_transform(outcome, quantiles, QUANTILE_LEVELS)
    shares = np.histogram(levels, bins=[0, 0.05, 0.25, 0.5, 0.75, 0.95, 1])[0] / outcome.size
    assert shares == pytest.approx([0.05, 0.2, 0.25, 0.25, 0.2, 0.05], abs=0.012)


def test_pit_of_a_point_mass_is_the_middle_of_its_levels() -> None:
    quantiles = [[5.0, 5.0, 5.0, 9.0]]
    assert accuracy.probability_integral_transform([5.0], quantiles, [0.2, 0.4, 0.6, 0.8]).tolist() == [0.4]


def test_pit_beyond_the_outermost_quantiles_is_the_middle_of_what_is_left() -> None:
    beyond = accuracy.probability_integral_transform([0.0, 99.0, NAN], [[1.0, 2.0]] * 3, [0.1, 0.9])
    assert beyond[:2] == pytest.approx([0.05, 0.95])
    assert np.isnan(beyond[2])
