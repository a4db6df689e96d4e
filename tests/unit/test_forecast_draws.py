"""Random numbers that belong to a deal."""

import numpy as np
import pytest
from scipy.stats import kstest

from spm_ml.forecasting.draws import keys_of, other, uniforms

DEALS = np.array([f"O{number:05d}" for number in range(2_000)], dtype=object)


def test_are_uniform_across_deals_and_across_draws() -> None:
    luck = uniforms(keys_of(DEALS), 64, seed=0)
    assert luck.dtype == np.float32
    assert (luck > 0).all()
    assert (luck < 1).all()
    assert kstest(luck.ravel().astype(float), "uniform").pvalue > 0.001
    assert abs(np.corrcoef(luck.T) - np.eye(64)).max() < 0.1
    assert abs(np.corrcoef(luck[:200]) - np.eye(200)).max() < 0.65


def test_depend_on_the_deal_the_draw_and_the_seed_alone() -> None:
    keys = keys_of(DEALS)
    whole = uniforms(keys, 16, seed=5)
    assert np.array_equal(uniforms(keys[[700, 3]], 16, seed=5), whole[[700, 3]])
    assert np.array_equal(uniforms(keys, 8, seed=5), whole[:, :8])
    for changed in (uniforms(keys, 16, seed=6), uniforms(other(keys, 1), 16, seed=5)):
        assert abs(np.corrcoef(whole.ravel(), changed.ravel())[0, 1]) < 0.02


def test_keys_tell_columns_apart() -> None:
    left, right = np.array(["a", "b"], dtype=object), np.array(["b", "a"], dtype=object)
    keys = keys_of(left, right)
    assert keys[0] != keys[1]
    assert np.array_equal(keys, keys_of(left, right))


@pytest.mark.parametrize("count", [0, 1])
def test_few_draws(count: int) -> None:
    assert uniforms(keys_of(DEALS), count, seed=1).shape == (2_000, count)
