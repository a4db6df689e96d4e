"""The true predictive distribution of every rep's final bookings, by Monte Carlo from the true state.

The oracle knows the law, every rep's skill, effort and deal size, who comes and goes, and by default the market and the
teams' shocks of the whole period. It does not know how an open round ends nor when: both are drawn anew from their
conditional law given everything that has been seen of the round: that it is not decided yet, when each of its deals
entered which stage or has not yet, and the close dates that were read out. The other close dates carry no information.
So it is calibrated by construction on every day, and no honest forecaster is better in the long run.
"""

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from benchmarks.holdout_world.law import (
    FIRST_DEALS,
    LATER_DEALS,
    LONGEST,
    READ_OUT_STAGE,
    STAGES,
    left_stage_by,
    read_out_chance,
    relative_amounts,
    won_if_serious,
)
from benchmarks.holdout_world.rounds import Deals
from benchmarks.holdout_world.staff import NEVER, Rates
from benchmarks.holdout_world.truth import Truth
from spm_ml.simulation.ledger import run_ends
from spm_ml.simulation.world import Floats, Ints

_ROUNDS_AT_ONCE: Final = 2_000
_CELLS_AT_ONCE: Final = 4_000_000


def sample_bookings(truth: Truth, as_of: date, draws: int, seed: int, *, know_shocks: bool = True) -> Floats:
    """Draws final bookings of the period, jointly over reps, so that rows may be added up.

    Args:
        truth: What `read_truth` gave.
        as_of: Any day of a written period; its eve belongs to it.
        draws: Futures drawn.
        seed: Of the futures.
        know_shocks: False: market, teams' shocks and steps of skill in the months after the as-of day's are drawn
            from their law too.

    Returns:
        (draws, P) minor units, in the order of `Truth.rep_ids`.

    Raises:
        DataError: The day lies outside the written periods.
    """
    days, rng = truth.days, np.random.default_rng(seed)
    period, today, last = days.place(as_of)
    first = days.first_of(period)
    booked = truth.booked(first, min(today, last))
    if today >= last:
        return np.tile(booked, (draws, 1))
    pipeline = OpenRounds.of(truth, today, last)
    at_once = max(1, min(draws, _CELLS_AT_ONCE // (truth.staff.count * (last - today))))
    parts = []
    for start in range(0, draws, at_once):
        count = min(at_once, draws - start)
        total = pipeline.draw(truth, count, rng) + _new_rounds(truth, today, last, count, know_shocks, rng)
        parts.append(booked + total)
    return np.concatenate(parts)


@dataclass(frozen=True)
class OpenRounds:
    """Rounds that are open at the end of a day, and what is to be expected of them until the period ends.

    Attributes:
        rounds: (n,) index of each round.
        today: The day.
        decided: (n, days) chance that the round is decided by each of the days after today, and is serious: cumulative.
        deals: (n + 1,) where each round's deals begin in `deal`, and where the last one's end.
        deal: Indices of the deals that exist.
    """

    rounds: Ints
    today: int
    decided: Floats
    deals: Ints
    deal: Ints

    @classmethod
    def of(cls, truth: Truth, today: int, last: int) -> "OpenRounds":
        """The state at the end of selling day `today`; `last` ends the period."""
        rounds, deals = truth.rounds, truth.deals
        is_open = (rounds.opened <= today) & (rounds.decided > today)
        deal = np.flatnonzero(is_open[deals.round] & (deals.created <= today))
        index = deals.round[deal]
        starts = np.append(0, run_ends(index) + 1)
        parts = []
        for first in range(0, len(starts) - 1, _ROUNDS_AT_ONCE):
            upto = min(first + _ROUNDS_AT_ONCE, len(starts) - 1)
            chosen = deal[starts[first] : starts[upto]]
            parts.append(decision_chances(truth, chosen, today)[:, 1, : last - today])
        chances = np.concatenate(parts) if parts else np.zeros((0, last - today))
        return cls(index[starts[:-1]] if len(deal) else index, today, np.cumsum(chances, axis=1), starts, deal)

    def draw(self, truth: Truth, draws: int, rng: np.random.Generator) -> Floats:
        """(draws, P) bookings that come of the open rounds, deals added to them later included."""
        staff, people = truth.staff, truth.staff.count
        if not len(self.rounds):
            return np.zeros((draws, people))
        level = rng.random((draws, len(self.rounds)))
        draw, place = np.nonzero(level < self.decided[:, -1])
        decided = self.today + 1 + (self.decided[place] <= level[draw, place][:, None]).sum(axis=1)
        opener, opened = truth.rounds.rep[self.rounds[place]], truth.rounds.opened[self.rounds[place]]
        cell = draw * people + staff.owner(opener, decided)
        size = self.deals[place + 1] - self.deals[place]
        offset = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)
        deal = self.deal[np.repeat(self.deals[place], size) + offset]
        won = rng.random(len(deal)) < won_if_serious(truth.deals.relative[deal])
        known = np.bincount(np.repeat(cell, size), weights=truth.deals.amount[deal] * won, minlength=draws * people)
        later = rng.poisson(LATER_DEALS * (decided - self.today - 1))
        return np.asarray(known + _won_amounts(truth, cell, opener, opened, later, draws, rng)).reshape(draws, people)


def decision_chances(truth: Truth, deal: Ints, today: int) -> Floats:
    """(rounds, 2, `LONGEST`) posterior chance of each day after today, idle or serious, of the rounds of some deals.

    Args:
        truth: The world.
        deal: All deals of these rounds that exist, by round.
        today: The last day seen.
    """
    deals, rounds = truth.deals.take(deal), truth.rounds
    ends = run_ends(deals.round)
    index = deals.round[ends]
    opened, rep = rounds.opened[index], rounds.rep[index]
    serious = truth.rates.serious[truth.days.month[opened], rep]
    prior = np.stack([1 - serious, serious], axis=1)[:, :, None]
    prior = prior * truth.law.chances(opened, truth.staff.segment[rep], today)
    seen = np.stack([_likelihood(deals, today, kind) for kind in (0, 1)], axis=1)
    starts = np.append(0, ends[:-1] + 1)
    with np.errstate(divide="ignore"):
        log = np.log(prior) + np.add.reduceat(np.log(seen), starts, axis=0)
    chance = np.exp(log - log.max(axis=(1, 2), keepdims=True))
    return np.asarray(chance / chance.sum(axis=(1, 2), keepdims=True))


def _likelihood(deals: Deals, today: int, kind: int) -> Floats:
    """(n, `LONGEST`) chance of what was seen of each deal, if it is decided so many days after today."""
    decided = today + np.arange(1, LONGEST + 1)[None, :]
    chance, now = np.ones((len(deals.round), LONGEST)), deals.created
    for stage in range(len(STAGES) - 1):
        there = np.flatnonzero(now <= today)
        since, entered = now[there, None], deals.entered[there, stage]
        left = decided - since
        moved = entered <= today
        passed = np.where(moved, entered, today)[:, None] - since
        upto = left_stage_by(passed, left, stage, kind)
        before = left_stage_by(np.maximum(passed - 1, 0), left, stage, kind)
        chance[there] *= np.where(moved[:, None], upto - before, 1 - upto)
        now = np.where(now <= today, deals.entered[:, stage], NEVER)
        if stage + 1 == READ_OUT_STAGE:
            heard = np.flatnonzero(now <= today)
            chance[heard] *= read_out_chance(deals.said[heard, None], decided - now[heard, None])
    return chance


def _new_rounds(truth: Truth, today: int, last: int, draws: int, know_shocks: bool, rng: np.random.Generator) -> Floats:
    """(draws, P) bookings of rounds that are opened and won after today, until the period ends.

    Only those that are serious and decided in time are drawn: a Poisson process thinned is one of the thinned rate.
    """
    days, staff, people = truth.days, truth.staff, truth.staff.count
    ahead = np.arange(today + 1, last)
    if not len(ahead):
        return np.zeros((draws, people))
    grid = np.broadcast_to(ahead[:, None], (len(ahead), people))
    in_time = truth.law.within(grid, np.broadcast_to(staff.segment, grid.shape), last)
    reach = staff.at_work(today + 1, last - 1) * in_time
    if know_shocks:
        rate = _won_rate(truth.rates, days.month[ahead]) * reach
        count = rng.poisson(rate, size=(draws, *rate.shape))
    else:
        count = np.stack([rng.poisson(_redrawn(truth, today, last, rng) * reach) for _ in range(draws)])
    draw, place, rep = (np.repeat(index, count[count > 0]) for index in np.nonzero(count))
    opened, segment = ahead[place], staff.segment[rep]
    level = rng.random(len(opened)) * in_time[place, rep]
    decided = truth.law.draw(opened, segment, np.ones(len(opened), dtype=np.bool_), level)
    deals = 1 + rng.poisson(FIRST_DEALS + LATER_DEALS * (decided - opened - 1))
    cell = draw * people + staff.owner(rep, decided)
    return _won_amounts(truth, cell, rep, opened, deals, draws, rng).reshape(draws, people)


def _redrawn(truth: Truth, today: int, last: int, rng: np.random.Generator) -> Floats:
    """(days, P) rounds opened that end with a purchase, where the months after today's are drawn from their law."""
    month = truth.days.month
    now, more = month[max(today, 0)], month[last - 1] - month[max(today, 0)]
    climate = truth.climate.continued(now, more, rng).between(now, now + more)
    return _won_rate(Rates.of(truth.days, truth.staff, climate, first=now), month[today + 1 : last] - now)


def _won_rate(rates: Rates, month: Ints) -> Floats:
    return np.asarray((rates.opened * rates.serious)[month])


def _won_amounts(
    truth: Truth, cell: Ints, rep: Ints, opened: Ints, count: Ints, draws: int, rng: np.random.Generator
) -> Floats:
    """(draws × P,) amounts won of deals yet to be created: `count` of each round, booked into its cell."""
    rep, opened, cell = (np.repeat(column, count) for column in (rep, opened, cell))
    relative = relative_amounts(len(rep), rng)
    won = rng.random(len(rep)) < won_if_serious(relative)
    amount = truth.staff.amounts(rep, relative, truth.days.broken[opened]) * won
    return np.bincount(cell, weights=amount, minlength=draws * truth.staff.count).astype(np.float64)
