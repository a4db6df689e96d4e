"""Unfolding: what a period's forecast becomes once part of the period is over and something is booked."""

from dataclasses import asdict, dataclass
from typing import Any, Final, Self

import numpy as np
import pandas as pd

from spm_ml.forecasting.distribution import Array
from spm_ml.forecasting.patterns import Learnt, learn_pace, usual_share

PRIORS: Final = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 1e6)
"""Whole periods that the forecast made on the eve may count for against what is booked since."""


@dataclass(frozen=True)
class Unfolding:
    """Adds to what is booked the share of the period that is still to come, at a pace updated by what came so far.

    The pace is the posterior mean of a Gamma–Poisson law: (prior × forecast + booked) ÷ (prior + share that is usually
    booked by now). A large prior keeps to the forecast, a small one is the run rate. The spread of what is still to
    come shrinks with the root of its share, as that of independent increments does.

    Attributes:
        pace: Usual cumulative share of a period's bookings; empty = in step with selling days.
        prior: Periods that the forecast counts for.

    Source: Gelman et al. (2013), Bayesian Data Analysis, 3rd ed., ch. 2.6.
    """

    pace: Learnt
    prior: float

    @classmethod
    def fit(cls, frame: pd.DataFrame, eve: Array, usual: Array) -> Self:
        """Chooses the prior whose medians miss least on past rows.

        Args:
            frame: Past rows; no eve was learnt from them.
            eve: (n, 19) forecasts as of the period's eve, minor units.
            usual: (n,) usual sizes, minor units: the unit of a miss.
        """
        pace = learn_pace(frame)
        actual = frame["actual_bookings"].to_numpy(dtype=float)
        miss = []
        for prior in PRIORS:
            median = cls(pace, prior).quantiles(frame, eve)[:, eve.shape[1] // 2]
            miss.append(float((np.abs(actual - median) / usual).mean()))
        return cls(pace, PRIORS[int(np.argmin(miss))])

    def quantiles(self, frame: pd.DataFrame, eve: Array) -> Array:
        """Gives (n, 19) quantiles of final bookings; on the eve itself those that were given."""
        elapsed = np.nan_to_num(frame["elapsed_share"].to_numpy(dtype=float))
        share = np.clip(usual_share(frame, self.pace), 0, 1) if self.pace else np.clip(elapsed, 0, 1)
        share = np.nan_to_num(share)
        booked = frame["booked_to_date"].to_numpy(dtype=float)
        mean = eve.mean(axis=1)
        pace = (self.prior * mean + booked) / (self.prior + share)
        left = 1 - share
        centre = booked + left * np.maximum(pace, 0.0)
        return np.asarray(centre[:, None] + np.sqrt(left)[:, None] * (eve - mean[:, None]))

    def to_state(self) -> dict[str, Any]:
        """Gives the JSON form."""
        return asdict(self)

    @classmethod
    def of_state(cls, state: dict[str, Any]) -> Self:
        """Reads the JSON form."""
        return cls(state["pace"], state["prior"])
