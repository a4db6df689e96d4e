"""The open deals behind a row, and the bookings that came of them: what a deal-level forecaster learns from."""

from collections.abc import Mapping
from typing import Any, Final

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pyarrow as pa

from spm_ml.dataset.schema import DTYPES, DatasetColumn, SchemaError
from spm_ml.features import AsOf, AsOfGrid, ratio
from spm_ml.features.day_numbers import between, days_of, numbers_of
from spm_ml.features.pipeline import open_states

_ = ibis._

DEAL_COLUMNS: Final = (
    DatasetColumn("rep_id", "text", "Owner on the as-of day.", "key"),
    DatasetColumn("as_of", "date", "Everything is as known at the end of this day.", "key"),
    DatasetColumn("opportunity_id", "text", "The deal, open and touched within `zombie_after_days`.", "key"),
    DatasetColumn("stage", "count", "Position of its stage, 1 …"),
    DatasetColumn("amount", "money", "Its amount; 0 = not stated."),
    DatasetColumn("age_days", "number", "Days since it was created."),
    DatasetColumn("stage_days", "number", "Days since its stage was entered."),
    DatasetColumn("idle_days", "number", "Days since its last change."),
    DatasetColumn("due_days", "number", "Days until its expected close, negative = overdue; empty = not stated."),
    DatasetColumn("due_after_period", "number", "Days from the period's end to its expected close; empty likewise."),
    DatasetColumn("pushes", "count", "How often its expected close was moved to a later day."),
    DatasetColumn("steps", "count", "How often it moved to a later stage."),
    DatasetColumn("amount_growth", "number", "Amount ÷ the first amount that was stated; empty = none was."),
    DatasetColumn("inherited", "flag", "Another rep opened it."),
    DatasetColumn("reconstructed", "flag", "It has no ledger of changes."),
    DatasetColumn("booked_later", "number", "What its owner books from it in the period after the day.", "target"),
    DatasetColumn("won_on", "date", "The first day of those bookings; empty = none.", "target"),
)
"""Columns of `RepPeriodDataset.deals`."""

BOOKING_COLUMNS: Final = (
    DatasetColumn("rep_id", "text", "Who is credited.", "key"),
    DatasetColumn("opportunity_id", "text", "The deal.", "key"),
    DatasetColumn("period_start", "date", "First day of the period it counts for."),
    DatasetColumn("booked_on", "date", "The day it counts for."),
    DatasetColumn("recorded_on", "date", "The day it was entered."),
    DatasetColumn("created_on", "date", "The day the deal was created."),
    DatasetColumn("amount", "money", "Signed credited amount."),
    DatasetColumn("overlay", "flag", "Credit beside the revenue, which a team counts once (H05)."),
)
"""Columns of `RepPeriodDataset.bookings`: credited bookings of the rows' reps and periods, finished or not."""

_STATE_COLUMNS: Final = (
    "opportunity_id",
    "rep_index",
    "visible_from",
    "visible_until",
    "stage_position",
    "amount",
    "expected_close_on",
    "created_on",
    "stage_since",
    "pushes",
    "steps",
    "first_amount",
    "inherited",
    "history_reconstructed",
)


def empty_frame(columns: tuple[DatasetColumn, ...]) -> pd.DataFrame:
    """A frame without rows of the declared types."""
    return pd.DataFrame({column.name: pd.Series(dtype=DTYPES[column.kind]) for column in columns})


def pinned_to(columns: tuple[DatasetColumn, ...], table: pa.Table) -> pd.DataFrame:
    """The Arrow table as a frame with the declared columns, order and types.

    Raises:
        SchemaError: A column is missing.
    """
    expected: Mapping[str, Any] = {column.name: DTYPES[column.kind] for column in columns}
    missing = [name for name in expected if name not in table.column_names]
    if missing:
        raise SchemaError(f"the table lacks columns {missing}")
    frame: pd.DataFrame = table.select(list(expected)).to_pandas(date_as_object=False)
    return frame.astype(expected)


def rows_of_deals(deals: pd.DataFrame, frame: pd.DataFrame) -> np.ndarray:
    """Gives (deals,) the position in `frame` of the row that each deal belongs to; -1 = it has none."""
    rows = pd.MultiIndex.from_arrays([frame["rep_id"], frame["as_of"]])
    return np.asarray(rows.get_indexer(pd.MultiIndex.from_arrays([deals["rep_id"], deals["as_of"]])))


def read_deals(at: AsOf) -> pd.DataFrame:
    """The open deals of every row, columns `DEAL_COLUMNS`, ordered by period, rep, as-of day and deal.

    Args:
        at: The rows, with `finished`.
    """
    grid, row = at.grid, at.row
    states = (
        open_states(grid).inner_join(_course(grid), ["opportunity_id", "event_number"]).inner_join(grid.reps, "rep_id")
    )
    table = states.select(*_STATE_COLUMNS).to_pyarrow()
    span, slot = between(grid.slots.as_of, *(numbers_of(table[name]) for name in ("visible_from", "visible_until")))
    state = {name: _numbers(table[name]) for name in _STATE_COLUMNS if name != "opportunity_id"}
    row_of = np.full((len(grid.rep_ids), len(grid.as_of_days)), -1)
    row_of[row.rep_index, row.slot] = np.arange(len(at))
    place = row_of[state["rep_index"].astype(np.int64)[span], slot]
    deal, opportunities = pd.factorize(table["opportunity_id"].to_pandas(), sort=True)
    order = np.flatnonzero(place >= 0)
    order = order[np.lexsort((deal[span[order]], place[order]))]
    span, place = span[order], place[order]
    state = {name: values[span] for name, values in state.items()}
    as_of = row.as_of[place]
    booked_later, won_on = _later(at, place, deal[span], opportunities)
    profiles = pd.Series(grid.rep_ids).take(row.rep_index[place])
    first_amount = state["first_amount"]
    columns = {
        "rep_id": profiles.to_numpy(),
        "as_of": days_of(as_of),
        "opportunity_id": opportunities.take(deal[span]).to_numpy(),
        "stage": state["stage_position"],
        "amount": state["amount"],
        "age_days": as_of - state["created_on"],
        "stage_days": as_of - state["stage_since"],
        "idle_days": as_of - state["visible_from"],
        "due_days": state["expected_close_on"] - as_of,
        "due_after_period": state["expected_close_on"] - row.period_end[place],
        "pushes": state["pushes"],
        "steps": state["steps"],
        "amount_growth": ratio(state["amount"], first_amount),
        "inherited": state["inherited"] == 1,
        "reconstructed": state["history_reconstructed"] == 1,
        "booked_later": booked_later,
        "won_on": days_of(won_on),
    }
    return pd.DataFrame(columns).astype({column.name: DTYPES[column.kind] for column in DEAL_COLUMNS})


def _later(at: AsOf, place: np.ndarray, deal: np.ndarray, opportunities: pd.Index) -> tuple[np.ndarray, np.ndarray]:
    """What each open deal books in the period after the day, and the first day of it; NaN while it is not finished.

    Args:
        at: The rows.
        place: (deals,) the row of each open deal.
        deal: (deals,) its number among the opportunities.
        opportunities: The opportunities.
    """
    row = at.row
    bookings = at.grid.history.bookings.inner_join(at.grid.reps, "rep_id")
    table = bookings.select("opportunity_id", "rep_index", "booked_on", "recorded_on", "amount").to_pyarrow()
    number = opportunities.get_indexer(table["opportunity_id"].to_pandas())
    columns = {name: _numbers(table[name]) for name in ("rep_index", "booked_on", "recorded_on", "amount")}
    booked = pd.DataFrame({"deal": number, **columns})[number >= 0]
    asked = pd.DataFrame({"open": np.arange(len(place)), "deal": deal, "rep_index": row.rep_index[place]})
    pairs = asked[row.finished[place]].merge(booked, on=["deal", "rep_index"])
    of = place[pairs["open"]]
    counts = (
        (pairs["recorded_on"] > row.as_of[of])
        & (pairs["booked_on"] >= row.period_start[of])
        & (pairs["booked_on"] <= row.period_end[of])
    )
    pairs = pairs[counts]
    finished = row.finished[place]
    later = np.where(finished, np.bincount(pairs["open"], pairs["amount"], minlength=len(place)), np.nan)
    won_on = np.full(len(place), np.nan)
    firsts = pairs[pairs["amount"] > 0].groupby("open")["booked_on"].min()
    won_on[firsts.index] = firsts
    return later, won_on


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
    order = ("rep_id", "recorded_on", "booked_on", "opportunity_id", "amount", "overlay")
    return pinned_to(BOOKING_COLUMNS, content.order_by(*order).to_pyarrow())


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
    """The column as float64, days as numbers since 1970-01-01; NaN = NULL."""
    if pa.types.is_date(column.type):
        column = column.cast(pa.date32()).cast(pa.int32())
    values: np.ndarray = column.cast(pa.float64()).to_numpy()
    return values
