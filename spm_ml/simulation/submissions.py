"""What reps and managers say they will book: informed, biased, and rounded."""

from dataclasses import dataclass, field

import numpy as np

from spm_ml.simulation.book import Book
from spm_ml.simulation.people import People
from spm_ml.simulation.timeline import Timeline
from spm_ml.simulation.world import Floats, Ints

COMMIT, BEST_CASE, OVERRIDE = 0, 1, 2
KINDS = ("commit", "best_case", "manager_override")
_REP_SHARES, _MANAGER_SHARES = (0.25, 0.55, 0.8), (0.35, 0.65, 0.88)
_STAGE_CHANCE = np.array([0.0, 0.05, 0.14, 0.36, 0.62])


@dataclass
class Submissions:
    """Human forecasts so far; each part is rep, period, day, kind, amount."""

    people: People
    timeline: Timeline
    rep_bias: Floats
    manager_bias: Floats
    parts: list[tuple[Ints, ...]] = field(default_factory=list)

    @classmethod
    def start(cls, people: People, timeline: Timeline, rng: np.random.Generator) -> "Submissions":
        """Each rep and each manager has a lasting bias: sandbaggers and happy ears."""
        managers = int(people.manager.max()) + 1
        return cls(people, timeline, rng.normal(0.03, 0.18, people.count), rng.normal(0.05, 0.08, managers))

    def add_week(self, week: int, booked: Floats, book: Book, rng: np.random.Generator) -> None:
        """Writes what was said at the end of the week, if it is one in which people are asked.

        Args:
            week: Index.
            booked: (P,) so far in the period, minor units.
            book: Deals in play at the week's end.
            rng: Source of chance.
        """
        timeline, people = self.timeline, self.people
        period = int(timeline.week_period[week])
        count = len(timeline.weeks_of(period))
        number = int(timeline.week_number[week]) + 1
        asked = [round(share * count) for share in _REP_SHARES], [round(share * count) for share in _MANAGER_SHARES]
        if number == count or number not in asked[0] + asked[1]:
            return
        who = np.flatnonzero(people.active(week))
        end = timeline.end_of(period)
        live = (book.stage > 0) & (book.expected <= end)
        worth = book.amount * _STAGE_CHANCE[book.stage] * live
        likely = np.bincount(book.owner, weights=worth, minlength=people.count)[who] * (
            0.5 + 0.5 * (1 - number / count)
        )
        upside = np.bincount(book.owner, weights=book.amount * (live & (book.stage > 2)), minlength=people.count)[who]
        seen = np.exp(self.rep_bias[who] + rng.normal(0, 0.15, len(who)))
        day = int(timeline.next_selling_day(np.array([timeline.week_end[week] + 1]))[0])
        if number in asked[0]:
            self._say(COMMIT, who, period, day, booked[who] + likely * seen)
            self._say(BEST_CASE, who, period, day, booked[who] + likely * seen + 0.5 * upside)
        if number in asked[1]:
            manager = people.manager[period, people.team[period, who]]
            trusted = np.exp(0.4 * self.rep_bias[who] + self.manager_bias[manager] + rng.normal(0, 0.1, len(who)))
            self._say(OVERRIDE, who, period, day, booked[who] + likely * trusted)

    def _say(self, kind: int, who: Ints, period: int, day: int, amount: Floats) -> None:
        rounded = np.maximum(np.round(amount / 50_000).astype(np.int64) * 50_000, 0)
        shape = len(who)
        self.parts.append((who, np.full(shape, period), np.full(shape, day), np.full(shape, kind), rounded))
