"""The plan: evidence first, then the best assignment within limits, then the lots, then what it is worth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from spm_ml.errors import SpmError
from spm_ml.planning.assignment import TIME_LIMIT_SECONDS, Assignment, best_assignment
from spm_ml.planning.candidates import Candidate, Flags, Limits, Numbers, Options, Places, options_of
from spm_ml.planning.evidence import Unplanned, affordable, by_gap, why_unplanned, with_effect
from spm_ml.planning.lots import NEAR_TIE, NEAR_TIE_ORDER, Draw, hold_out, near_ties
from spm_ml.planning.power import Design
from spm_ml.planning.value import PolicyValue, others, value_of


@dataclass(frozen=True)
class PlanLine:
    """A rep and the program that the plan had for the rep.

    Attributes:
        net: Expected gain with the time lost taken off; None: no effect is claimed.
        cost: Of the seat, minor units; None: unknown.
        propensity: Chance with which this offer was made, whether it was or not; 1 = nothing was left to chance.
        held_out: The lot decided against the offer: in the hold-out, or among near ties.
        near_tie: Whether near ties were drawn among.
        by_tie: Whether that draw decided against it.
    """

    rep_id: str
    program_id: str
    net: float | None
    cost: int | None
    propensity: float
    held_out: bool
    near_tie: bool
    by_tie: bool


@dataclass(frozen=True)
class Plan:
    """Who is offered what, who is not and why, and what it is worth.

    Attributes:
        lines: Reps with a program, the offered first, the largest gain first.
        unplanned: Why every other rep has none.
        values: The plan, then what it is compared with.
        design: The hold-out and what it detects.
        gap: What a better plan could still add, as a share; 0 = proven optimal; None: taken in order of value.
        messages: What was left out or could not be kept, in sentences.
    """

    lines: tuple[PlanLine, ...]
    unplanned: dict[str, Unplanned]
    values: tuple[PolicyValue, ...]
    design: Design
    gap: float | None
    messages: tuple[str, ...]

    @property
    def offered(self) -> tuple[PlanLine, ...]:
        """Lines that are offers."""
        return tuple(line for line in self.lines if not line.held_out)

    @property
    def spent(self) -> int:
        """Known costs of the offers, minor units."""
        return sum(line.cost or 0 for line in self.offered)


NO_LIMITS: Final = Limits()


def make_plan(
    candidates: Sequence[Candidate],
    limits: Limits = NO_LIMITS,
    *,
    covariance: Sequence[Sequence[float]] | Numbers = (),
    seed: int = 0,
    seconds: float = TIME_LIMIT_SECONDS,
) -> Plan:
    """Plans at most one program a rep for a period.

    Only options with a positive net gain, and a probability of at least `limits.min_p_positive` that the effect is
    above zero, are planned. Reps for whom no effect is claimed in any program come after those, by priority.

    Args:
        candidates: Every rep of the organisation with every program, in any order.
        limits: Budget, people, seats, minimum shares, hold-out.
        covariance: (k, k) of the coefficients that effects share; empty: nothing is shared.
        seed: Of the lots; the same candidates, limits and seed give the same plan.
        seconds: Time limit of the search; what it leaves open is the plan's `gap`.

    Raises:
        SpmError: Candidates contradict each other, seats name an unknown program, or the covariance is not square.
    """
    shared = _square(covariance)
    options = options_of(candidates, limits, len(shared))
    rng = np.random.default_rng(seed)
    payable = affordable(options, limits)
    evident, gaps = with_effect(options, limits) & payable, by_gap(options) & payable
    minimum, capped = _minimum(options, evident | gaps, limits)
    nothing = np.zeros(len(options.teams), dtype=np.int64)
    effects = best_assignment(options, evident, options.net, limits, minimum, seconds=seconds)
    drawn = near_ties(options, effects.chosen, evident, options.net, NEAR_TIE, rng)
    left = _left(options, effects.chosen, limits)
    priority = options.numbers("order")
    missing = effects.short if gaps.any() else nothing
    tie = NEAR_TIE_ORDER * float(priority[gaps].std()) if gaps.any() else 0.0
    rest = best_assignment(options, gaps, priority, left, missing, seconds=seconds)
    drawn = _both(drawn, near_ties(options, rest.chosen, gaps, priority, tie, rng))
    short = np.minimum(effects.short, rest.short) if gaps.any() else effects.short
    held = hold_out(options, drawn.planned, limits.hold_out, rng)
    offered = drawn.planned & ~held
    in_plan = drawn.planned | drawn.undrawn
    people = int(offered.sum())
    own = value_of(options, offered, shared, "plan", "This plan", _how(people))
    return Plan(
        lines=_lines(options, drawn, held, limits.hold_out),
        unplanned=why_unplanned(options, limits, in_plan),
        values=(own, *others(options, people, limits, shared, rng)),
        design=Design(people, int(held.sum()), limits.outcome_sd, _mean(options.net[drawn.planned])),
        gap=_gap(effects, rest),
        messages=_messages(options, limits, short, capped),
    )


_NOBODY: Final = "Nobody gains for certain enough, or no limit leaves room: train nobody."


def _how(people: int) -> str:
    return (
        "Those who are offered a program, each in the one where the plan as a whole gains most." if people else _NOBODY
    )


def _square(covariance: Sequence[Sequence[float]] | Numbers) -> Numbers:
    matrix: Numbers = np.asarray(covariance, dtype=float)
    if not matrix.size:
        return np.zeros((0, 0))
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not np.isfinite(matrix).all():
        raise SpmError(f"the covariance of shape {matrix.shape} is not square or not finite: give a (k, k) matrix")
    return matrix


def _minimum(options: Options, eligible: Flags, limits: Limits) -> tuple[Places, Flags]:
    """(T,) people that each team must get: its share, but nobody without evidence; and where that caps it."""
    people = np.bincount(options.team_of_rep, minlength=len(options.teams)).astype(np.int64)
    able = np.zeros(len(options.reps), dtype=bool)
    able[options.rep[eligible]] = True
    most = np.bincount(options.team_of_rep[able], minlength=len(options.teams)).astype(np.int64)
    wanted = np.ceil(limits.min_share * people - 1e-9).astype(np.int64)
    return np.minimum(wanted, most), np.asarray(wanted > most)


def _left(options: Options, chosen: Flags, limits: Limits) -> Limits:
    """What seats, people and budget remain."""
    used = np.bincount(options.program[chosen], minlength=len(options.programs))
    return replace(
        limits,
        people=None if limits.people is None else limits.people - int(chosen.sum()),
        budget=None if limits.budget is None else limits.budget - int(options.cost[chosen].sum()),
        seats={
            program: limits.seats[program] - int(count)
            for program, count in zip(options.programs, used, strict=True)
            if program in limits.seats
        },
    )


def _both(one: Draw, other: Draw) -> Draw:
    return Draw(one.planned | other.planned, one.undrawn | other.undrawn, one.chance + other.chance)


def _gap(*searches: Assignment) -> float | None:
    gaps = [search.gap for search in searches]
    return None if any(gap is None for gap in gaps) else max(gap or 0.0 for gap in gaps)


def _mean(values: Numbers) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None


def _lines(options: Options, drawn: Draw, held: Flags, share: float) -> tuple[PlanLine, ...]:
    lines = []
    for at in np.flatnonzero(drawn.planned | drawn.undrawn):
        net, cost = float(options.net[at]), options.cost[at]
        line = PlanLine(
            rep_id=options.rows[at].rep_id,
            program_id=options.rows[at].program_id,
            net=net if math.isfinite(net) else None,
            cost=int(cost) if math.isfinite(cost) else None,
            propensity=float(drawn.chance[at]) * (1 - share),
            held_out=bool(held[at] or drawn.undrawn[at]),
            near_tie=bool(drawn.chance[at] < 1),
            by_tie=bool(drawn.undrawn[at]),
        )
        order = (line.held_out, line.net is None, -(line.net or options.rows[at].order), line.rep_id)
        lines.append((order, line))
    return tuple(line for _, line in sorted(lines, key=lambda pair: pair[0]))


def _messages(options: Options, limits: Limits, short: Places, capped: Flags) -> tuple[str, ...]:
    messages = []
    if not options.rows:
        messages.append("There is nobody to plan for, or no program to take.")
    if limits.budget is not None and (
        unknown := sorted({options.programs[at] for at in options.program[~np.isfinite(options.cost)]})
    ):
        messages.append(f"Left out because the cost is unknown and there is a budget: {', '.join(unknown)}.")
    broken = sum(1 for row in options.rows if row.effect is not None and not math.isfinite(row.effect))
    if broken:
        messages.append(f"{broken} options have an effect that is not a number; no effect is claimed for them.")
    for program, seats in sorted(limits.seats.items()):
        if options.reps and seats > len(options.reps):
            messages.append(f"{program} has {seats} seats for {len(options.reps)} reps; some stay empty.")
    names = [f"Team {team or 'without a name'}" for team in options.teams]
    messages += [
        f"{names[place]} gets less than {limits.min_share:.0%}: for the others no program has a positive gain at a "
        f"probability of {limits.min_p_positive:.1%}, or a clear gap."
        for place in np.flatnonzero(capped)
    ]
    messages += [
        f"{names[place]} gets {int(short[place])} fewer than its minimum: seats, people or budget do not reach; "
        "the minimum was relaxed."
        for place in np.flatnonzero(short)
    ]
    return tuple(messages)
