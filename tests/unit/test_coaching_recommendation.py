"""The gap rule on a small organisation whose gaps are known."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import pandas as pd
import pytest

from spm_ml.coaching import estimate_effects, recommend, skill_gaps
from spm_ml.coaching.recommendation import EVIDENCE
from spm_ml.coaching.rep_periods import rep_periods
from spm_ml.dataset import RepPeriodDataset, build_dataset
from spm_ml.errors import SpmError
from spm_ml.history import SalesHistory
from spm_ml.settings import Organisation, StageSettings

REPS = [f"r{number}" for number in range(10)]
ORGANISATION = Organisation(stages=(StageSettings(name="open"),))


def tables() -> dict[str, pd.DataFrame]:
    reps = pd.DataFrame({"rep_id": REPS, "name": REPS, "hired_on": "2024-01-01", "segment": "SMB"})
    periods = ["2025Q3", "2025Q4", "2026Q1"]
    quotas = pd.DataFrame([{"rep_id": rep, "period": period, "amount": 1000} for rep in REPS for period in periods])
    deals = pd.DataFrame(
        [
            {
                "opportunity_id": f"{rep}-{start}-{place}",
                "rep_id": rep,
                "amount": 100 + 10 * number,
                "created_on": start,
                "closed_on": end,
                "stage": "won" if place < 2 + number % 3 else "lost",
                "outcome": "won" if place < 2 + number % 3 else "lost",
            }
            for number, rep in enumerate(REPS)
            for start, end in (("2025-07-10", "2025-08-20"), ("2025-10-10", "2025-11-20"), ("2026-01-10", "2026-02-20"))
            for place in range(4)
        ]
    )
    programs = pd.DataFrame(
        {
            "program_id": ["neg", "talk", "cheap"],
            "name": ["Negotiation Lab", "Talk", "Cheap"],
            "skill": ["negotiation; pricing", "small talk", "negotiation"],
            "cost": [500.0, 100.0, None],
            "seats": [2, None, None],
        }
    )
    scores = {"r0": 1.0, "r1": 2.0, "r2": 2.4} | dict.fromkeys(REPS[3:], 4.0) | {"r9": 5.0}
    assessments = pd.DataFrame(
        [
            {"rep_id": rep, "skill": "negotiation", "assessed_on": "2026-02-01", "score": score}
            for rep, score in scores.items()
        ]
    )
    enrolments = pd.DataFrame(
        {"rep_id": ["r0"], "program_id": ["cheap"], "started_on": ["2025-09-01"], "completed_on": ["2025-09-10"]}
    )
    return {
        "reps": reps,
        "quotas": quotas,
        "opportunities": deals,
        "programs": programs,
        "assessments": assessments,
        "enrolments": enrolments,
    }


World = tuple[SalesHistory, RepPeriodDataset]


@contextmanager
def world(frames: dict[str, pd.DataFrame]) -> Iterator[World]:
    with SalesHistory.from_frames(frames, ORGANISATION) as history:
        yield history, build_dataset(history)


@pytest.fixture(scope="module")
def small() -> Iterator[World]:
    with world(tables()) as made:
        yield made


def test_the_largest_gaps_get_the_seats_and_the_rest_hear_why(small: World) -> None:
    answers = {answer.rep_id: answer for answer in recommend(*small)}
    assert set(answers) == set(REPS)
    offered = {rep: answer.program_id for rep, answer in answers.items() if answer.abstention is None}
    assert offered["r0"] == "neg", "it took the cheap one within a year"
    assert offered["r1"] == "cheap"
    best = answers["r0"]
    assert best.evidence == EVIDENCE
    assert best.effect is None
    assert "rated 1 by manager on 2026-02-01; peers (SMB) have 4" in best.reason
    assert "not established" in best.reason
    assert best.expires_on == date(2026, 3, 31)
    assert answers["r9"].abstention is not None


def test_a_budget_leaves_out_unknown_costs_and_what_is_too_dear(small: World) -> None:
    for budget, programs in ((50_000, ["neg"]), (49_999, []), (0, []), (200_000, ["neg", "neg"])):
        made = [answer for answer in recommend(*small, budget=budget) if answer.abstention is None]
        assert [answer.program_id for answer in made] == programs
    reasons = {answer.abstention.reason for answer in recommend(*small, budget=0) if answer.abstention}
    assert "budget_or_seats" in reasons
    with pytest.raises(SpmError, match="cannot be spent"):
        recommend(*small, budget=-1)


def test_a_skill_nobody_was_assessed_in_falls_back_to_its_kpi(small: World) -> None:
    gaps = skill_gaps(*small, small[1].watermark, {"pricing"})
    assert {gap.source for gap in gaps} == {"kpi"}
    worst = max(gaps, key=lambda gap: gap.gap)
    assert worst.rep_id == "r0", "its deals are the smallest"
    assert "average deal size is" in worst.evidence


def test_a_skill_without_assessment_or_kpi_is_no_gap(small: World) -> None:
    assert skill_gaps(*small, small[1].watermark, {"small talk"}) == ()


def test_what_was_assessed_later_or_long_ago_does_not_count(small: World) -> None:
    history, dataset = small
    assert not [gap for gap in skill_gaps(history, dataset, date(2026, 1, 20), {"negotiation"}) if gap.source != "kpi"]
    old = tables()["assessments"].assign(assessed_on="2024-12-01")
    with world(tables() | {"assessments": old}) as stale:
        assert all(gap.source == "kpi" for gap in skill_gaps(*stale, stale[1].watermark, {"negotiation"}))


def test_others_are_believed_before_oneself() -> None:
    rated = tables()["assessments"]
    selfies = rated[rated["rep_id"] == "r0"].assign(score=5.0, assessor="self")
    both = pd.concat([rated.assign(assessor="manager"), selfies])
    with world(tables() | {"assessments": both}) as (history, dataset):
        gaps = skill_gaps(history, dataset, dataset.watermark, {"negotiation"})
    gap = next(gap for gap in gaps if gap.rep_id == "r0")
    assert "rated 1 by manager" in gap.evidence


def test_no_programs_and_no_assessments_are_answers() -> None:
    without = tables()
    del without["programs"], without["assessments"], without["enrolments"]
    with world(without) as made:
        answers = recommend(*made)
        assert {answer.abstention.reason for answer in answers if answer.abstention} == {"no_assessment"}
        assert estimate_effects(rep_periods(*made)) == ()


def test_too_few_enrolments_cannot_tell(small: World) -> None:
    effects = {effect.program_id: effect for effect in estimate_effects(rep_periods(*small))}
    assert set(effects) == {"neg", "talk", "cheap"}
    assert {effect.verdict for effect in effects.values()} == {"cannot tell"}
    assert effects["cheap"].enrolled == 1
    assert effects["talk"].naive_before_after is None
