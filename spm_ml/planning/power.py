"""What a hold-out can detect, in numbers and words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import stdtrit

POWER: Final = 0.8
ALPHA: Final = 0.05
MOST_PERIODS: Final = 12
"""A design that takes longer is said not to detect the effect."""


def detectable_effect(offered: int, held_out: int, outcome_sd: float, *, periods: int = 1) -> float | None:
    """Gives the smallest effect that a comparison of two random groups finds with power .8 at a two-sided 5 %.

    (t₁₋α⸝₂ + t₀.₈) · σ · √(1/offered + 1/held out), in the unit of `outcome_sd`; None if a group is empty or too small.

    Args:
        offered: People offered a program in one period.
        held_out: People held out in one period.
        outcome_sd: Of the outcome that nothing known beforehand explains.
        periods: How often the design is repeated, with other people each time.

    Source: Bloom (1995), Minimum Detectable Effects, Evaluation Review 19(5), with degrees of freedom n − 2.

    >>> round(detectable_effect(50, 50, 0.2), 3)
    0.113
    """
    first, second = periods * offered, periods * held_out
    freedom = first + second - 2
    if first < 1 or second < 1 or freedom < 1:
        return None
    multiplier = float(stdtrit(freedom, 1 - ALPHA / 2) + stdtrit(freedom, POWER))
    return multiplier * outcome_sd * float(np.sqrt(1 / first + 1 / second))


@dataclass(frozen=True)
class Design:
    """A randomised hold-out: who is offered a program, who is not, and what that will tell.

    Attributes:
        offered: People offered a program.
        held_out: People drawn by lot who are not offered one now.
        outcome_sd: As in `detectable_effect`; None: unknown.
        expected: Mean gain the plan expects of a person; None: none is claimed.
    """

    offered: int
    held_out: int
    outcome_sd: float | None
    expected: float | None

    def detects(self, periods: int = 1) -> float | None:
        """The smallest effect it finds after so many periods; None where that cannot be told."""
        if self.outcome_sd is None:
            return None
        return detectable_effect(self.offered, self.held_out, self.outcome_sd, periods=periods)

    def periods_needed(self) -> int | None:
        """How often it must be repeated to find the gain the plan expects; None: too often, or not known."""
        if self.expected is None or self.expected <= 0:
            return None
        found = (each for each in range(1, MOST_PERIODS + 1) if (self.detects(each) or np.inf) <= self.expected)
        return next(found, None)

    def words(self) -> str:
        """Says so for readers who plan it."""
        if not self.held_out:
            return "Nobody is held out: what this plan causes will only be known from comparisons without a lot."
        people = f"With {self.offered + self.held_out} seats, {self.held_out} of them held out by lot, this design"
        one, two = self.detects(), self.detects(2)
        if two is None:
            missing = "nobody would be offered anything" if not self.offered else "the spread of attainment is unknown"
            if self.outcome_sd is not None and self.offered:
                missing = "the groups are too small"
            return f"{people} cannot say what it detects: {missing}."
        now = "too few for one period" if one is None else f"{100 * one:.0f} points in one period"
        text = f"{people} detects {now} and {100 * two:.0f} points in two (power {POWER:.0%}, two-sided {ALPHA:.0%})."
        if self.expected is None or self.expected <= 0:
            return text
        needed = self.periods_needed()
        wait = f"{needed} such periods" if needed else f"more than {MOST_PERIODS} such periods"
        return f"{text} The {100 * self.expected:.0f} points it expects of a person take {wait} to show."
