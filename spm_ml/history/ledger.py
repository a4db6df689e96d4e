"""The ledger: one row for every change of a deal, with the state before it and how the deal came to it.

Where it comes from. A deal's events are its ledger. What happened before a deal's first event, or to a deal without
events, is rebuilt from its row in `opportunities` and marked `history_reconstructed`:

* It was created on `created_on`: open, in the first stage (the real one is unknown), its amount and expected close
  day unknown. Its owner is known only if the row was recorded by then, has no `recorded_at` at all, or comes from a
  source whose events never name an owner.
* Its present state was recorded on the day of `recorded_at`. A row without `recorded_at` is believed on its own
  dates: a closed deal on `closed_on`, an open one on the day of the export, because putting today's amount on the
  past would tell the future (a deal with an amount would be one that never closed).
* Where no event of a source names an owner, or none states an amount, the row's owner, and at a close its amount, are
  taken instead, however late the row was recorded.

Rows are never changed by what is recorded after them, but for `next_recorded_on`, so a history as of a day is the
ledger up to that day, with that column emptied beyond it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import ibis
import ibis.expr.types as ir

from spm_ml.history.engines import Engine, as_int64
from spm_ml.history.money import Rates, converted
from spm_ml.history.stages import StageMap

DayOf = Callable[[ir.TimestampValue], ir.DateValue]

COLUMNS = {
    "opportunity_id": "string",
    "event_number": "int32",
    "recorded_on": "date",
    "event_on": "date",
    "rep_id": "string",
    "stage": "string",
    "stage_position": "int32",
    "outcome": "string",
    "amount": "int64",
    "expected_close_on": "date",
    "created_on": "date",
    "history_reconstructed": "boolean",
    "previous_rep_id": "string",
    "previous_stage_position": "int32",
    "previous_outcome": "string",
    "previous_amount": "int64",
    "previous_expected_close_on": "date",
    "previous_recorded_on": "date",
    "next_recorded_on": "date",
    "first_rep_id": "string",
    "stage_since": "date",
    "pushes": "int64",
    "steps": "int64",
    "first_amount": "int64",
}
"""Columns of the ledger and their types, in order."""


@dataclass(frozen=True)
class SourceFacts:
    """What a source as a whole does not record; found once, when the data is opened.

    Attributes:
        exported_on: Last day on which anything was recorded.
        owners_unrecorded: There are events, and none names an owner.
        amounts_unrecorded: There are events, and none states an amount.
    """

    exported_on: date
    owners_unrecorded: bool = False
    amounts_unrecorded: bool = False


@dataclass(frozen=True)
class LedgerSources:
    """What the ledger is built from.

    Attributes:
        events: The table `opportunity_events` with `_occurrence`, which orders events of the same instant.
        opportunities: The table `opportunities`.
        day_of: Local day of a timestamp.
        stages: Names of the stages.
        facts: What the source does not record.
    """

    events: ir.Table
    opportunities: ir.Table
    day_of: DayOf
    stages: StageMap
    facts: SourceFacts


@contextmanager
def ledger_of(engine: Engine, sources: LedgerSources, rates: Rates | None) -> Iterator[ir.Table]:
    """The ledger as an expression; a draft of it, which exchange rates need, is kept until it is left.

    Args:
        engine: Where a draft is kept.
        sources: Events and deals.
        rates: Exchange rates; None when every deal is in the organisation's currency.

    Raises:
        DataError: An amount has no exchange rate on its day.
    """
    states = _states(engine, sources)
    if rates is None:
        yield _finished(_with_course(states.mutate(previous_amount=states.previous_raw_amount)))
        return
    draft = engine.keep("ledger_draft", _rated(engine, states, rates))
    rates.refuse_missing(draft, currency="currency", day="rate_day", what="opportunities")
    amounts = draft.mutate(amount=converted(draft.amount, draft.factor))
    amounts = amounts.mutate(previous_amount=amounts.amount.lag().over(_by_deal()))
    yield _finished(_with_course(amounts))
    engine.drop(draft)


def _deals(sources: LedgerSources) -> ir.Table:
    """One row a deal: what its row says, when that was recorded, and when its events begin."""
    deals, events = sources.opportunities, sources.events
    firsts = events.group_by("opportunity_id").agg(first_event_on=sources.day_of(events.recorded_at.min()))
    joined = deals.left_join(firsts, "opportunity_id").drop("opportunity_id_right")
    recorded = sources.day_of(joined.recorded_at)
    closed = joined.outcome.isin(["won", "lost"])
    exported = ibis.literal(sources.facts.exported_on)
    dated = ibis.coalesce(recorded, ibis.ifelse(closed, joined.closed_on, ibis.null("date")), exported)
    seen = ibis.least(joined.created_on, ibis.coalesce(recorded, joined.created_on))
    return joined.mutate(row_recorded_on=recorded, seen_on=seen, state_on=ibis.greatest(dated, seen))


def _rows(sources: LedgerSources, deals: ir.Table) -> ir.Table:
    """Creations, states and events of all deals under one another, in the columns they share."""
    events, facts = sources.events, sources.facts
    before_events = deals.first_event_on.isnull()
    owner_known = deals.row_recorded_on.isnull() | (deals.row_recorded_on <= deals.created_on)
    unknown = {"stage": "string", "mapped": "string", "amount": "int64", "expected_close_on": "date"}
    created = deals.filter(
        (before_events | (deals.seen_on < deals.first_event_on))
        & ~((deals.outcome.fill_null("open") == "open") & (deals.state_on == deals.seen_on) & before_events)
    ).select(
        "opportunity_id",
        recorded_on="seen_on",
        rank=ibis.literal(0, "int64"),
        recorded_at=ibis.null(events.recorded_at.type()),
        rep_id=ibis.ifelse(owner_known | facts.owners_unrecorded, deals.rep_id, ibis.null("string")),
        outcome=ibis.literal("open"),
        reconstructed=ibis.literal(True),
        **{name: ibis.null(kind) for name, kind in unknown.items()},
    )
    states = deals.filter(before_events | (deals.state_on < deals.first_event_on)).select(
        "opportunity_id",
        recorded_on="state_on",
        rank=ibis.literal(1, "int64"),
        recorded_at=ibis.null(events.recorded_at.type()),
        rep_id="rep_id",
        outcome=deals.outcome.fill_null("open"),
        reconstructed=ibis.literal(True),
        stage="stage",
        mapped=sources.stages.canonical(deals.stage, deals.state_on),
        amount="amount",
        expected_close_on="expected_close_on",
    )
    day = sources.day_of(events.recorded_at)
    recorded = events.select(
        "opportunity_id",
        recorded_on=day,
        rank=events._occurrence.cast("int64") + 2,
        recorded_at="recorded_at",
        rep_id="rep_id",
        outcome="outcome",
        reconstructed=ibis.literal(False),
        stage="stage",
        mapped=sources.stages.canonical(events.stage, day),
        amount="amount",
        expected_close_on="expected_close_on",
    )
    return ibis.union(created, states, recorded)


def _states(engine: Engine, sources: LedgerSources) -> ir.Table:
    """The state of a deal after every change, amounts as they were stated in the deal's own currency."""
    facts = sources.facts
    rows = _rows(sources, _deals(sources))
    order = [rows.recorded_on, rows.recorded_at.asc(nulls_first=True), rows.rank]
    rows = rows.mutate(number=ibis.row_number().over(ibis.window(group_by="opportunity_id", order_by=order)))
    carried = ("rep_id", "mapped", "amount", "expected_close_on", "outcome")
    rows = engine.carried(rows, carried, number="number", of="opportunity_id")
    table = sources.opportunities
    known = table.select(
        "opportunity_id",
        "created_on",
        "closed_on",
        "currency",
        row_recorded_on=sources.day_of(table.recorded_at),
        row_rep_id="rep_id",
        row_amount="amount",
        row_outcome=table.outcome.fill_null("open"),
    )
    rows = rows.inner_join(known, "opportunity_id")
    undated = rows.row_recorded_on.isnull()
    is_known = (undated | (rows.row_recorded_on <= rows.recorded_on)).fill_null(False)
    closed = rows.outcome.fill_null("open") != "open"
    amount_known = ibis.ifelse(undated | facts.amounts_unrecorded, closed, is_known) & (closed | ~rows.reconstructed)
    open_stage = rows.mapped.fill_null(sources.stages.names[0])
    owner = _filled(rows.rep_id, is_known | facts.owners_unrecorded, rows.row_rep_id)
    amount = _filled(rows.amount, amount_known, rows.row_amount)
    from_row = (rows.rep_id.isnull() & owner.notnull()) | (rows.amount.isnull() & amount.notnull())
    rows = rows.mutate(
        outcome=rows.outcome.fill_null("open"),
        rep_id=owner,
        amount=amount.fill_null(0),
        history_reconstructed=rows.reconstructed | (from_row & (undated | ~is_known)),
        stage=ibis.ifelse(closed, ibis.coalesce(rows.stage.strip(), open_stage), open_stage),
        stage_position=ibis.ifelse(closed, 0, ibis.coalesce(sources.stages.position(rows.mapped), 1)).cast("int32"),
    )
    before = _by_deal()
    rows = rows.mutate(
        previous_rep_id=rows.rep_id.lag().over(before),
        previous_stage_position=rows.stage_position.lag().over(before),
        previous_outcome=rows.outcome.lag().over(before),
        previous_raw_amount=rows.amount.lag().over(before),
        previous_expected_close_on=rows.expected_close_on.lag().over(before),
        previous_recorded_on=rows.recorded_on.lag().over(before),
    )
    return rows.mutate(event_on=ibis.ifelse(_closed_as_stated(rows), rows.closed_on, rows.recorded_on))


def _closed_as_stated(rows: ir.Table) -> ir.BooleanValue:
    """Where `closed_on` is the day of this very close: stated with it, not after it (H02), and not a reversal (H13)."""
    closes = (rows.outcome != "open") & (rows.previous_outcome.fill_null("open") == "open")
    with_it = rows.row_recorded_on.between(rows.previous_recorded_on.fill_null(rows.row_recorded_on), rows.recorded_on)
    stated = (rows.reconstructed | with_it.fill_null(False)) & (rows.outcome == rows.row_outcome)
    return (closes & stated & (rows.closed_on <= rows.recorded_on)).fill_null(False)


def _rated(engine: Engine, rows: ir.Table, rates: Rates) -> ir.Table:
    """Adds the rate of the day on which an amount was stated or its deal closed; a won deal keeps the rate of its win.

    So no stage change moves an amount, no later rate changes last quarter's bookings, and a reversal takes back
    exactly what was booked.
    """
    restated = (rows.amount != rows.previous_raw_amount) & (rows.outcome != "won")
    fixes = rows.previous_outcome.isnull() | (rows.outcome != rows.previous_outcome) | restated
    rows = rows.mutate(fixed_on=ibis.ifelse(fixes, rows.event_on, ibis.null("date")))
    rows = engine.carried(rows.mutate(rate_day=rows.fixed_on), ["rate_day"], number="number", of="opportunity_id")
    return rates.with_factor(rows, currency="currency", day="rate_day")


def _with_course(rows: ir.Table) -> ir.Table:
    """Adds what a deal went through up to a change, and when its next one was recorded.

    `first_rep_id` opened it, `stage_since` is when its stage was entered, `pushes` and `steps` count moves to a later
    close and stage while it was open, `first_amount` is the first that was stated.
    """
    deal, so_far = _by_deal(), _by_deal(preceding=None, following=0)
    stays_open = ((rows.outcome == "open") & (rows.previous_outcome == "open")).fill_null(False)
    entered = (~stays_open | (rows.stage_position != rows.previous_stage_position)).fill_null(True)
    pushed = stays_open & (rows.expected_close_on > rows.previous_expected_close_on).fill_null(False)
    stepped = stays_open & (rows.stage_position > rows.previous_stage_position).fill_null(False)
    stated = ibis.ifelse(rows.amount > 0, rows.number, None)
    rows = rows.mutate(
        next_recorded_on=rows.recorded_on.lead().over(deal),
        first_rep_id=ibis.ifelse(rows.number == 0, rows.rep_id, None).max().over(so_far),
        stage_since=ibis.ifelse(entered, rows.recorded_on, None).max().over(so_far),
        pushes=as_int64(pushed.cast("int64").sum().over(so_far)),
        steps=as_int64(stepped.cast("int64").sum().over(so_far)),
        first_stated=stated.min().over(so_far),
    )
    first = ibis.ifelse(rows.number == rows.first_stated, rows.amount, None)
    return rows.mutate(first_amount=first.max().over(so_far))


def _finished(rows: ir.Table) -> ir.Table:
    renamed = rows.mutate(event_number=rows.number)
    return renamed.select(**{name: renamed[name].cast(kind) for name, kind in COLUMNS.items()})


def _filled(stated: ir.Value, known: ir.BooleanValue, from_row: ir.Value) -> ir.Value:
    return ibis.ifelse(stated.isnull() & known, from_row, stated)


def _by_deal(**frame: Any) -> Any:
    return ibis.window(group_by="opportunity_id", order_by="number", **frame)
