"""How the simulated sales operations team sets quotas: from what is expected, so that a little over half hit."""

from dataclasses import dataclass, field

import numpy as np

from spm_ml.simulation.people import People
from spm_ml.simulation.timeline import Timeline
from spm_ml.simulation.world import Floats, Ints, World

_LOOK_BACK = 6
_FULL_QUOTA_DAYS = 270
_OWN_WEIGHT = 0.6
_LEAST_SHARE = 0.12
_GROWTH = 1.012


@dataclass
class QuotaSetter:
    """Keeps what was booked and asked, and writes the quotas of the next period.

    Attributes:
        bookings: (Q, P) credited, minor units, filled by the engine.
        original, final: (Q, P) minor units; NaN: none.
        rows: Rep, period, amount, set_on of every version.
    """

    world: World
    people: People
    timeline: Timeline
    bookings: Floats
    original: Floats
    final: Floats
    stretch: float = 0.90
    rows: list[tuple[Ints, Ints, Ints, Ints]] = field(default_factory=list)

    @classmethod
    def start(cls, world: World, people: People, timeline: Timeline) -> "QuotaSetter":
        """No period has a quota yet."""
        shape = (len(timeline.periods), people.count)
        return cls(world, people, timeline, np.zeros(shape), np.full(shape, np.nan), np.full(shape, np.nan))

    def attainment(self, period: int) -> Floats:
        """(P,) bookings ÷ quota in force at the period's end; NaN without quota."""
        quota = np.where(self.final[period] > 0, self.final[period], np.nan)
        return np.asarray(self.bookings[period] / quota)

    def set_quotas(self, period: int, steady: Floats, rng: np.random.Generator) -> None:
        """Writes the quotas of a period, their late settings and mid-period changes (H06).

        Args:
            period: Index.
            steady: (P,) model-based expectation of a week's bookings, used until there is history.
            rng: Source of chance.
        """
        knobs, timeline, people = self.world.knobs, self.timeline, self.people
        start, end = timeline.start_of(period), timeline.end_of(period)
        self._learn_stretch(period)
        expected = self._expected(period, steady) * self.stretch * self._share(period)
        amount = np.maximum(np.round(expected / 100_000), 1) * 100_000
        has = (self._share(period) > _LEAST_SHARE) & (rng.random(people.count) >= knobs.quota_missing)
        amount[rng.random(people.count) < knobs.quota_zero] = 0
        late = np.where(
            rng.random(people.count) < 0.04, rng.integers(4, 20, people.count), -rng.integers(4, 21, people.count)
        )
        set_on = np.where(
            people.hired_on >= start, np.minimum(people.hired_on + 6, end), np.maximum(start + late, people.hired_on)
        )
        self._record(period, np.flatnonzero(has), amount, set_on)
        self.original[period] = np.where(has, amount, np.nan)
        changed = np.flatnonzero(has & (rng.random(people.count) < knobs.quota_change))
        factor = rng.choice([0.75, 0.85, 0.9, 1.1, 1.2], people.count)
        changed_on = np.minimum(
            np.maximum(set_on + 7, start + rng.integers(20, max(end - start - 15, 21), people.count)), end
        )
        changed = changed[changed_on[changed] > set_on[changed]]
        revised = np.round(amount * factor / 100_000) * 100_000
        self._record(period, changed, revised, changed_on)
        self.final[period] = self.original[period]
        self.final[period, changed] = revised[changed]

    def _record(self, period: int, reps: Ints, amount: Floats, set_on: Ints) -> None:
        self.rows.append((reps, np.full(len(reps), period), amount[reps].astype(np.int64), set_on[reps]))

    def _share(self, period: int) -> Floats:
        """(P,) of a full quota: employed days by hire date (leavers keep theirs), and ramp."""
        start, end = self.timeline.start_of(period), self.timeline.end_of(period)
        people = self.people
        present = np.clip((end - np.maximum(people.hired_on, start) + 1) / (end - start + 1), 0, 1)
        present = np.where((people.left_on < start) | (people.hired_on > end - 20), 0, present)
        if self.world.knobs.ramp_days == 0:
            return np.asarray(present)
        middle = (np.maximum(people.hired_on, start) + end) / 2
        return np.asarray(present * np.clip((middle - people.hired_on) / _FULL_QUOTA_DAYS, 0, 1))

    def _expected(self, period: int, steady: Floats) -> Floats:
        """(P,) three fifths the rep's own past, two fifths what the territory should give; grown and seasonal."""
        people, back = self.people, range(max(1, period - _LOOK_BACK), period)
        reach = people.potential[period] * people.fte[period]
        weeks = len(self.timeline.weeks_of(period))
        territory = steady * weeks
        if not back:
            return territory
        full = np.array([self._ramped(past) for past in back])
        booked = np.array([self.bookings[past] for past in back])
        past_reach = np.array([people.potential[past] * people.fte[past] for past in back])
        for segment in range(len(self.world.segments)):
            chosen = full & (people.segment == segment)
            if chosen.sum() >= 3:
                mean = booked[chosen].sum() / past_reach[chosen].sum()
                territory = np.where(people.segment == segment, mean * reach, territory)
        periods_seen = full.sum(axis=0)
        own = (booked * full).sum(axis=0) / np.maximum((past_reach * full).sum(axis=0), 1e-9) * reach
        blended = np.where(periods_seen >= 2, _OWN_WEIGHT * own + (1 - _OWN_WEIGHT) * territory, territory)
        season = self.world.seasonality[(self.timeline.periods[period].number - 1) % len(self.world.seasonality)]
        return np.asarray(blended * np.exp(0.5 * season) * _GROWTH**2)

    def _ramped(self, period: int) -> Floats:
        start, end = self.timeline.start_of(period), self.timeline.end_of(period)
        settled = self.people.hired_on <= start - (_FULL_QUOTA_DAYS if self.world.knobs.ramp_days else 0)
        return np.asarray(settled & (self.people.left_on > end))

    def _learn_stretch(self, period: int) -> None:
        """Aims at a median attainment of 1.06 from the ramped reps of the period before."""
        if period == 0:
            return
        seen = self.attainment(period - 1)[self._ramped(period - 1).astype(bool)]
        seen = seen[np.isfinite(seen)]
        if period > 1 and len(seen) >= 5:
            self.stretch = float(np.clip(self.stretch * (np.median(seen) / 1.06) ** 0.4, 0.6, 1.2))
