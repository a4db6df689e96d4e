"""What reps do beside fair peers: pipeline created, win rate, deal size and cycle, with chance taken out of each."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from spm_ml.coaching.diagnosis.lmdi import Floats
from spm_ml.coaching.diagnosis.shrinkage import Posterior, counts, log_ratios, shares

BEHAVIOURS: Final = ("pipeline_created", "win_rate", "deal_size", "cycle")
"""Factors of bookings: deals created × share that closes in time × share of those that is won × amount."""

_ELASTICITY_PRIOR: Final = 20.0
"""Deals of evidence for there being no relation between the cycle's days and what closes in time."""


@dataclass(frozen=True)
class Behaviours:
    """Posteriors of spans, (n,) each, in the order of their rows.

    Attributes:
        of: By name: `BEHAVIOURS` and `own_bookings`, which stands for all of them where there are no deals.
        speed: Peers' days from creation to win ÷ the rep's.
        without_deals: (n,) bool, spans of which no deal is on record: only `own_bookings` counts.
        inherited: (n,) share of the amount won that came from inherited deals, beside the usual share.
    """

    of: dict[str, Posterior]
    speed: Posterior
    without_deals: np.ndarray
    inherited: Floats


def behaviours_of(spans: pd.DataFrame, noise: float, *, has_deals: bool) -> Behaviours:
    """Compares each span's sums with those of fair peers.

    Args:
        spans: One row a span with the columns of `SUMS`.
        noise: Variance ÷ mean of a rep's bookings from period to period, minor units.
        has_deals: Whether the organisation records deals at all.
    """
    seen = {name: spans[name].to_numpy(dtype=np.float64) for name in spans if name not in ("rep_id", "period")}
    created, closed, won = (seen[name] for name in ("created", "closed", "won"))
    inherited = _inherited(seen["inherited"], seen["all_won_amount"])
    speed = log_ratios(_log_ratio(seen["cycle_days_peers"], seen["cycle_days"]), won)
    own_closed = closed * (1 - inherited)
    in_time = _log_smoothed(own_closed, seen["closed_peers"]) - _log_smoothed(created, seen["created_peers"])
    cases = np.where((created > 0) & (closed > 0), 1 / (1 / (created + 0.5) + 1 / (closed + 0.5)), 0.0)
    log_speed = np.log(speed.ratio)
    elasticity = float(
        np.clip((cases * log_speed * in_time).sum() / ((cases * log_speed**2).sum() + _ELASTICITY_PRIOR), 0, 1)
    )
    posteriors = {
        "pipeline_created": counts(created, seen["created_peers"]),
        "win_rate": shares(won, closed, np.where(closed > 0, seen["won_peers"] / np.maximum(closed, 1), 0.5)),
        "deal_size": log_ratios(_log_ratio(seen["won_amount"], seen["won_amount_peers"]), won),
        "cycle": log_ratios(in_time, cases, centre=elasticity * log_speed),
        "own_bookings": counts(np.clip(seen["bookings"], 0, None) / noise, seen["peers"] / noise),
    }
    none = (created + closed == 0) & (seen["bookings"] > 0)
    return Behaviours(posteriors, speed, none | (not has_deals), inherited)


def _inherited(inherited: Floats, won_amount: Floats) -> Floats:
    usual = min(float(inherited.sum() / max(won_amount.sum(), 1.0)), 1.0)
    return np.where(won_amount > 0, np.clip(inherited / np.maximum(won_amount, 1.0), 0, 1) - usual, 0.0)


def _log_ratio(own: Floats, peers: Floats) -> Floats:
    known = (own > 0) & (peers > 0)
    return np.log(np.where(known, own, 1.0) / np.where(known, peers, 1.0))


def _log_smoothed(seen: Floats, expected: Floats) -> Floats:
    """Log ratio of counts; half a case on either side keeps zeros finite (Haldane–Anscombe)."""
    return np.log((seen + 0.5) / (expected + 0.5))
