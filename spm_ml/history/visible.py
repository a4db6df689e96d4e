"""What of each table was known at the end of a day: the one place that decides it (H01).

Every rule asks when a row was recorded; where the source does not say, the row's own day stands for it.
"""

from collections.abc import Callable
from datetime import date

import ibis
import ibis.expr.types as ir

from spm_ml.history import quota
from spm_ml.history.ledger import DayOf

Known = Callable[[ir.Table, ir.DateValue, DayOf], ir.Table]


def known_on(name: str, rows: ir.Table, day: date, day_of: DayOf) -> ir.Table:
    """Rows of a table that were known at the end of a day, later columns emptied.

    Deals and credits need the ledger: see `known_deals` and `known_credits`.

    Args:
        name: The table.
        rows: All its rows.
        day: Last day that counts, in the organisation's time zone.
        day_of: Local day of a timestamp.
    """
    return _RULES[name](rows, ibis.literal(day), day_of)


def known_ledger(ledger: ir.Table, day: date) -> ir.Table:
    """Rows of the ledger, the bookings or the activity that were recorded by the end of a day."""
    rows = ledger.filter(ledger.recorded_on <= ibis.literal(day))
    if "next_recorded_on" not in rows.columns:
        return rows
    return rows.mutate(next_recorded_on=_hidden_after(rows.next_recorded_on, ibis.literal(day)))


def known_deals(deals: ir.Table, ledger: ir.Table, day: date, day_of: DayOf) -> ir.Table:
    """Deals as they stood at the end of a day.

    What a row says is known from `recorded_at` on. Before it only what never changes is taken from the row
    (`created_on`, account, product, kind, source), and the rest from the ledger.

    Args:
        deals: The table `opportunities`.
        ledger: Rows of the ledger that were known.
        day: Last day that counts.
        day_of: Local day of a timestamp.
    """
    columns = deals.columns
    newest = ledger.event_number
    was_open = ledger.previous_outcome.fill_null("open") != ledger.outcome
    state = ledger.group_by("opportunity_id").agg(
        **{f"known_{name}": ledger[name].argmax(newest) for name in _LEDGER_COLUMNS},
        known_closed_on=ledger.event_on.argmax(newest, where=was_open & (ledger.outcome != "open")),
    )
    rows = deals.inner_join(state, "opportunity_id")
    as_recorded = (day_of(rows.recorded_at) <= ibis.literal(day)).fill_null(False)
    closed_on = ibis.ifelse(rows.known_outcome == "open", ibis.null("date"), rows.known_closed_on)
    known = {name: rows[f"known_{name}"] for name in _LEDGER_COLUMNS} | {"closed_on": closed_on}
    known["recorded_at"] = ibis.null(rows.recorded_at.type())
    return rows.mutate(**{name: ibis.ifelse(as_recorded, rows[name], value) for name, value in known.items()}).select(
        *columns
    )


def known_credits(credit_shares: ir.Table, ledger: ir.Table) -> ir.Table:
    """Credits of deals whose closing was known; they carry no day of their own."""
    return credit_shares.semi_join(ledger.filter(ledger.outcome != "open"), "opportunity_id")


_LEDGER_COLUMNS = ("rep_id", "stage", "amount", "expected_close_on", "outcome")


def _hidden_after(value: ir.DateValue, day: ir.DateValue) -> ir.DateValue:
    return ibis.ifelse(value <= day, value, ibis.null("date"))


def _by(column: str) -> Known:
    return lambda rows, day, _: rows.filter(rows[column] <= day)


def _by_instant(column: str) -> Known:
    return lambda rows, day, day_of: rows.filter(day_of(rows[column]) <= day)


def _activities(rows: ir.Table, day: ir.DateValue, day_of: DayOf) -> ir.Table:
    return rows.filter(day_of(ibis.coalesce(rows.recorded_at, rows.occurred_at)) <= day)


def _reps(rows: ir.Table, day: ir.DateValue, _: DayOf) -> ir.Table:
    rows = rows.filter(ibis.coalesce(rows.effective_from, rows.hired_on) <= day)
    return rows.mutate(left_on=_hidden_after(rows.left_on, day))


def _enrolments(rows: ir.Table, day: ir.DateValue, _: DayOf) -> ir.Table:
    rows = rows.filter(rows.started_on <= day)
    completed_on = _hidden_after(rows.completed_on, day)
    score = ibis.ifelse(completed_on.notnull(), rows.score, ibis.null("float64"))
    return rows.mutate(completed_on=completed_on, score=score)


def _quotas(rows: ir.Table, day: ir.DateValue, _: DayOf) -> ir.Table:
    return rows.filter(quota.known_on(rows) <= day)


_RULES: dict[str, Known] = {
    "reps": _reps,
    "quotas": _quotas,
    "opportunity_events": _by_instant("recorded_at"),
    "activities": _activities,
    "programs": lambda rows, _, __: rows,
    "enrolments": _enrolments,
    "assessments": _by("assessed_on"),
    "spend": _by("spent_on"),
    "submissions": _by_instant("submitted_at"),
    "fx_rates": _by("rate_on"),
}
