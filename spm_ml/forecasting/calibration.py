"""Conformal shifts: forecasts moved until each quantile covers past outcomes at its level, by week of the period."""

from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np

from spm_ml.forecasting.distribution import LEVELS, Array

ENOUGH: Final = 100
"""Past rows from which a week's shifts are read; a week with fewer borrows from its nearest weeks."""


@dataclass(frozen=True)
class WeeklyShifts:
    """How far each quantile has to move, in usual sizes of the rep, a row a week of the period.

    The shift of level τ is the τ-quantile of (outcome − forecast quantile) ÷ usual size over past rows that the
    forecast was not fitted to: one-sided conformalised quantile regression at every level. For a point forecast, whose
    quantiles are all the same, it gives the quantiles of its errors. The j-th smallest of n errors has level
    j ÷ (n + 1), which covers at the stated rate when the next error is exchangeable with the past ones. Groups by week
    make it Mondrian.

    Source: Romano, Patterson & Candès (2019), Conformalized Quantile Regression, NeurIPS 32; Vovk, Gammerman & Shafer
    (2005), Algorithmic Learning in a Random World, ch. 4.5.

    Attributes:
        weeks: Weeks that were learnt, ascending.
        shifts: (weeks, 19).
    """

    weeks: tuple[int, ...]
    shifts: Array

    @classmethod
    def fit(cls, week: Array, error: Array, *, trust: float = 1.0) -> Self:
        """Learns from past rows; rows with a NaN error are left out, at least one must stay.

        Args:
            week: (n,) week of each row.
            error: (n, 19) outcome − quantile, or (n, 1) outcome − point, in usual sizes.
            trust: Share of the shift that is made, 0–1: little of it when few periods taught it.
        """
        known = ~np.isnan(error).any(axis=1)
        number, error = week[known].astype(int), np.broadcast_to(error[known], (int(known.sum()), LEVELS.size))
        weeks = np.unique(number)
        rows = []
        for own in weeks:
            distance = np.abs(number - own)
            nearest = np.sort(distance)[min(ENOUGH, distance.size) - 1]
            ordered = np.sort(error[distance <= nearest], axis=0)
            rows.append(_quantile_of_each(ordered))
        return cls(tuple(int(own) for own in weeks), trust * np.array(rows))

    def at(self, week: Array) -> Array:
        """Gives (n, 19) shifts at each row's week, in usual sizes; an unseen week gets the nearest one's."""
        known = np.array(self.weeks)
        nearest = np.abs(week[:, None] - known[None, :]).argmin(axis=1)
        return np.asarray(self.shifts[nearest])

    def to_state(self) -> dict[str, Any]:
        """Gives the JSON form."""
        return {"weeks": list(self.weeks), "shifts": self.shifts.tolist()}

    @classmethod
    def of_state(cls, state: dict[str, Any]) -> Self:
        """Reads the JSON form."""
        return cls(tuple(state["weeks"]), np.array(state["shifts"], dtype=float))


def _quantile_of_each(ordered: Array) -> Array:
    """Gives the quantile at the j-th level of the j-th sorted column, interpolated between ranks ÷ (n + 1)."""
    count = len(ordered)
    rank = np.clip(LEVELS * (count + 1) - 1, 0, count - 1)
    low = np.floor(rank).astype(int)
    column = np.arange(LEVELS.size)
    below, above = ordered[low, column], ordered[np.minimum(low + 1, count - 1), column]
    return np.asarray(below + (rank - low) * (above - below))
