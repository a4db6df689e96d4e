"""Empirical Bayes: recovery of known rates, intervals that cover, and nothing seen."""

from collections.abc import Callable

import numpy as np
import pytest

from spm_ml.coaching.diagnosis.lmdi import Floats
from spm_ml.coaching.diagnosis.shrinkage import Posterior, counts, log_ratios, shares

REPS = 1_000


def count_world(rng: np.random.Generator) -> tuple[Floats, Posterior]:
    true = rng.gamma(20, 1 / 20, REPS)
    expected = rng.uniform(5, 60, REPS)
    return true, counts(rng.poisson(true * expected).astype(float), expected)


def share_world(rng: np.random.Generator) -> tuple[Floats, Posterior]:
    expected = np.where(np.arange(REPS) % 2, 0.2, 0.35)
    chance = rng.beta(30 * expected, 30 * (1 - expected))
    trials = rng.integers(5, 60, REPS).astype(float)
    return chance / expected, shares(rng.binomial(trials.astype(int), chance).astype(float), trials, expected)


def size_world(rng: np.random.Generator) -> tuple[Floats, Posterior]:
    true = rng.normal(0, 0.2, REPS)
    size = rng.integers(1, 50, REPS).astype(float)
    return np.exp(true), log_ratios(true + rng.normal(0, 0.5, REPS) / np.sqrt(size), size)


@pytest.mark.parametrize("world", [count_world, share_world, size_world])
def test_intervals_cover_and_the_chance_to_lie_below_is_calibrated(
    world: Callable[[np.random.Generator], tuple[Floats, Posterior]],
) -> None:
    inside, below, believed = [], [], []
    for seed in range(4):
        true, found = world(np.random.default_rng(seed))
        inside.append((found.low <= true) & (true <= found.high))
        sure = found.p_below > 0.9
        below.append((true < 1)[sure])
        believed.append(found.p_below[sure])
        assert (found.low < found.ratio).all()
        assert (found.ratio < found.high).all()
    assert np.mean(inside) == pytest.approx(0.90, abs=0.025)
    assert np.concatenate(below).mean() == pytest.approx(np.concatenate(believed).mean(), abs=0.04)


def test_a_win_rate_from_ten_deals_is_twice_as_near_once_it_is_shrunk() -> None:
    rng = np.random.default_rng(3)
    chance = rng.beta(30 * 0.3, 30 * 0.7, 1_000)
    won = rng.binomial(10, chance).astype(float)
    found = shares(won, np.full(1_000, 10.0), np.full(1_000, won.mean() / 10))
    shrunk = np.sqrt(np.mean((found.ratio * won.mean() / 10 - chance) ** 2))
    raw = np.sqrt(np.mean((won / 10 - chance) ** 2))
    assert raw == pytest.approx(0.142, abs=0.01)
    assert shrunk < 0.08


def test_what_was_never_seen_is_as_the_peers() -> None:
    seen = np.array([0.0, 30.0, 50.0, 40.0])
    expected = np.array([0.0, 40.0, 40.0, 40.0])
    assert counts(seen, expected).ratio[0] == pytest.approx(1)
    assert shares(np.zeros(3), np.array([0.0, 9.0, 9.0]), np.full(3, 0.3)).ratio[0] == pytest.approx(1)
    found = log_ratios(np.array([9.0, 0.1, -0.1, 0.0]), np.array([0.0, 5.0, 5.0, 5.0]))
    assert found.ratio[0] == pytest.approx(1)
    assert found.p_below[0] == pytest.approx(0.5)


def test_a_centre_is_what_is_believed_before_anything_is_seen() -> None:
    centre = np.array([0.2, -0.2, 0.0, 0.0])
    found = log_ratios(np.zeros(4), np.zeros(4), centre)
    assert np.log(found.ratio) == pytest.approx(centre)


def test_more_cases_move_further_from_the_peers() -> None:
    seen = np.array([2.0, 20.0, 200.0])
    found = counts(np.append(seen, [50.0, 52, 47, 53]), np.append(2 * seen, [50.0] * 4))
    assert (np.diff(found.ratio[:3]) < 0).all()
    assert (np.diff(found.p_below[:3]) > 0).all()


def test_one_rep_or_none_at_all() -> None:
    for size in (0, 1):
        ones = np.ones(size)
        for found in (counts(ones, ones), shares(ones, ones, ones / 2), log_ratios(0 * ones, ones)):
            assert found.ratio.shape == (size,)
            assert np.isfinite(found.ratio).all()
