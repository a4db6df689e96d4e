"""How far the data reaches: the last day on which anything was recorded, and what a source never records."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any, Final

import ibis.expr.types as ir

from spm_ml.history.ledger import SourceFacts

_NOTHING: Final = date(1970, 1, 1)
_OTHER_DAYS: Final = (
    ("quotas", "set_on"),
    ("assessments", "assessed_on"),
    ("enrolments", "started_on"),
    ("spend", "spent_on"),
    ("reps", "hired_on"),
)
_INSTANTS: Final = (
    ("opportunity_events", "recorded_at"),
    ("opportunities", "recorded_at"),
    ("activities", "recorded_at"),
    ("activities", "occurred_at"),
    ("submissions", "submitted_at"),
)

Tables = Callable[[str], ir.Table]


def timestamp_range(table: Tables) -> tuple[datetime, datetime]:
    """First and last instant (UTC) that any table holds."""
    ends = [end for name, column in _INSTANTS for end in _ends(table(name)[column]) if end is not None]
    nothing = datetime(1970, 1, 1)  # noqa: DTZ001 — naive UTC, as the tables hold it
    return (min(ends), max(ends)) if ends else (nothing, nothing)


def last_recorded_day(table: Tables, local_day: Callable[[datetime], date]) -> date:
    """The latest local day on which the source recorded anything: the watermark (H25).

    What people submit does not count: it is entered any day, also after the last export of the deals. Deals without
    `recorded_at` count by their own days. Activities count only where the source says when they were
    recorded, because planned ones lie in the future. Where none of these is held, the other tables' days count;
    1970-01-01 stands for a history that holds nothing at all.
    """
    known = recorded_days(table, local_day)
    if not known:
        known = [day for name, column in _OTHER_DAYS if (day := _ends(table(name)[column])[1]) is not None]
    return max(known, default=_NOTHING)


def recorded_days(table: Tables, local_day: Callable[[datetime], date]) -> list[date]:
    """Last days on which deals, changes of them and activities were recorded, of those that hold any."""
    deals = table("opportunities")
    undated = deals.filter(deals.recorded_at.isnull())
    recorded = (_ends(table(name)[column])[1] for name, column in _INSTANTS if column == "recorded_at")
    days = [
        _ends(undated.created_on)[1],
        _ends(undated.filter(undated.outcome != "open").closed_on)[1],
        *(local_day(instant) for instant in recorded if instant is not None),
    ]
    return [day for day in days if day is not None]


def facts_of(table: Tables, local_day: Callable[[datetime], date]) -> SourceFacts:
    """What the source as a whole does not record."""
    events = table("opportunity_events")
    counts = events.agg(rows=events.count(), owners=events.rep_id.count(), amounts=events.amount.count())
    found = counts.to_pyarrow().to_pylist()[0]
    return SourceFacts(
        exported_on=last_recorded_day(table, local_day),
        owners_unrecorded=bool(found["rows"] and not found["owners"]),
        amounts_unrecorded=bool(found["rows"] and not found["amounts"]),
    )


def first_day(ledger: ir.Table, quotas: ir.Table) -> date | None:
    """The first day of which anything is known: an event of a deal that was observed, else a quota's period."""
    observed = ledger.filter(~ledger.history_reconstructed | ledger.previous_outcome.notnull())
    first: date | None = _ends(observed.event_on)[0] or _ends(quotas.period_start)[0]
    return first


def _ends(column: Any) -> tuple[Any, Any]:
    rows = column.as_table().agg(low=column.min(), high=column.max()).to_pyarrow()
    return rows["low"][0].as_py(), rows["high"][0].as_py()
