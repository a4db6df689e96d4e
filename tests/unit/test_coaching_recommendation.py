"""Recommendations on a small organisation whose gaps are known and where nobody knows what programs do."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import pandas as pd
import pytest

from spm_ml.coaching import estimate_effects, recommend
from spm_ml.coaching.recommendation.words import NO_EFFECT_EVIDENCE
from spm_ml.coaching.rep_periods import rep_periods
from spm_ml.dataset import RepPeriodDataset, build_dataset
from spm_ml.errors import SpmError
from spm_ml.history import SalesHistory
from spm_ml.planning import Limits
from spm_ml.predictions import CoachingBatch, Recommendation
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

# Every rep of this world wins the same deals, which the diagnosis's fair peers fit at once.
pytestmark = pytest.mark.filterwarnings("ignore:Line search of Newton solver")


@contextmanager
def world(frames: dict[str, pd.DataFrame]) -> Iterator[World]:
    with SalesHistory.from_frames(frames, ORGANISATION) as history:
        yield history, build_dataset(history)


@pytest.fixture(scope="module")
def small() -> Iterator[World]:
    with world(tables()) as made:
        yield made


def offers(batch: CoachingBatch) -> dict[str, Recommendation]:
    return {row.rep_id: row for row in batch.recommendations if row.abstention is None}


def reasons(batch: CoachingBatch) -> dict[str, str]:
    return {row.rep_id: row.abstention.reason for row in batch.recommendations if row.abstention is not None}


def test_without_effects_the_largest_gaps_get_the_seats_and_everybody_hears_why(small: World) -> None:
    batch = recommend(*small)
    assert [row.rep_id for row in batch.recommendations] == REPS
    made = offers(batch)
    assert {rep: row.program_id for rep, row in made.items()} == {"r0": "neg", "r1": "neg"}
    best = made["r0"]
    assert best.evidence == NO_EFFECT_EVIDENCE
    assert best.evidence_level == "gap"
    assert best.effect is best.p_positive is best.cost_per_point is None
    assert best.propensity == 1.0
    assert best.reason.startswith("Negotiation rated 1 by the manager")
    assert "not established" in best.reason
    assert best.expires_on == date(2026, 3, 31)
    assert set(reasons(batch)) == set(REPS[2:])
    assert all(row.reason for row in batch.recommendations)


def test_what_is_published_belongs_together(small: World) -> None:
    batch = recommend(*small)
    assert {row.rep_id for row in batch.diagnoses} == set(REPS)
    assert [row.program_id for row in batch.findings] == ["cheap", "neg", "talk"]
    assert len(batch.options) == 3 * len(REPS)
    assert batch.plan is not None
    assert batch.plan.people == 2
    assert batch.plan.spent == 100_000
    assert batch.plan.seats == {"neg": 2}
    assert batch.plan.values[0].slug == "plan"
    assert "one program a rep" in batch.plan.limits_words


def test_a_program_is_not_offered_twice_within_a_year(small: World) -> None:
    barred = {(row.rep_id, row.program_id): row.barred for row in recommend(*small).options if row.barred}
    assert set(barred) == {("r0", "cheap")}
    assert "not offered twice" in barred["r0", "cheap"]


@pytest.mark.parametrize(("budget", "people"), [(50_000, 1), (49_999, 0), (0, 0), (200_000, 2)])
def test_a_budget_leaves_out_unknown_costs_and_what_is_too_dear(small: World, budget: int, people: int) -> None:
    batch = recommend(*small, limits=Limits(budget=budget))
    assert [row.program_id for row in offers(batch).values()] == ["neg"] * people
    assert batch.plan is not None
    assert "cost is unknown" in batch.plan.limits_words
    if not people:
        assert reasons(batch)["r0"] == "budget_or_seats"


def test_seats_of_an_unknown_program_are_refused(small: World) -> None:
    with pytest.raises(SpmError, match=r"'ngo'.*did you mean 'neg'"):
        recommend(*small, limits=Limits(seats={"ngo": 1}))


def test_given_seats_replace_those_on_record(small: World) -> None:
    assert set(offers(recommend(*small, limits=Limits(seats={"neg": 1, "cheap": 0, "talk": 0})))) == {"r0"}


def test_held_out_reps_keep_their_program_and_chance(small: World) -> None:
    held = [
        row
        for seed in range(4)
        for row in recommend(*small, limits=Limits(hold_out=0.5), seed=seed).recommendations
        if row.held_out
    ]
    assert held
    for row in held:
        assert row.abstention is not None
        assert row.abstention.reason == "held_out"
        assert row.program_id == "neg"
        assert row.propensity == 0.5
        assert row.reason.startswith("Drawn by lot")


def test_no_programs_and_no_assessments_are_answers() -> None:
    without = tables()
    del without["programs"], without["assessments"], without["enrolments"]
    with world(without) as made:
        batch = recommend(*made, limits=Limits(budget=0, people=0, min_share=1.0, hold_out=0.5))
        assert set(reasons(batch).values()) == {"no_program"}
        assert batch.plan is not None
        assert batch.plan.people == 0
        with pytest.raises(SpmError, match="there are none"):
            recommend(*made, limits=Limits(seats={"neg": 1}))
        assert estimate_effects(rep_periods(*made)) == ()


def test_too_few_enrolments_cannot_tell(small: World) -> None:
    effects = {effect.program_id: effect for effect in estimate_effects(rep_periods(*small))}
    assert set(effects) == {"neg", "talk", "cheap"}
    assert {effect.verdict for effect in effects.values()} == {"cannot tell"}
    assert effects["cheap"].enrolled == 1
    assert effects["talk"].naive_before_after is None
