"""What a history holds of the deals and bookings behind the rows."""

from typing import Any

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa

from spm_ml.dataset.deals import BOOKING_COLUMNS, BOOKING_ORDER, STATE_COLUMNS, held, pinned_to
from spm_ml.features import AsOf, ratio
from spm_ml.features.day_numbers import day_numbers, days_of
from spm_ml.features.few_days import FEW, held_on
from spm_ml.features.pipeline import open_states

_ = ibis._


def read_states(at: AsOf, frame: pd.DataFrame) -> pd.DataFrame:
    """The states of open deals that hold on some row, columns `STATE_COLUMNS`, cut by period and in their order.

    Args:
        at: The rows.
        frame: The same or more, with `rep_id, as_of, period_start` and `period_end`.
    """
    days = np.unique(day_numbers(frame["as_of"])).astype(np.int64)
    states = open_states(at.grid.recent(int(days[0])) if len(days) else at.grid)
    if 0 < len(days) <= FEW:
        states = held_on(states, days)
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
    cut = _cut_by_period(found, frame)
    return cut[held(cut, frame)].reset_index(drop=True)


def _cut_by_period(states: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """What of each state lies in each period of the rows, from its eve to its last day; periods in order."""
    starts, ends = (np.unique(day_numbers(frame[name])) for name in ("period_start", "period_end"))
    starts = starts - 1
    days = {name: day_numbers(states[name]) for name in ("visible_from", "visible_until")}
    first = np.searchsorted(ends, days["visible_from"], side="right")
    lengths = np.maximum(np.searchsorted(starts, days["visible_until"]) - first, 0)
    state = np.repeat(np.arange(len(states)), lengths)
    period = np.arange(len(state)) + (first - np.cumsum(lengths) + lengths)[state]
    by_period = np.argsort(period, kind="stable")
    state, period = state[by_period], period[by_period]
    cut = {
        "visible_from": days_of(np.maximum(days["visible_from"][state], starts[period])),
        "visible_until": days_of(np.minimum(days["visible_until"][state], ends[period])),
    }
    return states.take(state).reset_index(drop=True).assign(**cut)


def read_bookings(at: AsOf) -> pd.DataFrame:
    """Every booking of the rows' reps and periods, columns `BOOKING_COLUMNS`.

    Args:
        at: The rows.
    """
    grid = at.grid
    asked = pa.table({name: pa.array(getattr(at.row, name)) for name in ("rep_index", "period_index")})
    rows = grid.keep("rep_periods", asked.group_by(["rep_index", "period_index"]).aggregate([]))
    days = grid.days.select("period_index", "period_start", booked_on="day")
    content = (
        grid.own(grid.history.bookings)
        .inner_join(days, "booked_on")
        .inner_join(grid.reps, "rep_id")
        .semi_join(rows, ["rep_index", "period_index"])
        .mutate(overlay=(_.credit == "overlay").fill_null(False))
        .select(*(column.name for column in BOOKING_COLUMNS))
    )
    return pinned_to(BOOKING_COLUMNS, content.order_by(*BOOKING_ORDER).to_pyarrow())


def _numbers(column: "pa.ChunkedArray[Any]") -> np.ndarray:
    """The column as float64; NaN = NULL."""
    values: np.ndarray = column.cast(pa.float64()).to_numpy()
    return values
