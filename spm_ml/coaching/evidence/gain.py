"""Mean gains with standard errors clustered by rep: by lot, and of those who were chosen without one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ids = npt.NDArray[Any]

LEAST: Final = 8
"""People on either side below which no gain is estimated."""

_WIDTH: Final = float(norm.ppf(0.975))


@dataclass(frozen=True)
class Gain:
    """A gain in attainment (share) and its standard error.

    Attributes:
        n: People it is about.
    """

    value: float
    se: float
    n: int

    @property
    def low(self) -> float:
        """Lower end of the 95 % interval."""
        return self.value - _WIDTH * self.se

    @property
    def high(self) -> float:
        """Upper end of the 95 % interval."""
        return self.value + _WIDTH * self.se

    def times(self, people: int) -> Gain:
        """The gain of so many people together."""
        return Gain(self.value * people, self.se * people, people)


def gain_by_lot(surprise: Floats, offered: Bools, chance: Floats, claimed: Floats, rep: Ids) -> Gain | None:
    """What an offer brings, where it was drawn by lot: the prediction, corrected by what came otherwise.

    Source: Dudík, Langford & Li (2011), equation 2, of the policy "offer" minus the policy "offer nobody".

    Args:
        surprise: Outcome − what was expected without a program, (n,).
        offered: Whom the lot fell on, (n,).
        chance: Logged chance of that, strictly between 0 and 1, (n,).
        claimed: Gain that was predicted when it was offered, (n,).
        rep: Cluster, (n,).

    Returns:
        None with fewer than `LEAST` people offered or held out.
    """
    if min(offered.sum(), (~offered).sum()) < LEAST:
        return None
    corrected = np.where(offered, (surprise - claimed) / chance, -surprise / (1 - chance))
    scores = claimed + corrected
    mean = float(scores.mean())
    return Gain(mean, _clustered((scores - mean) / len(scores), rep), len(scores))


def compare_by_lot(outcome: Floats, offered: Bools, chance: Floats, rep: Ids) -> Gain | None:
    """Mean outcome of those offered minus those held out, weighted by the inverse of their chances.

    Source: Hájek's ratio estimator, as in Imbens & Rubin (2015), chapter 19.
    """
    if min(offered.sum(), (~offered).sum()) < LEAST:
        return None
    influence = np.zeros(len(outcome))
    means = []
    for side, weight in ((offered, 1 / chance), (~offered, 1 / (1 - chance))):
        share = np.where(side, weight, 0.0)
        share /= share.sum()
        means.append(float(share @ outcome))
        influence += (1 if side is offered else -1) * share * (outcome - means[-1])
    return Gain(means[0] - means[1], _clustered(influence, rep), len(outcome))


def gain_of_the_chosen(surprise: Floats, treated: Bools, chance: Floats, rep: Ids) -> Gain | None:
    """Mean gain of those who were chosen, by augmented inverse-probability weighting.

    Args:
        surprise: Outcome − what was expected without a program, (n,).
        treated: Who was chosen, (n,).
        chance: Estimated chance of being chosen, (n,).
        rep: Cluster, (n,).

    Returns:
        None with fewer than `LEAST` people on either side.
    """
    if min(treated.sum(), (~treated).sum()) < LEAST:
        return None
    odds = np.where(treated, 0.0, chance / (1 - chance))
    share_of_controls, share_of_treated = odds / odds.sum(), treated / treated.sum()
    there, here = float(share_of_controls @ surprise), float(share_of_treated @ surprise)
    influence = share_of_treated * (surprise - here) - share_of_controls * (surprise - there)
    return Gain(here - there, _clustered(influence, rep), int(treated.sum()))


def together(one: Gain | None, other: Gain | None) -> Gain | None:
    """The mean gain over the people of both."""
    if one is None or other is None:
        return one or other
    people = one.n + other.n
    value = (one.value * one.n + other.value * other.n) / people
    return Gain(value, float(np.hypot(one.se * one.n, other.se * other.n)) / people, people)


def _clustered(influence: Floats, rep: Ids) -> float:
    """Standard error of a sum of influences: those of one rep are added before they are squared."""
    _, place = np.unique(rep.astype(str), return_inverse=True)
    sums = np.bincount(place, weights=influence)
    count = len(sums)
    return float(np.sqrt((sums**2).sum() * count / max(count - 1, 1)))
