"""The first recommendation: the program that teaches a rep's largest skill gap.

It uses no outcomes and says so: it asks who lacks what a program teaches, not what the program causes.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta

import pandas as pd

from spm_ml.coaching.gaps import SkillGap, skill_gaps
from spm_ml.dataset import RepPeriodDataset
from spm_ml.errors import SpmError
from spm_ml.fiscal import Period
from spm_ml.hazards import Abstention
from spm_ml.history import SalesHistory
from spm_ml.predictions import Recommendation

MIN_GAP = 0.5
"""Standard deviations below the peers' median from which a gap is worth a program."""

REPEAT_AFTER_DAYS = 364
"""A program is not offered again to a rep who started it in this many days before."""

EVIDENCE = "no effect evidence (largest matched gap)"


@dataclass(frozen=True)
class Program:
    """A program as it can be offered; cost in minor units a seat, None = unknown; seats None = no limit."""

    program_id: str
    name: str
    skills: tuple[str, ...]
    cost: int | None
    seats: int | None


def recommend(
    history: SalesHistory,
    dataset: RepPeriodDataset,
    *,
    as_of: date | None = None,
    period: Period | None = None,
    budget: int | None = None,
) -> tuple[Recommendation, ...]:
    """Offers each rep the program of the largest matched skill gap, within seats and budget.

    Args:
        history: For programs, enrolments and assessments.
        dataset: Rows up to the as-of day.
        as_of: What is known at the end of this day decides; default: the watermark.
        period: What the offers are for, and when they expire; default: the period of the as-of day.
        budget: Minor units in all; programs without a known cost are then left out. None: no limit.

    Returns:
        One entry for each rep employed at the as-of day, offers first by size of the gap.

    Raises:
        SpmError: The budget is negative.
    """
    if budget is not None and budget < 0:
        raise SpmError(f"a budget of {budget} cannot be spent: give 0 or more")
    day = as_of or dataset.watermark
    period = period or history.calendar.period_of(day)
    programs = offered_programs(history)
    gaps = skill_gaps(history, dataset, day, {skill for program in programs for skill in program.skills})
    taken = _recently_started(history, day)
    reps = _reps_at(dataset, day)
    by_skill = {(gap.rep_id, gap.skill): gap for gap in gaps if gap.gap >= MIN_GAP}
    candidates = sorted(
        (
            (by_skill[rep, skill], program)
            for program in programs
            for skill in program.skills
            for rep in reps
            if (rep, skill) in by_skill and (rep, program.program_id) not in taken
        ),
        key=lambda pair: (-pair[0].gap, pair[0].rep_id, pair[1].program_id),
    )
    offers = _within_limits(candidates, budget, period)
    known = {gap.rep_id for gap in gaps}
    limited = {gap.rep_id for gap, _ in candidates}
    abstained = [_none(rep, rep in known, rep in limited, period) for rep in reps if rep not in offers]
    return (*offers.values(), *abstained)


def offered_programs(history: SalesHistory) -> tuple[Program, ...]:
    """The programs on record, in the order of their ids."""
    rows: pd.DataFrame = history.table("programs").execute()
    return tuple(
        Program(
            program_id=str(row["program_id"]),
            name=str(row["name"]),
            skills=tuple(skill.strip() for skill in str(row["skill"]).split(";") if skill.strip()),
            cost=int(row["cost"]) if pd.notna(row["cost"]) else None,
            seats=int(row["seats"]) if pd.notna(row["seats"]) else None,
        )
        for row in rows.sort_values("program_id").to_dict("records")
    )


def _within_limits(
    candidates: list[tuple[SkillGap, Program]], budget: int | None, period: Period
) -> dict[str, Recommendation]:
    """Takes the largest gaps first, one program a rep, until seats and budget are used up."""
    offers: dict[str, Recommendation] = {}
    seats: Counter[str] = Counter()
    spent = 0
    for gap, program in candidates:
        if gap.rep_id in offers or (program.seats is not None and seats[program.program_id] >= program.seats):
            continue
        if budget is not None:
            if program.cost is None or spent + program.cost > budget:
                continue
            spent += program.cost
        seats[program.program_id] += 1
        offers[gap.rep_id] = _offer(gap, program, period)
    return offers


def _reps_at(dataset: RepPeriodDataset, day: date) -> list[str]:
    frame = dataset.frame
    known = frame[frame["as_of"] <= pd.Timestamp(day)]
    newest = known[(known["as_of"] == known["as_of"].max()) & ~known["censored"]]
    return sorted(newest["rep_id"])


def _recently_started(history: SalesHistory, day: date) -> set[tuple[str, str]]:
    enrolments: pd.DataFrame = history.as_of(day).table("enrolments").execute()
    started = pd.to_datetime(enrolments["started_on"])
    recent = enrolments[started > pd.Timestamp(day - timedelta(days=REPEAT_AFTER_DAYS))]
    return set(zip(recent["rep_id"], recent["program_id"], strict=True))


def _offer(gap: SkillGap, program: Program, period: Period) -> Recommendation:
    return Recommendation(
        rep_id=gap.rep_id,
        period=period.label,
        program_id=program.program_id,
        program_name=program.name,
        skill=gap.skill,
        effect=None,
        effect_low=None,
        effect_high=None,
        p_positive=None,
        cost=program.cost,
        evidence=EVIDENCE,
        reason=f"{gap.evidence}, a gap of {gap.gap:.1f} standard deviations. "
        f"{program.name} teaches it; whether it raises attainment is not established here.",
        expires_on=period.end,
        abstention=None,
    )


def _none(rep: str, measured: bool, limited: bool, period: Period) -> Recommendation:
    if limited:
        abstention = Abstention("budget_or_seats")
    elif measured:
        abstention = Abstention("no_matched_gap")
    else:
        abstention = Abstention("no_assessment")
    return Recommendation(
        rep_id=rep,
        period=period.label,
        program_id="",
        program_name="",
        skill="",
        effect=None,
        effect_low=None,
        effect_high=None,
        p_positive=None,
        cost=None,
        evidence=EVIDENCE,
        reason=abstention.detail,
        expires_on=period.end,
        abstention=abstention,
    )
