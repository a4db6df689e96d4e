"""Distributions of groups of people on one as-of day, from one joint simulation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spm_ml.forecasting import AttainmentForecast
from spm_ml.forecasting.dependence import Dependence
from spm_ml.forecasting.roll_up import GroupForecast, roll_up_each
from spm_ml.predictions import TeamPrediction
from spm_ml.predictions.chances import FINE_LEVELS
from spm_ml.scoring.credited import Credited
from spm_ml.scoring.members import Group
from spm_ml.settings import QUANTILE_LEVELS

Floats = NDArray[np.float64]
Members = tuple[int, ...]
"""Places among the rows, ascending."""

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
        together = self._rolled(different, self.forecast)
        alone = self._rolled(different, replace(self.forecast, dependence=_ALONE))
        found = []
        for row, group in zip(rows, groups, strict=True):
            if group.members not in together:
                found.append(row)
                continue
            members = np.array(group.members)
            rolled, place = together[group.members]
            of_alone, place_alone = alone[group.members]
            certain = float(self.booked[members[~known[members]]].sum())
            draws = rolled.draws[place]
            fine = np.quantile(draws, FINE_LEVELS) + certain if group.level == "company" else None
            found.append(
                replace(
                    row,
                    bookings_quantiles=tuple((rolled.bookings[place] + certain).tolist()),
                    mean_bookings=float(rolled.mean_bookings[place]) + certain,
                    fine_quantiles=None if fine is None else tuple(fine.tolist()),
                    p_hit=_chance(draws, row.quota, certain),
                    p_hit_own=_chance(draws, row.own_quota, certain),
                    independent_range=(
                        float(of_alone.bookings[place_alone, _P10]) + certain,
                        float(of_alone.bookings[place_alone, _P90]) + certain,
                    ),
                )
            )
        return tuple(found)

    def _rolled(
        self, different: Sequence[Members], forecast: AttainmentForecast
    ) -> Mapping[Members, tuple[GroupForecast, int]]:
        """Each group's sums, and its place among them: futures are drawn once, so whoever is in several has one luck.

        Args:
            different: Each has a member with a forecast.
            forecast: The n rows.
        """
        layers = _apart(different)
        names = np.full((len(layers), len(forecast)), "", dtype=object)
        for layer, own in zip(names, layers, strict=True):
            for at, members in enumerate(own):
                layer[list(members)] = f"{at:09d}"
        rolled = roll_up_each(forecast, [*names], counted=self.share, booked=self.booked)
        return {members: (sums, at) for sums, own in zip(rolled, layers, strict=True) for at, members in enumerate(own)}


def _apart(different: Sequence[Members]) -> list[list[Members]]:
    """The groups in as few lists as a simple rule finds, so that no two of a list share a member."""
    layers: list[tuple[list[Members], set[int]]] = []
    for members in different:
        for own, taken in layers:
            if taken.isdisjoint(members):
                own.append(members)
                taken.update(members)
                break
        else:
            layers.append(([members], set(members)))
    return [own for own, _ in layers]


def _chance(draws: Floats, quota: int | None, certain: float) -> float | None:
    return None if quota is None else float((draws + certain >= quota).mean())
