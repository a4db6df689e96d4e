"""Whatever the forecasts and bounds: quotas add up to the goal, keep their bounds, and more goal is nobody's gain."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spm_ml.planning.quotas import UnallocatableError, at_share, to_goal

LEVELS = np.arange(1, 20) / 20
STEP = 1_000


@st.composite
def organisations(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ascending bookings of each rep at `LEVELS`, and bounds that leave a whole step."""
    size = draw(st.integers(1, 8))
    steps = draw(st.lists(st.lists(st.integers(0, 40_000), min_size=19, max_size=19), min_size=size, max_size=size))
    values = np.cumsum(np.array(steps, dtype=float), axis=1)
    lower = np.array(draw(st.lists(st.integers(0, 200_000), min_size=size, max_size=size)), dtype=float)
    width = draw(st.lists(st.integers(2 * STEP, 400_000) | st.just(10**12), min_size=size, max_size=size))
    return values, lower, lower + np.array(width, dtype=float)


@given(organisations(), st.floats(0, 1))
@settings(max_examples=120)
def test_quotas_add_up_and_keep_their_bounds(organisation: tuple[np.ndarray, ...], part: float) -> None:
    values, lower, upper = organisation
    least = np.maximum(np.ceil(lower / STEP), 1) * STEP
    most = np.floor(upper / STEP) * STEP
    goal = int(least.sum() + part * min(most.sum() - least.sum(), 2_000_000))
    found = to_goal(values, LEVELS, goal, lower, upper, STEP)
    assert found.total == goal
    odd = found.quotas % STEP != 0
    assert odd.sum() <= 1
    assert (found.quotas >= least - STEP * odd).all()
    assert (found.quotas <= most + STEP * odd).all()
    assert (found.quotas > 0).all()
    free = ~found.bounded
    if part and LEVELS[0] < found.level < LEVELS[-1]:
        exact = [np.interp(found.level, LEVELS, row) for row in values[free]]
        assert (np.abs(found.quotas[free] - exact) <= 2 * STEP).all() or (~free).any(), "equally hard for all"


@given(organisations())
def test_a_larger_share_at_quota_means_no_larger_quota(organisation: tuple[np.ndarray, ...]) -> None:
    values, lower, upper = organisation
    quotas = [at_share(values, LEVELS, share, lower, upper, STEP).quotas for share in (0.3, 0.6, 0.9)]
    assert (quotas[0] >= quotas[1]).all()
    assert (quotas[1] >= quotas[2]).all()


def test_quotas_without_bounds_are_added_up_all_the_same() -> None:
    values = np.cumsum(np.full((5_000, 19), 10_000.0), axis=1)
    free = np.zeros(5_000), np.full(5_000, np.inf)
    assert to_goal(values, LEVELS, 500_000_000, *free, STEP).quotas.tolist() == [100_000] * 5_000


def test_what_cannot_be_allocated_is_refused() -> None:
    values = np.cumsum(np.full((2, 19), 10_000.0), axis=1)
    lower, upper = np.array([50_000.0, 50_000.0]), np.array([100_000.0, 100_000.0])
    for goal in (99_000, 201_000):
        with pytest.raises(UnallocatableError, match=f"between 100000 and 200000 minor units, not to {goal}"):
            to_goal(values, LEVELS, goal, lower, upper, STEP)
    with pytest.raises(UnallocatableError, match="1 quotas have no value in steps of 1000"):
        at_share(values, LEVELS, 0.5, lower, np.array([50_000.0, 49_000.0]), STEP)
