"""What each deal was at the end of any day: the ledger turned into intervals.

A day's state is the latest entry of the deal's ledger that had taken effect by then. A close entered late takes
effect on its event day, so it also ends the states that were entered between.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from spm_ml.history import SalesHistory
from spm_ml.metrics.fetching import table_of
from spm_ml.metrics.window import Window

_FAR: Final = date(9999, 12, 31)
_PLANNING_HORIZON: Final = timedelta(days=3 * 366)
"""An expected close that was already further away than this cannot be pushed to a later period."""


def ledger_since(ledger: ir.Table, eve: date) -> ir.Table:
    """The whole ledger of the deals that are open, or were created or changed after a day."""
    is_last = ledger.next_recorded_on.isnull()
    living = ledger.filter((ledger.event_on > eve) | (ledger.created_on > eve) | (is_last & (ledger.outcome == "open")))
    return ledger.semi_join(living.select("opportunity_id").distinct(), "opportunity_id")


def closed_before(ledger: ir.Table, since: ir.Table) -> ir.Table:
    """How every other deal ended: those of `ledger` that are not in `since`, from `ledger_since`.

    Returns:
        `opportunity_id, outcome, amount, created_on, closed_on`, as in `deal_states`.
    """
    others = ledger.anti_join(since, "opportunity_id")
    ends = others.filter(_closes(others)).group_by("opportunity_id")
    closings = ends.aggregate(closed_on=ibis._.event_on.argmax(ibis._.event_number))
    last = others.filter(others.next_recorded_on.isnull())
    rows = last.select("opportunity_id", "outcome", "amount", "created_on").left_join(closings, "opportunity_id")
    return rows.drop("opportunity_id_right")


def deal_states(history: SalesHistory, ledger: ir.Table | None = None) -> ir.Table:
    """Every entry of every deal with the days on which it was the deal's state, and what was so far.

    Args:
        history: What is known.
        ledger: The whole ledger of some deals, to look at these alone.

    Returns:
        `opportunity_id, valid_from, valid_to` (exclusive; not after `valid_from` where a later entry took effect
        first), `rep_id, stage_position, outcome, amount, expected_close_on, created_on`; of the deal's latest closing
        up to this entry `closed_on, closer_id` (who owned it then); of its latest entry while open `open_amount,
        open_expected_close_on`; of its first entry `creator_id` (the owner if not known)`, initial_amount,
        initial_expected_close_on`; `first_amount`, the first that is known; `pushed`, whether the expected close
        of the open deal had moved to a later fiscal period. NULL where there is none.
    """
    ledger = history.ledger if ledger is None else ledger
    to_here = ibis.window(group_by="opportunity_id", order_by="event_number", rows=(None, 0))
    later = ibis.window(group_by="opportunity_id", order_by="event_number", rows=(1, None))
    is_open = ledger.outcome == "open"
    closes = _closes(ledger)
    number = ledger.event_number
    rows = ledger.select(
        "opportunity_id",
        "event_number",
        "rep_id",
        "stage_position",
        "outcome",
        "amount",
        "expected_close_on",
        "created_on",
        valid_from=ledger.event_on,
        valid_to=ibis.coalesce(ledger.event_on.min().over(later), ibis.literal(_FAR)),
        close_number=ibis.ifelse(closes, number, None).max().over(to_here),
        open_number=ibis.ifelse(is_open, number, None).max().over(to_here),
        valued_number=ibis.ifelse(has_amount(ledger), number, None).min().over(to_here),
        first_number=ibis.literal(0, "int32"),
    )
    rows = rows.left_join(_first_pushes(history, ledger), "opportunity_id").drop("opportunity_id_right")
    rows = _with_entry(rows, ledger, "close_number", closer_id="rep_id", closed_on="event_on")
    rows = _with_entry(rows, ledger, "open_number", open_amount="amount", open_expected_close_on="expected_close_on")
    rows = _with_entry(
        rows,
        ledger,
        "first_number",
        first_owner="rep_id",
        initial_amount="amount",
        initial_expected_close_on="expected_close_on",
    )
    rows = _with_entry(rows, ledger, "valued_number", first_amount="amount")
    return rows.mutate(
        creator_id=ibis.coalesce(rows.first_owner, rows.rep_id),
        pushed=(rows.push_number <= rows.event_number).fill_null(False),
    ).drop("close_number", "open_number", "valued_number", "first_number", "first_owner", "push_number")


def _with_entry(rows: ir.Table, ledger: ir.Table, number: str, **columns: str) -> ir.Table:
    """Adds what the entry of the same deal that the column `number` names said; NULL where that is NULL."""
    entry = ledger.select(
        entry_of=ledger.opportunity_id,
        entry_number=ledger.event_number,
        **{name: ledger[column] for name, column in columns.items()},
    )
    joined = rows.left_join(
        entry, [rows.opportunity_id == entry.entry_of, rows[number] == entry.entry_number.cast("int32")]
    )
    return joined.drop("entry_of", "entry_number")


def _closes(ledger: ir.Table) -> ir.BooleanValue:
    """Whether an entry wins or loses a deal that was not so before."""
    closes: ir.BooleanValue = (ledger.outcome != "open") & (
        ledger.previous_outcome.isnull() | (ledger.previous_outcome != ledger.outcome)
    )
    return closes


def _first_pushes(history: SalesHistory, ledger: ir.Table) -> ir.Table:
    known = history.periods()
    last = (history.as_of_day or history.watermark) + _PLANNING_HORIZON
    periods = history.calendar.periods_between(known[0].start, last) if known else ()
    ends = table_of(
        {"starts_on": pa.date32(), "ends_on": pa.date32()}, [(period.start, period.end) for period in periods]
    )
    moved = ledger.filter(
        ledger.outcome == "open", ledger.expected_close_on > ledger.previous_expected_close_on
    ).select("opportunity_id", "event_number", "expected_close_on", "previous_expected_close_on")
    placed = moved.join(
        ends,
        [moved.previous_expected_close_on >= ends.starts_on, moved.previous_expected_close_on <= ends.ends_on],
    )
    pushed = placed.filter(placed.expected_close_on > placed.ends_on)
    return pushed.group_by("opportunity_id").aggregate(push_number=pushed.event_number.min())


def window_grid(windows: Sequence[Window]) -> ir.Table:
    """The windows as rows: `window` (label)`, starts_on, ends_on, last_on, eve_on`."""
    days = ("starts_on", "ends_on", "last_on", "eve_on")
    return table_of(
        {"window": pa.string()} | dict.fromkeys(days, pa.date32()),
        [(window.period.label, window.period.start, window.period.end, window.last, window.eve) for window in windows],
    )


def at(states: ir.Table, grid: ir.Table, day: str) -> ir.Table:
    """The state of each deal at the end of a day of each row of a grid; deals that did not exist yet are left out.

    Args:
        states: From `deal_states`.
        grid: From `window_grid`, or any other table with a day.
        day: Column of the grid.
    """
    return states.join(grid, [states.valid_from <= grid[day], states.valid_to > grid[day]])


def has_amount(rows: ir.Table) -> ir.BooleanValue:
    """Whether a deal carries an amount; sources that know none say 0 or nothing."""
    carries: ir.BooleanValue = (rows.amount != 0).fill_null(False)
    return carries


def touched_recently(rows: ir.Table, day: str, zombie_after_days: int) -> ir.BooleanValue:
    """Whether a deal's state is, on a day, younger than the age at which open deals count as zombies (H17)."""
    recent: ir.BooleanValue = rows[day].delta(rows.valid_from, unit="day") <= zombie_after_days
    return recent


def closed_in(states: ir.Table, grid: ir.Table) -> ir.Table:
    """The states of deals won or lost in each window and not reopened by its last day; one row a window and deal."""
    rows = at(states, grid, "last_on")
    return rows.filter(rows.outcome != "open", rows.closed_on >= rows.starts_on, rows.closed_on <= rows.last_on)


def owner(rows: ir.Table) -> ir.StringValue:
    """Who a deal counts for: its owner while it is open, who owned it when it closed after that (H04)."""
    one: ir.StringValue = ibis.ifelse(rows.outcome == "open", rows.rep_id, rows.closer_id)
    return one
