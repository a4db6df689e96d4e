"""The additive decomposition, beside Shapley values of the same product."""

from itertools import permutations

import numpy as np
import pytest

from spm_ml.coaching.diagnosis.lmdi import Floats, additive_parts, log_mean


def shapley(factors: Floats) -> Floats:
    """Mean marginal change of the product over all orders in which the factors leave 1."""
    total = np.zeros_like(factors)
    orders = list(permutations(range(factors.shape[1])))
    for order in orders:
        product = np.ones(len(factors))
        for place in order:
            total[:, place] += product * (factors[:, place] - 1)
            product = product * factors[:, place]
    return total / len(orders)


def test_parts_add_up_to_the_product_less_one() -> None:
    logs = np.random.default_rng(0).normal(0, 0.5, (500, 6))
    assert additive_parts(logs).sum(axis=1) == pytest.approx(np.expm1(logs.sum(axis=1)), abs=1e-12)


def test_a_factor_of_one_gets_nothing_and_the_order_does_not_matter() -> None:
    logs = np.array([[0.3, 0.0, -0.5]])
    parts = additive_parts(logs)
    assert parts[0, 1] == 0
    assert additive_parts(logs[:, ::-1])[:, ::-1] == pytest.approx(parts, abs=1e-15)


def test_factors_that_cancel_leave_a_gap_of_nothing() -> None:
    parts = additive_parts(np.array([[0.4, -0.4]]))
    assert parts.tolist() == [[0.4, -0.4]]


def test_the_logarithmic_mean_has_no_hole_at_one() -> None:
    near = np.array([-1e-9, 0.0, 1e-9, 1e-300])
    assert log_mean(near) == pytest.approx(np.ones(4), abs=1e-8)
    assert log_mean(np.array([-700.0]))[0] == pytest.approx(1 / 700)


def test_shapley_names_the_same_top_driver() -> None:
    logs = np.random.default_rng(1).normal(0, 0.25, (400, 5))
    lmdi, other = additive_parts(logs), shapley(np.exp(logs))
    assert other.sum(axis=1) == pytest.approx(lmdi.sum(axis=1), abs=1e-12)
    same = lmdi.argmin(axis=1) == other.argmin(axis=1)
    assert same.mean() > 0.97
    close = np.abs(lmdi - other).max(axis=1)[~same]
    assert (close < 0.05).all()
