"""Another future: the same history up to a day, with what was recorded later altered, added to and deleted.

What was recorded by the end of the day stays as it was, to the bit; when a row counts as recorded is the contract's
rule for its table (see `history.visible`). Tables and columns without a day of their own (programs, a deal's currency
and creation day, shares of deals that were closed) are left alone: nobody can tell what of them was known when.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from functools import reduce
from typing import Any, Final

import ibis
import ibis.expr.types as ir

from spm_ml.history import SalesHistory
from spm_ml.tables import TABLE_BY_NAME

_ = ibis._

_DELETED, _ALTERED, _COPIED = 0, 1, 2
_FATES: Final = 4
"""A quarter of the later records goes, a quarter changes, a quarter is there twice, a quarter stays."""


class _Future:
    """What is known about the day, and how the fate of a later record is drawn."""

    def __init__(self, history: SalesHistory, day: date, seed: int) -> None:
        self.history, self.day, self.seed = history, day, seed
        self.last = ibis.literal(day)
        midnight = datetime.combine(day + timedelta(days=1), time(), history.organisation.zone)
        self.cut = ibis.literal(midnight.astimezone(UTC).replace(tzinfo=None))
        self.known = history.as_of(day)
        names = history.source("reps").select("rep_id").distinct()
        ordered = ibis.window(order_by="rep_id")
        self.others = names.mutate(other_id=ibis.coalesce(_.rep_id.lead().over(ordered), names.rep_id.min()))

    def fate(self, *names: str) -> Any:
        """Draws 0 … 3 for each row from the columns that name it."""
        texts = [_[name].cast("string").fill_null("") for name in names]
        key = reduce(lambda text, other: text + "·" + other, texts) + f"·{self.seed}·{self.day}"
        return (key.hash() % _FATES + _FATES) % _FATES

    def after(self, days: int) -> ir.DateScalar:
        """A later day."""
        return ibis.literal(self.day + timedelta(days=days))

    def with_others(self, rows: ir.Table) -> ir.Table:
        """Adds another rep for each row's rep."""
        return rows.left_join(self.others.rename(of_rep="rep_id"), [("rep_id", "of_rep")]).drop("of_rep")


Change = Callable[[_Future, ir.Table], tuple[ir.Table, ...]]
"""Gives the rows of a table in the other future, in parts that are then put under one another."""


@contextmanager
def perturbed(history: SalesHistory, day: date, *, seed: int = 0) -> Iterator[tuple[SalesHistory, int]]:
    """Gives the history with another future, and how many records differ in it.

    Args:
        history: What was recorded.
        day: Last day that stays as it was.
        seed: Chooses the records; equal seeds give equal futures.

    Yields:
        A history on the same engine, which ends with the block, and the number of records altered, added or deleted.
    """
    future = _Future(history, day, seed)
    tables: dict[str, ir.Table] = {}
    changed = 0
    try:
        for name, change in _CHANGES.items():
            if not history.has(name):
                continue
            before = history.source(name)
            typed = {column: _[column].cast(kind) for column, kind in before.schema().items()}
            after = ibis.union(*(part.select(**typed) for part in change(future, before)))
            tables[name] = history.engine.keep(f"future_{name}", after)
            changed += _difference(before, tables[name]) + _difference(tables[name], before)
        yield history.replacing(tables), changed
    finally:
        for rows in tables.values():
            history.engine.drop(rows)


def _difference(rows: ir.Table, others: ir.Table) -> int:
    return int(ibis.difference(rows, others).count().to_pyarrow().as_py())


def _when(condition: Any, changes: dict[str, Any]) -> dict[str, Any]:
    return {name: ibis.ifelse(condition, value, _[name]) for name, value in changes.items()}


def _events(future: _Future, events: ir.Table) -> tuple[ir.Table, ...]:
    rows = future.with_others(events.anti_join(_deleted_deals(future), "opportunity_id"))
    rows = rows.mutate(later=_.recorded_at >= future.cut, fate=future.fate("opportunity_id", "recorded_at"))
    rows = rows.filter(~(_.later & (_.fate == _DELETED)))
    altered = {
        "amount": _.amount * 3 + 100,
        "expected_close_on": _.expected_close_on + ibis.interval(days=45),
        "rep_id": _.other_id,
        "outcome": _.outcome.cases(("won", "lost"), ("lost", "won"), else_=_.outcome),
        "recorded_at": _.recorded_at + ibis.interval(days=2),
    }
    wins = rows.filter((_.fate == _COPIED) & (_.later | _.outcome.isnull() | (_.outcome == "open"))).mutate(
        recorded_at=ibis.greatest(_.recorded_at, future.cut) + ibis.interval(hours=30),
        outcome=ibis.literal("won"),
        amount=_.amount * 2 + 10,
        _occurrence=_._occurrence + 1_000_000,
    )
    rows = rows.mutate(**_when(_.later & (_.fate == _ALTERED), altered))
    new = rows.filter(_.later & (_.fate == _COPIED)).semi_join(_new_deals(future), "opportunity_id")
    return rows, wins, new.mutate(opportunity_id=_.opportunity_id + "·new")


def _new_deals(future: _Future) -> ir.Table:
    """Deals of which nothing was recorded by the end of the day."""
    deals = future.history.source("opportunities").filter(
        (_.created_on > future.last) & (_.recorded_at.isnull() | (_.recorded_at >= future.cut))
    )
    early = future.history.source("opportunity_events").filter(_.recorded_at < future.cut)
    return deals.anti_join(early, "opportunity_id")


def _deleted_deals(future: _Future) -> ir.Table:
    return _new_deals(future).filter(future.fate("opportunity_id") == _DELETED)


def _opportunities(future: _Future, deals: ir.Table) -> tuple[ir.Table, ...]:
    new = _new_deals(future).select("opportunity_id", is_new=True)
    rows = future.with_others(deals.anti_join(_deleted_deals(future), "opportunity_id"))
    rows = rows.left_join(new, "opportunity_id").drop("opportunity_id_right").mutate(fate=future.fate("opportunity_id"))
    closes_later = (_.outcome != "open") & (_.closed_on > future.last)
    # a row without recorded_at tells its close on the day of it, and an open state on the day of the export
    states_later = (_.outcome == "open") & ibis.literal(future.history.watermark > future.day)
    later = ibis.ifelse(_.recorded_at.isnull(), closes_later | states_later, _.recorded_at >= future.cut)
    altered = {
        "expected_close_on": _.expected_close_on + ibis.interval(days=45),
        "outcome": _.outcome.cases(("won", "lost"), ("lost", "won"), else_=_.outcome),
        "closed_on": _.closed_on + ibis.interval(days=3),
    }
    # sources whose events name no amounts or owners have them from the row, whenever that was recorded
    if _states(future, "amount"):
        altered["amount"] = _.amount * 3 + 100
    if _states(future, "rep_id"):
        altered["rep_id"] = ibis.ifelse(_.recorded_at.isnull(), _.rep_id, _.other_id)
    rows = rows.mutate(later=later.fill_null(False)).mutate(**_when(_.later & (_.fate != _COPIED), altered))
    copies = rows.filter(_.is_new.fill_null(False) & (_.fate == _COPIED))
    return rows, copies.mutate(opportunity_id=_.opportunity_id + "·new")


def _states(future: _Future, column: str) -> bool:
    events = future.history.source("opportunity_events")
    found = events.aggregate(rows=events.count(), stated=events[column].count()).to_pyarrow().to_pylist()[0]
    return bool(found["stated"]) or not found["rows"]


def _credits(future: _Future, shares: ir.Table) -> tuple[ir.Table, ...]:
    closed = future.known.ledger.filter(_.outcome != "open")
    rows = shares.mutate(fate=future.fate("opportunity_id"))
    known, later = rows.semi_join(closed, "opportunity_id"), rows.anti_join(closed, "opportunity_id")
    later = later.filter(_.fate != _DELETED)
    return known, later.mutate(share=ibis.ifelse(_.fate == _ALTERED, _.share * 0.5, _.share))


def _activities(future: _Future, activities: ir.Table) -> tuple[ir.Table, ...]:
    rows = future.with_others(activities).mutate(
        later=ibis.coalesce(_.recorded_at, _.occurred_at) >= future.cut,
        fate=future.fate("rep_id", "occurred_at", "kind"),
    )
    rows = rows.filter(~(_.later & (_.fate == _DELETED)))
    altered = {"kind": ibis.literal("meeting"), "rep_id": _.other_id}
    copies = rows.filter(_.later & (_.fate == _COPIED)).mutate(
        recorded_at=ibis.coalesce(_.recorded_at, _.occurred_at),
        occurred_at=_.occurred_at - ibis.interval(days=20),
        _occurrence=_._occurrence + 1_000_000,
    )
    return rows.mutate(**_when(_.later & (_.fate == _ALTERED), altered)), copies


def _quotas(future: _Future, quotas: ir.Table) -> tuple[ir.Table, ...]:
    texts = quotas.select("period").distinct().to_pyarrow()["period"].to_pylist()
    starts = {text: future.history.calendar.parse(text).start for text in texts}
    unset_later = _.set_on.isnull() & _.period.isin([text for text, start in starts.items() if start > future.day])
    rows = quotas.mutate(
        later=(_.set_on > future.last).fill_null(False) | unset_later, fate=future.fate("rep_id", "period")
    )
    again = rows.filter(_.fate == _COPIED).mutate(set_on=future.after(2), amount=_.amount * 5 + 100)
    rows = rows.filter(~(_.later & (_.fate == _DELETED)))
    return rows.mutate(**_when(_.later & (_.fate == _ALTERED), {"amount": _.amount * 3 + 100})), again


def _reps(future: _Future, reps: ir.Table) -> tuple[ir.Table, ...]:
    rows = future.with_others(reps).mutate(
        later=ibis.coalesce(_.effective_from, _.hired_on) > future.last, fate=future.fate("rep_id", "effective_from")
    )
    rows = rows.filter(~(_.later & (_.fate == _DELETED)))
    moved = {"team": ibis.literal("elsewhere"), "manager_id": _.other_id, "fte": ibis.literal(0.5)}
    moves = rows.filter(_.fate == _COPIED).mutate(effective_from=future.after(3), **moved)
    leaves = _.left_on.isnull() | (_.left_on > future.last)
    left_on = ibis.ifelse(leaves & (_.fate == _ALTERED), future.after(9), _.left_on)
    return rows.mutate(left_on=left_on, **_when(_.later & (_.fate == _ALTERED), moved)), moves


def _enrolments(future: _Future, enrolments: ir.Table) -> tuple[ir.Table, ...]:
    rows = enrolments.mutate(later=_.started_on > future.last, fate=future.fate("rep_id", "program_id", "started_on"))
    rows = rows.filter(~(_.later & (_.fate == _DELETED)))
    copies = rows.filter(_.later & (_.fate == _COPIED)).mutate(started_on=_.started_on + ibis.interval(days=1))
    open_ended = _.completed_on.isnull() | (_.completed_on > future.last)
    completed_on = ibis.ifelse(
        open_ended & (_.fate == _ALTERED), ibis.greatest(_.started_on, future.after(1)), _.completed_on
    )
    return rows.mutate(completed_on=completed_on, score=ibis.ifelse(open_ended, 1.0, _.score)), copies


def _dated(name: str, column: str, changes: dict[str, Any]) -> Change:
    """The change of a table whose rows are recorded on a day or at an instant of their own."""
    by_instant = TABLE_BY_NAME[name].column(column).type == "timestamp"

    def change(future: _Future, rows: ir.Table) -> tuple[ir.Table, ...]:
        later = _[column] >= future.cut if by_instant else _[column] > future.last
        rows = rows.mutate(later=later, fate=future.fate(column))
        return (
            rows.filter(~(_.later & (_.fate == _DELETED))).mutate(**_when(_.later & (_.fate == _ALTERED), changes)),
        )

    return change


_CHANGES: Final[dict[str, Change]] = {
    "opportunity_events": _events,
    "opportunities": _opportunities,
    "credits": _credits,
    "activities": _activities,
    "quotas": _quotas,
    "reps": _reps,
    "enrolments": _enrolments,
    "assessments": _dated("assessments", "assessed_on", {"score": _.score * 0.5}),
    "spend": _dated("spend", "spent_on", {"amount": _.amount * 3 + 100}),
    "submissions": _dated("submissions", "submitted_at", {"amount": _.amount * 3 + 100}),
    "fx_rates": _dated("fx_rates", "rate_on", {"rate": _.rate * 1.5}),
}
