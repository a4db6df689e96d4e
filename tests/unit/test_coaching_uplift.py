"""Uplift on worlds whose effects are known, and on those that tell nothing."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from spm_ml.coaching.rep_periods import RepPeriods
from spm_ml.coaching.skills.gaps import SkillGaps, gaps_from
from spm_ml.coaching.uplift import MIN_EPISODES, estimate_uplift
from spm_ml.coaching.uplift.episodes import episodes_of
from spm_ml.coaching.uplift.hierarchy import Prior, fit_hierarchy
from tests.uplift_world import uplift_world

World = tuple[RepPeriods, SkillGaps]


def world(**knobs: float) -> World:
    periods, ratings, _ = uplift_world(**knobs)  # type: ignore[arg-type]
    return periods, gaps_from(ratings, periods)


@pytest.fixture(scope="module")
def helpful() -> World:
    return world(reps=300, gain=0.2)


def test_programs_that_help_are_told_from_the_dud(helpful: World) -> None:
    uplift = estimate_uplift(*helpful)
    mean = uplift.options.groupby("program_id")["effect"].mean()
    assert mean["create"] > 0.03
    assert mean["close"] > 0.03
    assert abs(mean["dud"]) < 0.5 * min(mean["create"], mean["close"])
    assert set(uplift.options["level"]) == {"individual"}
    assert uplift.trained == sum(uplift.episodes.values()) > 300


def test_who_lacks_more_gains_more(helpful: World) -> None:
    options = estimate_uplift(*helpful).options
    close = options[options["program_id"] == "close"]
    assert close["effect"].corr(close["matched_gap"]) > 0.5


def test_intervals_are_made_of_shared_and_own_parts(helpful: World) -> None:
    uplift = estimate_uplift(*helpful)
    shared = np.einsum("ij,jk,ik->i", uplift.loadings, uplift.covariance, uplift.loadings)
    whole = uplift.options["sd"].to_numpy() ** 2
    np.testing.assert_allclose(shared + uplift.options["own_sd"].to_numpy() ** 2, whole, rtol=0.05)
    assert (uplift.options["low"] < uplift.options["effect"]).all()
    assert uplift.options["p_positive"].between(0, 1).all()


def test_a_world_without_effects_claims_none() -> None:
    positive = []
    for seed in range(3):
        options = estimate_uplift(*world(reps=200, gain=0.0, seed=seed)).options
        positive.append((options.groupby("rep_id")["p_positive"].max() > 0.95).mean())
    assert np.mean(positive) < 0.1


def test_the_same_data_give_the_same_effects_in_any_order(helpful: World) -> None:
    periods, gaps = helpful
    shuffled = replace(periods, starts=periods.starts.sample(frac=1, random_state=0))
    first, second = estimate_uplift(periods, gaps), estimate_uplift(shuffled, gaps)
    pd.testing.assert_frame_equal(first.options, second.options)


def test_few_episodes_claim_no_effect_but_keep_an_order(helpful: World) -> None:
    periods, gaps = helpful
    few = replace(periods, starts=periods.starts.head(MIN_EPISODES - 10))
    uplift = estimate_uplift(few, gaps)
    assert set(uplift.options["level"]) == {"gap"}
    assert uplift.options["effect"].isna().all()
    assert uplift.options["priority"].corr(uplift.options["matched_gap"]) > 0.3
    nobody = replace(periods, starts=periods.starts.head(0))
    assert estimate_uplift(nobody, gaps).trained == 0


def test_a_rare_program_gets_the_pooled_effect(helpful: World) -> None:
    periods, gaps = helpful
    starts = periods.starts
    rare = pd.concat([starts[starts["program_id"] != "dud"], starts[starts["program_id"] == "dud"].head(3)])
    options = estimate_uplift(replace(periods, starts=rare), gaps).options
    assert dict(zip(options["program_id"], options["level"], strict=True)) == {
        "create": "individual",
        "close": "individual",
        "dud": "pooled",
    }


def test_odd_data_have_an_answer(helpful: World) -> None:
    periods, gaps = helpful
    assert estimate_uplift(replace(periods, programs=()), gaps).options.empty
    everyone = periods.frame[["rep_id", "t", "period_start"]].assign(
        program_id="close", started_on=periods.frame["period_start"], completed_on=pd.NaT, assigned_by="", reason=""
    )
    took = estimate_uplift(replace(periods, starts=everyone), gaps).options
    assert np.isfinite(took["effect"]).all()
    one = replace(periods, frame=periods.frame[periods.frame["rep_id"] == "r0000"].reset_index(drop=True))
    assert len(estimate_uplift(one, gaps).options) == 3
    blank = replace(periods, frame=periods.frame.assign(attainment=np.nan))
    assert estimate_uplift(blank, gaps).options["effect"].isna().all()
    assert estimate_uplift(periods, gaps, t=99).options.empty


def test_episodes_look_one_period_ahead(helpful: World) -> None:
    periods, gaps = helpful
    episodes = episodes_of(periods, gaps)
    attainment = periods.frame.set_index(["rep_id", "t"])["attainment"]
    for row in (0, 5, 17):
        expected = attainment.get((episodes.rep_id[row], episodes.t[row] + 1), np.nan)
        np.testing.assert_equal(episodes.attainment[row], expected)
    assert np.isnan(episodes.attainment[episodes.t == periods.last]).all()
    assert episodes.started.sum() == len(periods.starts)
    assert np.isfinite(episodes.covariates).all()


class TestHierarchy:
    def test_much_evidence_outweighs_the_prior_and_none_leaves_it(self) -> None:
        random = np.random.default_rng(0)
        prior = Prior(np.array([[0.05], [0.05]]), np.array([0.03]), np.array([0.03]), np.ones(2))
        design = random.normal(size=(4000, 2))
        truth = np.array([0.2, -0.1])
        found = fit_hierarchy(design, design @ truth + 0.1 * random.normal(size=4000), np.full(4000, 0.01), prior)
        np.testing.assert_allclose(found.mean, truth, atol=0.01)
        nothing = fit_hierarchy(np.zeros((0, 2)), np.zeros(0), np.zeros(0), prior)
        np.testing.assert_allclose(nothing.mean, [0.05, 0.05])
        assert nothing.covariance[0, 1] > 0

    def test_programs_borrow_from_each_other(self) -> None:
        random = np.random.default_rng(1)
        prior = Prior(np.zeros((2, 1)), np.array([0.1]), np.array([0.02]), np.ones(2))
        design = np.column_stack([random.normal(size=2000), np.zeros(2000)])
        found = fit_hierarchy(design, 0.3 * design[:, 0] + 0.1 * random.normal(size=2000), np.full(2000, 0.01), prior)
        assert found.mean[1] > 0.15
        assert found.covariance[1, 1] > found.covariance[0, 0]
