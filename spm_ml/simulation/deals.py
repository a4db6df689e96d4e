"""The weekly life of deals: the one kernel that both makes the history and draws the oracle's futures.

Each week every open deal is won, lost, moved a stage or left alone, by competing hazards (Kalbfleisch & Prentice,
*The Statistical Analysis of Failure Time Data*, ch. 8) that depend on its stage and segment, the owner's skills, the
period's and the team's shock, the deal's own urgency, the position in the period and the expected close day.
"""

import numpy as np

from spm_ml.simulation.book import CANCEL_WEEKS, OVERLAY, REVENUE, WON, Book, Rates, Week
from spm_ml.simulation.timeline import Timeline
from spm_ml.simulation.world import HOCKEY_STICK, STAGES, Bools, Floats, Ints, World

LAST_STAGE = len(STAGES)
_MOVED_AGAIN, _RESIZED = 0.30, 0.05
_IN_PERIOD, _BEYOND, _OVERDUE = 1.30, 0.50, 0.95
_DORMANT = 0.03


class Kernel:
    """One week after the other for a world."""

    def __init__(self, world: World, timeline: Timeline) -> None:
        self.world = world
        self.timeline = timeline
        padded = [(0.0, *segment.advance, 0.0) for segment in world.segments]
        self._advance = np.array(padded)
        self._lose = np.array([(0.0, *segment.lose) for segment in world.segments])
        self._win = np.array([(0.0, *segment.win) for segment in world.segments])
        self._cycle = np.array([segment.cycle_days for segment in world.segments])
        self._median = np.array([segment.median_amount for segment in world.segments])
        self._spread = np.array([segment.amount_spread for segment in world.segments])

    def pressure(self, week: int) -> float:
        """How much more likely deals close in this week of the period than on average (H24)."""
        profile = np.interp(self.timeline.progress[week], np.linspace(0, 1, len(HOCKEY_STICK)), HOCKEY_STICK)
        strength = self.world.knobs.hockey_stick
        return float(strength * profile / np.mean(HOCKEY_STICK) + (1 - strength))

    def pressure_on_losses(self, week: int) -> float:
        """The same for deals that are lost, which wait less for the end of the period."""
        return 0.6 + 0.4 * self.pressure(week)

    def step(
        self,
        book: Book,
        rates: Rates,
        segment: Ints,
        week: int,
        rng: np.random.Generator,
        *,
        load: float | None = None,
        scenarios: int = 1,
    ) -> Week:
        """Draws what happens in a week.

        Args:
            book: Deals in play; not changed.
            rates: Of each rep in this week.
            segment: (P,) segment of each rep.
            week: Index in the timeline.
            rng: Source of chance.
            load: Selling days ÷ 5; the week's own by default, less for a week that has partly gone.
            scenarios: Independent draws for which new deals are created.
        """
        load = float(self.timeline.week_load[week]) if load is None else load
        after = book.take(np.arange(len(book)))
        won, lost, advanced = self._closings(book, rates, week, load, rng)
        cancelled, reopened = self._reversals(book, load, rng)
        after.stage[advanced] += 1
        after.stage[won] = WON
        after.age += 1
        after.age[won] = 0
        after.stage[reopened] = LAST_STAGE
        soon = np.full(len(reopened), 30.0)
        after.expected[reopened] = self._belief(int(self.timeline.week_end[week]), soon, np.ones(len(reopened)), rng)
        open_still = (book.stage > 0) & ~np.isin(np.arange(len(book)), np.concatenate([won, lost]))
        pushed = self._pushes(book, after, open_still, advanced, week, rng)
        chance = rng.random(len(book))
        resized = np.flatnonzero(open_still & ~book.dormant & (book.stage > 1) & (chance < _RESIZED * load))
        after.amount[resized] = _rounded(book.amount[resized] * np.exp(rng.normal(0, 0.12, len(resized))))
        discounted = won[rng.random(len(won)) < 0.5]
        after.amount[discounted] = _rounded(
            book.amount[discounted] * np.exp(-np.abs(rng.normal(0, 0.06, len(discounted))))
        )
        new = self._created_deals(rates, segment, week, load, rng, scenarios)
        return Week(won, lost, advanced, pushed, resized, cancelled, reopened, after, new)

    def _closings(
        self, book: Book, rates: Rates, week: int, load: float, rng: np.random.Generator
    ) -> tuple[Ints, Ints, Ints]:
        owner, stage, kind = book.owner, book.stage, book.segment
        pressure = self.pressure(week)
        period_end = self.timeline.end_of(int(self.timeline.week_period[week]))
        belief = np.where(
            book.expected > period_end,
            _BEYOND,
            np.where(book.expected < self.timeline.week_start[week], _OVERDUE, _IN_PERIOD),
        )
        pace = np.where(book.dormant, _DORMANT, 1.0) * load
        win = self._win[kind, stage] * rates.win[owner] * book.urgency * pressure * belief * pace
        lose = self._lose[kind, stage] * rates.lose[owner] * self.pressure_on_losses(week) * pace
        advance = self._advance[kind, stage] * rates.speed[owner] * book.urgency * pace
        total = np.maximum(win + lose + advance, 1e-300)
        draw = rng.random(len(book)) * total / -np.expm1(-total)
        is_won, is_lost = draw < win, (draw >= win) & (draw < win + lose)
        moved = (draw >= win + lose) & (draw < total)
        return np.flatnonzero(is_won), np.flatnonzero(is_lost), np.flatnonzero(moved)

    def _reversals(self, book: Book, load: float, rng: np.random.Generator) -> tuple[Ints, Ints]:
        can = (book.stage == WON) & (book.age >= CANCEL_WEEKS[0])
        undone = can & (rng.random(len(book)) < self.world.knobs.cancel * load)
        reopened = undone & (rng.random(len(book)) < 0.3)
        return np.flatnonzero(undone & ~reopened), np.flatnonzero(reopened)

    def _pushes(
        self, book: Book, after: Book, open_still: Bools, advanced: Ints, week: int, rng: np.random.Generator
    ) -> Ints:
        """Moves close days of overdue deals, and of some that change stage; writes them into `after`."""
        end = self.timeline.week_end[week]
        overdue = open_still & (book.expected <= end) & ~book.dormant
        overdue &= rng.random(len(book)) < self.world.knobs.push
        again = np.zeros(len(book), dtype=np.bool_)
        again[advanced] = rng.random(len(advanced)) < _MOVED_AGAIN
        pushed = np.flatnonzero((overdue | again) & open_still)
        left = 1 - 0.22 * (after.stage[pushed] - 1)
        gap = self._cycle[book.segment[pushed]] * np.where(again[pushed], left, 0.35)
        after.expected[pushed] = self._belief(end + 1, gap, book.urgency[pushed], rng)
        return pushed

    def _belief(self, day: Ints | int, gap: Floats, urgency: Floats, rng: np.random.Generator) -> Ints:
        """Close days that reps write down: a noisy guess, half of them at the end of a period."""
        guess = day + np.maximum(gap * urgency**-0.6 * rng.lognormal(0, 0.4, len(gap)), 3).astype(np.int64)
        at_end = rng.random(len(gap)) < 0.5
        return np.where(at_end, self.timeline.period_end(guess), self.timeline.next_selling_day(guess))

    def _created_deals(
        self, rates: Rates, segment: Ints, week: int, load: float, rng: np.random.Generator, scenarios: int
    ) -> Book:
        knobs, spread = self.world.knobs, self.world.urgency_spread
        counts = rng.poisson(np.tile(rates.created * load, scenarios))
        place = np.repeat(np.arange(len(counts)), counts)
        owner, count = place % len(segment), len(place)
        kind = segment[owner]
        whale = np.where(rng.random(count) < knobs.whale, 6.0, 1.0)
        amount = self._median[kind] * rates.size[owner] * np.exp(self._spread[kind] * rng.normal(size=count)) * whale
        urgency = rng.lognormal(-(spread**2) / 2, spread, count)
        helped = rng.random(count)
        credit = np.where(helped < knobs.split, REVENUE, OVERLAY)
        shared = (helped < knobs.split + knobs.overlay) & (rates.colleague[owner] != owner)
        created_on = self.timeline.selling_day(week, rng.random(count))
        return Book(
            deal=np.full(count, -1, dtype=np.int64),
            created_on=created_on,
            scenario=place // len(segment),
            owner=owner,
            segment=kind,
            stage=np.ones(count, dtype=np.int64),
            amount=_rounded(100 * amount),
            urgency=urgency,
            expected=self._belief(created_on, self._cycle[kind], urgency, rng),
            dormant=rng.random(count) < knobs.dormant,
            age=np.zeros(count, dtype=np.int64),
            partner=np.where(shared, rates.colleague[owner], -1),
            share=np.where(shared, rng.choice([0.2, 0.3, 0.4, 0.5], count), 0.0),
            credit=credit.astype(np.int64),
        )


def _rounded(amount: Floats | Ints) -> Ints:
    """Minor units, to the nearest ten units of currency."""
    tens: Ints = np.round(amount / 1000).astype(np.int64)
    return np.maximum(tens, 1) * 1000
