"""Effects of programs in organisations whose truth is known, and answers to what cannot be judged."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from spm_ml.coaching.effects import estimate_effects
from spm_ml.coaching.effects.findings import TOO_WIDE
from spm_ml.coaching.programs import Program
from spm_ml.coaching.rep_periods import RepPeriods
from spm_ml.predictions.coaching import ProgramFinding
from tests.effects_world import make_periods, programs


def only(periods: RepPeriods) -> ProgramFinding:
    (found,) = estimate_effects(periods)
    return found


def with_starts(periods: RepPeriods, starts: pd.DataFrame) -> RepPeriods:
    return replace(periods, starts=starts.reset_index(drop=True))


@pytest.fixture(scope="module")
def helping() -> ProgramFinding:
    return only(make_periods(1, (0.15,), reps=300, lost=0.10))


def test_selection_of_the_weak_neither_hides_nor_invents_an_effect() -> None:
    for effect in (0.0, 0.08):
        found = [only(make_periods(seed, (effect,))) for seed in range(5)]
        values = np.array([finding.effect for finding in found], dtype=float)
        assert values.mean() == pytest.approx(effect, abs=0.025)
        inside = [f.effect_low <= effect <= f.effect_high for f in found if f.effect_low is not None and f.effect_high]
        assert sum(inside) >= 4
        naive = np.array([finding.naive_before_after for finding in found], dtype=float)
        assert (naive > effect + 0.1).all()


def test_an_effect_is_found_with_everything_that_belongs_to_it(helping: ProgramFinding) -> None:
    assert helping.verdict == "helps"
    assert helping.effect == pytest.approx(0.15, abs=0.06)
    assert helping.enrolled > helping.trained > 100
    assert {check.slug for check in helping.checks} == {
        "placebo",
        "permutation",
        "negative_control",
        "own_kpi",
        "confounding",
        "overlap",
    }
    assert all("%" not in check.label for check in helping.checks)
    assert "points" in helping.detail


def test_the_time_lost_is_an_estimate_of_its_own(helping: ProgramFinding) -> None:
    lags = {point.lag: point for point in helping.event_study}
    assert lags[0].effect == pytest.approx(-0.10, abs=0.06)
    assert "in the period of the program itself -" in helping.detail


def test_the_period_the_decision_was_taken_on_shows_the_dip_and_says_so(helping: ProgramFinding) -> None:
    lags = {point.lag: point for point in helping.event_study}
    assert lags[-1].high < 0
    assert "no effect and no base" in helping.fading


def test_the_naive_figures_come_with_what_is_wrong_with_them(helping: ProgramFinding) -> None:
    assert helping.naive_before_after is not None
    assert helping.naive_difference is not None
    assert helping.effect is not None
    assert helping.naive_before_after > helping.effect
    assert helping.naive_difference < helping.effect
    assert "would have come anyway" in helping.naive_words
    assert "who was sent" in helping.naive_words


def test_harm_is_called_harm() -> None:
    assert only(make_periods(2, (-0.2,), reps=300)).verdict == "harmful"


def test_an_effect_that_fades_is_seen_to_fade() -> None:
    assert "fades" in only(make_periods(3, (0.4,), reps=400, fade=0.7, rate=0.1)).fading


def test_programs_are_told_apart() -> None:
    found = estimate_effects(make_periods(4, (0.25, 0.0, -0.25), reps=500, rate=0.3))
    assert [finding.verdict for finding in found] == ["helps", "no evidence", "harmful"]


def test_the_answer_is_the_same_for_the_same_seed() -> None:
    periods = make_periods(5, (0.1, 0.0))
    assert estimate_effects(periods, seed=3) == estimate_effects(periods, seed=3)


def test_a_wide_interval_is_no_evidence_of_nothing() -> None:
    found = only(make_periods(6, (0.0,), reps=60, rate=0.06, selection=0.5, noise=0.9))
    assert found.effect_high is not None
    assert found.effect_low is not None
    assert found.effect_high - found.effect_low > 2 * TOO_WIDE
    assert found.verdict == "cannot tell"
    assert "starts would show" in found.detail


def test_nobody_took_it() -> None:
    periods = make_periods(7, (0.0,))
    unused = replace(periods, programs=(*periods.programs, Program("P9", "Unused", ("closing",))))
    found = estimate_effects(unused)[1]
    assert (found.verdict, found.detail) == ("cannot tell", "nobody took it yet")
    assert found.effect is None
    assert found.naive_before_after is None
    assert found.checks == ()


def test_everyone_took_it() -> None:
    periods = make_periods(8, (0.0,), rate=0.0)
    frame = periods.frame[["rep_id", "t"]].assign(program_id="P0", started_on=pd.Timestamp("2024-02-01"))
    everyone = with_starts(periods, frame.assign(completed_on=pd.NaT, assigned_by="", reason=""))
    found = only(everyone)
    assert found.verdict == "cannot tell"
    assert found.enrolled == len(periods.frame)


def test_everyone_took_it_at_once() -> None:
    periods = make_periods(8, (0.0,), rate=0.0)
    frame = periods.frame.loc[periods.frame["t"] == 4, ["rep_id", "t"]]
    starts = frame.assign(program_id="P0", started_on=pd.Timestamp("2025-01-05"), completed_on=pd.NaT)
    found = only(with_starts(periods, starts.assign(assigned_by="", reason="")))
    assert found.verdict == "cannot tell"
    assert "no overlap" in found.detail or "nobody comparable" in found.detail


def test_one_rep_took_it_again_and_again() -> None:
    periods = make_periods(9, (0.0,))
    one = periods.starts.drop_duplicates("t").assign(rep_id="r007")
    found = only(with_starts(periods, one))
    assert found.verdict == "cannot tell"
    assert "of 1 reps" in found.detail


def test_overlapping_enrolments_are_left_out_and_counted() -> None:
    periods = make_periods(10, (0.0, 0.0))
    first = periods.starts[periods.starts["program_id"] == "P0"]
    both = pd.concat([periods.starts, first.head(7).assign(program_id="P1"), first.tail(3)])
    found = estimate_effects(with_starts(periods, both))
    assert "7 starts beside another program" in found[0].detail
    assert found[0].enrolled == len(first) + 3


def test_completions_before_starts_change_nothing() -> None:
    periods = make_periods(11, (0.1,))
    early = periods.starts.assign(completed_on=periods.starts["started_on"] - pd.Timedelta(days=30))
    assert estimate_effects(with_starts(periods, early)) == estimate_effects(periods)


def test_starts_of_unknown_programs_only_make_a_rep_ineligible() -> None:
    periods = make_periods(12, (0.0, 0.0))
    known = replace(periods, programs=programs(1))
    found = estimate_effects(known)
    assert [finding.program_id for finding in found] == ["P0"]
    assert found[0].effect == pytest.approx(estimate_effects(periods)[0].effect, abs=0.05)


def test_without_quotas_bookings_stand_against_the_reps_usual() -> None:
    periods = make_periods(13, (0.2,), reps=300)
    frame = periods.frame.assign(attainment=np.nan, quota=np.nan, quota_final=np.nan)
    found = only(replace(periods, frame=frame))
    assert "without quotas" in found.detail
    assert found.effect == pytest.approx(0.2, abs=0.08)


def test_no_rows_no_programs_and_no_finished_periods_are_answers() -> None:
    periods = make_periods(14, (0.0,), reps=20)
    empty = replace(periods, frame=periods.frame.iloc[:0], starts=periods.starts.iloc[:0])
    assert only(empty).verdict == "cannot tell"
    assert estimate_effects(replace(periods, programs=())) == ()
    fresh = replace(periods, frame=periods.frame.assign(attainment=np.nan, bookings=np.nan, finished=False))
    assert only(fresh).verdict == "cannot tell"


def test_an_interval_that_the_permutation_test_contradicts_is_no_verdict() -> None:
    from spm_ml.coaching.effects.aipw import Estimate
    from spm_ml.coaching.effects.findings import _verdict
    from spm_ml.predictions.coaching import EffectCheck

    estimate = Estimate(0.2, 0.05, 0.35, 0.07, 20.0, 12, 500, 0.0, (0.02, 0.98), 80.0, np.zeros(3))

    def judged(slug: str, passed: bool | None) -> str:
        return _verdict(estimate, (EffectCheck(slug, "", passed, 0.2, ""),))[0]  # type: ignore[arg-type]

    assert judged("permutation", True) == "helps"
    assert judged("permutation", False) == "cannot tell"
    assert judged("placebo", False) == "cannot tell"
    assert judged("placebo", None) == "helps"
    assert judged("negative_control", False) == "helps"
