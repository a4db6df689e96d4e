"""Measures of accuracy against scikit-learn's, on whatever Hypothesis thinks of."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import brier_score_loss, mean_pinball_loss, roc_auc_score

from spm_ml import accuracy
from spm_ml.settings import QUANTILE_LEVELS

amounts = st.floats(-1e9, 1e9, allow_subnormal=False)
rows = st.integers(1, 12)


@given(rows.flatmap(lambda n: st.tuples(arrays(float, n, elements=amounts), arrays(float, (n, 19), elements=amounts))))
def test_pinball_agrees_with_scikit_learn_and_crps_is_twice_its_mean(
    drawn: tuple[np.ndarray, np.ndarray],
) -> None:
    actual, quantiles = drawn[0], np.sort(drawn[1], axis=1)
    losses = [
        mean_pinball_loss(actual, quantiles[:, column], alpha=level) for column, level in enumerate(QUANTILE_LEVELS)
    ]
    crps = accuracy.crps(actual, quantiles, QUANTILE_LEVELS)
    assert crps is not None
    assert crps >= 0
    assert crps == pytest.approx(2 * np.mean(losses), rel=1e-9, abs=1e-6)
    assert accuracy.mean_pinball(actual, quantiles, QUANTILE_LEVELS) == pytest.approx(crps / 2)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 20)), min_size=2, max_size=40))
def test_brier_and_auc_agree_with_scikit_learn(drawn: list[tuple[bool, int]]) -> None:
    happened = np.array([outcome for outcome, _ in drawn], dtype=float)
    chance = np.array([score / 20 for _, score in drawn])
    assert accuracy.brier_score(happened, chance) == pytest.approx(brier_score_loss(happened, chance))
    measured = accuracy.auc(happened, chance)
    if len(set(happened)) == 1:
        assert measured is None
    else:
        assert measured == pytest.approx(roc_auc_score(happened, chance))


@given(
    st.lists(st.tuples(st.booleans(), st.floats(0, 1, allow_subnormal=False)), min_size=1, max_size=40),
    st.integers(1, 12),
)
def test_calibration_error_lies_between_the_overall_gap_and_one(drawn: list[tuple[bool, float]], bins: int) -> None:
    happened = np.array([outcome for outcome, _ in drawn], dtype=float)
    chance = np.array([probability for _, probability in drawn])
    error = accuracy.expected_calibration_error(happened, chance, bins)
    assert error is not None
    assert abs(happened.mean() - chance.mean()) - 1e-12 <= error <= 1


@given(rows.flatmap(lambda n: st.tuples(arrays(float, n, elements=amounts), arrays(float, (n, 19), elements=amounts))))
def test_pit_is_a_level_and_grows_with_the_outcome(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    actual, quantiles = drawn[0], np.sort(drawn[1], axis=1)
    level = accuracy.probability_integral_transform(actual, quantiles, QUANTILE_LEVELS)
    higher = accuracy.probability_integral_transform(actual + 1.0, quantiles, QUANTILE_LEVELS)
    assert ((level > 0) & (level < 1)).all()
    assert (higher >= level - 1e-12).all()
