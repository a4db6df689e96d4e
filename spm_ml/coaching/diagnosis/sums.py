"""What is seen of reps beside what fair peers would have, for each rep-period, ready to be summed over any span."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from scipy import stats

from spm_ml.coaching.diagnosis.fair_peers import design_of, expect
from spm_ml.coaching.diagnosis.lmdi import Floats
from spm_ml.coaching.diagnosis.quotas import ALLOWED_FOR, conditions_of, left_out
from spm_ml.coaching.rep_periods import RepPeriods

SUMS: Final = (
    "bookings",
    "quota",
    "peers",
    *(f"{name}_effect" for name in ALLOWED_FOR),
    *(f"{name}_left_out" for name in ALLOWED_FOR),
    "created",
    "created_peers",
    "closed",
    "closed_peers",
    "won",
    "won_peers",
    "won_amount",
    "won_amount_peers",
    "cycle_days",
    "cycle_days_peers",
    "all_won_amount",
    "inherited",
    "surprise",
)
"""Columns that add up over the periods of a span; `…_peers`: what fair peers would have in its place."""

_SURPRISE: Final = stats.norm.ppf(0.95)
_LEAST_WINNERS: Final = 20
_MOST_WINNERS: Final = 1_000
_LEAST_SPREAD: Final = 0.1
_UNKNOWN_SIZES: Final = (0.0, 0.4, 0.4)
"""Intercept, slope and spread of the log ratio of the largest deal while too few were won to learn them."""


@dataclass(frozen=True, eq=False)
class Seen:
    """Rep-periods with a result and a quota.

    Attributes:
        rows: `rep_id, t, period, segment` and `SUMS`, sorted by rep and time.
        noise: Variance ÷ mean of a rep's bookings from period to period, minor units.
        left_out: Share of each condition that quotas do not allow for.
        has_deals: Whether anybody ever created or closed a deal.
    """

    rows: pd.DataFrame
    noise: float
    left_out: dict[str, float]
    has_deals: bool


def see(periods: RepPeriods) -> Seen:
    """Compares every finished rep-period with what fair peers would have under its conditions."""
    frame = periods.frame
    design = design_of(frame, _lost_share(periods))
    kpi = {name: _column(frame, f"kpi_{name}") for name in ("created_count", "won_count", "lost_count", "cycle_days")}
    won_amount, largest = _column(frame, "kpi_won_amount"), _column(frame, "kpi_largest_won")
    won, closed = kpi["won_count"], kpi["won_count"] + kpi["lost_count"]
    booked = frame["bookings"].to_numpy(dtype=np.float64)
    surprise = np.minimum(_surprise(largest, won, expect(design, won_amount, won).rate), np.nan_to_num(booked).clip(0))
    bookings = expect(design, booked - surprise, design.presence)
    peers = bookings.rate * design.presence
    quota = frame["quota_final"].to_numpy(dtype=np.float64)
    conditions = conditions_of(design, bookings, frame["t"].to_numpy())
    shares = left_out(conditions, peers, np.where(np.isfinite(booked), quota, np.nan))
    usual = won_amount - surprise
    columns: dict[str, Floats] = {
        "bookings": booked,
        "quota": quota,
        "peers": peers,
        **{f"{name}_effect": peers * conditions[:, place] for place, name in enumerate(ALLOWED_FOR)},
        **{f"{name}_left_out": peers * conditions[:, place] * shares[place] for place, name in enumerate(ALLOWED_FOR)},
        "created": kpi["created_count"],
        "created_peers": expect(design, kpi["created_count"], design.presence).rate * design.presence,
        "closed": closed,
        "closed_peers": expect(design, closed, design.presence).rate * design.presence,
        "won": won,
        "won_peers": np.clip(expect(design, won, closed).rate, 1e-6, 0.98) * closed,
        "won_amount": usual,
        "won_amount_peers": expect(design, usual, won).rate * won,
        "cycle_days": kpi["cycle_days"],
        "cycle_days_peers": expect(design, kpi["cycle_days"], won).rate * won,
        "all_won_amount": won_amount,
        "inherited": _column(frame, "kpi_inherited_won"),
        "surprise": surprise,
    }
    rows = frame[["rep_id", "t", "period", "segment"]].assign(**columns)
    answered = frame["attainment"].notna() & (rows["quota"] > 0) & rows["bookings"].notna()
    return Seen(
        rows=rows[answered].reset_index(drop=True),
        noise=bookings.noise,
        left_out=dict(zip(ALLOWED_FOR, shares.tolist(), strict=True)),
        has_deals=bool((kpi["created_count"] + closed).sum() > 0),
    )


def _column(frame: pd.DataFrame, name: str) -> Floats:
    """Results of a KPI; one that is not known counts as nothing seen."""
    return np.asarray(np.clip(np.nan_to_num(frame[name].to_numpy(dtype=np.float64)), 0, None))


def _lost_share(periods: RepPeriods) -> Floats:
    """(n,) share of each row's selling days that programs took."""
    days = {program.program_id: program.days or 0.0 for program in periods.programs}
    starts = periods.starts.assign(lost=periods.starts["program_id"].map(days).fillna(0.0).astype("float64"))
    lost = starts.groupby(["rep_id", "t"])["lost"].sum().rename("lost").reset_index()
    rows = periods.frame[["rep_id", "t", "period_selling_days"]].merge(lost, how="left", on=["rep_id", "t"])
    share = rows["lost"].fillna(0.0) / rows["period_selling_days"].clip(lower=1)
    return np.asarray(share.clip(0.0, 0.9).to_numpy(dtype=np.float64))


def _surprise(largest: Floats, won: Floats, size: Floats) -> Floats:
    """What the largest deal brought beyond the largest that is typical of as many deals, where that is rare (1 in 20).

    The typical log ratio to the peers' mean size is linear in the expected normal order statistic (Blom 1958, ch. 6),
    fitted by Theil–Sen so that rare deals do not count as typical.
    """
    usable = (won >= 1) & (largest > 0)
    score = np.where(usable, stats.norm.ppf((np.maximum(won, 1) - 0.375) / (np.maximum(won, 1) + 0.25)), 0.0)
    log_ratio = np.log(np.where(usable, largest / size, 1.0))
    intercept, slope, spread = _UNKNOWN_SIZES
    if usable.sum() >= _LEAST_WINNERS and np.ptp(score[usable]) > 0:
        chosen = np.flatnonzero(usable)[:: -(-int(usable.sum()) // _MOST_WINNERS)]
        slope, intercept = stats.theilslopes(log_ratio[chosen], score[chosen])[:2]
        off = log_ratio[usable] - intercept - slope * score[usable]
        spread = max(float(stats.median_abs_deviation(off, scale="normal")), _LEAST_SPREAD)
    typical = size * np.exp(intercept + slope * score)
    rare = usable & (largest > typical * np.exp(_SURPRISE * spread))
    return np.where(rare, largest - typical, 0.0)
