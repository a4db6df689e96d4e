"""Skill gaps: what ratings are worth, how they add up, and what is said without them."""

import numpy as np
import pandas as pd
import pytest

from spm_ml.coaching.programs import Program, kpi_of
from spm_ml.coaching.skills.gaps import NEED_FROM, gaps_from
from spm_ml.coaching.skills.readings import standardised_ratings
from spm_ml.coaching.skills.reliability import USUAL_LOADING, fit_reliability, kpi_loading
from tests.uplift_world import PROGRAMS, uplift_world

PERIODS, RATINGS, SKILL = uplift_world(reps=120, periods=8)
NOBODY = RATINGS.head(0)


def test_a_skill_is_found_in_the_behaviour_it_drives() -> None:
    assert [getattr(kpi_of(name), "slug", None) for name in ("Negotiation", "pipeline reviews", "small talk")] == [
        "win_rate",
        "created",
        None,
    ]


def test_gaps_follow_the_true_skill_and_know_their_error() -> None:
    gaps = gaps_from(RATINGS, PERIODS)
    now = gaps.frame[gaps.frame["t"] == PERIODS.last]
    for skill, rows in now.groupby("skill"):
        truth = SKILL.loc[rows["rep_id"], str(skill)].to_numpy()
        truth = (truth - truth.mean()) / truth.std()
        assert np.corrcoef(-rows["gap"], truth)[0, 1] > 0.9
        error = (-rows["gap"].to_numpy() - truth) / rows["sd"].to_numpy()
        assert 0.7 < np.sqrt((error**2).mean()) < 1.4


def test_ratings_that_agree_count_for_more_than_noise() -> None:
    random = np.random.default_rng(0)
    noise = RATINGS.assign(assessor="quiz", score=random.normal(3, 1, len(RATINGS)))
    reliability = fit_reliability(standardised_ratings(pd.concat([RATINGS, noise]), PERIODS))
    assert reliability.loadings["manager"] > 0.8
    assert reliability.loadings["quiz"] < 0.4


def test_little_evidence_leaves_the_usual_reliability() -> None:
    few = standardised_ratings(RATINGS.head(10), PERIODS)
    assert fit_reliability(few).loadings["manager"] == pytest.approx(USUAL_LOADING, abs=0.05)
    assert fit_reliability(standardised_ratings(NOBODY, PERIODS)).loadings == {}


def test_the_future_changes_no_gap_of_the_past() -> None:
    t = 4
    known = RATINGS[pd.to_datetime(RATINGS["assessed_on"]) < PERIODS.at(t)["period_start"].iloc[0]]
    later = RATINGS.drop(known.index)
    changed = pd.concat([known, later.assign(score=later["score"].to_numpy()[::-1])])
    before, after = (gaps_from(ratings, PERIODS) for ratings in (RATINGS, changed))
    assert after.reliability.loadings["manager"] != before.reliability.loadings["manager"]
    frames = [gaps.frame for gaps in (before, after)]
    rated = [rows.loc[(rows["t"] == t) & (rows["skill"] == "prospecting"), "gap"].to_numpy() for rows in frames]
    assert np.corrcoef(rated[0], rated[1])[0, 1] > 0.99


def test_without_ratings_the_behaviour_speaks_and_says_so() -> None:
    frame = PERIODS.frame.assign(
        win_rate_364=1 / (1 + np.exp(-SKILL.loc[PERIODS.frame["rep_id"], "negotiation"].to_numpy()))
    )
    periods = type(PERIODS)(frame, PERIODS.starts, PROGRAMS, PERIODS.watermark, PERIODS.feature_names)
    frame = gaps_from(NOBODY, periods).frame
    now = frame[frame["t"] == PERIODS.last]
    negotiation = now[now["skill"] == "negotiation"]
    assert set(negotiation["source"]) == {"kpi"}
    assert np.corrcoef(-negotiation["gap"], SKILL.loc[negotiation["rep_id"], "negotiation"])[0, 1] > 0.9
    assert negotiation["text"].str.startswith("nobody rated negotiation; win rate is").all()
    prospecting = now[now["skill"] == "prospecting"]
    assert set(prospecting["source"]) == {""}
    assert set(prospecting["sd"]) == {1.0}


def test_bad_ratings_are_left_out() -> None:
    bad = pd.concat(
        [
            RATINGS,
            RATINGS.head(3).assign(score=np.nan),
            RATINGS.head(3).assign(score=np.inf),
            RATINGS.head(3).assign(rep_id="nobody"),
            RATINGS.head(3).assign(assessed_on=pd.Timestamp("1990-01-01")),
            RATINGS.head(3).assign(skill="juggling"),
        ]
    )
    pd.testing.assert_frame_equal(gaps_from(bad, PERIODS).frame, gaps_from(RATINGS, PERIODS).frame)
    same = gaps_from(RATINGS.assign(score=3.0), PERIODS)
    assert set(same.frame["source"]) == {""}


def test_need_is_what_can_still_be_learnt() -> None:
    gaps = gaps_from(RATINGS, PERIODS)
    rows = gaps.matched(PROGRAMS[0])
    assert (rows["need"] >= 0).all()
    assert rows["need"].corr(rows["gap"]) > 0.95
    certain = rows[rows["need_sd"] < 0.4]
    far = certain[certain["gap"] > 1]
    np.testing.assert_allclose(far["need"], far["gap"] - NEED_FROM, atol=0.05)
    both = gaps.matched(Program("both", "Both", ("prospecting", "negotiation")))
    assert set(both["skill"]) == {"prospecting", "negotiation"}
    assert gaps.matched(Program("none", "None", ("juggling",))).empty


def test_no_programs_no_gaps() -> None:
    periods = type(PERIODS)(PERIODS.frame, PERIODS.starts, (), PERIODS.watermark, PERIODS.feature_names)
    assert gaps_from(RATINGS, periods).frame.empty


def test_a_loading_stays_between_nothing_and_the_whole() -> None:
    random = np.random.default_rng(1)
    skill = random.normal(size=500)
    error = np.full(500, 0.2)
    assert kpi_loading(0.6 * skill + 0.8 * random.normal(size=500), skill, error) == pytest.approx(0.6, abs=0.1)
    assert kpi_loading(-skill, skill, error) == 0
    assert kpi_loading(np.full(500, np.nan), skill, error) == kpi_loading(skill[:2], skill[:2], error[:2])
