"""The value of past plans where the truth is known, and where nothing can be told."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from spm_ml.coaching.evidence import PastPlan, plan_value_table, value_of_past_plans
from spm_ml.coaching.evidence.gain import LEAST, Gain, compare_by_lot, gain_by_lot, gain_of_the_chosen, together
from spm_ml.coaching.evidence.value import ALL_PLANS, BEFORE_THE_LOG
from spm_ml.coaching.evidence.words import USEFUL_FROM, value_words
from tests.evidence_world import LABELS, evidence_world, logged

EFFECT = 0.15


@pytest.fixture(scope="module")
def plans() -> dict[str, PastPlan]:
    return {plan.period: plan for plan in value_of_past_plans(*evidence_world(effect=EFFECT))}


def test_every_logged_plan_all_of_them_and_the_time_before_are_valued(plans: dict[str, PastPlan]) -> None:
    assert list(plans) == [*LABELS[4:], ALL_PLANS, BEFORE_THE_LOG]


def test_the_lot_finds_the_effect_whatever_was_claimed(plans: dict[str, PastPlan]) -> None:
    gain = plans[ALL_PLANS].gain
    assert gain is not None
    assert gain.low < EFFECT < gain.high
    assert gain.se < 0.04
    assert plans[ALL_PLANS].randomised is not None


def test_without_a_lot_the_estimated_chances_do(plans: dict[str, PastPlan]) -> None:
    before = plans[BEFORE_THE_LOG]
    assert before.gain is not None
    assert before.gain.value == pytest.approx(EFFECT, abs=3 * before.gain.se)
    assert before.gain.se < 0.04
    assert "decided by one person or system; reasons on record: missed last period 100%" in before.words
    assert before.randomised is None


def test_a_plan_of_certain_offers_is_compared_with_those_not_offered() -> None:
    def at_random(last: np.ndarray) -> np.ndarray:
        return np.random.default_rng(5).random(len(last)) < 0.4

    periods, gaps, log = evidence_world(effect=EFFECT, chance=1.0, select=at_random)
    found = {plan.period: plan for plan in value_of_past_plans(periods, gaps, log)}[ALL_PLANS]
    assert found.gain is not None
    assert (found.held_out, found.randomised) == (0, None)
    assert found.gain.value == pytest.approx(EFFECT, abs=3 * found.gain.se)


def test_a_program_without_effect_is_told_from_nothing_in_no_more_than_chance() -> None:
    beyond = 0
    for seed in range(6):
        gain = value_of_past_plans(*evidence_world(reps=80, effect=0.0, claimed=None, seed=seed))[-2].gain
        assert gain is not None
        beyond += not gain.low < 0 < gain.high
    assert beyond <= 1


def test_the_running_plan_has_no_value_yet(plans: dict[str, PastPlan]) -> None:
    running = plans[LABELS[-1]]
    assert (running.known, running.gain, running.total) == (0, None, None)
    assert "No outcome is known yet" in running.words


def test_few_trained_people_are_told_so(plans: dict[str, PastPlan]) -> None:
    assert f"becomes useful from about {USEFUL_FROM}" in plans[LABELS[4]].words
    tiny = value_of_past_plans(*evidence_world(reps=12))
    assert tiny[0].gain is None
    assert f"at least {LEAST} people on either side" in tiny[0].words


def test_nothing_logged_and_nothing_at_all() -> None:
    periods, gaps, _ = evidence_world(reps=40)
    (before,) = value_of_past_plans(periods, gaps, ())
    assert before.period == BEFORE_THE_LOG
    assert value_of_past_plans(replace(periods, frame=periods.frame[:0]), gaps, ()) == ()
    nobody = replace(periods, starts=periods.starts[:0])
    (before,) = value_of_past_plans(nobody, gaps, ())
    assert "No program was started before the log began" in before.words


def test_an_offer_of_a_period_that_is_not_in_the_data_is_passed_over() -> None:
    periods, gaps, log = evidence_world(reps=40)
    elsewhere = replace(log[0], period="1999Q1")
    assert len(value_of_past_plans(periods, gaps, [elsewhere])) == 1


def test_the_total_is_that_of_those_offered(plans: dict[str, PastPlan]) -> None:
    plan = plans[LABELS[4]]
    assert plan.gain is not None
    assert plan.total is not None
    assert plan.total.value == pytest.approx(plan.offered * plan.gain.value)
    table = plan_value_table(plans.values())
    assert table.loc[0, "total"] == pytest.approx(100 * plan.total.value)
    assert list(table["gain"].isna()) == [False, False, True, True, False, False]


def test_a_known_chance_corrects_a_wrong_model() -> None:
    random = np.random.default_rng(1)
    n = 4000
    chance = random.uniform(0.3, 0.9, n)
    offered = random.random(n) < chance
    outcome = 0.3 + 0.1 * offered + random.normal(0, 0.3, n)
    rep = np.array([f"r{number % 500}" for number in range(n)])
    for wrong in (0.0, 0.5):  # what the models say of the outcome and of the gain
        gain = gain_by_lot(outcome - wrong, offered, chance, np.full(n, wrong), rep)
        assert gain is not None
        assert gain.value == pytest.approx(0.1, abs=3 * gain.se)
    simple = compare_by_lot(outcome, offered, chance, rep)
    assert simple is not None
    assert simple.value == pytest.approx(0.1, abs=3 * simple.se)


def test_standard_errors_are_those_of_repeated_draws() -> None:
    random = np.random.default_rng(2)
    chance = np.full(200, 0.7)
    rep = np.arange(200)
    found = []
    for _ in range(300):
        offered = random.random(200) < chance
        outcome = 0.1 * offered + random.normal(0, 0.3, 200)
        found.append(gain_by_lot(outcome, offered, chance, np.full(200, 0.1), rep))
    values = np.array([gain.value for gain in found if gain])
    assert np.mean([gain.se for gain in found if gain]) == pytest.approx(values.std(), rel=0.15)
    assert np.mean([gain.low < 0.1 < gain.high for gain in found if gain]) == pytest.approx(0.95, abs=0.04)


def test_one_side_alone_tells_nothing() -> None:
    ones, rep = np.ones(20, dtype=bool), np.arange(20)
    half = np.full(20, 0.5)
    assert gain_by_lot(half, ones, half, half, rep) is None
    assert compare_by_lot(half, ones, half, rep) is None
    assert gain_of_the_chosen(half, ~ones, half, rep) is None


def test_gains_are_put_together_by_their_people() -> None:
    one, other = Gain(0.1, 0.02, 100), Gain(0.2, 0.04, 300)
    both = together(one, other)
    assert both is not None
    assert both.value == pytest.approx(0.175)
    assert both.se == pytest.approx(np.hypot(2, 12) / 400)
    assert together(None, other) is other
    assert together(None, None) is None


@pytest.mark.parametrize(
    ("gain", "words"),
    [
        (Gain(0.1, 0.01, 9), "above zero beyond chance"),
        (Gain(-0.1, 0.01, 9), "below zero beyond chance"),
        (Gain(0.01, 0.01, 9), "cannot be told from nothing"),
    ],
)
def test_words_follow_the_interval(gain: Gain, words: str) -> None:
    assert words in value_words(gain, None, trained=USEFUL_FROM, known=9)
    assert "useful" not in value_words(gain, None, trained=USEFUL_FROM, known=9)
    assert "The lot alone says +10.0 points" in value_words(gain, Gain(0.1, 0.01, 9), trained=1, known=9)


def test_what_was_withdrawn_is_not_valued() -> None:
    periods, gaps, log = evidence_world(reps=40)
    first = [line for line in log if line.period == LABELS[4]]
    gone = [replace(line, event="withdrawn") for line in first]
    found = value_of_past_plans(periods, gaps, [*first, *gone])
    assert [plan.period for plan in found] == [BEFORE_THE_LOG]


def test_tables_of_nothing_have_their_columns() -> None:
    assert list(plan_value_table(()).columns)[:2] == ["plan", "offered"]
    assert pd.isna(logged(4, "r", "offered", None).value)
