"""What is left to chance, so that next year's effects are known better: near ties, and a hold-out.

Every draw logs the chance with which it offered a program, as inverse probability weighting needs it (Dudík, Langford
& Li 2011, Doubly Robust Policy Evaluation and Learning, section 2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from spm_ml.planning.candidates import Flags, Numbers, Options

NEAR_TIE: Final = 0.0025
"""Attainment between two net gains below which the lot decides who gets the last seats."""

NEAR_TIE_ORDER: Final = 0.1
"""The same where no effect is claimed: standard deviations of the priorities of all who could be planned."""


@dataclass(frozen=True)
class Draw:
    """Who is planned after the lots.

    Attributes:
        planned: (n,) options that got a seat.
        undrawn: (n,) options that stood in the lottery and got none.
        chance: (n,) with which the option gets a seat; 1 without a lottery, 0 for what was never considered.
    """

    planned: Flags
    undrawn: Flags
    chance: Numbers


def near_ties(
    options: Options, chosen: Flags, eligible: Flags, worth: Numbers, tie: float, rng: np.random.Generator
) -> Draw:
    """Draws the last seats of each program among reps whose worth differs by less than `tie`.

    A lottery stays inside a program, a team and a cost, so that every limit that held still holds, and each rep stands
    in one lottery at most: that of the program in which the rep would gain most.

    Args:
        options: All.
        chosen: (n,) the best assignment.
        eligible: (n,) what could have been chosen.
        worth: (n,) what it maximised.
        tie: In the unit of `worth`; 0 draws nothing.
        rng: Random numbers.
    """
    planned, undrawn = chosen.copy(), np.zeros_like(chosen)
    chance = chosen.astype(float)
    if tie <= 0:
        return Draw(planned, undrawn, chance)
    busy = np.zeros(len(options.reps), dtype=bool)
    busy[options.rep[chosen]] = True
    best = np.full(len(options.reps), -np.inf)
    open_to = eligible & ~busy[options.rep]
    np.maximum.at(best, options.rep[open_to], worth[open_to])
    waiting = open_to & (worth == best[options.rep])
    waiting[np.flatnonzero(waiting)[_repeated(options.rep[waiting])]] = False
    cost = np.where(np.isfinite(options.cost), options.cost, -1.0)
    keys = np.stack([options.program, options.team, cost], axis=1)
    _, group = np.unique(keys, axis=0, return_inverse=True)
    for one in np.unique(group[chosen]):
        inside = group == one
        last = float(worth[inside & chosen].min())
        seated = np.flatnonzero(inside & chosen & (worth <= last + tie))
        queue = np.flatnonzero(inside & waiting & (np.abs(worth - last) <= tie))
        if not len(queue):
            continue
        pool = np.concatenate([seated, queue])
        drawn = rng.choice(pool, size=len(seated), replace=False)
        planned[pool], undrawn[pool] = False, True
        planned[drawn], undrawn[drawn] = True, False
        chance[pool] = len(seated) / len(pool)
    return Draw(planned, undrawn, chance)


def _repeated(values: np.ndarray) -> Flags:
    """(n,) whether the same value stands earlier."""
    again = np.ones(len(values), dtype=bool)
    again[np.unique(values, return_index=True)[1]] = False
    return again


def hold_out(options: Options, planned: Flags, share: float, rng: np.random.Generator) -> Flags:
    """(n,) planned options that are drawn into the hold-out, each with chance `share`.

    Systematic sampling in random order within each program, so that every program gives its share, to within one
    (Cochran 1977, Sampling Techniques, ch. 8).
    """
    at = np.flatnonzero(planned)
    held = np.zeros_like(planned)
    if share <= 0 or not len(at):
        return held
    order = at[np.lexsort((rng.random(len(at)), options.program[at]))]
    steps = np.floor(np.arange(len(order) + 1) * share + rng.random())
    held[order[np.diff(steps) > 0]] = True
    return held
