"""The assignment itself: who takes which program, as an integer optimum by HiGHS.

Source: assignment with side constraints as a mixed-integer program, Kellerer, Pferschy & Pisinger (2004), Knapsack
Problems, ch. 11 and 13; solver: Huangfu & Hall (2018), Math. Prog. Comp. 10.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array, hstack

from spm_ml.planning.candidates import Flags, Limits, Numbers, Options, Places

TIME_LIMIT_SECONDS: Final = 5.0
RELATIVE_GAP: Final = 1e-4
"""Best value that is still possible beyond the plan's, as a share of it, at which the search ends."""


@dataclass(frozen=True)
class Assignment:
    """Who is chosen.

    Attributes:
        chosen: (n,) options.
        gap: What a better plan could still add, as a share of the plan's value; 0 = proven optimal; None: the search
            found nothing in time, and options were taken in order of their value.
        short: (T,) people by whom each team misses its minimum.
    """

    chosen: Flags
    gap: float | None
    short: Places


def best_assignment(
    options: Options, eligible: Flags, worth: Numbers, limits: Limits, minimum: Places, *, seconds: float
) -> Assignment:
    """Gives the assignment of the largest total worth; minimums that cannot be kept are missed by as little as can be.

    Args:
        options: What can be chosen.
        eligible: (n,) what may be chosen.
        worth: (n,) what is maximised, positive where eligible.
        limits: Seats, people and budget.
        minimum: (T,) people of each team.
        seconds: Time limit of each search.
    """
    at = np.flatnonzero(eligible & ~_dominated(options, eligible, worth, limits))
    short = np.zeros(len(options.teams), dtype=np.int64)
    chosen = np.zeros(len(options.rows), dtype=bool)
    if not len(at):
        return Assignment(chosen, 0.0, minimum.copy())
    rules = _rules(options, at, limits)
    needed = np.flatnonzero(minimum)
    if len(needed):
        short[needed] = _shortfall(options, at, rules, minimum, needed, seconds)
        rules = [*rules, LinearConstraint(_of_teams(options, at, needed), (minimum - short)[needed], np.inf)]
    scale = float(worth[at].max())
    found = milp(
        -worth[at] / scale,
        integrality=np.ones(len(at)),
        bounds=Bounds(0, 1),
        constraints=rules,
        options={"time_limit": seconds, "mip_rel_gap": RELATIVE_GAP},
    )
    if found.x is None:
        order = at[np.argsort(-worth[at], kind="stable")]
        return Assignment(in_order(options, order, limits), None, minimum.copy())
    chosen[at[found.x > 0.5]] = True
    return Assignment(chosen, float(found.mip_gap or 0.0), short)


def _dominated(options: Options, eligible: Flags, worth: Numbers, limits: Limits) -> Flags:
    """(n,) options beside which the same rep has another that is worth as much, costs no more and has room for all."""
    size = (len(options.reps), len(options.programs))
    value, price = np.full(size, -np.inf), np.zeros(size)
    at = np.flatnonzero(eligible)
    value[options.rep[at], options.program[at]] = worth[at]
    if limits.budget is not None:
        price[options.rep[at], options.program[at]] = options.cost[at]
    beaten = np.zeros(size, dtype=bool)
    for place, program in enumerate(options.programs):
        if program in limits.seats:
            continue
        better = (value[:, [place]] >= value) & (price[:, [place]] <= price)
        even = (value[:, [place]] == value) & (price[:, [place]] == price)
        better &= ~even | (np.arange(size[1]) > place)
        beaten |= better & np.isfinite(value[:, [place]])
    return np.asarray(beaten[options.rep, options.program])


def _rules(options: Options, at: Places, limits: Limits) -> list[LinearConstraint]:
    """One program a rep; seats, people and budget where they are set."""
    columns = np.arange(len(at))
    once = csr_array((np.ones(len(at)), (options.rep[at], columns)), shape=(len(options.reps), len(at)))
    rules = [LinearConstraint(once, -np.inf, 1)]
    named = [place for place, program in enumerate(options.programs) if program in limits.seats]
    if named:
        sparse = csr_array((np.ones(len(at)), (options.program[at], columns)), shape=(len(options.programs), len(at)))
        rules.append(LinearConstraint(sparse[named], -np.inf, [limits.seats[options.programs[at]] for at in named]))
    if limits.people is not None:
        rules.append(LinearConstraint(csr_array(np.ones((1, len(at)))), -np.inf, limits.people))
    if limits.budget is not None:
        # In units of the greatest common divisor, so that the solver's tolerance is far below the smallest overrun.
        unit = max(int(np.gcd.reduce(options.cost[at].astype(np.int64))), 1)
        rules.append(LinearConstraint(csr_array(options.cost[at][None, :] / unit), -np.inf, limits.budget // unit))
    return rules


def _of_teams(options: Options, at: Places, needed: Places) -> csr_array:
    every = csr_array((np.ones(len(at)), (options.team[at], np.arange(len(at)))), shape=(len(options.teams), len(at)))
    return every[needed]


def _shortfall(
    options: Options, at: Places, rules: Sequence[LinearConstraint], minimum: Places, needed: Places, seconds: float
) -> Places:
    """(needed,) people by whom the teams must miss their minimum, as few as can be in all."""
    spare = len(needed)
    padded = [
        LinearConstraint(_beside(rule.A, csr_array((rule.A.shape[0], spare))), rule.lb, rule.ub) for rule in rules
    ]
    teams = _beside(_of_teams(options, at, needed), csr_array(np.eye(spare)))
    found = milp(
        np.concatenate([np.zeros(len(at)), np.ones(spare)]),
        integrality=np.ones(len(at) + spare),
        bounds=Bounds(0, np.concatenate([np.ones(len(at)), minimum[needed]])),
        constraints=[*padded, LinearConstraint(teams, minimum[needed], np.inf)],
        options={"time_limit": seconds},
    )
    if found.x is None:
        return minimum[needed]
    missed: Places = np.round(found.x[len(at) :]).astype(np.int64)
    return missed


def _beside(left: csr_array, right: csr_array) -> csr_array:
    return csr_array(hstack([left, right]))


def in_order(options: Options, order: Places, limits: Limits) -> Flags:
    """(n,) takes options in the given order, one a rep, whenever seats, people and budget allow."""
    chosen = np.zeros(len(options.rows), dtype=bool)
    busy: set[int] = set()
    seats = {place: limits.seats.get(program) for place, program in enumerate(options.programs)}
    left = limits.budget
    for at in order:
        rep, program, cost = int(options.rep[at]), int(options.program[at]), options.cost[at]
        if limits.people is not None and len(busy) >= limits.people:
            break
        free = seats[program]
        if rep in busy or free == 0 or (left is not None and not cost <= left):
            continue
        chosen[at] = True
        busy.add(rep)
        seats[program] = None if free is None else free - 1
        left = None if left is None else left - int(cost)
    return chosen
