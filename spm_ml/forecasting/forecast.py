"""AttainmentForecast: what every forecaster answers with."""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from spm_ml.dataset import RepPeriodDataset
from spm_ml.forecasting import distribution
from spm_ml.forecasting.dependence import Dependence
from spm_ml.forecasting.distribution import Array
from spm_ml.hazards import Abstention
from spm_ml.settings import QUANTILE_LEVELS

KEYS = ("rep_id", "period", "as_of")

WHOLE_ABSTENTIONS = frozenset({"left", "not_started", "stale_data"})
"""Reasons for which a row of the dataset gets no forecast at all; a missing quota leaves bookings forecastable."""


@dataclass(frozen=True, eq=False)
class AttainmentForecast:
    """The distribution of a period's final bookings for n rows, and of attainment where there is a quota.

    Attributes:
        keys: (n rows) `rep_id`, `period`, `as_of`.
        bookings: (n, 19) quantiles at `levels` in minor units, non-decreasing; NaN rows where nothing is said.
        mean_bookings: (n,) means in minor units, tails included.
        booked: (n,) booked up to the as-of day, minor units.
        quota: (n,) quota in force, minor units; NaN where it is missing or zero.
        floor: (n,) the least that final bookings can be: what is booked, or minus infinity where refunds are usual.
        dependence: How much the rows of a period and team share, for sums over them.
        teams: (n,) team of each row.
        elapsed_share: (n,) share of the period's selling days that are over.
        abstentions: Why a row (or its attainment alone) has no number.
    """

    levels: ClassVar[tuple[float, ...]] = QUANTILE_LEVELS

    keys: pd.DataFrame
    bookings: Array
    mean_bookings: Array
    booked: Array
    quota: Array
    floor: Array
    dependence: Dependence
    teams: NDArray[np.object_]
    elapsed_share: Array
    abstentions: tuple[Abstention | None, ...]

    def __post_init__(self) -> None:
        rows = len(self.keys)
        if self.bookings.shape != (rows, len(self.levels)) or len(self.abstentions) != rows:
            raise ValueError(f"{rows} keys, quantiles {self.bookings.shape}, {len(self.abstentions)} abstentions")
        if (np.diff(self.bookings, axis=1) < 0).any():
            raise ValueError("quantiles decrease along a row")
        if (self.bookings < self.floor[:, None]).any():
            raise ValueError("a quantile lies below the floor")

    @classmethod
    def of(
        cls,
        dataset: RepPeriodDataset,
        quantiles: Array,
        reasons: list[Abstention | None],
        *,
        may_fall: bool,
        dependence: Dependence | None = None,
    ) -> "AttainmentForecast":
        """Finishes raw quantiles: orders them, lifts them to what is booked, blanks what is abstained from.

        Args:
            dataset: The n rows that were forecast.
            quantiles: (n, 19) raw quantiles of final bookings in minor units.
            reasons: n reasons of the forecaster; where there is one, the row is blanked. The dataset's own follow.
            may_fall: Whether final bookings can end below what is booked (refunds are usual here).
            dependence: What the forecaster learnt of how reps err together; default: what is usual.
        """
        frame = dataset.frame
        booked = frame["booked_to_date"].to_numpy(dtype=float)
        floor = np.full(len(frame), -np.inf) if may_fall else booked
        quota = frame["quota"].to_numpy(dtype=float)
        quota = np.where(quota > 0, quota, np.nan)
        declared = _declared(frame)
        abstentions: list[Abstention | None] = []
        blank = np.zeros(len(frame), dtype=bool)
        for row, (own, known) in enumerate(zip(reasons, declared, strict=True)):
            whole = known is not None and known.reason in WHOLE_ABSTENTIONS
            blank[row] = whole or own is not None
            abstentions.append(known if whole else own or known)
        # Sorting never raises the pinball loss of quantiles that crossed (Chernozhukov et al. 2010, Econometrica 78).
        ordered = np.maximum(np.sort(quantiles, axis=1), floor[:, None])
        ordered[blank] = np.nan
        keys = frame.loc[:, list(KEYS)].reset_index(drop=True)
        mean = distribution.mean(ordered, floor)
        selling_days = frame["period_selling_days"].to_numpy(dtype=float)
        elapsed = frame["elapsed_selling_days"].to_numpy(dtype=float) / np.maximum(selling_days, 1.0)
        teams = frame["team"].fillna("").to_numpy(dtype=object)
        return cls(
            keys=keys,
            bookings=ordered,
            mean_bookings=mean,
            booked=booked,
            quota=quota,
            floor=floor,
            dependence=dependence or Dependence.usual(),
            teams=teams,
            elapsed_share=elapsed,
            abstentions=tuple(abstentions),
        )

    def __len__(self) -> int:
        return len(self.keys)

    @cached_property
    def attainment(self) -> Array:
        """(n, 19) quantiles of final bookings ÷ quota; NaN rows without quota."""
        return np.asarray(self.bookings / self.quota[:, None])

    @cached_property
    def mean_attainment(self) -> Array:
        """(n,) mean of final bookings ÷ quota; NaN without quota."""
        return np.asarray(self.mean_bookings / self.quota)

    @property
    def p_hit(self) -> Array:
        """(n,) chance that attainment reaches 1; NaN without quota."""
        return self.probability_at_least(1.0)

    def probability_at_least(self, attainment: ArrayLike) -> Array:
        """Gives each row's chance that attainment reaches a value (one for all, or (n,)); NaN without quota."""
        return distribution.probability_at_least(self.bookings, self.floor, np.asarray(attainment) * self.quota)


def _declared(frame: pd.DataFrame) -> list[Abstention | None]:
    """Gives the reason each row carries, a missing or zero quota included."""
    quota = frame["quota"].to_numpy(dtype=float)
    reasons = [str(reason) for reason in frame["abstention"]]
    for row in np.flatnonzero(~(quota > 0)):
        reasons[row] = reasons[row] or ("quota_zero" if quota[row] == 0 else "quota_missing")
    return [Abstention(reason) if reason else None for reason in reasons]
