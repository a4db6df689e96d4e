"""Running sums: what every stream stood at, for each rep at the end of the days on which it is read.

Spans become changes (+ the measures on the day they begin to count, − on the day they cease). They are added up in a
rectangle of reps and days, and its running sums are the readings: one of some days ago is the place of that day,
C[as_of − days]. History is never joined with the as-of days. An engine that is somebody's own adds the changes of a rep
and day up before they travel. All sums are of integers, so no order of adding, engine or thread changes a bit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Final

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from spm_ml.errors import DataError
from spm_ml.features.day_numbers import between, date_of, numbers_of, places
from spm_ml.features.feature import Stream
from spm_ml.features.few_days import FEW, days_read, reduced
from spm_ml.features.grid import AsOfGrid

_ = ibis._

_STRUCTURE: Final = frozenset({"rep_id", "rep_index", "visible_from", "visible_until"})
_FAR: Final = date(9999, 12, 31)


@dataclass(frozen=True)
class _Summed:
    """Sums of the visible spans, the greatest that ever began, or the greatest of the visible ones.

    Attributes:
        stream: Name.
        measures: By name (reps, days).
        units: How many units in the last place make one, of measures that are decimals.
    """

    stream: str
    measures: dict[str, np.ndarray]
    units: dict[str, int] = field(default_factory=dict)

    def values(self, measure: str, rep_index: np.ndarray, day: np.ndarray) -> np.ndarray:
        if measure not in self.measures:
            raise DataError(f"stream {self.stream!r} has no measure {measure!r}: it has {sorted(self.measures)}")
        of_measure = self.measures[measure]
        values: np.ndarray = of_measure.reshape(-1).take(rep_index * of_measure.shape[1] + day)  # quicker than by pairs
        return values


@dataclass(frozen=True)
class Readings:
    """The readings of some rows: a state, and where they are in it.

    Attributes:
        state: What the stream stood at.
        rep_index: (rows,) number of the rep.
        day: (rows,) place of the day among those of the state.
    """

    state: _Summed
    rep_index: np.ndarray
    day: np.ndarray


class RunningSums:
    """The states of streams, each read from the engine when it is first asked for.

    Args:
        grid: As-of days, reps and the history that streams are read from.
    """

    def __init__(self, grid: AsOfGrid) -> None:
        self._grid = grid
        self._states: dict[tuple[str, bytes], _Summed] = {}
        self._streams: dict[str, Stream] = {}

    def readings(self, stream: Stream, rep_index: np.ndarray, as_of: np.ndarray, days: int) -> Readings:
        """A stream's readings of some rows.

        Args:
            stream: What is read.
            rep_index: (rows,) number of the rep.
            as_of: (rows,) the as-of day, one of the grid's, counted from 1970-01-01.
            days: How many days before the as-of day.

        Raises:
            DataError: Another stream of that name was read, or the stream lacks something it must have.
        """
        if days and stream.kind == "largest":
            raise DataError(f"stream {stream.name!r} is of the largest span, which is known on as-of days alone")
        if stream.windows and days not in (0, *(stream.looks_back or ())):
            raise DataError(f"stream {stream.name!r} is read over windows of {stream.looks_back} days: add {days}")
        if self._streams.setdefault(stream.name, stream) != stream:
            raise DataError(f"two streams are named {stream.name!r}: give each a name of its own")
        read_on = days_read(self._grid, stream, days)
        key = stream.name, read_on.tobytes()
        if key not in self._states:
            self._states[key] = _read(self._grid, stream, read_on)
        return Readings(self._states[key], rep_index, places(read_on, as_of - days))

    def values(self, readings: Readings, measure: str) -> np.ndarray:
        """A measure of the readings.

        Returns:
            (rows,) int64 for sums of integers, Python integers for sums of decimals (in units of their last place),
            float64 with NaN = none for `latest` and `largest`.

        Raises:
            DataError: The stream has no such measure.
        """
        return readings.state.values(measure, readings.rep_index, readings.day)

    def as_floats(self, readings: Readings, measure: str, values: np.ndarray) -> np.ndarray:
        """Sums as float64; those of decimals in units again."""
        unit = readings.state.units.get(measure, 1)
        return values.astype(np.float64) if unit == 1 else (values / unit).astype(np.float64)


def _read(grid: AsOfGrid, stream: Stream, days: np.ndarray) -> _Summed:
    """Reads what a stream stood at on some days, counted from 1970-01-01, ascending."""
    spans = stream.spans(grid.recent(int(days[0])) if len(days) else grid)
    if "visible_from" not in spans.columns or not {"rep_id", "rep_index"} & set(spans.columns):
        raise DataError(f"stream {stream.name!r} must give rep_id and visible_from, but gives {spans.columns}")
    measures = [name for name in spans.columns if name not in _STRUCTURE]
    spans = spans.filter(_.visible_from.notnull())
    if stream.windows:
        spans = spans.filter(_.visible_from > ibis.literal(date_of(int(days[0]))))
    if "rep_index" not in spans.columns:
        spans = spans.inner_join(grid.reps, "rep_id")
    few = len(days) <= FEW
    if stream.kind == "largest":
        return _Summed(stream.name, _largest(grid, spans, measures, days if few else None))
    if stream.kind == "latest":
        begun = spans.select("rep_index", "visible_from", *measures)
        if few:
            table = reduced(begun, days, measures, add=False)
        elif grid.history.engine.embedded:
            table = begun.to_pyarrow()
        else:
            greatest = {name: _[name].max() for name in measures}
            table = begun.group_by("rep_index", "visible_from").agg(**greatest).to_pyarrow()
        return _Summed(stream.name, _latest(table, measures, days, len(grid.rep_ids)))
    return _read_sums(grid, stream, days, spans, measures)


def _read_sums(grid: AsOfGrid, stream: Stream, days: np.ndarray, spans: ir.Table, measures: Sequence[str]) -> _Summed:
    """Adds the spans of a stream up, in the engine where few days are read or rows would travel, else here."""
    products = stream.products_of(grid.stage_count)
    _refuse_inexact(stream, spans.schema(), measures, products)
    limits = [name for name in ("visible_from", "visible_until") if name in spans.columns]
    rows = spans.select("rep_index", *limits, *measures)
    scales = {name: kind.scale for name, kind in rows.schema().items() if isinstance(kind, dt.Decimal)}
    few, embedded = len(days) <= FEW, grid.history.engine.embedded
    if embedded:
        # Ibis takes a product for as wide as a factor; what does not fit would be an error on its way here.
        rows = rows.mutate(**{name: rows[name].cast(dt.Decimal(38, scale)) for name, scale in scales.items()})
    if few or not embedded:  # what is added up before it travels is multiplied before
        flags = {name: rows[name].cast("int64") for name, kind in rows.schema().items() if isinstance(kind, dt.Boolean)}
        rows = rows.mutate(**flags).mutate(**{name: _[flag] * _[value] for name, flag, value in products})
        measures, products = [*measures, *(name for name, *_factors in products)], []
        table = reduced(rows, days, measures, add=True) if few else _added_up(rows, measures).to_pyarrow()
    else:
        table = rows.to_pyarrow()
    sums = _added(table, {name: scales.get(name) for name in measures}, products, days, len(grid.rep_ids))
    return _Summed(stream.name, sums, {name: 10**scale for name, scale in scales.items()})


def _refuse_inexact(
    stream: Stream, schema: ibis.Schema, measures: Sequence[str], products: Sequence[tuple[str, str, str]]
) -> None:
    for name in measures:
        if not isinstance(schema[name], dt.Integer | dt.Decimal | dt.Boolean):
            raise DataError(
                f"measure {name!r} of stream {stream.name!r} is {schema[name]}: sums must not depend on their "
                "order, so cast it to an integer or decimal (money is in minor units)"
            )
    for name, flag, value in products:
        kinds = schema.get(flag), schema.get(value)
        if not isinstance(kinds[0], dt.Boolean) or not isinstance(kinds[1], dt.Integer):
            raise DataError(
                f"product {name!r} of stream {stream.name!r} is of {flag!r} and {value!r}, which are {kinds[0]} and "
                f"{kinds[1]}: give a boolean and an integer measure"
            )


def _added_up(spans: ir.Table, measures: Sequence[str]) -> ir.Table:
    """The changes of a rep and day as one row, for engines from which rows travel."""
    changes = spans.select("rep_index", "visible_from", *measures)
    if "visible_until" in spans.columns:
        ended = spans.filter(_.visible_until.notnull())
        minus = {name: -_[name] for name in measures}
        changes = changes.union(ended.select("rep_index", visible_from="visible_until", **minus))
    return changes.group_by("rep_index", "visible_from").agg(**{name: _[name].sum() for name in measures})


def _cells(table: pa.Table, limit: str, days: np.ndarray) -> np.ndarray:
    """Where in the rectangle of reps and days each row first tells, one that is later than every day in a last column.

    Args:
        table: `rep_index` and the limit, a day; NULL = later than every day.
        limit: Name of the column.
        days: (d,) ascending.
    """
    place = places(days, numbers_of(table[limit].fill_null(pa.scalar(_FAR))))
    cells: np.ndarray = table["rep_index"].to_numpy() * (len(days) + 1) + place
    return cells


def _added(
    table: pa.Table,
    scales: Mapping[str, int | None],
    products: Sequence[tuple[str, str, str]],
    days: np.ndarray,
    reps: int,
) -> dict[str, np.ndarray]:
    """What the visible spans add up to, by measure (reps, days).

    Args:
        table: `rep_index`, the days of the spans and their measures.
        scales: Of each measure, None = it is an integer or a boolean.
        products: As in `Stream`.
        days: (d,) ascending.
        reps: How many there are.
    """
    begins, ends = _cells(table, "visible_from", days), None
    if "visible_until" in table.column_names:
        ends = _cells(table, "visible_until", days)
    where = {name: _true(table[name]) for name in scales if pa.types.is_boolean(table[name].type)}
    size = reps * (len(days) + 1)
    sums = {}
    for name, spans in where.items():
        changes = np.bincount(begins[spans], minlength=size)
        sums[name] = changes if ends is None else changes - np.bincount(ends[spans], minlength=size)
    whole = {name: _whole(table[name], scale) for name, scale in scales.items() if name not in where}
    counted: dict[str, tuple[np.ndarray, np.ndarray | slice]] = {
        name: (values, slice(None)) for name, values in whole.items()
    }
    counted |= {name: (whole[value][where[flag]], where[flag]) for name, flag, value in products}
    for name, (values, spans_of) in counted.items():
        sums[name] = np.zeros(size, dtype=values.dtype)
        np.add.at(sums[name], begins[spans_of], values)
        if ends is not None:
            np.subtract.at(sums[name], ends[spans_of], values)
    return {name: np.cumsum(changes.reshape(reps, len(days) + 1), axis=1) for name, changes in sums.items()}


def _true(flags: "pa.ChunkedArray[Any]") -> np.ndarray:
    """Places at which a boolean column is true."""
    return np.flatnonzero(flags.fill_null(pa.scalar(False, pa.bool_())).to_numpy())


def _whole(column: "pa.ChunkedArray[Any]", scale: int | None) -> np.ndarray:
    """The column as int64, or as Python integers in the last of so many decimals; 0 = NULL."""
    if scale is None:
        numbers: np.ndarray = column.cast(pa.int64()).fill_null(pa.scalar(0, pa.int64())).to_numpy()
        return numbers
    stated = [decimal or Decimal(0) for decimal in column.to_pylist()]
    return np.array([int(decimal.scaleb(scale)) for decimal in stated], dtype=object)


def _latest(table: pa.Table, measures: Sequence[str], days: np.ndarray, reps: int) -> dict[str, np.ndarray]:
    """The greatest that ever began, by measure (reps, days); NaN = none."""
    begins = _cells(table, "visible_from", days)
    greatest = {}
    for name in measures:
        begun = np.full((reps, len(days) + 1), np.nan)
        np.fmax.at(begun.reshape(-1), begins, table[name].cast(pa.float64()).to_numpy())
        greatest[name] = np.fmax.accumulate(begun, axis=1)
    return greatest


def _largest(grid: AsOfGrid, spans: ir.Table, measures: Sequence[str], few: np.ndarray | None) -> dict[str, np.ndarray]:
    """The greatest of the visible spans, by measure (reps, as-of days); NaN = none."""
    spans = spans.select("rep_index", "visible_from", "visible_until", *measures).filter(_.visible_until.notnull())
    table = spans.to_pyarrow() if few is None else reduced(spans, few, measures, add=False)
    if few is not None:  # a span that outlasts the days
        table = table.set_column(2, "visible_until", table["visible_until"].fill_null(pa.scalar(_FAR)))
    span, slot = between(grid.slots.as_of, *(numbers_of(table[name]) for name in ("visible_from", "visible_until")))
    rep_index = table["rep_index"].to_numpy()[span]
    greatest = {}
    for name in measures:
        greatest[name] = np.full((len(grid.rep_ids), len(grid.as_of_days)), np.nan)
        np.fmax.at(greatest[name], (rep_index, slot), table[name].cast(pa.float64()).to_numpy()[span])
    return greatest
