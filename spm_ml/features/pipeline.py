"""Features of the open deals that a rep owns: by stage, when they are due, how old they are and how they move.

A deal is open from the day an open state is recorded until its next event, and at most `zombie_after_days` without
one: then it has aged out of the pipeline (H17), until an event brings it back. Its owner is the rep at that day.
"""

from typing import Final

import ibis
import ibis.expr.types as ir
import numpy as np

from spm_ml.features.as_of import AsOf
from spm_ml.features.day_numbers import date_of
from spm_ml.features.feature import STAGE, Feature, Stream, Unit, ratio
from spm_ml.features.grid import AsOfGrid

_ = ibis._

_DAY: Final = ibis.interval(days=1)


def open_states(grid: AsOfGrid) -> ir.Table:
    """Open states of deals and the days at whose ends they hold.

    Returns:
        `opportunity_id, rep_id, rep_index, visible_from, visible_until, aged_until` (when the state
        ends for good; NULL = not yet), `stage_position, amount, expected_close_on, created_on, inherited, stage_since,
        pushes, steps, first_amount, history_reconstructed`.
    """
    name = "open_states" if grid.recent_from is None else "recent_open_states"
    return grid.shared(name, lambda: _open_states(grid))


def _open_states(grid: AsOfGrid) -> ir.Table:
    aged_on = _.recorded_on + ibis.interval(days=grid.history.organisation.zombie_after_days + 1)
    changes = grid.ledger.filter(_.outcome == "open")
    if grid.recent_from is not None:
        first = ibis.literal(date_of(grid.recent_from))
        changes = changes.filter(_.next_recorded_on.isnull() | (_.next_recorded_on > first))
    return changes.select(
        "opportunity_id",
        "rep_id",
        "rep_index",
        "stage_position",
        "expected_close_on",
        "created_on",
        "stage_since",
        "pushes",
        "steps",
        "first_amount",
        "history_reconstructed",
        aged_until="next_recorded_on",
        visible_from=_.recorded_on,
        visible_until=ibis.least(_.next_recorded_on, aged_on),
        amount=_.amount.fill_null(0),
        inherited=(_.rep_id != _.first_rep_id).cast("int64"),
    ).filter(_.visible_from < _.visible_until)


def _open(grid: AsOfGrid) -> ir.Table:
    by_stage = {f"count_stage_{each}": _.stage_position == each for each in range(1, grid.stage_count + 1)}
    return open_states(grid).select(
        "rep_index",
        "visible_from",
        "visible_until",
        "amount",
        inherited=_.inherited == 1,
        count=ibis.literal(1, "int64"),
        created_day=_.created_on.delta(ibis.date("1970-01-01"), unit="day"),
        **by_stage,
    )


def _due_in_period(grid: AsOfGrid) -> ir.Table:
    """Open deals while they are expected to close in the period that is looked at, and are not overdue (H03)."""
    states = open_states(grid)
    return (
        states.inner_join(grid.days, states.expected_close_on == grid.days.day)
        .select(
            "rep_index",
            "amount",
            visible_from=ibis.greatest(_.visible_from, _.period_start - _DAY),
            visible_until=ibis.least(_.visible_until, _.expected_close_on + _DAY, _.period_end),
            count=ibis.literal(1, "int64"),
        )
        .filter(_.visible_from < _.visible_until)
    )


def _overdue(grid: AsOfGrid) -> ir.Table:
    return (
        open_states(grid)
        .filter(_.expected_close_on.notnull())
        .select(
            "rep_index",
            "visible_until",
            "amount",
            visible_from=ibis.greatest(_.visible_from, _.expected_close_on + _DAY),
            count=ibis.literal(1, "int64"),
        )
        .filter(_.visible_from < _.visible_until)
    )


def _aged_out(grid: AsOfGrid) -> ir.Table:
    return (
        open_states(grid)
        .filter(_.aged_until.isnull() | (_.visible_until < _.aged_until))
        .select(
            "rep_index",
            "amount",
            visible_from=_.visible_until,
            visible_until=_.aged_until,
            count=ibis.literal(1, "int64"),
        )
    )


def _sizes(grid: AsOfGrid) -> ir.Table:
    return open_states(grid).select("rep_index", "visible_from", "visible_until", "amount")


OPEN: Final = Stream(
    "open",
    _open,
    log="ledger",
    looks_back=(7, 28),
    products=(
        ("inherited_amount", "inherited", "amount"),
        (f"amount_stage_{STAGE}", f"count_stage_{STAGE}", "amount"),
    ),
)
DUE: Final = Stream("due", _due_in_period, log="ledger", looks_back=())
OVERDUE: Final = Stream("overdue", _overdue, log="ledger", looks_back=())
AGED_OUT: Final = Stream("aged_out", _aged_out, log="ledger", looks_back=())
LARGEST_OPEN: Final = Stream("largest_open", _sizes, "largest", log="ledger", looks_back=())
LARGEST_DUE: Final = Stream("largest_due", _due_in_period, "largest", log="ledger", looks_back=())


def open_age_days(at: AsOf) -> np.ndarray:
    """Mean days since the open deals were created."""
    count = at.now(OPEN, "count")
    return ratio(count * at.row.as_of - at.now(OPEN, "created_day"), count)


def _change(at: AsOf, measure: str, days: int) -> np.ndarray:
    change: np.ndarray = at.now(OPEN, measure) - at.ago(OPEN, measure, days)
    return change


def _moved(measure: str, days: int) -> Feature:
    unit: Unit = "money" if measure == "amount" else "count"
    text = f"Change of the open {measure} over the last {days} days."
    return Feature(f"open_{measure}_change_{days}", "pipeline", unit, text, lambda at: _change(at, measure, days))


FEATURES: Final = (
    Feature(
        f"open_amount_stage_{STAGE}",
        "pipeline",
        "money",
        "Open amount in the stage.",
        lambda at, position: at.now(OPEN, f"amount_stage_{position}"),
    ),
    Feature(
        f"open_count_stage_{STAGE}",
        "pipeline",
        "count",
        "Open deals in the stage.",
        lambda at, position: at.now(OPEN, f"count_stage_{position}"),
    ),
    Feature("open_amount", "pipeline", "money", "Open amount.", lambda at: at.now(OPEN, "amount")),
    Feature("open_count", "pipeline", "count", "Open deals.", lambda at: at.now(OPEN, "count")),
    Feature(
        "open_amount_in_period",
        "pipeline",
        "money",
        "Open amount expected to close in the period and not overdue.",
        lambda at: at.now(DUE, "amount"),
    ),
    Feature(
        "open_count_in_period",
        "pipeline",
        "count",
        "Open deals expected to close in the period and not overdue.",
        lambda at: at.now(DUE, "count"),
    ),
    Feature(
        "open_amount_overdue",
        "pipeline",
        "money",
        "Open amount whose expected close lies before the as-of day.",
        lambda at: at.now(OVERDUE, "amount"),
    ),
    Feature(
        "open_count_overdue",
        "pipeline",
        "count",
        "Open deals whose expected close lies before the as-of day.",
        lambda at: at.now(OVERDUE, "count"),
    ),
    Feature(
        "overdue_share",
        "pipeline",
        "ratio",
        "Overdue share of the open amount.",
        lambda at: ratio(at.now(OVERDUE, "amount"), at.now(OPEN, "amount")),
    ),
    Feature(
        "largest_open_amount",
        "pipeline",
        "money",
        "Amount of the largest open deal; empty without open deals.",
        lambda at: at.now(LARGEST_OPEN, "amount"),
    ),
    Feature("open_age_days", "pipeline", "days", "Mean age of the open deals.", open_age_days),
    Feature(
        "open_amount_inherited",
        "pipeline",
        "money",
        "Open amount of deals that another rep opened.",
        lambda at: at.now(OPEN, "inherited_amount"),
    ),
    Feature(
        "aged_out_count",
        "pipeline",
        "count",
        "Open deals left out because nobody has touched them for too long.",
        lambda at: at.now(AGED_OUT, "count"),
    ),
    *(_moved(measure, days) for measure in ("amount", "count") for days in (7, 28)),
)
