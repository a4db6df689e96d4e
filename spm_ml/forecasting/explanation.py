"""What a forecast is made of: parts that add up to the median, what moves each, and the deals behind it."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import pandas as pd

from spm_ml.dataset import RepPeriodDataset
from spm_ml.forecasting.forecast import AttainmentForecast
from spm_ml.settings import QUANTILE_LEVELS

MEDIAN: Final = QUANTILE_LEVELS.index(0.5)

DRIVER_COLUMNS: Final = ("row", "slug", "label", "amount")
DEAL_COLUMNS: Final = ("row", "opportunity_id", "stage", "amount", "p_win", "due_days", "likely_week", "expected")
WITHOUT_COLUMNS: Final = ("row", "opportunity_id", "amount", "median", "p_hit")


def strongest_first(drivers: pd.DataFrame) -> pd.DataFrame:
    """`DRIVER_COLUMNS` by row and part, the largest amounts first, equals by label."""
    label, slug = (drivers[name].to_numpy(dtype=str) for name in ("label", "slug"))
    order = np.lexsort((label, -drivers["amount"].abs().to_numpy(), slug, drivers["row"].to_numpy()))
    return drivers.iloc[order].reset_index(drop=True)[list(DRIVER_COLUMNS)]


@dataclass(frozen=True)
class Explanation:
    """Why n rows were forecast as they were. Amounts are minor units.

    Attributes:
        parts: (n rows) a column a part: `booked`, `open_stage_<k>`, `not_created`, `undone`, `skew`, `recalibration`,
            or `still_to_come` where a forecaster tells no more. A row adds up to the median of its bookings; NaN where
            there is no forecast.
        drivers: `row, slug, label, amount`: what moves a part, strongest first; those of a part add up to it.
        deals: `row, opportunity_id, stage, amount, p_win, due_days, likely_week, expected`: every open deal, the one
            with the largest expected bookings first. `likely_week` counts weeks of the period from 1.
        without_largest: `row, opportunity_id, amount, median, p_hit`: the forecast as it would be without the rep's
            largest open deal.
    """

    parts: pd.DataFrame
    drivers: pd.DataFrame
    deals: pd.DataFrame
    without_largest: pd.DataFrame

    @classmethod
    def plain(
        cls, dataset: RepPeriodDataset, forecast: AttainmentForecast, drivers: pd.DataFrame | None = None
    ) -> Self:
        """What is booked and what is still to come, for forecasters that look no further.

        Args:
            dataset: The n rows.
            forecast: n answers.
            drivers: `row, slug, label, amount` of `still_to_come`; what they leave unsaid is added as a last one.
        """
        median = forecast.bookings[:, MEDIAN]
        booked = np.where(np.isnan(median), np.nan, forecast.booked)
        parts = pd.DataFrame({"booked": booked, "still_to_come": median - booked}, index=dataset.frame.index)
        return cls(
            parts,
            pd.DataFrame(columns=list(DRIVER_COLUMNS)) if drivers is None else drivers,
            pd.DataFrame(columns=list(DEAL_COLUMNS)),
            pd.DataFrame(columns=list(WITHOUT_COLUMNS)),
        )
