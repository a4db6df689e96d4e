"""The open deals behind a row, and the bookings that came of them: what a deal-level forecaster learns from."""

from collections.abc import Mapping
from typing import Any, Final

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pyarrow as pa

from spm_ml.dataset.schema import DTYPES, DatasetColumn, SchemaError
from spm_ml.features import AsOfGrid
from spm_ml.features.pipeline import open_states
from spm_ml.features.running_sums import slot_ranges

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


def read_deals(grid: AsOfGrid, rows: ir.Table) -> pd.DataFrame:
    """The open deals of every row.

    Args:
        grid: What is being built.
        rows: The rows, with `rep_index, slot`.
    """
    states = open_states(grid).inner_join(_course(grid), ["opportunity_id", "event_number"])
    spans = states.mutate(visible_until=states.visible_until.fill_null(ibis.date("9999-12-31")))
    spans = spans.inner_join(grid.reps.select("rep_id", "rep_index"), "rep_id")
    kept = [name for name in spans.columns if name not in ("rep_index", "visible_from", "visible_until")]
    ranges = slot_ranges(grid, spans, ["visible_from", *kept])
    deals = ranges.mutate(slot=ibis.range(ranges.first_slot, ranges.end_slot).unnest())
    deals = deals.semi_join(rows, ["rep_index", "slot"]).inner_join(
        grid.slots.select("slot", "as_of", "period_start", "period_end"), "slot"
    )
    finished = _.period_end <= ibis.literal(grid.history.watermark)
    deals = deals.left_join(_later(grid, deals), ["opportunity_id", "rep_id", "slot"]).mutate(
        finished=finished,
        booked_later=ibis.ifelse(finished, _.booked.fill_null(0), None),
        won_on=ibis.ifelse(finished, _.first_booked_on, None),
    )
    content = deals.select(
        "rep_id",
        "as_of",
        "period_start",
        "opportunity_id",
        "amount",
        "pushes",
        "steps",
        "booked_later",
        "won_on",
        stage=_.stage_position,
        age_days=_.as_of.delta(_.created_on, unit="day"),
        stage_days=_.as_of.delta(_.stage_since, unit="day"),
        idle_days=_.as_of.delta(_.visible_from, unit="day"),
        due_days=_.expected_close_on.delta(_.as_of, unit="day"),
        due_after_period=_.expected_close_on.delta(_.period_end, unit="day"),
        amount_growth=_.amount / ibis.ifelse(_.first_amount > 0, _.first_amount, None),
        inherited=_.inherited == 1,
        reconstructed=_.history_reconstructed,
    )
    order = ("period_start", "rep_id", "as_of", "opportunity_id")
    return pinned_to(DEAL_COLUMNS, content.order_by(*order).to_pyarrow())


def read_bookings(grid: AsOfGrid, rows: ir.Table) -> pd.DataFrame:
    """Every booking of the rows' reps and periods.

    Args:
        grid: What is being built.
        rows: The rows, with `rep_id, period_start`.
    """
    created = grid.history.ledger.group_by("opportunity_id").agg(created_on=_.created_on.min())
    days = grid.days.select("period_start", booked_on="day")
    content = (
        grid.history.bookings.inner_join(days, "booked_on")
        .semi_join(rows, ["rep_id", "period_start"])
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
    ledger = grid.history.ledger.mutate(entered_on=ibis.ifelse(entered, _.recorded_on, None), stated=stated)
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


def _later(grid: AsOfGrid, deals: ir.Table) -> ir.Table:
    """What is booked in the period after the day, for those deals of which anything is."""
    bookings = grid.history.bookings.select("opportunity_id", "rep_id", "booked_on", "recorded_on", credited="amount")
    return (
        deals.select("opportunity_id", "rep_id", "slot", "as_of", "period_start", "period_end")
        .inner_join(bookings, ["opportunity_id", "rep_id"])
        .filter((_.recorded_on > _.as_of) & (_.booked_on >= _.period_start) & (_.booked_on <= _.period_end))
        .group_by("opportunity_id", "rep_id", "slot")
        .agg(booked=_.credited.sum(), first_booked_on=_.booked_on.min(where=_.credited > 0))
    )
