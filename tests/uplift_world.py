"""Rep-periods with known skills, ratings, behaviours and effects, without the deals behind them."""

from datetime import date

import numpy as np
import pandas as pd

from spm_ml.coaching.programs import Program
from spm_ml.coaching.rep_periods import KPI_COLUMNS, START_COLUMNS, RepPeriods

PROGRAMS = (
    Program("create", "Pipeline Builder", ("prospecting",), cost=100_000, seats=None, days=2.0),
    Program("close", "Negotiation Clinic", ("negotiation",), cost=100_000, seats=None, days=2.0),
    Program("dud", "Closing Secrets", ("negotiation",), cost=50_000, seats=None, days=1.0),
)
SKILLS = ("prospecting", "negotiation")


def uplift_world(
    *, reps: int = 300, periods: int = 10, gain: float = 0.15, rate: float = 0.15, seed: int = 0
) -> tuple[RepPeriods, pd.DataFrame, pd.DataFrame]:
    """Managers send the weak; `create` and `close` raise a log behaviour by `gain` a standard deviation of need.

    Returns:
        The rep-periods, the assessments, and the true skill of each rep (rows) and skill (columns).
    """
    random = np.random.default_rng(seed)
    names = [f"r{number:04d}" for number in range(reps)]
    skill = random.normal(size=(reps, len(SKILLS)))
    bonus = np.zeros((reps, 2))
    last = np.ones(reps)
    rows, starts, ratings = [], [], []
    quarters = pd.period_range("2022Q1", periods=periods, freq="Q")
    for t, quarter in enumerate(quarters):
        start, end = quarter.start_time, quarter.end_time.normalize()
        created = random.poisson(25 * np.exp(0.2 * skill[:, 0] + bonus[:, 0]))
        odds = np.exp(-0.6 + 0.2 * skill[:, 1] + bonus[:, 1])
        won = random.binomial(20, odds / (1 + odds))
        expected = 0.7 * (0.4 * created / 25 + 0.6 * won / 7) / 0.7
        attainment = expected * random.lognormal(0, 0.25, reps)
        finished = t < periods - 1
        frame = pd.DataFrame(
            {
                "rep_id": names,
                "t": t,
                "period": str(quarter),
                "period_start": start,
                "period_end": end,
                "period_selling_days": 64,
                "segment": "SMB",
                "quota": 100.0,
                "tenure_days": 400.0 + 91 * t,
                "attainment_last_1": last if t else np.nan,
                "attainment_mean": last if t else np.nan,
                "finished": finished,
                "attainment": attainment if finished else np.nan,
            }
        )
        kpis = dict.fromkeys(KPI_COLUMNS, 0.0) | {
            "kpi_created_count": created,
            "kpi_created_amount": 1000.0 * created,
            "kpi_won_count": won,
            "kpi_won_amount": 1000.0 * won,
            "kpi_lost_count": 20 - won,
            "kpi_advanced_count": created,
        }
        rows.append(frame.assign(**kpis if finished else dict.fromkeys(KPI_COLUMNS, np.nan)))
        if t % 2 == 0:
            for place, name in enumerate(SKILLS):
                scores = 3 + 0.8 * (skill[:, place] + random.normal(0, 0.5, reps))
                day = start + pd.Timedelta(days=10)
                ratings.append(
                    pd.DataFrame(
                        {"rep_id": names, "skill": name, "assessed_on": day, "score": scores, "assessor": "manager"}
                    )
                )
        wish = -2 * last + random.gumbel(size=reps)
        sent = np.argsort(-wish)[: int(rate * reps)]
        chosen = random.integers(0, len(PROGRAMS), len(sent))
        for rep, program in zip(sent, chosen, strict=True):
            starts.append((names[rep], PROGRAMS[program].program_id, t, start, end, "manager", "missed last period"))
        bonus *= 0.9
        for rep, program in zip(sent, chosen, strict=True):
            if program < 2:
                bonus[rep, program] += gain * np.maximum(1 - skill[rep, program], 0)
        last = attainment
    frame = pd.concat(rows).sort_values(["rep_id", "t"], ignore_index=True)
    enrolled = pd.DataFrame(starts, columns=list(START_COLUMNS))
    world = RepPeriods(frame, enrolled, PROGRAMS, date(2024, 6, 30), ("tenure_days", "attainment_last_1"))
    return world, pd.concat(ratings, ignore_index=True), pd.DataFrame(skill, index=names, columns=list(SKILLS))
