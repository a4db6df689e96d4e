"""Rep-periods whose managers send whoever just had a bad period, with programs of known effect."""

from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd

from spm_ml.coaching.programs import Program
from spm_ml.coaching.rep_periods import KPI_COLUMNS, START_COLUMNS, RepPeriods

QUOTA = 1_000_000.0
SKILLS = ("prospecting", "negotiation", "value selling", "qualification")


def programs(count: int) -> tuple[Program, ...]:
    """P0 … teaching one skill each."""
    return tuple(Program(f"P{place}", f"Program {place}", (SKILLS[place % len(SKILLS)],)) for place in range(count))


def make_periods(
    seed: int,
    effects: Sequence[float] = (0.0,),
    *,
    reps: int = 150,
    finished: int = 10,
    rate: float = 0.2,
    selection: float = 3.0,
    lost: float = 0.0,
    noise: float = 0.25,
    hidden: float = 0.0,
    fade: float = 0.0,
) -> RepPeriods:
    """A small organisation, one running period at its end.

    Args:
        seed: Of chance.
        effects: Attainment that each program brings in the period after it and, fading, in those later.
        reps: Reps, there from the first period to the last.
        finished: Periods that are over.
        rate: Share sent to a program in a period.
        selection: Logits for each unit of attainment missing in the period before.
        lost: Attainment that a program costs in its own period.
        noise: Standard deviation of attainment in a period.
        hidden: A motivation that nobody sees raises both attainment by this and the wish to be sent.
        fade: Share of the effect lost each period.
    """
    rng = np.random.default_rng(seed)
    skill, motivation = rng.normal(1.0, 0.15, reps), rng.normal(size=reps)
    gained = np.zeros(reps)
    attainment = np.full((reps, finished + 1), np.nan)
    kpis, starts = [], []
    quarters = pd.period_range("2024Q1", periods=finished + 1, freq="Q")
    for t in range(finished + 1):
        cost = np.zeros(reps)
        effect = gained.copy()
        gained *= 1 - fade
        if t:
            wish = -selection * attainment[:, t - 1] + 3 * hidden * motivation + rng.gumbel(size=reps)
            sent = np.sort(np.argsort(-wish)[: rng.binomial(reps, rate)])
            program = rng.integers(0, len(effects), len(sent))
            cost[sent] = lost
            gained[sent] += np.array(effects)[program]
            day = quarters[t].start_time.normalize() + pd.Timedelta(days=9)
            starts += [(f"r{rep:03d}", f"P{which}", t, day) for rep, which in zip(sent, program, strict=True)]
        attainment[:, t] = skill + hidden * motivation + effect - cost + rng.normal(0, noise, reps)
        kpis.append(rng.poisson(20 * (skill + effect).clip(0.1), reps))
    created = np.array(kpis).T
    over = np.arange(finished + 1) < finished
    attainment[:, ~over] = np.nan
    return periods_of(attainment, starts, programs(len(effects)), quarters, created)


def periods_of(
    attainment: np.ndarray,
    starts: Sequence[tuple[str, str, int, pd.Timestamp]],
    offered: tuple[Program, ...],
    quarters: pd.PeriodIndex,
    created: np.ndarray,
) -> RepPeriods:
    """Lays (reps, periods) out as rows."""
    reps, width = attainment.shape
    rep, t = np.repeat(np.arange(reps), width), np.tile(np.arange(width), reps)
    flat, firsts = attainment.ravel(), pd.DatetimeIndex([quarter.start_time for quarter in quarters])
    past = np.array([[np.nanmean(row[:place]) if place else np.nan for place in range(width)] for row in attainment])
    ones = np.ones(len(flat))
    frame = pd.DataFrame(
        {
            "rep_id": [f"r{number:03d}" for number in rep],
            "t": t,
            "period": [str(quarters[place]) for place in t],
            "period_start": firsts[t],
            "segment": np.where(rep % 2, "SMB", "Enterprise"),
            "quota": QUOTA * ones,
            "tenure_days": 400.0 + 91 * t,
            "bookings_mean": QUOTA * past.ravel(),
            "exposure": ones,
            "finished": np.isfinite(flat),
            "attainment": flat,
            "bookings": QUOTA * flat,
            "quota_final": QUOTA * ones,
        }
    )
    for name in KPI_COLUMNS:
        frame[name] = np.where(np.isfinite(flat), 1.0, np.nan)
    frame["kpi_created_count"] = np.where(np.isfinite(flat), created.ravel(), np.nan)
    began = pd.DataFrame(starts, columns=["rep_id", "program_id", "t", "started_on"])
    began = began.assign(completed_on=began["started_on"] + pd.Timedelta(days=3), assigned_by="manager", reason="")
    return RepPeriods(frame, began[list(START_COLUMNS)], offered, date(2026, 9, 30), ())
