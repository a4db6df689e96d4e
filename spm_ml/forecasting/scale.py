"""The usual size of a rep's period: what makes errors of large and small reps comparable."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import pandas as pd

from spm_ml.forecasting.distribution import Array

PRIOR_PERIODS: Final = 2.0
"""Periods of own history at which it weighs as much as what is expected of any rep with that quota."""

SMALLEST_SHARE: Final = 0.1
"""No rep is scaled below this share of the organisation's mean, so that a bad start does not blow up errors."""


@dataclass(frozen=True)
class RepScale:
    """Gives each row a positive size in minor units: own past mean, shrunk towards what the quota promises.

    Attributes:
        usual_bookings: Mean final bookings of a fully employed rep-period in training, minor units.
        usual_attainment: Σ bookings ÷ Σ quota in training; 0 when no quota was known.
    """

    usual_bookings: float
    usual_attainment: float

    @classmethod
    def fit(cls, frame: pd.DataFrame) -> Self:
        """Learns the organisation's means from finished rep-periods (one row of each is used)."""
        rep_periods = frame.drop_duplicates(["rep_id", "period"])
        actual = rep_periods["actual_bookings"].to_numpy(dtype=float)
        exposure = rep_periods["exposure"].to_numpy(dtype=float)
        quota = rep_periods["quota"].to_numpy(dtype=float)
        with_quota = quota > 0
        usual = actual.sum() / exposure.sum() if exposure.sum() > 0 else 0.0
        promised = quota[with_quota].sum()
        attained = actual[with_quota].sum() / promised if promised > 0 else 0.0
        return cls(max(float(usual), 1.0), max(float(attained), 0.0))

    def of(self, frame: pd.DataFrame) -> Array:
        """Gives (n,) sizes in minor units, positive and never NaN."""
        exposure = np.clip(np.nan_to_num(frame["exposure"].to_numpy(dtype=float)), 0, 1)
        quota = frame["quota"].to_numpy(dtype=float)
        expected = np.where(quota > 0, quota * self.usual_attainment, 0.0)
        expected = np.where(expected > 0, expected, self.usual_bookings * np.maximum(exposure, SMALLEST_SHARE))
        own = frame["bookings_mean"].to_numpy(dtype=float)
        periods = np.nan_to_num(frame["periods_of_history"].to_numpy(dtype=float), nan=PRIOR_PERIODS)
        periods = np.where(np.isnan(own), 0.0, periods)
        shrunk = (np.nan_to_num(own) * periods + expected * PRIOR_PERIODS) / (periods + PRIOR_PERIODS)
        return np.asarray(np.maximum(shrunk, SMALLEST_SHARE * self.usual_bookings))
