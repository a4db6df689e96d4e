"""Exact intervals: they cover, they are not needlessly wide, and every corner has an answer."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from spm_ml.fairness.calibration import contrast
from spm_ml.fairness.exact import rate_interval, ratio_interval


def test_a_rate_interval_is_clopper_and_pearsons() -> None:
    assert rate_interval(0, 0) == (0.0, 1.0)
    assert rate_interval(0, 20) == (0.0, pytest.approx(1 - 0.025 ** (1 / 20)))
    assert rate_interval(20, 20) == (pytest.approx(0.025 ** (1 / 20)), 1.0)
    assert rate_interval(81, 263) == (pytest.approx(0.2527, abs=1e-4), pytest.approx(0.3676, abs=1e-4))


@pytest.mark.parametrize(("size", "other_size"), [(8, 8), (4, 12)])
def test_the_ratio_interval_covers_whatever_the_rates(size: int, other_size: int) -> None:
    """Every pair of counts is weighed: the coverage is a sum, not a simulation."""
    pairs = [(hits, other) for hits in range(size + 1) for other in range(other_size + 1)]
    ends = {pair: ratio_interval(pair[0], size, pair[1], other_size, 0.9) for pair in pairs}
    covered = []
    for rate in np.linspace(0.04, 0.96, 9):
        for ratio in (0.3, 0.8, 1.0, 3.0):
            if ratio * rate <= 1:
                chances = {
                    pair: binom.pmf(pair[0], size, ratio * rate) * binom.pmf(pair[1], other_size, rate)
                    for pair in pairs
                }
                covered.append(sum(chances[pair] for pair in pairs if ends[pair][0] <= ratio <= ends[pair][1]))
    assert min(covered) >= 0.9
    assert np.mean(covered) <= 0.98


def test_with_many_persons_it_is_the_delta_methods() -> None:
    low, high = ratio_interval(900, 3000, 1000, 3000)
    spread = 1.96 * np.sqrt(0.7 / 900 + (2 / 3) / 1000)
    assert (low, high) == (
        pytest.approx(0.9 * np.exp(-spread), rel=0.003),
        pytest.approx(0.9 * np.exp(spread), rel=0.003),
    )


@pytest.mark.parametrize(
    ("counts", "low", "high"),
    [
        ((0, 10, 0, 10), 0.0, np.inf),
        ((0, 10, 10, 10), 0.0, 0.45),
        ((10, 10, 0, 10), 2.2, np.inf),
        ((0, 0, 5, 10), 0.0, np.inf),
        ((1, 1, 1, 1), 0.02, 50.0),
    ],
)
def test_corners(counts: tuple[int, int, int, int], low: float, high: float) -> None:
    found = ratio_interval(*counts)
    assert found[0] >= low
    assert found[1] <= high
    assert found[0] <= found[1]


@given(st.data())
@settings(max_examples=15, deadline=None)
def test_swapping_the_rates_inverts_the_interval(data: st.DataObject) -> None:
    size, other_size = data.draw(st.integers(1, 25)), data.draw(st.integers(1, 25))
    hits, other = data.draw(st.integers(0, size)), data.draw(st.integers(0, other_size))
    low, high = ratio_interval(hits, size, other, other_size)
    inverse_low, inverse_high = ratio_interval(other, other_size, hits, size)
    assert low == pytest.approx(1 / inverse_high if np.isfinite(inverse_high) else 0.0)
    assert inverse_low == pytest.approx(1 / high if np.isfinite(high) else 0.0)
    if hits and other:
        assert np.isfinite(high)
        assert low <= hits / size / (other / other_size) <= high
        wider = ratio_interval(hits, size, other, other_size, 0.99)
        assert wider[0] <= low + 1e-3
        assert wider[1] >= 0.999 * high


def test_a_contrast_finds_what_is_there_and_not_what_is_not() -> None:
    random = np.random.default_rng(0)
    reps, periods = np.repeat(np.arange(80), 12), np.tile(np.repeat(np.arange(4), 3), 80)
    luck = random.normal(size=80)[reps] * 0.1 + random.normal(size=4)[periods] * 0.3
    noise = luck + random.normal(size=960) * 0.3
    inside = reps < 30
    same = contrast(noise, reps, periods, inside)
    worse = contrast(noise + 0.2 * inside, reps, periods, inside)
    assert same is not None
    assert worse is not None
    assert same.low < 0 < same.high
    assert worse.low > 0.05
    assert worse.difference == pytest.approx(worse.group - worse.others)
    assert (worse.reps, worse.rows) == (30, 360)
    assert same == contrast(noise, reps, periods, inside)


def test_a_contrast_of_nobody_or_of_one_rep_is_none() -> None:
    values, reps, periods = np.ones(6), np.array([1, 1, 2, 2, 3, 3]), np.zeros(6)
    assert contrast(values, reps, periods, np.zeros(6)) is None
    assert contrast(values, reps, periods, reps == 1) is None
    assert contrast(np.full(6, np.nan), reps, periods, reps > 1) is None
