"""The tables about deals as a source system would export them at the end of the history."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa

from spm_ml.simulation import ledger
from spm_ml.simulation.book import OVERLAY
from spm_ml.simulation.engine import Course
from spm_ml.simulation.pricing import Pricing
from spm_ml.simulation.render import ArrowColumn, dates, money, numbered, numbers, timestamps, words
from spm_ml.simulation.staff import Staff
from spm_ml.simulation.timeline import day_number
from spm_ml.simulation.world import STAGES, Ints

PRODUCTS = ("Core", "Analytics", "Automation")
BUSINESS = ("new", "expansion", "renewal")
SOURCES = ("inbound", "outbound", "partner", "referral")
_ACCOUNTS_A_DEAL = 0.6
_CREDIT_KINDS = ("revenue", "overlay")
_MIX = {"product": (0.5, 0.3, 0.2), "kind": (0.62, 0.25, 0.13), "source": (0.35, 0.35, 0.12, 0.18)}


@dataclass(frozen=True)
class Snapshot:
    """Deals as they stand at the end: one entry a deal, the rows of `opportunities`.

    Attributes:
        events: Ledger columns recorded up to the end, by deal and time.
        deal, owner, stage, amount, expected, outcome, recorded_on, recorded_seconds: Last state.
        closed_on: Day of the closing; -1 = open.
    """

    events: dict[str, Ints]
    deal: Ints
    owner: Ints
    stage: Ints
    amount: Ints
    expected: Ints
    outcome: Ints
    closed_on: Ints
    recorded_on: Ints
    recorded_seconds: Ints

    @classmethod
    def of(cls, columns: dict[str, Ints], last_day: int) -> "Snapshot":
        """Reads the ledger up to a day."""
        seen = columns["recorded_on"] <= last_day
        events = {name: column[seen] for name, column in columns.items()}
        ends = ledger.run_ends(events["deal"])
        last = {
            name: ledger.running(events[name])[ends] for name in ("owner", "stage", "amount", "expected", "outcome")
        }
        closing = np.where(events["outcome"] != ledger.UNCHANGED, events["event_on"], ledger.UNCHANGED)
        closed_on = np.where(last["outcome"] == ledger.OPEN, -1, ledger.running(closing)[ends])
        return cls(
            events,
            events["deal"][ends],
            **last,
            closed_on=closed_on,
            recorded_on=events["recorded_on"][ends],
            recorded_seconds=events["seconds"][ends],
        )


def opportunities_table(
    course: Course, staff: Staff, snapshot: Snapshot, pricing: Pricing, rng: np.random.Generator
) -> pa.Table:
    """Deals as they stand now, fields overwritten (H01)."""
    count = len(course.deals)
    account = rng.integers(0, max(int(count * _ACCOUNTS_A_DEAL), 1), count)[snapshot.deal]
    products = [*PRODUCTS, *(f"{product} (monthly)" for product in PRODUCTS)]
    picks = {name: rng.choice(len(shares), size=count, p=shares)[snapshot.deal] for name, shares in _MIX.items()}
    return pa.table(
        {
            "opportunity_id": opportunity_ids(snapshot.deal),
            "rep_id": words(staff.ids, snapshot.owner),
            "account_id": numbered("A", account, 6),
            "product": words(products, picks["product"] + len(PRODUCTS) * pricing.monthly[snapshot.deal]),
            "kind": words(BUSINESS, picks["kind"]),
            "source": words(SOURCES, picks["source"]),
            "amount": money(snapshot.amount),
            "currency": words(pricing.currencies, pricing.currency[snapshot.deal]),
            "created_on": dates(course.deals.created_on[snapshot.deal]),
            "closed_on": dates(snapshot.closed_on, snapshot.closed_on < 0),
            "expected_close_on": dates(snapshot.expected),
            "stage": words(STAGES, snapshot.stage - 1),
            "outcome": words(ledger.OUTCOME_NAMES, snapshot.outcome),
            "recorded_at": timestamps(course.timeline.utc_seconds(snapshot.recorded_on, snapshot.recorded_seconds)),
        }
    )


def opportunity_ids(deal: Ints) -> ArrowColumn:
    """`O0000001` for the first deal; a negative number is an empty cell."""
    return numbered("O", np.where(deal < 0, -1, deal + 1), 7)


def events_table(course: Course, staff: Staff, snapshot: Snapshot) -> pa.Table:
    """The ledger, in the order in which it was recorded."""
    events = snapshot.events
    order = np.lexsort((events["deal"], events["seconds"], events["recorded_on"]))
    events = {name: column[order] for name, column in events.items()}
    none = ledger.UNCHANGED
    stage = np.where(events["stage"] == none, -1, events["stage"] - 1)
    names = list(STAGES)
    for place, settings in enumerate(course.world.organisation.stages):
        for alias in settings.aliases:
            old = (stage == place) & (events["recorded_on"] <= day_number(alias.valid_to or date.max))
            stage = np.where(old, len(names), stage)
            names.append(alias.name)
    return pa.table(
        {
            "opportunity_id": opportunity_ids(events["deal"]),
            "recorded_at": timestamps(course.timeline.utc_seconds(events["recorded_on"], events["seconds"])),
            "rep_id": words(staff.ids, events["owner"]),
            "stage": words(names, stage),
            "amount": money(events["amount"], events["amount"] == none),
            "expected_close_on": dates(events["expected"], events["expected"] == none),
            "outcome": words(ledger.OUTCOME_NAMES, events["outcome"]),
        }
    )


def credits_table(course: Course, staff: Staff, snapshot: Snapshot) -> pa.Table:
    """Shares of deals that more than the owner is credited for (H05)."""
    deals = course.deals.take(snapshot.deal)
    split = np.flatnonzero((deals.partner >= 0) & (deals.partner != snapshot.owner) & staff.known[deals.partner])
    partner_share, overlay = deals.share[split], deals.credit[split] == OVERLAY
    owner_share = np.where(overlay, 1.0, 1.0 - partner_share)
    rows = [(split, snapshot.owner[split], owner_share, np.zeros(len(split), dtype=np.int64))]
    rows.append((split, deals.partner[split], partner_share, overlay.astype(np.int64)))
    place, rep, share, kind = (np.concatenate(column) for column in zip(*rows, strict=True))
    order = np.argsort(place, kind="stable")
    return pa.table(
        {
            "opportunity_id": opportunity_ids(snapshot.deal[place[order]]),
            "rep_id": words(staff.ids, rep[order]),
            "share": numbers(np.round(share[order], 2)),
            "kind": words(_CREDIT_KINDS, kind[order]),
        }
    )
