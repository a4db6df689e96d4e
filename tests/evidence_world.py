"""Rep-periods with plans whose offers were drawn by lot, and a program whose effect is known."""

from collections.abc import Callable
from datetime import date

import numpy as np
import pandas as pd

from spm_ml.coaching.programs import Program
from spm_ml.coaching.rep_periods import KPI_COLUMNS, START_COLUMNS, RepPeriods
from spm_ml.coaching.skills.gaps import SkillGaps, gaps_from
from spm_ml.predictions import Assignment

PROGRAM = Program("P1", "Negotiation Clinic", ("negotiation",), cost=100_000, seats=None, days=2.0)
QUARTERS = pd.period_range("2023Q1", periods=8, freq="Q")
FIRST_PLAN = 4
LABELS = tuple(str(quarter) for quarter in QUARTERS)


def logged(period: int, rep: str, event: str, propensity: float | None, effect: float | None = None) -> Assignment:
    """A line about an offer of `PROGRAM`."""
    return Assignment(
        happened_on=QUARTERS[period].start_time.date(),
        batch_id=f"b-{period}",
        period=LABELS[period],
        rep_id=rep,
        program_id=PROGRAM.program_id,
        event=event,  # type: ignore[arg-type]
        actor="coaching",
        reason="largest gap",
        propensity=propensity,
        effect=effect,
    )


def evidence_world(
    *,
    reps: int = 200,
    effect: float = 0.15,
    chance: float = 0.7,
    uptake: float = 1.0,
    claimed: float | None = 0.1,
    seed: int = 0,
    select: Callable[[np.ndarray], np.ndarray] = lambda last: last < np.median(last),
) -> tuple[RepPeriods, SkillGaps, list[Assignment]]:
    """Managers send the weak before `FIRST_PLAN`; from then on a plan draws lots among those that `select` chooses.

    Args:
        reps: There from the first to the last of the eight quarters, of which the last is running.
        effect: Attainment that the program brings in the period after.
        chance: With which those planned are offered it; 1: all are.
        uptake: Share of those offered who start it.
        claimed: Gain that was expected.
        seed: Of chance.
        select: Whom the plan chooses, by attainment of the period before.
    """
    random = np.random.default_rng(seed)
    names = np.array([f"r{number:03d}" for number in range(reps)])
    skill, gained, last = random.normal(1.0, 0.2, reps), np.zeros(reps), np.ones(reps)
    rows, starts, log = [], [], []
    for t, quarter in enumerate(QUARTERS):
        finished = t < len(QUARTERS) - 1
        attainment = skill + gained + random.normal(0, 0.2, reps)
        kpis = dict.fromkeys(KPI_COLUMNS, 1.0 if finished else np.nan)
        rows.append(
            pd.DataFrame(
                {
                    "rep_id": names,
                    "t": t,
                    "period": LABELS[t],
                    "period_start": quarter.start_time,
                    "period_end": quarter.end_time.normalize(),
                    "period_selling_days": 64,
                    "segment": "SMB",
                    "quota": 100.0,
                    "tenure_days": 400.0 + 91 * t,
                    "attainment_last_1": last if t else np.nan,
                    "attainment_mean": last if t else np.nan,
                    "finished": finished,
                    "attainment": attainment if finished else np.nan,
                }
            ).assign(**kpis)
        )
        gained = np.zeros(reps)
        if t < FIRST_PLAN:
            sent = np.argsort(last + random.gumbel(0, 0.15, reps))[: reps // 6]
            by, reason = "m-north", "missed last period"
        else:
            planned = np.flatnonzero(select(last))
            offered = random.random(len(planned)) < chance
            log += [
                logged(t, names[rep], "offered" if drawn else "held_out", chance, claimed)
                for rep, drawn in zip(planned, offered, strict=True)
            ]
            sent = planned[offered & (random.random(len(planned)) < uptake)]
            by, reason = "m-south", "offered"
        gained[sent] = effect
        day = quarter.start_time + pd.Timedelta(days=9)
        starts += [(names[rep], "P1", t, day, day + pd.Timedelta(days=3), by, reason) for rep in sent]
        last = attainment
    frame = pd.concat(rows).sort_values(["rep_id", "t"], ignore_index=True)
    enrolled = pd.DataFrame(starts, columns=list(START_COLUMNS))
    periods = RepPeriods(frame, enrolled, (PROGRAM,), date(2024, 11, 30), ("tenure_days", "attainment_last_1"))
    return periods, gaps_from(_ratings(names, skill, random), periods), log


def _ratings(names: np.ndarray, skill: np.ndarray, random: np.random.Generator) -> pd.DataFrame:
    return pd.concat(
        pd.DataFrame(
            {
                "rep_id": names,
                "skill": "negotiation",
                "assessed_on": quarter.start_time - pd.Timedelta(days=20),
                "score": 3 + skill + random.normal(0, 0.3, len(names)),
                "assessor": "manager",
            }
        )
        for quarter in QUARTERS
    )
