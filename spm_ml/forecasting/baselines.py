"""The simple rules a model has to beat. A rule whose input is missing uses the fall-back it names, or abstains."""

from typing import ClassVar

import numpy as np
import pandas as pd

from spm_ml.forecasting.baseline import Baseline
from spm_ml.forecasting.distribution import Array
from spm_ml.forecasting.patterns import (
    Learnt,
    expected_from_pipeline,
    learn_pace,
    learn_stage_rates,
    paced,
    usual_share,
)


class RunRateLinear(Baseline):
    """What is booked ÷ the share of selling days that are over; early in the period the rep's historical mean.

    Early: less than 5 % of the selling days are over. A rep without history abstains then.
    """

    name = "run_rate_linear"
    label = "Run rate, linear"

    def point(self, frame: pd.DataFrame, learnt: Learnt) -> Array:  # noqa: ARG002
        """Divides what is booked by the elapsed share."""
        return paced(frame, frame["elapsed_share"].to_numpy(dtype=float))


class RunRateSeasonal(Baseline):
    """What is booked ÷ the share usually booked by this time; early in the period the rep's historical mean.

    Early: less than 5 % is usually booked by then. A rep without history abstains then.
    """

    name = "run_rate_seasonal"
    label = "Run rate, seasonal"
    learns: ClassVar[bool] = True

    def learn(self, frame: pd.DataFrame) -> Learnt:
        """Learns the usual pace."""
        return learn_pace(frame)

    def point(self, frame: pd.DataFrame, learnt: Learnt) -> Array:
        """Divides what is booked by the usual share."""
        return paced(frame, usual_share(frame, learnt))


class LastPeriod(Baseline):
    """The rep's last period; a rep without one abstains."""

    name = "last_period"
    label = "Last period"

    def point(self, frame: pd.DataFrame, learnt: Learnt) -> Array:  # noqa: ARG002
        """Repeats the last period."""
        return frame["bookings_last_1"].to_numpy(dtype=float)


class SamePeriodLastYear(Baseline):
    """The rep's same period a year ago; without it the last period; a rep without either abstains."""

    name = "same_period_last_year"
    label = "Same period last year"

    def point(self, frame: pd.DataFrame, learnt: Learnt) -> Array:  # noqa: ARG002
        """Repeats the same period of the last year."""
        return frame["bookings_same_last_year"].fillna(frame["bookings_last_1"]).to_numpy(dtype=float)


class HistoricalMean(Baseline):
    """The mean of all of the rep's finished periods; a rep without any abstains."""

    name = "historical_mean"
    label = "Historical mean"

    def point(self, frame: pd.DataFrame, learnt: Learnt) -> Array:  # noqa: ARG002
        """Repeats the mean."""
        return frame["bookings_mean"].to_numpy(dtype=float)


class WeightedPipeline(Baseline):
    """What is booked + Σ open amount of a stage × the share of it that is usually won in time at that week.

    Deals that are not created yet count for nothing: it is a rule, not a model. Abstains where the open amounts of the
    stages are unknown.
    """

    name = "weighted_pipeline"
    label = "Weighted pipeline"
    learns: ClassVar[bool] = True

    def learn(self, frame: pd.DataFrame) -> Learnt:
        """Learns the rate of each stage and week."""
        return learn_stage_rates(frame)

    def point(self, frame: pd.DataFrame, learnt: Learnt) -> Array:
        """Adds the weighted open amounts to what is booked."""
        return np.asarray(frame["booked_to_date"].to_numpy(dtype=float) + expected_from_pipeline(frame, learnt))
