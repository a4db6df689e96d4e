"""What happened to deals between two days, rep by rep: the news behind a change of a forecast."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final, Self

import pandas as pd

from spm_ml.history import SalesHistory
from spm_ml.scoring.words import MoneyWords

NO_STAGE: Final = 0
"""Stage of a deal that was not open at the time."""

_READ: Final = (
    "opportunity_id",
    "event_number",
    "rep_id",
    "outcome",
    "stage_position",
    "amount",
    "expected_close_on",
    "previous_rep_id",
    "previous_outcome",
    "previous_stage_position",
    "previous_amount",
    "previous_expected_close_on",
)

_WORDS: Final = {
    "won": "won",
    "undone": "taken back",
    "lost": "lost",
    "pushed": "pushed out of the period",
    "handed_over": "handed over",
    "left": "moved on",
    "created": "created",
    "entered": "moved here",
    "pulled": "pulled into the period",
    "taken_over": "taken over",
}
"""Kinds of events in the order in which they are told."""

_GOOD: Final = ("won", "created", "pulled", "taken_over")
_BAD: Final = ("lost", "pushed", "undone", "handed_over")


@dataclass(frozen=True)
class Happened:
    """How many deals of one or several reps something happened to, and what they are worth.

    Attributes:
        tally: By kind (a key of the words above) and stage: deals, and their amounts in minor units. The stage is the
            one a deal came to, of `left`, `won`, `lost` and `handed_over` the one it was in; `NO_STAGE` = not open.
    """

    tally: Mapping[tuple[str, int], tuple[int, float]] = field(default_factory=dict)

    @classmethod
    def together(cls, several: Iterable["Happened"]) -> Self:
        """Adds up what happened to the deals of several reps."""
        total: dict[tuple[str, int], tuple[int, float]] = {}
        for one in several:
            for key, (count, amount) in one.tally.items():
                so_far = total.get(key, (0, 0.0))
                total[key] = so_far[0] + count, so_far[1] + amount
        return cls(total)

    def of(self, kind: str, stage: int | None = None) -> tuple[int, float]:
        """Deals of a kind and their amount, in one stage or in all."""
        found = [value for (name, at), value in self.tally.items() if name == kind and stage in (None, at)]
        return sum(count for count, _ in found), sum(amount for _, amount in found)

    def told(self, kinds: Iterable[str], money: MoneyWords, stage: int | None = None) -> str:
        """Those of some kinds in words, for example `2 won (90 000), 1 lost (4 000)`; '' if none happened."""
        chosen = set(kinds)
        phrases = [
            f"{count} {words}{f' ({money.amount(amount)})' if amount else ''}"
            for kind, words in _WORDS.items()
            if kind in chosen
            for count, amount in [self.of(kind, stage)]
            if count
        ]
        return ", ".join(phrases)

    def news(self, money: MoneyWords, *, good: bool) -> str:
        """The largest event that speaks for a rise, or for a fall; '' if there is none."""
        largest = max(_GOOD if good else _BAD, key=lambda kind: self.of(kind)[1])
        return self.told((largest,), money)


def events_between(history: SalesHistory, since: date, as_of: date, period_end: date) -> dict[str, Happened]:
    """Compares every deal that was changed after one day and by the end of a later one, by rep.

    A deal counts by where it stood before its first change and after its last one, so what was undone in between is
    not told. One that was created and closed in between is both.

    Args:
        history: What is known.
        since: Day at whose end the comparison starts.
        as_of: Day at whose end it stops.
        period_end: Last day of the period that is forecast: a deal pushed beyond it is lost to the period.
    """
    ledger = history.ledger
    rows = ledger.filter(ledger.recorded_on > since, ledger.recorded_on <= as_of).select(*_READ)
    frame = rows.order_by("opportunity_id", "event_number").to_pyarrow().to_pandas(date_as_object=False)
    by_deal = frame.groupby("opportunity_id", sort=True)
    first, last = by_deal.head(1).reset_index(drop=True), by_deal.tail(1).reset_index(drop=True)
    return _tallied(_occurrences(first, last, pd.Timestamp(period_end)))


def _occurrences(first: pd.DataFrame, last: pd.DataFrame, period_end: pd.Timestamp) -> pd.DataFrame:
    """`rep_id, kind, stage, amount`: a row a deal and kind; `first` and `last` are its first and last change."""
    was, now = first["previous_outcome"], last["outcome"]
    stage_then = first["previous_stage_position"].fillna(NO_STAGE).astype(int)
    stage_now = last["stage_position"].where(now == "open", NO_STAGE).astype(int)
    stays = (was == "open") & (now == "open")
    moved = stays & (stage_then != stage_now)
    due_then, due_now = first["previous_expected_close_on"], last["expected_close_on"]
    owner_then, owner = first["previous_rep_id"], last["rep_id"]
    changed_hands = owner_then.notna() & owner.notna() & (owner_then != owner)
    kinds = {
        "created": (was.isna(), owner, stage_now),
        "won": ((now == "won") & (was != "won"), owner, stage_then),
        "lost": ((now == "lost") & ((was == "open") | was.isna()), owner, stage_then),
        "undone": ((was == "won") & (now != "won"), owner, stage_now),
        "pushed": (stays & (due_then <= period_end) & (due_now > period_end), owner, stage_now),
        "pulled": (stays & (due_then > period_end) & (due_now <= period_end), owner, stage_now),
        "left": (moved & ~changed_hands, owner, stage_then),
        "entered": (moved & ~changed_hands, owner, stage_now),
        "handed_over": (changed_hands & (was == "open"), owner_then, stage_then),
        "taken_over": (changed_hands & (now == "open"), owner, stage_now),
    }
    worth_now, worth_then = last["amount"].fillna(0), first["previous_amount"].fillna(0)
    tables = [
        pd.DataFrame(
            {
                "rep_id": whose[mask],
                "kind": kind,
                "stage": stage[mask],
                "amount": (worth_then if kind == "undone" else worth_now)[mask],
            }
        )
        for kind, (mask, whose, stage) in kinds.items()
    ]
    return pd.concat(tables, ignore_index=True)


def _tallied(rows: pd.DataFrame) -> dict[str, Happened]:
    summed = rows.groupby(["rep_id", "kind", "stage"], sort=True)["amount"].agg(["count", "sum"])
    found: dict[str, dict[tuple[str, int], tuple[int, float]]] = {}
    for (rep_id, kind, stage), count, amount in zip(summed.index, summed["count"], summed["sum"], strict=True):
        found.setdefault(str(rep_id), {})[str(kind), int(stage)] = int(count), float(amount)
    return {rep_id: Happened(tally) for rep_id, tally in found.items()}
