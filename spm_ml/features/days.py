"""The as-of days of a build and the days of its calendar, as arrays."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Slots:
    """The as-of days, each array (as-of days,); days are numbers since 1970-01-01.

    Attributes:
        as_of: The days, ascending.
        week: Whole weeks of the period that have passed.
        period: Label of the period that the day looks into.
        period_start: Its first day.
        period_end: Its last day.
        period_number: Its number in the fiscal year.
        period_index: Its place among `AsOfGrid.periods`.
        period_selling_days: Its selling days.
        elapsed_selling_days: Those up to the as-of day.
    """

    as_of: np.ndarray
    week: np.ndarray
    period: np.ndarray
    period_start: np.ndarray
    period_end: np.ndarray
    period_number: np.ndarray
    period_index: np.ndarray
    period_selling_days: np.ndarray
    elapsed_selling_days: np.ndarray


@dataclass(frozen=True)
class Days:
    """Every day that a deal, a booking or a row names; each array (days,).

    Attributes:
        first: Number of the first day since 1970-01-01; the others follow without a gap.
        period_index: Place of the day's period among `AsOfGrid.periods`.
        selling_day: 1 on a selling day, else 0.
        selling_day_number: Selling days of the period up to the day.
        late: Whether it lies in the last fifth of its period's selling days.
    """

    first: int
    period_index: np.ndarray
    selling_day: np.ndarray
    selling_day_number: np.ndarray
    late: np.ndarray

    def place(self, day: np.ndarray) -> np.ndarray:
        """Where each day, a number since 1970-01-01, is in the arrays; days outside are an error of the caller."""
        return day.astype(np.int64) - self.first
