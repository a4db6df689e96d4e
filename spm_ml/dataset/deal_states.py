"""What a history holds of the deals and bookings behind the rows."""

from typing import Any

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa

from spm_ml.dataset.deals import BOOKING_COLUMNS, BOOKING_ORDER, STATE_COLUMNS, holds, pinned_to
from spm_ml.features import AsOf, ratio
from spm_ml.features.day_numbers import dates_of, day_numbers, numbers_of, places
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
        *("first_amount", "rep_index"),
        changed_on="visible_from",
        stage="stage_position",
        reconstructed="history_reconstructed",
    )
    table = content.order_by("rep_id", "opportunity_id", "visible_from").to_pyarrow()
    growth = ratio(_numbers(table["amount"]), _numbers(table["first_amount"]))
    table = table.append_column("amount_growth", pa.array(growth))
    rep_index = table["rep_index"].to_numpy()
    state, visible_from, visible_until = _cut_by_period(table, frame)
    rep, as_of = at.grid.rep_ids.get_indexer(pd.Index(frame["rep_id"])), day_numbers(frame["as_of"]).astype(np.int64)
    held = holds(rep_index[state], visible_from, visible_until, rep, as_of, len(at.grid.rep_ids))
    cut = table.take(pa.array(state[held]))
    for name, number in (("visible_from", visible_from), ("visible_until", visible_until)):
        cut = cut.set_column(cut.column_names.index(name), name, dates_of(number[held]))
    del table
    return pinned_to(STATE_COLUMNS, cut)


def _cut_by_period(states: pa.Table, frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What of each state lies in each period of the rows, from its eve to its last day; periods in order.

    Returns:
        (cuts,) place of the state, and its first day and the one after its last there, counted from 1970-01-01.
    """
    starts, ends = (np.unique(day_numbers(frame[name])).astype(np.int64) for name in ("period_start", "period_end"))
    starts = starts - 1
    begins, until = (numbers_of(states[name]) for name in ("visible_from", "visible_until"))
    first = places(ends, begins + 1)
    lengths = np.maximum(places(starts, until) - first, 0)
    state = np.repeat(np.arange(len(lengths)), lengths)
    period = np.arange(len(state)) + np.repeat(first - np.cumsum(lengths) + lengths, lengths)
    by_period = np.argsort(period.astype(np.int16), kind="stable")  # so small numbers are sorted by their digits
    state, period = state[by_period], period[by_period]
    return state, np.maximum(begins[state], starts[period]), np.minimum(until[state], ends[period])


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
