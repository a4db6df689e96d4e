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

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Final

import ibis
import ibis.expr.types as ir

from spm_ml.history.engines import Along, Engine
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
    """The ledger as an expression, good until it is left.

    Args:
        engine: Where it is computed.
        sources: Events and deals.
        rates: Exchange rates; None when every deal is in the organisation's currency.

    Raises:
        DataError: An amount has no exchange rate on its day.
    """
    no_more_than = [sources.events, sources.opportunities, sources.opportunities]
    with engine.numbered(_deals(sources), "opportunity_id", "deal") as deals:
        some = partial(_ledger_of, engine, sources, rates, deals)
        with engine.in_parts(_rows(sources, deals), "deal", no_more_than, some) as ledger:
            yield ledger


@contextmanager
def _ledger_of(
    engine: Engine, sources: LedgerSources, rates: Rates | None, deals: ir.Table, rows: ir.Table
) -> Iterator[ir.Table]:
    """The ledger of the deals whose changes are given."""
    with ExitStack() as held:

        def along(rows: ir.Table, columns: Mapping[str, Along], by: Sequence[str] = ("number",)) -> ir.Table:
            return held.enter_context(engine.along(rows, of="deal", by=by, columns=columns))

        rows = along(rows, _CARRIED, by=_ORDER)
        rows = along(_filled_from_rows(rows, deals, sources), _BESIDE)
        event_on = ibis.ifelse(_closed_as_stated(rows), rows.closed_on, rows.recorded_on)
        rows = rows.mutate(event_on=event_on).drop("reconstructed", "closed_on", "row_recorded_on", "row_outcome")
        if rates is not None:
            rows = along(rows.mutate(rate_day=_rate_day(rows)), {"rate_day": Along("last", "rate_day")})
            draft = engine.keep("ledger_draft", rates.with_factor(rows, currency="currency", day="rate_day"))
            held.callback(engine.drop, draft)
            rates.refuse_missing(draft, currency="currency", day="rate_day", what="opportunities")
            rows = draft.mutate(amount=converted(draft.amount, draft.factor))
            rows = along(rows, {"previous_amount": Along("previous", "amount")})
        yield _finished(along(_with_steps(rows), _COURSE), deals)


_ORDER: Final = ("recorded_on", "recorded_at", "rank")
"""What orders the changes of a deal; `recorded_at` is empty where the row in `opportunities` says what happened."""

_CARRIED: Final = {
    "number": Along("place"),
    **{name: Along("last", name) for name in ("rep_id", "position", "amount", "expected_close_on", "outcome")},
}
"""The change's number, and what an event need not state again."""

_BEFORE: Final = ("rep_id", "stage_position", "outcome", "amount", "expected_close_on", "recorded_on")
_BESIDE: Final = {
    **{f"previous_{name}": Along("previous", name) for name in _BEFORE},
    "next_recorded_on": Along("next", "recorded_on"),
}

_COURSE: Final = {
    "first_rep_id": Along("first", "opened_by"),
    "stage_since": Along("last", "entered_on"),
    "pushes": Along("total", "pushed"),
    "steps": Along("total", "stepped"),
    "first_amount": Along("first", "stated_amount"),
}
"""What a deal went through up to a change: who opened it, when its stage was entered, moves to a later close and stage
while it was open, and the first amount that was stated."""


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
    return joined.select(
        *("opportunity_id", "created_on", "closed_on", "currency", "first_event_on"),
        *("rep_id", "amount", "stage", "expected_close_on"),
        outcome=joined.outcome.fill_null("open"),
        row_recorded_on=recorded,
        seen_on=seen,
        state_on=ibis.greatest(dated, seen),
    )


def _rows(sources: LedgerSources, deals: ir.Table) -> ir.Table:
    """Creations, states and events of all deals under one another, in the columns they share."""
    events, facts = sources.events, sources.facts
    before_events = deals.first_event_on.isnull()
    owner_known = deals.row_recorded_on.isnull() | (deals.row_recorded_on <= deals.created_on)
    unknown = {"stage": "string", "position": "int32", "amount": "int64", "expected_close_on": "date"}
    created = deals.filter(
        (before_events | (deals.seen_on < deals.first_event_on))
        & ~((deals.outcome == "open") & (deals.state_on == deals.seen_on) & before_events)
    ).select(
        "deal",
        recorded_on="seen_on",
        rank=ibis.literal(0, "int64"),
        recorded_at=ibis.null(events.recorded_at.type()),
        rep_id=ibis.ifelse(owner_known | facts.owners_unrecorded, deals.rep_id, ibis.null("string")),
        outcome=ibis.literal("open"),
        reconstructed=ibis.literal(True),
        **{name: ibis.null(kind) for name, kind in unknown.items()},
    )
    states = deals.filter(before_events | (deals.state_on < deals.first_event_on)).select(
        "deal",
        recorded_on="state_on",
        rank=ibis.literal(1, "int64"),
        recorded_at=ibis.null(events.recorded_at.type()),
        rep_id="rep_id",
        outcome="outcome",
        reconstructed=ibis.literal(True),
        stage="stage",
        position=_position(sources.stages, deals.stage, deals.state_on),
        amount="amount",
        expected_close_on="expected_close_on",
    )
    events = events.inner_join(deals.select("opportunity_id", "deal"), "opportunity_id")
    day = sources.day_of(events.recorded_at)
    recorded = events.select(
        "deal",
        recorded_on=day,
        rank=events._occurrence.cast("int64") + 2,
        recorded_at="recorded_at",
        rep_id="rep_id",
        outcome="outcome",
        reconstructed=ibis.literal(False),
        stage="stage",
        position=_position(sources.stages, events.stage, day),
        amount="amount",
        expected_close_on="expected_close_on",
    )
    return ibis.union(created, states, recorded)


def _position(stages: StageMap, raw: ir.StringValue, day: ir.DateValue) -> ir.IntegerValue:
    return stages.position(stages.canonical(raw, day))


def _filled_from_rows(rows: ir.Table, deals: ir.Table, sources: LedgerSources) -> ir.Table:
    """The state of a deal after every change, amounts as they were stated in the deal's own currency."""
    facts, names = sources.facts, sources.stages.names
    known = deals.select(
        *("deal", "created_on", "closed_on", "currency", "row_recorded_on"),
        row_rep_id="rep_id",
        row_amount="amount",
        row_outcome="outcome",
    )
    rows = rows.inner_join(known, "deal")
    undated = rows.row_recorded_on.isnull()
    is_known = (undated | (rows.row_recorded_on <= rows.recorded_on)).fill_null(False)
    closed = rows.outcome.fill_null("open") != "open"
    amount_known = ibis.ifelse(undated | facts.amounts_unrecorded, closed, is_known) & (closed | ~rows.reconstructed)
    position = rows.position.fill_null(1)
    open_stage = ibis.cases(*((position == number, name) for number, name in enumerate(names, start=1)))
    owner = _filled(rows.rep_id, is_known | facts.owners_unrecorded, rows.row_rep_id)
    amount = _filled(rows.amount, amount_known, rows.row_amount)
    from_row = (rows.rep_id.isnull() & owner.notnull()) | (rows.amount.isnull() & amount.notnull())
    filled = rows.mutate(
        outcome=rows.outcome.fill_null("open"),
        rep_id=owner,
        amount=amount.fill_null(0),
        history_reconstructed=rows.reconstructed | (from_row & (undated | ~is_known)),
        stage=ibis.ifelse(closed, ibis.coalesce(rows.stage.strip(), open_stage), open_stage),
        stage_position=ibis.ifelse(closed, 0, position).cast("int32"),
    )
    return filled.drop("recorded_at", "rank", "position", "row_rep_id", "row_amount")


def _closed_as_stated(rows: ir.Table) -> ir.BooleanValue:
    """Where `closed_on` is the day of this very close: stated with it, not after it (H02), and not a reversal (H13)."""
    closes = (rows.outcome != "open") & (rows.previous_outcome.fill_null("open") == "open")
    with_it = rows.row_recorded_on.between(rows.previous_recorded_on.fill_null(rows.row_recorded_on), rows.recorded_on)
    stated = (rows.reconstructed | with_it.fill_null(False)) & (rows.outcome == rows.row_outcome)
    return (closes & stated & (rows.closed_on <= rows.recorded_on)).fill_null(False)


def _rate_day(rows: ir.Table) -> ir.DateValue:
    """The day whose rate a change fixes: an amount was stated or its deal closed; a won deal keeps that of its win.

    So no stage change moves an amount, no later rate changes last quarter's bookings, and a reversal takes back
    exactly what was booked.
    """
    restated = (rows.amount != rows.previous_amount) & (rows.outcome != "won")
    fixes = rows.previous_outcome.isnull() | (rows.outcome != rows.previous_outcome) | restated
    return ibis.ifelse(fixes, rows.event_on, ibis.null("date"))


def _with_steps(rows: ir.Table) -> ir.Table:
    """Adds what `_COURSE` is made of: what each change opened, entered, moved and stated."""
    stays_open = ((rows.outcome == "open") & (rows.previous_outcome == "open")).fill_null(False)
    entered = (~stays_open | (rows.stage_position != rows.previous_stage_position)).fill_null(True)
    pushed = stays_open & (rows.expected_close_on > rows.previous_expected_close_on).fill_null(False)
    stepped = stays_open & (rows.stage_position > rows.previous_stage_position).fill_null(False)
    return rows.mutate(
        opened_by=ibis.ifelse(rows.number == 0, rows.rep_id, None),
        entered_on=ibis.ifelse(entered, rows.recorded_on, None),
        pushed=pushed.cast("int64"),
        stepped=stepped.cast("int64"),
        stated_amount=ibis.ifelse(rows.amount > 0, rows.amount, None),
    )


def _finished(rows: ir.Table, deals: ir.Table) -> ir.Table:
    named = rows.inner_join(deals.select("deal", "opportunity_id"), "deal").mutate(event_number=rows.number)
    return named.select(**{name: named[name].cast(kind) for name, kind in COLUMNS.items()})


def _filled(stated: ir.Value, known: ir.BooleanValue, from_row: ir.Value) -> ir.Value:
    return ibis.ifelse(stated.isnull() & known, from_row, stated)
