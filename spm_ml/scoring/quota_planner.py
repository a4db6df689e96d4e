"""Quotas within limits from the distributions of some rows, and what other quotas would mean."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spm_ml.errors import ConfigurationError
from spm_ml.forecasting import AttainmentForecast, distribution
from spm_ml.forecasting.roll_up import GroupForecast, roll_up
from spm_ml.planning.quotas import Allocation, UnallocatableError, at_share, to_goal
from spm_ml.predictions import ProposalGroup
from spm_ml.scoring.two_days import rows_of

_LEVELS: Final = np.arange(1, 200) / 200
SHARES: Final = (0.5, 0.6, 0.7, 0.8)
"""Shares of reps at quota that the scenarios show."""


@dataclass(frozen=True)
class QuotaLimits:
    """What a proposal keeps to.

    Attributes:
        goal: What the quotas add up to, minor units; None: `share` alone decides.
        share: Share of reps that is expected to reach the quota, where there is no goal.
        most_change: Most change against a rep's quota before, as a share of it; None: any.
        step: Quotas are rounded to it, minor units.
    """

    goal: int | None = None
    share: float = 0.6
    most_change: float | None = None
    step: int = 100_00

    def __post_init__(self) -> None:
        if not 0.01 <= self.share <= 0.99:
            raise ConfigurationError(f"a share of {self.share} of reps at quota cannot be planned: choose .01 to .99")
        if self.goal is not None and self.goal <= 0:
            raise ConfigurationError(f"a goal of {self.goal} is no goal: choose one above 0")
        if self.step < 1:
            raise ConfigurationError("quotas cannot be rounded to nothing: choose a step of one minor unit or more")
        if self.most_change is not None and not 0 < self.most_change < 1:
            raise ConfigurationError(
                f"a largest change of {self.most_change} makes no sense: choose one between 0 and 1"
            )


class QuotaPlanner:
    """The forecast of n rows, and what quotas make of it."""

    def __init__(
        self, forecast: AttainmentForecast, rows: NDArray[np.int64], before: NDArray[np.float64], limits: QuotaLimits
    ) -> None:
        self._quantiles, self._floor = forecast.bookings[rows], forecast.floor[rows]
        self._values = distribution.inverse(
            self._quantiles, self._floor, np.broadcast_to(_LEVELS, (len(rows), _LEVELS.size))
        )
        self._forecast, self._rows, self._before = forecast, rows, before
        self._company = self._together([np.arange(len(rows))])
        change, free = limits.most_change, ~(before > 0)
        self._lower = np.where(free, 0.0, 0.0 if change is None else before * (1 - change))
        self._upper = np.where(free, np.inf, np.inf if change is None else before * (1 + change))
        self._step = limits.step

    def allocate(self, limits: QuotaLimits) -> Allocation:
        """The quotas.

        Raises:
            ConfigurationError: The limits leave none that add up to the goal.
        """
        try:
            if limits.goal is None:
                return self._at(limits.share)
            return to_goal(self._values, _LEVELS, limits.goal, self._lower, self._upper, self._step)
        except UnallocatableError as error:
            raise ConfigurationError(str(error)) from error

    def at_shares(self) -> list[Allocation]:
        """Quotas of each of `SHARES`, within the same bounds."""
        return [self._at(share) for share in SHARES]

    def chances(self, quotas: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n,) chance to reach a quota; NaN where there is none."""
        goal = np.where(quotas > 0, quotas, np.nan)
        return distribution.probability_at_least(self._quantiles, self._floor, goal)

    def company_chance(self, total: float) -> float:
        """Chance that all together book an amount."""
        return float(self._company.probability_at_least([total])[0])

    def scenarios(self, proposed: Allocation) -> pd.DataFrame:
        """`share, total, change, company_chance`: what quotas of other shares at quota add up to."""
        totals = [(share, found.total) for share, found in zip(SHARES, self.at_shares(), strict=True)]
        return pd.DataFrame(
            {
                "share": share,
                "total": total,
                "change": total / proposed.total - 1,
                "company_chance": self.company_chance(total),
            }
            for share, total in totals
        )

    def _at(self, share: float) -> Allocation:
        return at_share(self._values, _LEVELS, share, self._lower, self._upper, self._step)

    def groups(self, members: Mapping[str, NDArray[np.int64]], proposed: Allocation) -> tuple[ProposalGroup, ...]:
        """What quotas mean for groups: each one's chance to book the sum of its own, from one joint simulation.

        Args:
            members: Places among the n rows, by key of the group; in none of them twice.
            proposed: The quotas.
        """
        together = self._together(list(members.values()))
        at_shares = [found.quotas for found in self.at_shares()]
        chance, before, *others = (
            together.probability_at_least([float(quotas[own].sum()) for own in members.values()])
            for quotas in (proposed.quotas, np.where(self._before > 0, self._before, np.nan), *at_shares)
        )
        return tuple(
            ProposalGroup(
                key=key,
                reps=len(own),
                chance=float(chance[place]),
                chance_before=None if np.isnan(before[place]) else float(before[place]),
                chance_at_share=tuple(float(one[place]) for one in others),
            )
            for place, (key, own) in enumerate(members.items())
        )

    def _together(self, members: Sequence[NDArray[np.int64]]) -> GroupForecast:
        """The sums of groups, in their order."""
        places = np.concatenate(members)
        names = [f"{at:09d}" for at, own in enumerate(members) for _ in own]
        return roll_up(rows_of(self._forecast, self._rows[places]), names)
