"""The gate and the card by protected group: who is refused, and that unequal flags alone refuse nobody."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from spm_ml.backtest import Backtest, run_backtest
from spm_ml.fairness import ProtectedGroups
from spm_ml.forecasting import HistoricalMean, LastPeriod
from spm_ml.settings import FairnessSettings, Organisation
from tests.rep_period_world import make_dataset
from training.fairness_words import fairness_words
from training.protected import POINTS, ProtectedFacts, protected_facts, protected_test

ORGANISATION = Organisation(fairness=FairnessSettings(aggregation_only=False))
CANDIDATE = HistoricalMean.name


@pytest.fixture(scope="module")
def backtest() -> Backtest:
    return run_backtest(make_dataset(24, 6, seed=1), forecasters=(LastPeriod, HistoricalMean), periods=3)


@pytest.fixture(scope="module")
def groups(backtest: Backtest) -> ProtectedGroups:
    reps = sorted(backtest.frame["rep_id"].unique())
    return ProtectedGroups.of(
        pd.DataFrame(
            {"rep_id": reps, "attribute": "gender", "value": ["f" if place % 2 else "m" for place in range(len(reps))]}
        )
    )


def with_chances(
    backtest: Backtest, groups: ProtectedGroups, *, lowered: float = 0.0, missing: bool = False
) -> Backtest:
    """The candidate knows everything to within a point, but its chances of women are too low, or women miss."""
    frame = backtest.frame.copy()
    mine = frame["forecaster"] == CANDIDATE
    women = frame["rep_id"].isin(groups.rows.loc[groups.rows["value"] == "f", "rep_id"])
    if missing:
        frame.loc[women, "actual_attainment"] = frame.loc[women, "actual_attainment"].clip(upper=0.9)
    hit = (frame["actual_attainment"] >= 1).astype(float)
    frame.loc[mine, "p_hit"] = np.clip(0.01 + 0.98 * hit - lowered * women, 0, 1)[mine]
    return dataclasses.replace(backtest, frame=frame)


def facts_of(backtest: Backtest, groups: ProtectedGroups | None) -> ProtectedFacts:
    return protected_facts(backtest, CANDIDATE, None, groups, ORGANISATION)


def test_chances_that_are_too_low_for_one_group_are_refused_with_the_number(
    backtest: Backtest, groups: ProtectedGroups
) -> None:
    facts = facts_of(with_chances(backtest, groups, lowered=0.4), groups)
    assert not facts.test.passed
    assert facts.test.test == "no_group_bears_more"
    assert "chances of gender f clearly too low beside all others" in facts.test.detail
    assert facts.test.value is not None
    assert facts.test.value > POINTS == facts.test.threshold
    worst = facts.calibration.iloc[0]
    assert (worst["group"], worst["reps"]) == ("f", 12)
    assert worst["low"] > POINTS
    assert facts.calibration["difference"].to_list() == pytest.approx([worst["difference"], -worst["difference"]])


def test_flags_that_follow_what_came_of_it_refuse_nobody(backtest: Backtest, groups: ProtectedGroups) -> None:
    """All women miss, and all are flagged: unequal, right, and told on the card."""
    facts = facts_of(with_chances(backtest, groups, missing=True), groups)
    assert facts.test.passed, facts.test.detail
    flagged = facts.burden.table.set_index(["measure", "group"]).loc[("flagged", "f")]
    assert flagged["rate"] == 1.0
    assert facts.burden.table["measure"].drop_duplicates().to_list() == ["flagged", "flagged_of_hitting", "missed"]
    assert not facts.burden.table.loc[facts.burden.table["measure"] == "missed", "used"].any()


def test_a_group_with_larger_errors_than_the_reference_gives_is_refused(
    backtest: Backtest, groups: ProtectedGroups
) -> None:
    frame = backtest.frame.copy()
    women = frame["rep_id"].isin(groups.rows.loc[groups.rows["value"] == "f", "rep_id"])
    quantiles = [name for name in frame if name.startswith("q") and name[1:].isdigit()]
    frame.loc[women & (frame["forecaster"] == CANDIDATE), quantiles] += 4.0
    test = protected_test(dataclasses.replace(backtest, frame=frame), CANDIDATE, LastPeriod.name, groups, ORGANISATION)
    assert not test.passed
    assert "CRPS of gender f clearly above the reference's" in test.detail


def test_without_groups_nothing_is_claimed(backtest: Backtest) -> None:
    facts = facts_of(backtest, None)
    assert facts.test.passed
    assert facts.test.value is None
    words = fairness_words(facts)
    assert words.startswith("**Not audited.**")
    assert "do not claim that this model is fair" in words


def test_groups_of_reps_who_do_not_exist_are_no_groups(backtest: Backtest, groups: ProtectedGroups) -> None:
    strangers = ProtectedGroups.of(groups.rows.assign(rep_id="x" + groups.rows["rep_id"]))
    facts = facts_of(backtest, strangers)
    assert facts.test.passed
    assert facts.burden.abstention is not None
    assert facts.burden.abstention.reason == "no_protected_groups"


def test_groups_that_are_too_small_are_not_judged(backtest: Backtest, groups: ProtectedGroups) -> None:
    few = Organisation(fairness=FairnessSettings(minimum_group=13))
    unfair = with_chances(backtest, groups, lowered=0.4)
    facts = protected_facts(unfair, CANDIDATE, None, groups, few)
    assert facts.test.passed
    assert facts.calibration.empty
    assert "There are no two protected groups large enough" in fairness_words(facts)


def test_a_backtest_without_quotas_has_no_flags_to_audit(backtest: Backtest, groups: ProtectedGroups) -> None:
    frame = backtest.frame.assign(p_hit=np.nan, actual_attainment=np.nan)
    facts = facts_of(dataclasses.replace(backtest, frame=frame), groups)
    assert facts.burden.abstention is not None
    assert facts.calibration.empty


def test_the_card_tells_burden_error_and_calibration(backtest: Backtest, groups: ProtectedGroups) -> None:
    words = fairness_words(facts_of(with_chances(backtest, groups, lowered=0.8), groups))
    for said in (
        "reach no feature, no fit and no choice",
        "`no_group_bears_more`: **failed**",
        "| measure | attribute | group | people | rate |",
        "| flagged | gender | f | 12 |",
        "| attribute | group | reps | n | too_low_by |",
        "**Four fifths**: In the high risk band at the start of the newest tested period: gender m 17% beside 100%",
        "In that band, of those who then reached the quota: gender f 100% beside 0% of m, ratio 0.00 (0.00 to 0.31)",
    ):
        assert said in words
