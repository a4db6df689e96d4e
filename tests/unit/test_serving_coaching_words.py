"""What pages say about diagnoses, programs, plans and offers, row by row."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import get_args

import pytest

from serving.formats import GROUP, Money
from serving.pages import diagnosis as diagnosis_page
from serving.pages.diagnosis import diagnosis_words
from serving.pages.effect_words import VERDICTS, overview, program_words
from serving.pages.offers import LEVELS, offer_words
from serving.pages.plan import plan_words
from serving.pages.programs import lead_of
from spm_ml.hazards import Abstention
from spm_ml.predictions import (
    Decision,
    DiagnosisVerdict,
    EffectVerdict,
    EvidenceLevel,
    Offer,
    Recommendation,
    RepSummary,
)
from tests.coaching_world import cannot_tell, make_diagnosis, make_findings, make_plan

EUR = Money("EUR", 2)
HELPS, NOTHING, HARMFUL, UNKNOWN = make_findings()


def shown(points: str) -> float:
    return float(points.replace("\N{MINUS SIGN}", "-"))


@pytest.mark.parametrize("gap", [-0.1473, -0.00049, 0.0, 0.2518, -1.0])
def test_the_points_that_are_shown_add_up_to_the_gap(gap: float) -> None:
    words = diagnosis_words(make_diagnosis("r-1", "behaviour", gap=gap), "Ines Moreau")
    assert sum(shown(row.points) for row in words.rows) == pytest.approx(shown(words.total))
    total = round(100 * gap, 1)
    assert words.total == (f"{total:+.1f}".replace("-", "\N{MINUS SIGN}") if total else "0.0"), "zero has no sign"
    assert words.ends[0] == "100.0%"
    assert shown(words.ends[1].rstrip("%")) == pytest.approx(100 + 100 * gap, abs=0.051)
    assert {row.kind for row in words.rows} == {"▭ Condition", "▶ Behaviour"}


def test_the_alternative_of_the_chart_says_every_part() -> None:
    words = diagnosis_words(make_diagnosis("r-1", "behaviour"), "Ines <Moreau>")
    assert words.chart is not None
    for row in words.rows:
        assert f"{row.label} ({row.kind[2:].lower()}) {row.points} points" in words.chart
    assert "Ines &lt;Moreau&gt;" in words.chart


@pytest.mark.parametrize("verdict", get_args(DiagnosisVerdict))
def test_behaviour_alone_is_a_flag(verdict: DiagnosisVerdict) -> None:
    words = diagnosis_page.VERDICTS[verdict]
    assert words.flag is (verdict == "behaviour")
    assert ("no flag" in words.meaning) is not words.flag
    assert words.slug != "high", "a diagnosis is never an alarm"
    others = [other for slug, other in diagnosis_page.VERDICTS.items() if slug != verdict]
    assert words.shape not in {other.shape for other in others}
    assert words.label not in {other.label for other in others}


def test_an_abstention_draws_nothing_and_says_why() -> None:
    words = diagnosis_words(cannot_tell("r-1"), "Ines Moreau")
    assert words.chart is None
    assert words.rows == ()
    assert words.abstention == Abstention("quota_missing").detail


def test_skills_stand_beside_peers_with_their_error() -> None:
    rating = make_diagnosis("r-1", "behaviour").skills[0]
    rows = diagnosis_words(
        replace(
            make_diagnosis("r-1", "behaviour"), skills=(replace(rating, gap=0.04), rating, replace(rating, gap=-2.0))
        ),
        "Ines Moreau",
    ).skills
    assert [row.size for row in rows] == ["1.3 below ± 0.2", "like peers ± 0.2", "2.0 above ± 0.2"]
    assert rows[0].label == "Discovery"
    assert rows[0].source == "assessed"


def test_a_finding_stands_beside_what_misleads() -> None:
    words = program_words(HELPS, "p1", EUR)
    assert [(row.label, row.value, row.naive) for row in words.figures] == [
        ("Effect", "+5.2", False),
        ("Before and after", "+9.1", True),
        ("Trained and untrained", "−18.7", True),
    ]
    assert words.interval == "+2.1 to +8.3"
    assert words.chart is not None
    assert "(misleads) −18.7" in words.chart
    assert dict(words.facts) == {
        "Cost of a seat": f"EUR{GROUP}1{GROUP}800",
        "Seats a period": "12",
        "Selling days it takes": "3",
        "Enrolments on record": "64",
    }
    assert words.people.startswith(f"58 trained beside 1{GROUP}204 who were not yet; 3% of the trained left out")
    assert words.checked == "5 passed, 1 not possible"
    assert not words.doubt
    assert [row.result for row in words.checks].count("○ not possible") == 1


def test_a_failed_check_is_not_hidden() -> None:
    words = program_words(NOTHING, "p1", EUR)
    assert words.checked == "3 passed, 2 failed, 1 not possible"
    assert words.doubt


def test_an_event_study_is_told_in_periods() -> None:
    words = program_words(replace(HELPS, event_study=HELPS.event_study[::-1]), "p1", EUR)
    assert [row.when for row in words.events] == [
        "3 periods before",
        "2 periods before",
        "1 period before",
        "The period it was taken in",
        "1 period after",
        "2 periods after",
        "3 periods after",
    ]
    assert words.led
    assert words.event_chart is not None
    assert "1 period after +5.2 points (+2.2 to +8.2)" in words.event_chart
    late = program_words(replace(HELPS, event_study=HELPS.event_study[4:]), "p1", EUR)
    assert not late.led


def test_a_program_that_nobody_took_says_so_without_a_number() -> None:
    words = program_words(UNKNOWN, "p1", EUR)
    assert words.chart is None
    assert words.event_chart is None
    assert words.people == ""
    assert {row.value for row in words.figures} == {"not known"}
    assert words.figures[0].about == "Nobody has taken it yet."
    assert dict(words.facts)["Cost of a seat"] == "unknown"
    assert "nan" not in f"{words}"


def test_every_verdict_about_a_program_has_its_own_word_and_shape() -> None:
    assert set(VERDICTS) == set(get_args(EffectVerdict))
    assert len({words.shape for words in VERDICTS.values()}) == len(VERDICTS)


def test_all_programs_share_one_scale() -> None:
    chart = overview(make_findings())
    assert "Executive presence: no effect can be told, cannot tell" in chart
    assert "Social &lt;selling&gt;: −4.1 points (−7.0 to −1.2), harmful" in chart


@pytest.mark.parametrize(
    ("findings", "words"),
    [
        ((HELPS, NOTHING, HARMFUL, UNKNOWN), "Of 4 programs, 1 helped, 1 did harm, 1 gave no evidence of an effect, 1"),
        ((HELPS, HELPS), "Of 2 programs, 2 helped."),
        ((HARMFUL,), "Of one program, 1 did harm."),
        ((NOTHING, UNKNOWN), "No program has been shown to change results so far."),
        ((), "No program has been shown"),
    ],
)
def test_the_findings_together_make_one_sentence(findings: tuple[object, ...], words: str) -> None:
    assert lead_of(findings).startswith(words)  # type: ignore[arg-type]


def test_a_plan_is_worth_something_beside_the_other_ways() -> None:
    words = plan_words(make_plan("2026Q2"), {one.program_id: one.name for one in make_findings()}, EUR)
    assert words.lead == (
        f"6 people are offered a program, for EUR{GROUP}12{GROUP}600; together they are expected to gain +29.1 points "
        "of attainment (+10.4 to +47.8)."
    )
    assert dict(words.facts)["Seats"] == "Discovery that uncovers need: 6"
    assert dict(words.facts)["People offered a program"] == "6 of at most 10"
    assert [row.chosen for row in words.rows] == [True, False, False, False, False]
    assert words.rows[3].cost == "unknown"
    assert words.rows[-1].interval == "", "nothing is certain"
    assert words.chart is not None
    assert "Worst performers +14.1 (−3.0 to +31.0)" in words.chart


def test_a_plan_may_train_nobody_or_claim_nothing() -> None:
    plan = make_plan("2026Q2")
    nobody = plan_words(replace(plan, people=0, spent=0, budget=None, people_limit=None, seats={}), {}, EUR)
    assert nobody.lead.startswith("Nobody is offered a program")
    assert dict(nobody.facts)["Budget"] == "no limit"
    assert "Seats" not in dict(nobody.facts)
    silent = tuple(replace(value, value=None, low=None, high=None) for value in plan.values)
    claims = plan_words(replace(plan, values=silent, people=1), {}, EUR)
    assert claims.lead.endswith(f"for EUR{GROUP}12{GROUP}600. No effect is claimed: offers go to the largest gaps.")
    assert claims.lead.startswith("1 person is offered a program")
    assert claims.chart is None
    assert {row.value for row in claims.rows} == {"none claimed"}
    assert plan_words(replace(plan, values=()), {}, EUR).chart is None


def make_offer(*, decision: Decision | None = None, **changes: object) -> Offer:
    row = Recommendation(
        rep_id="r-1",
        period="2026Q2",
        program_id="p-disco",
        program_name="Discovery that uncovers need",
        skill="discovery_calls",
        effect=0.034,
        effect_low=-0.006,
        effect_high=0.074,
        p_positive=0.92,
        cost=180_000,
        evidence="from 58 who took it",
        reason="The largest expected gain.",
        expires_on=date(2026, 6, 30),
        abstention=None,
        cost_per_point=52_900,
        evidence_level="program",
    )
    rep = RepSummary("r-1", "Ines Moreau", "account executive", None, "North", "EMEA", "mid-market", "high", None)
    return Offer(replace(row, **changes), rep, decision)  # type: ignore[arg-type]


def test_an_offer_says_what_it_is_expected_to_gain_and_why_that_is_believed() -> None:
    words = offer_words(make_offer(), EUR)
    assert words.effect == "+3.4 points (−0.6 to +7.4)"
    assert words.chance == "92%"
    assert words.per_point == f"EUR{GROUP}529"
    assert words.level == "The average of this program"
    assert words.evidence == "from 58 who took it"
    assert words.skill == "discovery calls"
    assert words.expires == f"30{GROUP}Jun{GROUP}2026"
    assert words.lot == ""
    assert set(LEVELS) == set(get_args(EvidenceLevel))


def test_an_offer_without_evidence_claims_nothing() -> None:
    bare = {"effect": None, "effect_low": None, "effect_high": None, "p_positive": None, "cost_per_point": None}
    words = offer_words(make_offer(**bare, cost=None, evidence_level="gap"), EUR)
    assert (words.effect, words.chance, words.per_point, words.cost) == ("none claimed", "", "", "unknown")
    assert words.level.startswith("No effect evidence")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"held_out": True}, "Drawn by lot to wait, so that the effect can be measured."),
        ({"propensity": 0.5}, "Drawn by lot with a chance of 50% among near ties."),
        ({"propensity": 1.0}, ""),
        ({"propensity": None}, ""),
    ],
)
def test_a_lottery_is_said(changes: dict[str, object], words: str) -> None:
    assert offer_words(make_offer(**changes), EUR).lot == words


def test_decisions_are_told_the_latest_first() -> None:
    when = datetime(2026, 6, 3, 8, tzinfo=UTC)
    taken = Decision("r-1", "p-disco", "accepted", "", "Anna Keller", when)
    back = Decision("r-1", "p-disco", "reversed", "She is on leave", "Vera Lindqvist", when)
    other = Decision("r-1", "p-nego", "declined", "", "Ines Moreau", when)
    words = offer_words(make_offer(decision=back), EUR, (taken, other, back))
    on = f"3{GROUP}Jun{GROUP}2026"
    assert words.history == (
        f"Reversed by Vera Lindqvist on {on}: She is on leave",
        f"Accepted by Anna Keller on {on}",
    )
    assert words.decision == words.history[0]
    assert words.state == "reversed"
    assert offer_words(make_offer(), EUR).state == ""
