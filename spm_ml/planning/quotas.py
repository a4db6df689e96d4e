"""Quotas that are equally hard: each rep's at the same level of the own distribution, adding up to a goal exactly."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_HALVINGS = 60
_MOST = 2.0**45
"""No quota is larger, minor units: sums over a hundred thousand reps stay whole numbers of 64 bits."""


@dataclass(frozen=True)
class Allocation:
    """Quotas of n reps.

    Attributes:
        quotas: (n,) minor units; multiples of the step but for one that takes what is left of the goal.
        level: The level of every rep's distribution at which the quota lies where no bound holds it.
        bounded: (n,) whether a bound holds it.
    """

    quotas: Ints
    level: float
    bounded: NDArray[np.bool_]

    @property
    def total(self) -> int:
        """Σ of the quotas, minor units."""
        return int(self.quotas.sum())


class UnallocatableError(ValueError):
    """The goal lies outside what the bounds leave; the message says between what it would have to be."""


def at_share(values: Floats, levels: Floats, share: float, lower: Floats, upper: Floats, step: int) -> Allocation:
    """Quotas that every rep reaches with the same chance.

    Args:
        values: (n, k) what each rep books at each level, minor units, ascending.
        levels: (k,) ascending, strictly between 0 and 1.
        share: Chance with which a quota is reached, so the share of reps that is expected to.
        lower: (n,) least quotas, minor units.
        upper: (n,) most.
        step: Quotas are rounded to it, minor units.

    Raises:
        UnallocatableError: A least quota is above the most.
    """
    least, most = _bounds(lower, upper, step)
    level = 1 - share
    exact = _at(values, levels, level)
    quotas = np.clip(np.rint(exact / step).astype(np.int64) * step, least, most)
    return Allocation(quotas, level, _is_bounded(exact, least, most))


def to_goal(values: Floats, levels: Floats, goal: int, lower: Floats, upper: Floats, step: int) -> Allocation:
    """Quotas at one level of everybody's distribution, such that they add up to the goal exactly.

    Args:
        values: As in `at_share`.
        levels: As in `at_share`.
        goal: Minor units.
        lower: As in `at_share`.
        upper: As in `at_share`.
        step: As in `at_share`.

    Raises:
        UnallocatableError: The bounds leave less, or more, than the goal.
    """
    least, most = _bounds(lower, upper, step)
    if not least.sum() <= goal <= most.sum():
        raise UnallocatableError(
            f"within their bounds {len(values)} quotas add up to between {least.sum()} and {most.sum()} minor units, "
            f"not to {goal}: change the goal or widen the bounds"
        )
    low, high = float(levels[0]), float(levels[-1])
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        enough = np.clip(_at(values, levels, middle), least, most).sum() >= goal
        low, high = (low, middle) if enough else (middle, high)
    exact = _at(values, levels, high)
    return Allocation(
        _rounded_to(goal, np.clip(exact, least, most), least, most, step), high, _is_bounded(exact, least, most)
    )


def _at(values: Floats, levels: Floats, level: float) -> Floats:
    """(n,) values at a level between two of the levels, which is on a straight line."""
    place = int(np.clip(np.searchsorted(levels, level, side="right") - 1, 0, len(levels) - 2))
    weight = np.clip((level - levels[place]) / (levels[place + 1] - levels[place]), 0.0, 1.0)
    return np.asarray((1 - weight) * values[:, place] + weight * values[:, place + 1])


def _bounds(lower: Floats, upper: Floats, step: int) -> tuple[Ints, Ints]:
    """Bounds in whole steps, and never below one step: a quota of 0 counts as none."""
    least = np.maximum(np.ceil(lower / step), 1).astype(np.int64) * step
    most = np.floor(np.minimum(upper, _MOST) / step).astype(np.int64) * step
    if (least > most).any():
        raise UnallocatableError(
            f"{int((least > most).sum())} quotas have no value in steps of {step} minor units within their bounds: "
            "widen the bounds, or make the step smaller"
        )
    return least, most


def _is_bounded(exact: Floats, least: Ints, most: Ints) -> NDArray[np.bool_]:
    return np.asarray((exact < least) | (exact > most))


def _rounded_to(goal: int, exact: Floats, least: Ints, most: Ints, step: int) -> Ints:
    """Whole steps that add up to the goal (Hamilton's method); what is left of a step goes to the largest quota."""
    quotas = np.clip((np.floor(exact / step)).astype(np.int64) * step, least, most)
    while (left := (goal - int(quotas.sum())) // step) > 0:
        room = quotas + step <= most
        order = [place for place in np.argsort(quotas - exact, kind="stable") if room[place]][:left]
        if not order:
            break
        quotas[order] += step
    while (left := -((goal - int(quotas.sum())) // step)) > 0 and (quotas - step >= least).any():
        order = [place for place in np.argsort(exact - quotas, kind="stable") if quotas[place] - step >= least[place]]
        quotas[order[:left]] -= step
    rest = goal - int(quotas.sum())
    roomy = (quotas + rest >= least) & (quotas + rest <= most)
    quotas[int(np.argmax(np.where(roomy if roomy.any() else True, quotas, -1)))] += rest
    return quotas
