"""Distributions of groups of people on one as-of day, from one joint simulation."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spm_ml.forecasting import AttainmentForecast
from spm_ml.forecasting.dependence import Dependence
from spm_ml.forecasting.roll_up import GroupForecast, roll_up
from spm_ml.predictions import TeamPrediction
from spm_ml.scoring.credited import Credited
from spm_ml.scoring.members import Group
from spm_ml.scoring.two_days import rows_of
from spm_ml.settings import QUANTILE_LEVELS

Floats = NDArray[np.float64]

_P10, _P90 = (QUANTILE_LEVELS.index(level) for level in (0.1, 0.9))
_ALONE: Final = Dependence.none()


@dataclass(frozen=True)
class DaySums:
    """Adds up n rows of one as-of day.

    A deal counts once: what is booked is revenue, and of what is still to come the share that is (H05). Of somebody
    without a forecast what is booked counts, a leaver's too.

    Attributes:
        forecast: The n rows, in the order of the dataset.
        credited: Revenue and its share of each rep, as known on the day.
    """

    forecast: AttainmentForecast
    credited: Credited

    @cached_property
    def reps(self) -> "pd.Index[str]":
        """(n,) rep_id of each row."""
        index: pd.Index[str] = pd.Index(self.forecast.keys["rep_id"].to_numpy(dtype=object))
        return index

    @cached_property
    def share(self) -> Floats:
        """(n,) share of what is still to come that counts."""
        return self.credited.share(self.reps)

    @cached_property
    def booked(self) -> Floats:
        """(n,) booked revenue, minor units."""
        return self.credited.column("now", self.reps)

    def added_to(self, rows: Sequence[TeamPrediction], groups: Sequence[Group]) -> tuple[TeamPrediction, ...]:
        """Adds distributions and chances to rows of groups that have a member with a forecast.

        Args:
            rows: A row a group.
            groups: Whose members are places among the n rows.
        """
        known: NDArray[np.bool_] = np.asarray(~np.isnan(self.forecast.bookings).any(axis=1))
        different = list(dict.fromkeys(group.members for group in groups if known[list(group.members)].any()))
        rolled = self._rolled(different, self.forecast)
        alone = self._rolled(different, replace(self.forecast, dependence=_ALONE)).bookings
        bookings = rolled.bookings
        found = []
        for row, group in zip(rows, groups, strict=True):
            if group.members not in different:
                found.append(row)
                continue
            place, members = different.index(group.members), np.array(group.members)
            certain = float(self.booked[members[~known[members]]].sum())
            found.append(
                replace(
                    row,
                    bookings_quantiles=tuple((bookings[place] + certain).tolist()),
                    mean_bookings=float(rolled.mean_bookings[place]) + certain,
                    p_hit=_chance(rolled.draws[place], row.quota, certain),
                    p_hit_own=_chance(rolled.draws[place], row.own_quota, certain),
                    independent_range=(float(alone[place, _P10]) + certain, float(alone[place, _P90]) + certain),
                )
            )
        return tuple(found)

    def _rolled(self, different: Sequence[tuple[int, ...]], forecast: AttainmentForecast) -> GroupForecast:
        """One simulation for all groups, in their order: whoever is in several has the same luck in each."""
        places = np.array([place for members in different for place in members], dtype=np.int64)
        names = [f"{at:09d}" for at, members in enumerate(different) for _ in members]
        return roll_up(rows_of(forecast, places), names, counted=self.share[places], booked=self.booked[places])


def _chance(draws: Floats, quota: int | None, certain: float) -> float | None:
    return None if quota is None else float((draws + certain >= quota).mean())
