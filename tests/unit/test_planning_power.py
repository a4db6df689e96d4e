"""What a hold-out detects: the closed form, a simulation, and the words."""

import numpy as np
import pytest
from scipy import stats

from spm_ml.planning import Design, detectable_effect


def test_large_groups_follow_the_normal_formula() -> None:
    found = detectable_effect(10_000, 10_000, 0.25)
    expected = (stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) * 0.25 * np.sqrt(2 / 10_000)
    assert found == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(("offered", "held"), [(10, 4), (40, 10)])
def test_a_t_test_finds_the_effect_four_times_in_five(offered: int, held: int) -> None:
    effect = detectable_effect(offered, held, 0.2)
    assert effect is not None
    rng = np.random.default_rng(7)
    trained, others = rng.normal(effect, 0.2, (4_000, offered)), rng.normal(0, 0.2, (4_000, held))
    found = stats.ttest_ind(trained, others, axis=1).pvalue < 0.05
    assert found.mean() == pytest.approx(0.8, abs=0.03)


def test_repeating_the_design_detects_less() -> None:
    one, four = detectable_effect(50, 50, 0.2), detectable_effect(50, 50, 0.2, periods=4)
    assert one is not None
    assert four == pytest.approx(one / 2, rel=0.02)


@pytest.mark.parametrize(("offered", "held"), [(0, 3), (3, 0), (1, 1), (0, 0)])
def test_groups_that_are_too_small_detect_nothing(offered: int, held: int) -> None:
    assert detectable_effect(offered, held, 0.2) is None


def test_the_words_say_what_it_takes() -> None:
    assert Design(12, 0, 0.2, 0.05).words().startswith("Nobody is held out")
    words = Design(90, 30, 0.2, 0.05).words()
    assert words.startswith("With 120 seats, 30 of them held out by lot, this design detects 12 points in one period")
    assert "8 points in two" in words
    assert "6 such periods" in words
    assert Design(90, 30, 0.2, 0.001).words().endswith("more than 12 such periods to show.")
    assert Design(90, 30, 0.2, None).words().endswith("two-sided 5%).")
    assert "too few for one period" in Design(1, 1, 0.2, None).words()
    assert "nobody would be offered" in Design(0, 2, 0.2, None).words()
    assert "spread of attainment is unknown" in Design(9, 2, None, 0.05).words()
    assert Design(9, 2, None, 0.05).periods_needed() is None
    assert Design(9, 2, 0.2, None).periods_needed() is None
