"""Rep-periods of an organisation whose conditions, behaviours and luck are known, for the tests of the diagnosis."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd

from spm_ml.coaching.programs import Program
from spm_ml.coaching.rep_periods import KPI_COLUMNS, START_COLUMNS, RepPeriods

SEGMENTS = ("SMB", "Enterprise")
CREATED = {"SMB": 40.0, "Enterprise": 16.0}
SIZE = {"SMB": 800_000.0, "Enterprise": 5_000_000.0}
WIN_RATE = 0.3
ONES: Mapping[str, float] = {}


def make_periods(
    reps: int = 60,
    finished: int = 6,
    seed: int = 0,
    *,
    behaviours: Mapping[str, Mapping[str, float]] = ONES,  # type: ignore[assignment]
    conditions: Mapping[str, Mapping[str, float]] = ONES,  # type: ignore[assignment]
    quotas: Mapping[str, float] = ONES,
    spread: float = 0.15,
) -> RepPeriods:
    """Gives finished periods and a running one; quotas are what an average rep under the conditions would book.

    Args:
        reps: `R000`, `R001`, …; every other one sells to enterprises.
        finished: Periods with results.
        seed: Of everything random.
        behaviours: By rep: multiples of `created`, `win_rate`, `size` of the average.
        conditions: By rep: `potential`, `exposure`, `tenure` at the first eve.
        quotas: By rep: multiple of the fair quota.
        spread: Log spread of everybody else's behaviours.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(reps):
        rep, segment = f"R{number:03d}", SEGMENTS[number % 2]
        own = dict(zip(("created", "win_rate", "size"), np.exp(rng.normal(0, spread, 3)), strict=True))
        own |= behaviours.get(rep, {})
        at = {"potential": float(np.exp(rng.normal(0, 0.2))), "exposure": 1.0, "tenure": 900.0}
        at |= conditions.get(rep, {})
        for t in range(finished + 1):
            row: dict[str, object] = {"rep_id": rep, "t": t, "period": f"{2024 + t // 4}Q{t % 4 + 1}"}
            row |= {"segment": segment, "territory_potential": at["potential"], "exposure": at["exposure"]}
            row |= {"tenure_days": at["tenure"] + 91.0 * t, "period_selling_days": 64, "finished": t < finished}
            row["period_start"] = pd.Timestamp("2024-01-01") + pd.Timedelta(days=91 * t)
            reach = at["potential"] * at["exposure"] * _ramped(at["tenure"] + 91.0 * t)
            fair = reach * CREATED[segment] * WIN_RATE * SIZE[segment]
            row["quota_final"] = round(fair * quotas.get(rep, 1.0))
            created = rng.poisson(reach * CREATED[segment] * own["created"])
            won = rng.binomial(created, min(WIN_RATE * own["win_rate"], 1.0))
            deals = SIZE[segment] * own["size"] * rng.lognormal(-0.08, 0.4, won)
            row |= dict.fromkeys(KPI_COLUMNS, 0.0)
            row |= {"kpi_created_count": created, "kpi_created_amount": created * SIZE[segment]}
            row |= {"kpi_won_count": won, "kpi_lost_count": created - won, "kpi_won_amount": deals.sum()}
            row |= {"kpi_cycle_days": 60 * won, "kpi_largest_won": deals.max(initial=0), "kpi_inherited_won": 0.0}
            row["bookings"] = round(deals.sum())
            rows.append(row)
    frame = pd.DataFrame(rows)
    results = ["bookings", "quota_final", *KPI_COLUMNS]
    frame[results] = frame[results].astype("float64").where(frame["finished"])
    frame["attainment"] = frame["bookings"] / frame["quota_final"]
    starts = pd.DataFrame({name: pd.Series(dtype="object") for name in START_COLUMNS}).astype({"t": "int64"})
    return RepPeriods(frame, starts, (Program("P1", "Closing", ("negotiation",), days=8.0),), date(2025, 12, 31), ())


def changed(periods: RepPeriods, rows: "pd.Series[bool]", **values: float) -> RepPeriods:
    """The same with other values in some rows; attainment follows."""
    frame = periods.frame.copy()
    for name, value in values.items():
        frame.loc[rows, name] = value
    quota = frame["quota_final"].where(frame["quota_final"] > 0)
    frame["attainment"] = frame["bookings"] / quota
    return replace(periods, frame=frame)


def without(periods: RepPeriods, reps: Sequence[str]) -> RepPeriods:
    """The same without some reps."""
    kept = periods.frame[~periods.frame["rep_id"].isin(reps)].reset_index(drop=True)
    return replace(periods, frame=kept)


def _ramped(tenure: float) -> float:
    return float(np.clip(tenure / 180, 0.1, 1.0))
