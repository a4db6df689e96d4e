"""Running sums over the as-of grid: what every stream stood at, for each rep at the end of each as-of day.

Spans become changes (+ the measures on the day they begin to count, − on the day they cease), changes are summed for
each (rep, next as-of day), and running sums over a dense grid give the state on every as-of day. A reading of some
days ago is the same sum with every change moved that many days later, which is C[as_of − days]. History is never
joined with the as-of days, so the work grows with the records and not with their product with the days.
"""

from collections import defaultdict
from collections.abc import Iterable

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from spm_ml.errors import DataError
from spm_ml.features.feature import Reading, Stream
from spm_ml.features.grid import AsOfGrid
from spm_ml.progress import Progress, silent

_ = ibis._


def read_streams(grid: AsOfGrid, readings: Iterable[Reading], *, progress: Progress = silent) -> ir.Table:
    """Computes readings for every rep and as-of day.

    Args:
        grid: The rows to compute them for.
        readings: What to compute.
        progress: Told after each stream.

    Returns:
        One row for each rep and as-of day: `rep_index, slot`, and a column for each reading.

    Raises:
        DataError: A stream lacks a column it must have, or sums a measure that is not exact.
    """
    by_stream: dict[str, list[Reading]] = defaultdict(list)
    for reading in readings:
        by_stream[reading.stream.name].append(reading)
    key = _.rep_index * len(grid.as_of_days) + _.slot
    rows = grid.reps.cross_join(grid.slots.select("slot")).select("rep_index", "slot", key=key)
    dense = grid.keep("dense", rows)
    running = ibis.window(group_by="rep_index", order_by="slot", preceding=None, following=0)
    columns = {}
    for number, wanted in enumerate(by_stream.values(), start=1):
        part = _at_slots(grid, wanted[0].stream, wanted)
        dense = dense.left_join(part, [("key", part.columns[0])])
        for reading in wanted:
            columns[reading.column] = _over_time(reading.stream, _[reading.column], running)
        progress("features", number, len(by_stream))
    return grid.keep("readings", dense.select("rep_index", "slot", **columns))


def _over_time(stream: Stream, change: ir.Column, running: object) -> ir.Column:
    if stream.kind == "sum":
        return change.fill_null(0).sum().over(running)
    return change.max().over(running) if stream.kind == "latest" else change


def _at_slots(grid: AsOfGrid, stream: Stream, readings: list[Reading]) -> ir.Table:
    """The stream's changes for each (rep, as-of day) with any: a key of its own name, and a column for each reading."""
    changes = _changes(grid, stream)
    missing = [reading.measure for reading in readings if reading.measure not in changes.columns]
    if missing:
        raise DataError(f"stream {stream.name!r} has no measure {missing[0]!r}: it has {sorted(changes.columns)}")
    if stream.kind == "largest":
        placed = changes.mutate(slot=ibis.range(changes.first_slot, changes.end_slot).unnest())
    else:
        placed = _moved(grid, changes, sorted({reading.days_ago for reading in readings}))
    keyed = placed.group_by(**{f"key_{stream.name}": _.rep_index * len(grid.as_of_days) + _.slot})
    values = {reading.column: _part(reading, placed) for reading in readings}
    if stream.kind == "sum":
        return grid.keep(f"at_{stream.name}", keyed.agg(**{name: value.sum() for name, value in values.items()}))
    return grid.keep(f"at_{stream.name}", keyed.agg(**{name: value.max() for name, value in values.items()}))


def _moved(grid: AsOfGrid, changes: ir.Table, days_ago: list[int]) -> ir.Table:
    """Changes on the as-of day that first sees them, and again on the one that first sees them so many days later."""
    day = _.change_day
    if days_ago != [0]:
        changes = changes.mutate(days_ago=ibis.array(days_ago).unnest())
        day = day + _.days_ago.as_interval("D")
    moved = changes.mutate(change_day=grid.slot_at(day.cast("date")))
    return moved.inner_join(grid.next_slot.rename(slot_day="day"), [("change_day", "slot_day")])


def _part(reading: Reading, placed: ir.Table) -> ir.Column:
    measure = placed[reading.measure]
    return ibis.ifelse(placed.days_ago == reading.days_ago, measure, None) if "days_ago" in placed.columns else measure


def _changes(grid: AsOfGrid, stream: Stream) -> ir.Table:
    """A row for each rep and day on which something changes (`sum`, `latest`), or for each span (`largest`)."""
    spans = stream.spans(grid)
    structure = {"rep_id", "visible_from", "visible_until"}
    if not {"rep_id", "visible_from"} <= set(spans.columns):
        raise DataError(f"stream {stream.name!r} must give rep_id and visible_from, but gives {spans.columns}")
    measures = [name for name in spans.columns if name not in structure]
    spans = spans.filter(_.visible_from.notnull()).inner_join(grid.reps, "rep_id")
    if stream.kind == "largest":
        return slot_ranges(grid, spans, measures)
    begun = spans.select("rep_index", *measures, change_day=_.visible_from)
    if stream.kind == "latest":
        return begun.group_by("rep_index", "change_day").agg(**{name: _[name].max() for name in measures})
    for name in measures:
        if not isinstance(spans.schema()[name], dt.Integer | dt.Decimal):
            raise DataError(
                f"measure {name!r} of stream {stream.name!r} is {spans.schema()[name]}: sums must not depend on their "
                "order, so cast it to an integer or decimal (money is in minor units)"
            )
    if "visible_until" in spans.columns:
        ended = spans.filter(_.visible_until.notnull())
        minus = {name: -_[name] for name in measures}
        begun = begun.union(ended.select("rep_index", **minus, change_day=_.visible_until).select(begun.columns))
    return begun.group_by("rep_index", "change_day").agg(**{name: _[name].sum() for name in measures})


def slot_ranges(grid: AsOfGrid, spans: ir.Table, measures: list[str]) -> ir.Table:
    """Spans as ranges of as-of days: `rep_index, first_slot, end_slot` (exclusive) and the measures.

    Every as-of day of a span becomes a row when the range is unnested, so spans should be short.

    Args:
        grid: The as-of days.
        spans: `rep_index, visible_from, visible_until`; spans that never end are left out.
        measures: Columns to keep.
    """
    count = len(grid.as_of_days)
    first = grid.next_slot.select(visible_day="day", first_slot="slot")
    end = grid.next_slot.select(end_day="day", end_slot="slot")
    return (
        spans.filter(_.visible_until.notnull())
        .mutate(visible_day=grid.slot_at(_.visible_from), end_day=grid.slot_at(_.visible_until))
        .inner_join(first, "visible_day")
        .left_join(end, "end_day")
        .mutate(end_slot=_.end_slot.fill_null(count))  # the span outlives the last as-of day
        .filter(_.first_slot < _.end_slot)
        .select("rep_index", "first_slot", "end_slot", *measures)
    )
