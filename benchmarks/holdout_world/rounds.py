"""Buying rounds and their deals: drawn once, when a round opens, and then only revealed day by day."""

from dataclasses import dataclass, fields
from typing import Self

import numpy as np

from benchmarks.holdout_world.days import Days
from benchmarks.holdout_world.law import (
    FIRST_DEALS,
    LATER_DEALS,
    READ_OUT_STAGE,
    SEGMENTS,
    STAGES,
    DecisionDays,
    read_out,
    relative_amounts,
    stage_time,
    won_if_serious,
)
from benchmarks.holdout_world.staff import NEVER, Rates, Staff
from spm_ml.simulation.world import Bools, Floats, Ints

_FIRST_GUESS_SPREAD = 0.35
_NEGLECTED = 0.10


@dataclass(frozen=True)
class Rounds:
    """N rounds by opening day.

    Attributes:
        opened, decided: (N,) selling days.
        rep: (N,) who opened it.
        serious: (N,) whether it ends with a purchase.
    """

    opened: Ints
    decided: Ints
    rep: Ints
    serious: Bools

    @classmethod
    def draw(cls, days: Days, staff: Staff, rates: Rates, law: DecisionDays, rng: np.random.Generator) -> Self:
        """Draws the rounds of all days that are written, and of the burn-in."""
        month = days.month[: days.last + 1]
        expected = rates.opened[month] * staff.at_work(0, days.last)
        count = rng.poisson(expected)
        opened, rep = (np.repeat(place, count[count > 0]) for place in np.nonzero(count))
        serious = rng.random(len(rep)) < rates.serious[month[opened], rep]
        decided = law.draw(opened, staff.segment[rep], serious, rng.random(len(rep)))
        return cls(opened, decided, rep, serious)


@dataclass(frozen=True)
class Deals:
    """n deals, by round and creation.

    Attributes:
        round: (n,) index.
        created: (n,) selling day.
        amount: (n,) minor units.
        relative: (n,) amount ÷ the rep's typical one.
        won: (n,) how it ends on the day its round is decided.
        entered: (n, stages − 1) day on which each stage after the first is entered; `NEVER` = it is not.
        said: (n,) days to the decision that the rep read when `READ_OUT_STAGE` was entered.
        guessed: (n,) expected close as first stated, a selling day that tells nothing.
        neglected: (n,) nobody mends its close date.
    """

    round: Ints
    created: Ints
    amount: Ints
    relative: Floats
    won: Bools
    entered: Ints
    said: Ints
    guessed: Ints
    neglected: Bools

    @classmethod
    def draw(cls, days: Days, staff: Staff, rounds: Rounds, rng: np.random.Generator) -> Self:
        """Draws the deals of all rounds."""
        first = 1 + rng.poisson(FIRST_DEALS, len(rounds.rep))
        waits = rounds.decided - rounds.opened - 1
        later = rng.poisson(LATER_DEALS * waits)
        index = np.concatenate([np.repeat(np.arange(len(first)), first), np.repeat(np.arange(len(later)), later)])
        on_first_day = np.arange(len(index)) < first.sum()
        after = 1 + (rng.random(len(index)) * waits[index]).astype(np.int64)
        created = rounds.opened[index] + np.where(on_first_day, 0, after)
        order = np.lexsort((created, index))
        index, created = index[order], created[order]
        rep, serious = rounds.rep[index], rounds.serious[index]
        relative = relative_amounts(len(index), rng)
        won = serious & (rng.random(len(index)) < won_if_serious(relative))
        cycle = np.array([segment.decision_days for segment in SEGMENTS])[staff.segment[rep]]
        guess = np.ceil(cycle * np.exp(_FIRST_GUESS_SPREAD * rng.normal(size=len(index)))).astype(np.int64)
        entered, said = _progress(created, rounds.decided[index], serious, rng)
        return cls(
            round=index,
            created=created,
            amount=staff.amounts(rep, relative, days.broken[rounds.opened[index]]),
            relative=relative,
            won=won,
            entered=entered,
            said=said,
            guessed=created + guess,
            neglected=rng.random(len(index)) < _NEGLECTED,
        )

    def take(self, chosen: Bools | Ints) -> Self:
        """The chosen deals."""
        return type(self)(**{column.name: getattr(self, column.name)[chosen] for column in fields(self)})


def _progress(created: Ints, decided: Ints, serious: Bools, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Days on which stages are entered, and what was read out on entering `READ_OUT_STAGE` (0 = not entered)."""
    entered = np.full((len(created), len(STAGES) - 1), NEVER)
    said, now = np.zeros(len(created), dtype=np.int64), created
    for stage in range(len(STAGES) - 1):
        left = np.maximum(decided - now, 1)
        time = stage_time(left, stage, serious, rng)
        moves = (now != NEVER) & (now + time < decided)
        now = np.where(moves, now + time, NEVER)
        entered[:, stage] = now
        if stage + 1 == READ_OUT_STAGE:
            heard = read_out(np.maximum(decided - now, 1), rng)
            said = np.where(moves, heard, 0)
    return entered, said
