"""Calls, mails, meetings and demos: most of the rows, drawn a week at a time."""

from dataclasses import dataclass, field

import numpy as np

from spm_ml.simulation.book import Book
from spm_ml.simulation.factors import Shocks, ramp
from spm_ml.simulation.people import People
from spm_ml.simulation.timeline import Timeline
from spm_ml.simulation.world import Floats, Ints, World

KINDS = ("call", "email", "meeting", "demo")
_SHARES = (0.36, 0.44, 0.15, 0.05)
_MINUTES = (14, 4, 45, 60)
_ON_A_DEAL = 0.55
_ENTERED_LATE = 0.06
_EVENING = 0.03

COLUMNS = ("rep", "day", "seconds", "kind", "deal", "minutes", "delay")


@dataclass
class Diary:
    """Activities of the period being simulated; handed on and emptied at its end."""

    world: World
    people: People
    timeline: Timeline
    parts: list[tuple[Ints, ...]] = field(default_factory=list)

    def add_week(self, week: int, book: Book, shocks: Shocks, rng: np.random.Generator) -> None:
        """Draws a week of activities, a little over half of them on the rep's open deals."""
        rep = np.repeat(np.arange(self.people.count), rng.poisson(self._rate(week, shocks)))
        count = len(rep)
        kind = np.searchsorted(np.cumsum(_SHARES)[:-1], rng.random(count), side="right")
        minutes = np.maximum(1, np.round(np.array(_MINUTES)[kind] * rng.gamma(3.0, 1 / 3, count)))
        hour = np.where(
            rng.random(count) < _EVENING,
            rng.integers(18 * 3600, 23 * 3600, count),
            rng.integers(8 * 3600, 18 * 3600, count),
        )
        late = rng.random(count) < _ENTERED_LATE
        delay = np.where(late, rng.integers(8 * 3600, 5 * 86_400, count), rng.integers(0, 1800, count))
        self.parts.append(
            (
                rep.astype(np.int32),
                self.timeline.selling_day(week, rng.random(count)).astype(np.int32),
                hour.astype(np.int32),
                kind.astype(np.int8),
                self._deals(rep, book, rng).astype(np.int32),
                minutes.astype(np.int16),
                delay.astype(np.int32),
            )
        )

    def take(self) -> dict[str, Ints]:
        """The columns of the period by rep and time, and an empty diary."""
        columns = {name: np.concatenate([part[index] for part in self.parts]) for index, name in enumerate(COLUMNS)}
        self.parts.clear()
        order = np.lexsort((columns["seconds"], columns["day"], columns["rep"]))
        return {name: column[order] for name, column in columns.items()}

    def _rate(self, week: int, shocks: Shocks) -> Floats:
        period = int(self.timeline.week_period[week])
        people = self.people
        present = (
            people.active(week)
            * people.fte[period]
            * (0.6 + 0.4 * ramp(self.world, people, int(self.timeline.week_start[week])))
        )
        inflated = people.gamer & (period >= len(self.timeline.periods) - 2)
        rate = self.world.activities * self.timeline.week_load[week] * np.exp(shocks.effort[period])
        return np.asarray(rate * present * np.where(inflated, 3.0, 1.0))

    def _deals(self, rep: Ints, book: Book, rng: np.random.Generator) -> Ints:
        """An open deal of the rep for each activity, or -1."""
        live = np.flatnonzero((book.stage > 0) & ~book.dormant)
        live = live[np.argsort(book.owner[live], kind="stable")]
        count = np.bincount(book.owner[live], minlength=self.people.count)
        start = np.cumsum(count) - count
        linked = (rng.random(len(rep)) < _ON_A_DEAL) & (count[rep] > 0)
        place = start[rep] + (rng.random(len(rep)) * count[rep]).astype(np.int64)
        deals = np.append(book.deal[live], -1)
        return np.where(linked, deals[np.minimum(place, len(live))], -1)
