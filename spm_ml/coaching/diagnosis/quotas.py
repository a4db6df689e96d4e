"""How far quotas allow for the conditions that reps work under.

A weak territory costs attainment only as far as the quota is not lower for it. What quotas leave out of each condition
is estimated over all rep-periods; what is particular to one quota stays with that quota.
"""

from typing import Final

import numpy as np
import pandas as pd
from sklearn.linear_model import Ridge

from spm_ml.coaching.diagnosis.fair_peers import Design, Expectation
from spm_ml.coaching.diagnosis.lmdi import Floats

ALLOWED_FOR: Final = ("territory", "season", "ramp", "presence")
"""Conditions that a quota may allow for."""

_PRIOR_SD: Final = 0.3
"""Of the share left out; 0 = quotas allow for everything is the centre."""

_YEAR: Final = 4
_LEAST_ROWS: Final = 10


def conditions_of(design: Design, bookings: Expectation, t: np.ndarray) -> Floats:
    """Log effect of each condition on what fair peers book.

    The season is beside the four periods up to this one, so that what a whole year brings belongs to the level.

    Args:
        design: Conditions.
        bookings: Peers' bookings for a full-time period.
        t: (n,) place of each row's period.

    Returns:
        (n, 4) in the order of `ALLOWED_FOR`.
    """
    by_period = pd.Series(bookings.logs["season"]).groupby(t).first()
    level = by_period.reindex(range(int(t.max()) + 1)).rolling(_YEAR, min_periods=1).mean() if len(t) else by_period
    season = bookings.logs["season"] - level.reindex(t).to_numpy()
    return np.column_stack([bookings.logs["territory"], season, bookings.logs["ramp"], np.log(design.presence)])


def left_out(conditions: Floats, peers: Floats, quota: Floats) -> Floats:
    """Share of each condition's effect that quotas do not allow for, (4,): 0 = allowed for in full.

    Args:
        conditions: (n, 4) from `conditions_of`.
        peers: (n,) what fair peers would book.
        quota: (n,) NaN or 0 where there is none.
    """
    known = np.isfinite(quota) & (quota > 0) & (peers > 0)
    if known.sum() < _LEAST_ROWS:
        return np.zeros(conditions.shape[1])
    weight = peers[known] / peers[known].mean()
    surplus = np.log(peers[known] / quota[known])
    middle = np.median(surplus)
    surplus = np.clip(surplus, middle - 2, middle + 2)
    noise = float(np.average((surplus - np.average(surplus, weights=weight)) ** 2, weights=weight))
    model = Ridge(alpha=max(noise, 1e-6) / _PRIOR_SD**2)
    return np.asarray(model.fit(conditions[known], surplus, sample_weight=weight).coef_)
