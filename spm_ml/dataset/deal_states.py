"""What a history holds of the deals and bookings behind the rows."""

from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pyarrow as pa

from spm_ml.dataset.deals import BOOKING_COLUMNS, BOOKING_ORDER, STATE_COLUMNS, pinned_to, states_in
from spm_ml.features import AsOf, AsOfGrid, ratio
from spm_ml.features.pipeline import open_states

_ = ibis._


def read_states(at: AsOf, frame: pd.DataFrame) -> pd.DataFrame:
    """The states of open deals that hold on some row, columns `STATE_COLUMNS`, in their order.

    Args:
        at: The rows.
        frame: The same, with `rep_id` and `as_of`.
    """
    grid = at.grid
    key = ["opportunity_id", "event_number"]
    states = open_states(grid).inner_join(_course(grid), key).semi_join(grid.reps, "rep_id")
    content = states.select(
        *(column.name for column in STATE_COLUMNS if column.name in states.columns),
        "first_amount",
        changed_on="visible_from",
        stage="stage_position",
        reconstructed="history_reconstructed",
    )
    table = content.order_by("rep_id", "opportunity_id", "visible_from").to_pyarrow()
    growth = ratio(_numbers(table["amount"]), _numbers(table["first_amount"]))
    found = pinned_to(STATE_COLUMNS, table.append_column("amount_growth", pa.array(growth)))
    held = np.zeros(len(found), dtype=bool)
    held[states_in(found, frame)[0]] = True
    return found[held].reset_index(drop=True)


def read_bookings(at: AsOf) -> pd.DataFrame:
    """Every booking of the rows' reps and periods, columns `BOOKING_COLUMNS`.

    Args:
        at: The rows.
    """
    grid = at.grid
    asked = pa.table({name: pa.array(getattr(at.row, name)) for name in ("rep_index", "period_index")})
    rows = grid.keep("rep_periods", asked.group_by(["rep_index", "period_index"]).aggregate([]))
    created = grid.ledger.group_by("opportunity_id").agg(created_on=_.created_on.min())
    days = grid.days.select("period_index", "period_start", booked_on="day")
    content = (
        grid.history.bookings.inner_join(days, "booked_on")
        .inner_join(grid.reps, "rep_id")
        .semi_join(rows, ["rep_index", "period_index"])
        .inner_join(created, "opportunity_id")
        .mutate(overlay=(_.credit == "overlay").fill_null(False))
        .select(*(column.name for column in BOOKING_COLUMNS))
    )
    return pinned_to(BOOKING_COLUMNS, content.order_by(*BOOKING_ORDER).to_pyarrow())


def _course(grid: AsOfGrid) -> ir.Table:
    """How each state of a deal was come to: `stage_since, pushes, steps, first_amount, history_reconstructed`."""
    so_far = ibis.window(group_by="opportunity_id", order_by="event_number", preceding=None, following=0)
    stays_open = ((_.outcome == "open") & (_.previous_outcome == "open")).fill_null(False)
    entered = (~stays_open | (_.stage_position != _.previous_stage_position)).fill_null(True)
    pushed = stays_open & (_.expected_close_on > _.previous_expected_close_on).fill_null(False)
    stepped = stays_open & (_.stage_position > _.previous_stage_position).fill_null(False)
    stated = ibis.ifelse(_.amount > 0, _.event_number, None)
    ledger = grid.ledger.mutate(entered_on=ibis.ifelse(entered, _.recorded_on, None), stated=stated)
    first = ledger.group_by("opportunity_id").agg(first_stated=_.stated.min())
    first_amounts = (
        ledger.inner_join(first, "opportunity_id")
        .filter(_.event_number == _.first_stated)
        .select("opportunity_id", "first_stated", first_amount="amount")
    )
    return (
        ledger.mutate(
            stage_since=_.entered_on.max().over(so_far),
            pushes=pushed.cast("int64").sum().over(so_far),
            steps=stepped.cast("int64").sum().over(so_far),
        )
        .left_join(first_amounts, "opportunity_id")
        .select(
            "opportunity_id",
            "event_number",
            "stage_since",
            "pushes",
            "steps",
            "history_reconstructed",
            first_amount=ibis.ifelse(_.first_stated <= _.event_number, _.first_amount, None),
        )
    )


def _numbers(column: "pa.ChunkedArray[Any]") -> np.ndarray:
    """The column as float64; NaN = NULL."""
    values: np.ndarray = column.cast(pa.float64()).to_numpy()
    return values
