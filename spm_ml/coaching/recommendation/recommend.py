"""The whole of coaching for one period: findings, gaps, uplift, diagnoses, the plan, and a word for every rep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import date
from typing import Final

import pandas as pd

from spm_ml.coaching.diagnosis import diagnose
from spm_ml.coaching.effects import estimate_effects
from spm_ml.coaching.recommendation.options import Moment, candidates, program_options
from spm_ml.coaching.recommendation.rows import Told, recommendations
from spm_ml.coaching.recommendation.spread import outcome_spread
from spm_ml.coaching.rep_periods import RepPeriods, rep_periods
from spm_ml.coaching.skills import skill_gaps
from spm_ml.coaching.uplift import estimate_uplift
from spm_ml.dataset import RepPeriodDataset
from spm_ml.errors import SpmError, did_you_mean
from spm_ml.fiscal import Period
from spm_ml.history import SalesHistory
from spm_ml.planning import MIN_GAP, Limits, Plan, make_plan
from spm_ml.predictions.coaching import CoachingBatch, PlanSummary, PlanValue
from spm_ml.progress import Progress, silent

NO_LIMITS: Final = Limits()

_STEPS: Final = 6


def recommend(
    history: SalesHistory,
    dataset: RepPeriodDataset,
    *,
    periods: RepPeriods | None = None,
    as_of: date | None = None,
    period: Period | None = None,
    limits: Limits = NO_LIMITS,
    risk: Mapping[str, float] | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> CoachingBatch:
    """Finds what programs have caused, diagnoses every rep, and plans who is offered what.

    Args:
        history: For programs, enrolments, assessments and what deals did.
        dataset: Rows on the weekly grid up to the as-of day.
        periods: Rep-periods of the same history and dataset, where they are there already.
        as_of: The day after whose end a program could be started; default: the watermark.
        period: What the offers are for, and when they expire; default: the period of the as-of day.
        limits: Budget, people, minimum share and hold-out; its seats replace those on record. The spread of outcomes
            is measured here.
        risk: Each rep's chance of reaching the quota or any number that orders as it does, for the comparison with
            "highest risk".
        seed: Of folds, permutations and lots.
        progress: Told what is done.

    Returns:
        A recommendation or a reason for each rep employed at the as-of day, offers first.

    Raises:
        SpmError: Seats name a program that is not on record.
    """
    day = as_of or dataset.watermark
    period = period or history.calendar.period_of(day)
    progress("coaching", 0, _STEPS)
    periods = rep_periods(history, dataset) if periods is None else periods
    known = {program.program_id for program in periods.programs}
    if unknown := sorted(set(limits.seats) - known):
        raise SpmError(
            f"seats are given for program {unknown[0]!r}, which is not on record{did_you_mean(unknown[0], known)}: "
            f"there are {', '.join(sorted(known)) or 'none'}"
        )
    progress("coaching", 1, _STEPS)
    findings = estimate_effects(periods, seed=seed, progress=progress)
    progress("coaching", 2, _STEPS)
    gaps = skill_gaps(history, periods)
    progress("coaching", 3, _STEPS)
    uplift = estimate_uplift(periods, gaps)
    progress("coaching", 4, _STEPS)
    diagnoses = diagnose(periods, gaps)
    progress("coaching", 5, _STEPS)
    reps = _reps_at(dataset, day)
    moment = Moment.of(history.calendar, day, period)
    options = program_options(uplift, periods, gaps, findings, moment, set(reps))
    newest = periods.at(periods.last)
    teams = {str(rep): str(team) for rep, team in zip(newest["rep_id"], newest["team"].fillna(""), strict=True)}
    limits = replace(
        limits,
        seats={one.program_id: one.seats for one in periods.programs if one.seats is not None} | dict(limits.seats),
        outcome_sd=outcome_spread(periods),
    )
    planned = {option.program_id for option in options}
    plan = make_plan(
        candidates(options, periods.programs, teams, diagnoses, risk or {}),
        replace(limits, seats={program: seats for program, seats in limits.seats.items() if program in planned}),
        covariance=uplift.covariance,
        seed=seed,
    )
    levels = {
        (str(row["rep_id"]), str(row["program_id"])): str(row["level"]) for row in uplift.options.to_dict("records")
    }
    told = Told(period, periods.programs, options, levels, {row.rep_id: row for row in diagnoses})
    progress("coaching", _STEPS, _STEPS)
    return CoachingBatch(
        recommendations=recommendations(reps, plan, told),
        diagnoses=diagnoses,
        findings=findings,
        options=options,
        covariance=tuple(tuple(float(cell) for cell in row) for row in uplift.covariance),
        plan=summary(plan, limits, period, seed=seed),
    )


def _reps_at(dataset: RepPeriodDataset, day: date) -> list[str]:
    """Who is there on the newest day up to `day`."""
    frame = dataset.frame
    known = frame[frame["as_of"] <= pd.Timestamp(day)]
    newest = known[(known["as_of"] == known["as_of"].max()) & ~known["censored"]]
    return sorted(newest["rep_id"].astype(str))


def summary(plan: Plan, limits: Limits, period: Period, *, seed: int = 0) -> PlanSummary:
    """The plan as it is stored."""
    rules = [
        f"one program a rep; offers hold until {period.end} and a program must end by then",
        f"a gain after the time lost and a probability of {limits.min_p_positive:.1%} that it helps, or, where no "
        f"effect is known, a gap of {MIN_GAP} standard deviations",
    ]
    if limits.people is not None:
        rules.append(f"at most {limits.people} people")
    if limits.seats:
        rules.append("seats: " + ", ".join(f"{program} {seats}" for program, seats in sorted(limits.seats.items())))
    if limits.min_share:
        rules.append(f"of each team at least {limits.min_share:.0%}, as far as evidence reaches")
    gap = "" if plan.gap == 0 else f" A better plan could be worth up to {plan.gap or 1:.1%} more; the search ended."
    messages = "".join(f" {message}" for message in plan.messages)
    return PlanSummary(
        period=period.label,
        budget=limits.budget,
        people_limit=limits.people,
        seats=dict(limits.seats),
        spent=plan.spent,
        people=len(plan.offered),
        values=tuple(PlanValue(**asdict(value)) for value in plan.values),
        holdout=plan.design.held_out,
        holdout_words=plan.design.words(),
        limits_words=f"Rules: {'; '.join(rules)}.{messages}{gap}",
        outcome_sd=limits.outcome_sd,
        min_share=limits.min_share,
        hold_out=limits.hold_out,
        seed=seed,
        min_p_positive=limits.min_p_positive,
    )
