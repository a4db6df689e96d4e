"""What a CRM saw of the deals: the ledger of events, and how deals stand at its end."""

from dataclasses import dataclass, field

import numpy as np

from benchmarks.holdout_world.law import READ_OUT_STAGE, STAGES
from benchmarks.holdout_world.staff import NEVER
from benchmarks.holdout_world.truth import Truth
from spm_ml.simulation.ledger import LOST, OPEN, UNCHANGED, WON, run_ends, running
from spm_ml.simulation.world import Bools, Ints

COLUMNS = ("deal", "day", "seconds", "owner", "stage", "amount", "expected", "outcome")
CARRIED = COLUMNS[3:]
_PUSH_WAIT, _PUSH_LEAST, _PUSH_MOST = 0.2, 5, 40
_HOUR = 3600
# A kind of event has hours of its own, so that no deal has two events in one instant.
_LOADED, _CREATED, _STAGE, _PUSHED, _CLOSED, _HANDED_OVER = (hour * _HOUR for hour in (6, 8, 10, 13, 15, 18))
_HOURS_WIDE = 2 * _HOUR


@dataclass
class _Events:
    """Events being collected: columns of `COLUMNS`, days as selling days, times as local seconds after midnight."""

    rng: np.random.Generator
    parts: list[Ints] = field(default_factory=list)

    def add(self, deal: Ints, day: Ints, hour: int, **states: Ints | int) -> None:
        """Appends events; states left out are unchanged by them."""
        seconds = hour + self.rng.integers(0, _HOURS_WIDE, len(deal))
        values = (deal, day, seconds, *(states.get(name, UNCHANGED) for name in CARRIED))
        self.parts.append(np.array([np.broadcast_to(value, deal.shape) for value in values], dtype=np.int64))

    def columns(self) -> dict[str, Ints]:
        """All events by deal and time."""
        named = dict(zip(COLUMNS, np.concatenate(self.parts, axis=1), strict=True))
        order = np.lexsort((named["seconds"], named["day"], named["deal"]))
        return {name: column[order] for name, column in named.items()}


def written_events(truth: Truth, rng: np.random.Generator) -> dict[str, Ints]:
    """Events of the written days by deal and time; `day` and `expected` are calendar days.

    What was open on the first morning is loaded as it stands; what was closed before stays outside.
    """
    days = truth.days
    columns = _all_events(truth, rng)
    columns["day"] = days.calendar[columns["day"]]
    columns["expected"] = np.where(columns["expected"] == UNCHANGED, UNCHANGED, days.calendar[columns["expected"]])
    before = columns["day"] < days.report_start
    loaded = _state({name: column[before] for name, column in columns.items()})
    still_open = loaded["outcome"] == OPEN
    loaded = {name: column[still_open] for name, column in loaded.items()}
    loaded["day"] = np.full(len(loaded["deal"]), days.report_start)
    loaded["seconds"] = _LOADED + rng.integers(0, _HOURS_WIDE, len(loaded["deal"]))
    joined = {name: np.concatenate([loaded[name], columns[name][~before]]) for name in COLUMNS}
    known = np.isin(joined["deal"], np.union1d(loaded["deal"], columns["deal"][_creations(columns) & ~before]))
    order = np.lexsort((joined["seconds"], joined["day"], joined["deal"]))
    order = order[known[order]]
    return {name: column[order] for name, column in joined.items()}


def snapshot(events: dict[str, Ints]) -> dict[str, Ints]:
    """Deals as they stand after the last event: its columns with every state filled in, and `closed_on` (-1 = open)."""
    last = _state(events)
    return last | {"closed_on": np.where(last["outcome"] == OPEN, -1, last["day"])}


def _state(events: dict[str, Ints]) -> dict[str, Ints]:
    ends = run_ends(events["deal"])
    return {name: (running(column) if name in CARRIED else column)[ends] for name, column in events.items()}


def _creations(columns: dict[str, Ints]) -> Bools:
    return np.asarray(columns["outcome"] == OPEN)


def _all_events(truth: Truth, rng: np.random.Generator) -> dict[str, Ints]:
    """Everything up to the last written day, burn-in included; days are selling days."""
    deals, rounds, staff, last = truth.deals, truth.rounds, truth.staff, truth.days.last
    deal = np.flatnonzero(deals.created <= last)
    created, index = deals.created[deal], deals.round[deal]
    decided, rep = rounds.decided[index], rounds.rep[index]
    events = _Events(rng)
    events.add(
        deal, created, _CREATED,
        owner=staff.owner(rep, created), stage=0, amount=deals.amount[deal], expected=deals.guessed[deal], outcome=OPEN,
    )  # fmt: skip
    for stage in range(1, len(STAGES)):
        entered = deals.entered[deal, stage - 1]
        seen = entered <= last
        said = entered + deals.said[deal] if stage == READ_OUT_STAGE else np.full(len(deal), UNCHANGED)
        events.add(deal[seen], entered[seen], _STAGE, stage=stage, expected=said[seen])
    spoken = deals.entered[deal, READ_OUT_STAGE - 1]
    until = np.minimum(decided, last + 1)
    kept = ~deals.neglected[deal]
    _push(events, deal[kept], deals.guessed[deal][kept], np.minimum(spoken, until)[kept])
    heard = kept & (spoken <= last)
    _push(events, deal[heard], (spoken + deals.said[deal])[heard], until[heard])
    leaves = staff.left[rep]
    handed = (leaves >= created) & (leaves < decided) & (leaves <= last)
    events.add(deal[handed], leaves[handed], _HANDED_OVER, owner=staff.heir[rep[handed]])
    closed = decided <= last
    events.add(deal[closed], decided[closed], _CLOSED, outcome=np.where(deals.won[deal[closed]], WON, LOST))
    return events.columns()


def _push(events: _Events, deal: Ints, expected: Ints, until: Ints) -> None:
    """Moves the close dates of overdue deals, each some days after it has passed, as long as that is before `until`."""
    while len(deal):
        day = expected + events.rng.geometric(_PUSH_WAIT, len(deal))
        goes_on = (day < until) & (expected < NEVER)
        deal, day, until = deal[goes_on], day[goes_on], until[goes_on]
        expected = day + events.rng.integers(_PUSH_LEAST, _PUSH_MOST, len(deal))
        events.add(deal, day, _PUSHED, expected=expected)
