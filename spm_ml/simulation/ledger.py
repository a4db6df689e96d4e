"""The ledger of changes of deals while it is being written: compact arrays, one list entry a week and kind."""

from dataclasses import dataclass, field

import numpy as np

from spm_ml.simulation.timeline import Timeline
from spm_ml.simulation.world import Floats, Ints, World

UNCHANGED = -1
"""In every column: the event says nothing about it."""
OPEN, WON, LOST = 0, 1, 2
"""Outcome codes, in the order of `OUTCOME_NAMES`."""
OUTCOME_NAMES = ("open", "won", "lost")
KINDS = ("created", "advanced", "pushed", "resized", "won", "lost", "cancelled", "reopened", "reassigned")

COLUMNS = ("deal", "kind", "event_on", "recorded_on", "seconds", "owner", "stage", "amount", "expected", "outcome")
_OPENS, _CLOSES, _MIDNIGHT = 8 * 3600 + 1800, 18 * 3600, 24 * 3600 - 60


@dataclass
class Ledger:
    """Events as columns of `COLUMNS`: day numbers, local seconds after midnight, codes and minor units."""

    world: World
    timeline: Timeline
    parts: list[Ints] = field(default_factory=list)

    def add(
        self,
        kind: str,
        deal: Ints,
        event_on: Ints,
        seconds: Ints,
        *,
        recorded_on: Ints | None = None,
        owner: Ints | int = UNCHANGED,
        stage: Ints | int = UNCHANGED,
        amount: Ints | int = UNCHANGED,
        expected: Ints | int = UNCHANGED,
        outcome: int = UNCHANGED,
    ) -> None:
        """Appends events; columns left out are unchanged by them."""
        if not len(deal):
            return
        recorded = event_on if recorded_on is None else recorded_on
        values = (deal, KINDS.index(kind), event_on, recorded, seconds, owner, stage, amount, expected, outcome)
        self.parts.append(np.array([np.broadcast_to(value, deal.shape) for value in values], dtype=np.int64))

    def hours(self, count: int, rng: np.random.Generator) -> Ints:
        """Times of day within business hours, local seconds."""
        return rng.integers(_OPENS, _CLOSES, count)

    def closing_hours(self, days: Ints, rng: np.random.Generator) -> Ints:
        """Times of day of closings; some in the evening, twice as many on the last day of a period (H12)."""
        last_day = days == self.timeline.period_end(days)
        evening = rng.random(len(days)) < self.world.knobs.late_hours * np.where(last_day, 2, 1)
        return np.where(evening, rng.integers(_CLOSES, _MIDNIGHT, len(days)), self.hours(len(days), rng))

    def entry_days(self, days: Ints, rng: np.random.Generator) -> Ints:
        """Days on which closings were entered: most at once, some up to eight days later (H02)."""
        late = rng.random(len(days)) < self.world.knobs.late_entry
        after = self.timeline.next_selling_day(days + rng.integers(1, 9, len(days)))
        return np.where(late, after, days)

    def columns(self) -> dict[str, Ints]:
        """All events in the order in which they were recorded, deal by deal."""
        table = np.concatenate(self.parts, axis=1) if self.parts else np.empty((len(COLUMNS), 0), dtype=np.int64)
        named = dict(zip(COLUMNS, table, strict=True))
        order = np.lexsort((named["seconds"], named["recorded_on"], named["deal"]))
        return {name: column[order] for name, column in named.items()}


def running(values: Ints) -> Ints:
    """Each row's last value that is not `UNCHANGED`, for rows sorted by deal and time.

    A deal's first row has a value in every column, so nothing runs over from the deal before.

    >>> running(np.array([5, -1, 3, -1])).tolist()
    [5, 5, 3, 3]
    """
    filled = np.maximum.accumulate(np.where(values != UNCHANGED, np.arange(len(values)), 0))
    return values[filled] if len(values) else values


def run_ends(deals: Ints) -> Ints:
    """Position of each deal's last row, for rows sorted by deal.

    >>> run_ends(np.array([4, 4, 7])).tolist()
    [1, 2]
    """
    return np.flatnonzero(np.append(deals[1:] != deals[:-1], True)) if len(deals) else np.zeros(0, dtype=np.int64)


def shares_of_week(count: int, late: bool, rng: np.random.Generator) -> Floats:
    """Where in a week something falls, 0–1; closings of a period's last week lean to its end (H24)."""
    return rng.random(count) ** (0.6 if late else 1.0)
