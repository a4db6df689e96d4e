"""What an assignment is worth with its interval, and what others under the same limits would be worth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.special import ndtri

from spm_ml.planning.assignment import in_order
from spm_ml.planning.candidates import Flags, Limits, Numbers, Options
from spm_ml.planning.evidence import barred

LEVEL: Final = 0.9
"""Of the intervals, as of the options' own."""

_HALF: Final = float(ndtri(0.5 + LEVEL / 2))


@dataclass(frozen=True)
class PolicyValue:
    """What a plan, or something it is compared with, is worth: net gains of attainment summed over people.

    Attributes:
        slug: `plan`, `worst_performers`, `highest_risk`, `everyone` or `nobody`.
        label: What a reader sees.
        people: Who get a program.
        cost: Minor units; None: a cost is unknown.
        value: Net gain, 0.12 = 12 points in all; None: for nobody is an effect claimed, or the order is unknown.
        low: Lower end of the 90 % interval.
        high: Upper end.
        text: One sentence.
    """

    slug: str
    label: str
    people: int
    cost: int | None
    value: float | None
    low: float | None
    high: float | None
    text: str


def value_of(options: Options, chosen: Flags, covariance: Numbers, slug: str, label: str, how: str) -> PolicyValue:
    """Adds up the net gains of the chosen.

    The variance of the sum is L' C L + Σ own², with L the sum of the loadings: what is shared does not average out.

    Args:
        options: All.
        chosen: (n,) at most one a rep.
        covariance: (k, k) of the shared coefficients.
        slug: As in `PolicyValue`.
        label: As in `PolicyValue`.
        how: Who is chosen, in words.
    """
    people = int(chosen.sum())
    known = chosen & np.isfinite(options.net)
    costs = options.cost[chosen]
    cost = int(costs.sum()) if np.isfinite(costs).all() else None
    if people and not known.any():
        text = f"{how} No effect is claimed for them."
        return PolicyValue(slug, label, people, cost, None, None, None, text)
    value = float(options.net[known].sum())
    shared = options.loadings[known].sum(axis=0)
    half = _HALF * float(np.sqrt(max(shared @ covariance @ shared, 0.0) + options.own_variance[known].sum()))
    unknown = people - int(known.sum())
    text = (
        how
        if not people
        else f"{how} {_gain(value, half)}"
        + (f" For {unknown} of them no effect is claimed; they count as 0." if unknown else "")
    )
    return PolicyValue(slug, label, people, cost, value, value - half, value + half, text)


def _gain(value: float, half: float) -> str:
    return (
        f"Together they would gain {100 * value:+.1f} points of attainment, time lost taken off "
        f"({LEVEL:.0%} interval {100 * (value - half):+.1f} to {100 * (value + half):+.1f})."
    )


def others(
    options: Options, people: int, limits: Limits, covariance: Numbers, rng: np.random.Generator
) -> tuple[PolicyValue, ...]:
    """What worst performers, highest risk, everyone and nobody would be worth under the plan's limits.

    Each rep is sent to the program of the largest matched gap that has room, as is done where no effect is known.

    Args:
        options: All.
        people: As many as the plan trains are taken from the top of a ranking.
        limits: Seats and budget; the limit of people holds for everyone.
        covariance: (k, k).
        rng: For who comes first where not everyone has room.
    """
    ranked = replace(limits, people=people)
    lottery = rng.permutation(len(options.reps)).astype(float)[options.rep] if len(options.rows) else np.zeros(0)
    return (
        _ranked(
            options,
            options.numbers("attainment"),
            ranked,
            covariance,
            "worst_performers",
            "Worst performers",
            "attainment",
        ),
        _ranked(
            options,
            options.numbers("p_hit"),
            ranked,
            covariance,
            "highest_risk",
            "Highest risk",
            "chance of reaching the quota",
        ),
        value_of(
            options,
            _sent(options, lottery, limits),
            covariance,
            "everyone",
            "Everyone",
            "Everyone whom the limits allow, drawn by lot, in the program of the largest gap.",
        ),
        PolicyValue("nobody", "Nobody", 0, 0, 0.0, 0.0, 0.0, "Nobody is trained; nothing is gained or spent."),
    )


def _ranked(
    options: Options, by: Numbers, limits: Limits, covariance: Numbers, slug: str, label: str, what: str
) -> PolicyValue:
    if len(options.rows) and not np.isfinite(by).any():
        return PolicyValue(slug, label, 0, None, None, None, None, f"No {what} is known here, so there is no ranking.")
    how = f"As many as the plan trains, those with the lowest {what}, in the program of the largest gap."
    return value_of(options, _sent(options, by, limits), covariance, slug, label, how)


def _sent(options: Options, by: Numbers, limits: Limits) -> Flags:
    """(n,) reps in ascending order of `by`, each in the program of the largest gap that has room."""
    usable = ~barred(options) & np.isfinite(by)
    if limits.budget is not None:
        usable &= np.isfinite(options.cost)
    order = np.lexsort((options.program, -options.numbers("gap"), options.rep, by))
    return in_order(options, order[usable[order]], limits)
