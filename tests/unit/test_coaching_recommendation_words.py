"""What each option says and what each rep hears, from rows that are given."""

from dataclasses import replace
from datetime import date
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from spm_ml.coaching.programs import Program
from spm_ml.coaching.recommendation.options import Moment, candidates, program_options
from spm_ml.coaching.recommendation.rows import Told, recommendations
from spm_ml.coaching.recommendation.spread import outcome_spread
from spm_ml.coaching.recommendation.words import abstention_of, evidence_words
from spm_ml.fiscal import Period
from spm_ml.planning import Limits, make_plan
from spm_ml.predictions import Diagnosis, DiagnosisVerdict, ProgramOption

PROGRAMS = (
    Program("disco", "Discovery Lab", ("discovery",), cost=100_000, seats=2, days=2.0),
    Program("nego", "Negotiation Clinic", ("negotiation",), cost=None, seats=None, days=30.0),
)
BY_ID = {program.program_id: program for program in PROGRAMS}
PERIOD = Period(date(2026, 4, 1), date(2026, 6, 30), "2026Q2", 2026, 2)
MOMENT = Moment(date(2026, 5, 20), PERIOD, selling_days=60, selling_days_left=28)


def uplift(**changes: object) -> Any:
    row: dict[str, object] = {
        "skill": "discovery",
        "matched_gap": 1.2,
        "baseline": 0.9,
        "effect": 0.06,
        "low": 0.01,
        "high": 0.11,
        "p_positive": 0.99,
        "own_sd": 0.02,
        "priority": 0.05,
        "level": "individual",
    }
    rows = [{"rep_id": rep, "program_id": program} | row | changes for rep in ("a", "b") for program in BY_ID]
    return SimpleNamespace(
        options=pd.DataFrame(rows), loadings=np.ones((4, 1)), covariance=np.eye(1), episodes={"disco": 40, "nego": 3}
    )


def starts(*rows: tuple[str, str, str]) -> Any:
    frame = pd.DataFrame(rows, columns=["rep_id", "program_id", "started_on"])
    return SimpleNamespace(programs=PROGRAMS, starts=frame.assign(started_on=pd.to_datetime(frame["started_on"])))


GAPS: Any = SimpleNamespace(
    frame=pd.DataFrame({"rep_id": ["a"], "skill": ["discovery"], "text": ["discovery rated 2 by the manager"]})
)


def options(made: Any = None, periods: Any = None, findings: Any = ()) -> dict[tuple[str, str], ProgramOption]:
    rows = program_options(made or uplift(), periods or starts(), GAPS, findings, MOMENT, {"a", "b"})
    return {(row.rep_id, row.program_id): row for row in rows}


def diagnosis(rep: str, verdict: DiagnosisVerdict) -> Diagnosis:
    return Diagnosis(rep, "2025Q2 to 2026Q1", 0.8, -0.2, (), (), verdict, "", "", "", None)


def told(rows: dict[tuple[str, str], ProgramOption], *verdicts: Diagnosis) -> Told:
    return Told(
        PERIOD, PROGRAMS, tuple(rows.values()), dict.fromkeys(rows, "individual"), {d.rep_id: d for d in verdicts}
    )


def test_time_lost_is_the_share_of_selling_days_times_what_the_rep_would_reach() -> None:
    found = options()
    assert found["a", "disco"].time_lost == pytest.approx(2 / 60 * 0.9)
    assert options(uplift(baseline=np.nan))["a", "disco"].time_lost == pytest.approx(2 / 60)
    assert found["a", "disco"].reason == "Discovery rated 2 by the manager"
    assert found["b", "disco"].reason == "Nothing is known about this rep's discovery"


def test_what_cannot_end_in_time_does_harm_or_was_taken_is_barred() -> None:
    found = options(periods=starts(("a", "disco", "2025-09-01"), ("b", "other", "2026-04-20")))
    assert found["a", "nego"].barred == "Negotiation Clinic takes 30 selling days and 28 are left in 2026Q2"
    assert "was started on 2025-09-01" in found["a", "disco"].barred
    assert "another program was started on 2026-04-20" in found["b", "disco"].barred
    harmful = options(findings=[SimpleNamespace(program_id="disco", verdict="harmful")])
    assert "has lowered attainment so far" in harmful["a", "disco"].barred
    assert options(periods=starts(("a", "disco", "2025-04-01")))["a", "disco"].barred == ""


def test_days_are_counted_after_the_day_of_the_decision() -> None:
    class Weekdays:
        def selling_days(self, first: date, last: date) -> int:
            return int(np.busday_count(first, last)) + int(np.is_busday(last))

    moment = Moment.of(Weekdays(), date(2026, 6, 26), PERIOD)  # type: ignore[arg-type]
    assert (moment.selling_days, moment.selling_days_left) == (65, 2)
    assert Moment.of(Weekdays(), date(2026, 6, 30), PERIOD).selling_days_left == 0  # type: ignore[arg-type]
    assert Moment.of(Weekdays(), date(2026, 3, 1), PERIOD).selling_days_left == 65  # type: ignore[arg-type]


def test_an_option_without_an_effect_carries_no_loadings() -> None:
    found = options(uplift(effect=np.nan, low=np.nan, high=np.nan, p_positive=np.nan, level="gap"))["a", "disco"]
    assert found.effect is found.p_positive is found.own_sd is None
    assert found.loadings == ()
    assert found.evidence == "no effect evidence (largest matched gap)"


def test_the_words_of_each_level_name_their_enrolments() -> None:
    episodes = {"disco": 40, "nego": 3}
    assert evidence_words("individual", episodes, "disco") == (
        "individual effect (40 enrolments in this program, 43 in all)"
    )
    assert "of this one 3, fewer than 8" in evidence_words("pooled", episodes, "nego")


def test_a_pooled_effect_is_not_said_to_be_the_programs_own() -> None:
    pooled = {key: replace(row, evidence="pooled effect (all programs)") for key, row in options().items()}
    plan = make_plan(
        candidates(tuple(pooled.values()), PROGRAMS, {}, (), {}), Limits(people=1), covariance=np.eye(1) * 1e-4
    )
    (offer,) = (
        row for row in recommendations(["a"], plan, told(pooled, diagnosis("a", "bad_luck"))) if row.rep_id == "a"
    )
    assert "this offer rests on what programs have done on average, as too few took this one" in offer.reason


def test_an_offer_says_why_this_program_and_what_it_costs_a_point() -> None:
    rows = options()
    plan = make_plan(
        candidates(tuple(rows.values()), PROGRAMS, {}, (), {}), Limits(people=2), covariance=np.eye(1) * 1e-4
    )
    made = {row.rep_id: row for row in recommendations(["a", "b"], plan, told(rows, diagnosis("a", "hard_quota")))}
    offer = made["a"]
    assert offer.abstention is None
    assert offer.program_id == "disco"
    assert (offer.effect, offer.effect_low, offer.effect_high) == (0.06, 0.01, 0.11)
    assert "its 2 selling days cost about 3.0 points first" in offer.reason
    assert "this quota looks hard, which no training changes" in offer.reason
    assert "this offer rests on what the program has done for reps like this one" in offer.reason
    assert "quota" not in made["b"].reason
    assert offer.cost_per_point == round(100_000 / 3)
    assert offer.evidence_level == "individual"
    assert offer.expires_on == PERIOD.end


def test_a_dearer_second_choice_says_that_another_would_bring_more() -> None:
    rows = options()
    rows["a", "nego"] = replace(rows["a", "nego"], barred="", effect=0.09, high=0.12, time_lost=0.0)
    plan = make_plan(candidates(tuple(rows.values()), PROGRAMS, {}, (), {}), Limits(seats={"nego": 0}),
                     covariance=np.eye(1) * 1e-4)  # fmt: skip
    made = {row.rep_id: row for row in recommendations(["a", "b"], plan, told(rows))}
    assert "Negotiation Clinic would bring this rep more" in made["a"].reason


@pytest.mark.parametrize("verdict", ["hard_quota", "conditions", "bad_luck", "on_plan"])
def test_a_verdict_that_is_no_flag_is_the_reason_where_nothing_helps(verdict: DiagnosisVerdict) -> None:
    rows = list(options().values())
    found = abstention_of("no_evidence", rows[:2], BY_ID, diagnosis("a", verdict))
    assert found.reason == verdict
    assert "Discovery Lab, is put at +3.0 points" in found.detail


@pytest.mark.parametrize(
    ("why", "reason"),
    [
        ("limits", "budget_or_seats"),
        ("cost_unknown", "cost_unknown"),
        ("no_evidence", "no_evidence"),
        ("no_gap", "no_matched_gap"),
        ("barred", "program_barred"),
    ],
)
def test_every_other_reason_is_named(why: Any, reason: str) -> None:
    rows = list(options().values())[:2]
    assert abstention_of(why, rows, BY_ID, diagnosis("a", "behaviour")).reason == reason
    assert abstention_of("no_gap", [replace(row, gap=None) for row in rows], BY_ID, None).reason == "no_assessment"
    assert "28 are left" in abstention_of("barred", rows, BY_ID, None).detail


def test_the_spread_of_outcomes_is_what_the_past_does_not_say() -> None:
    rng = np.random.default_rng(0)
    usual = rng.normal(0.9, 0.3, 4_000)
    frame = pd.DataFrame(
        {"finished": True, "attainment_mean": usual, "attainment": usual + rng.normal(0, 0.2, len(usual))}
    )
    periods: Any = SimpleNamespace(frame=frame)
    assert outcome_spread(periods) == pytest.approx(0.2, rel=0.05)
    few: Any = SimpleNamespace(frame=frame.head(5))
    assert outcome_spread(few) is None
