"""Running sums: what every stream stood at, for each rep at the end of any day.

Spans become changes (+ the measures on the day they begin to count, − on the day they cease); their running sums are
arrays, and a reading is one place in them. An engine that is somebody's own adds the changes of a rep and day up before
they travel; those of the embedded one are added up here, which costs a third of grouping them there. A reading of some
days ago is the place of that day, C[as_of − days]. History is never joined with the as-of days. All sums are of
integers, so no order of adding, engine or thread changes a bit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final, Protocol

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pyarrow as pa

from spm_ml.errors import DataError
from spm_ml.features.day_numbers import between, numbers_of
from spm_ml.features.feature import Stream
from spm_ml.features.few_days import days_read, reduced
from spm_ml.features.grid import AsOfGrid

_ = ibis._

_STRUCTURE: Final = frozenset({"rep_id", "visible_from", "visible_until"})
_FAR: Final = date(9999, 12, 31)
_DAY_BITS, _DAY_ZERO = 23, 1 << 22
"""A place's key is the rep's number and the day, counted from before the year 1, in one integer."""

Places = tuple[np.ndarray, ...]
"""Where the readings of some rows are: indices, each (rows,)."""


class _State(Protocol):
    """What one stream stood at."""

    def places(self, rep_index: np.ndarray, day: np.ndarray) -> Places: ...

    def values(self, measure: str, places: Places) -> np.ndarray: ...


@dataclass(frozen=True)
class Readings:
    """The readings of some rows: a state, and where they are in it."""

    state: _State
    places: Places


class RunningSums:
    """The states of streams, each read from the engine when it is first asked for.

    Args:
        grid: As-of days, reps and the history that streams are read from.
    """

    def __init__(self, grid: AsOfGrid) -> None:
        self._grid = grid
        self._states: dict[tuple[str, bool], _State] = {}
        self._streams: dict[str, Stream] = {}

    def readings(self, stream: Stream, rep_index: np.ndarray, as_of: np.ndarray, days: int) -> Readings:
        """A stream's readings of some rows.

        Args:
            stream: What is read.
            rep_index: (rows,) number of the rep.
            as_of: (rows,) the as-of day, counted from 1970-01-01.
            days: How many days before the as-of day.

        Raises:
            DataError: Another stream of that name was read, or the stream lacks something it must have.
        """
        if days and stream.kind == "largest":
            raise DataError(f"stream {stream.name!r} is of the largest span, which is known on as-of days alone")
        state = self._state(stream, days)
        return Readings(state, state.places(rep_index, as_of - days))

    def values(self, readings: Readings, measure: str) -> np.ndarray:
        """A measure of the readings.

        Returns:
            (rows,) int64 for sums of integers, Python integers for sums of decimals (in units of their last place),
            float64 with NaN = none for `latest` and `largest`.

        Raises:
            DataError: The stream has no such measure.
        """
        return readings.state.values(measure, readings.places)

    def as_floats(self, stream: Stream, measure: str, values: np.ndarray) -> np.ndarray:
        """Sums as float64; those of decimals in units again."""
        state = self._state(stream, 0)
        unit = state.units.get(measure, 1) if isinstance(state, _Added) else 1
        return values.astype(np.float64) if unit == 1 else (values / unit).astype(np.float64)

    def _state(self, stream: Stream, days: int) -> _State:
        """The state of the days on which the stream says that it is read, or of any day if it is read on others."""
        if self._streams.setdefault(stream.name, stream) != stream:
            raise DataError(f"two streams are named {stream.name!r}: give each a name of its own")
        declared = days in (0, *(stream.looks_back or ()))
        if (stream.name, declared) not in self._states:
            asked = days_read(self._grid, stream) if declared else None
            self._states[stream.name, declared] = _read(self._grid, stream, asked)
        return self._states[stream.name, declared]


def _read(grid: AsOfGrid, stream: Stream, asked: np.ndarray | None) -> _State:
    """Reads a stream; `asked`: on these days alone."""
    spans = stream.spans(grid)
    if not {"rep_id", "visible_from"} <= set(spans.columns):
        raise DataError(f"stream {stream.name!r} must give rep_id and visible_from, but gives {spans.columns}")
    measures = [name for name in spans.columns if name not in _STRUCTURE]
    spans = spans.filter(_.visible_from.notnull()).inner_join(grid.reps, "rep_id")
    if stream.kind == "largest":
        return _largest(grid, stream, spans, measures, asked)
    if stream.kind == "latest":
        begun = spans.select("rep_index", "visible_from", *measures)
        if asked is not None:
            return _latest(stream, reduced(begun, asked, measures, add=False), measures)
        if not grid.history.engine.embedded:
            begun = begun.group_by("rep_index", "visible_from").agg(**{name: _[name].max() for name in measures})
        return _latest(stream, begun.to_pyarrow(), measures)
    for name in measures:
        if not isinstance(spans.schema()[name], dt.Integer | dt.Decimal):
            raise DataError(
                f"measure {name!r} of stream {stream.name!r} is {spans.schema()[name]}: sums must not depend on their "
                "order, so cast it to an integer or decimal (money is in minor units)"
            )
    days = [name for name in ("visible_from", "visible_until") if name in spans.columns]
    rows = spans.select("rep_index", *days, *measures)
    scales = {name: kind.scale for name, kind in rows.schema().items() if isinstance(kind, dt.Decimal)}
    if grid.history.engine.embedded:
        # Ibis takes a product for as wide as a factor; what does not fit would be an error on its way here.
        rows = rows.mutate(**{name: rows[name].cast(dt.Decimal(38, scale)) for name, scale in scales.items()})
    if asked is not None:
        table = reduced(rows, asked, measures, add=True)
    else:
        table = (rows if grid.history.engine.embedded else _added_up(rows, measures)).to_pyarrow()
    return _added(stream, table, measures, scales, len(grid.rep_ids))


def _added_up(spans: ir.Table, measures: Sequence[str]) -> ir.Table:
    """The changes of a rep and day as one row, for engines from which rows travel."""
    changes = spans.select("rep_index", "visible_from", *measures)
    if "visible_until" in spans.columns:
        ended = spans.filter(_.visible_until.notnull())
        minus = {name: -_[name] for name in measures}
        changes = changes.union(ended.select("rep_index", visible_from="visible_until", **minus))
    return changes.group_by("rep_index", "visible_from").agg(**{name: _[name].sum() for name in measures})


def _keys(rep_index: np.ndarray, day: np.ndarray) -> np.ndarray:
    keys: np.ndarray = (rep_index << _DAY_BITS) | (day + _DAY_ZERO)
    return keys


def _in_order(table: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    """Keys of the rows' first days, ascending, and the rows' places in that order."""
    keys = _keys(table["rep_index"].to_numpy().astype(np.int64), numbers_of(table["visible_from"]))
    order = np.argsort(keys, kind="stable")
    return keys[order], order


def _missing(stream: str, measure: str, measures: Mapping[str, Any]) -> DataError:
    return DataError(f"stream {stream!r} has no measure {measure!r}: it has {sorted(measures)}")


@dataclass(frozen=True)
class _Added:
    """Sums of the visible spans.

    Attributes:
        stream: Name.
        keys: (changes,) ascending.
        firsts: (reps,) place of each rep's first change.
        totals: By measure (changes + 1,): what all changes up to a place add up to, over all reps.
        units: How many units in the last place make one, of measures that are decimals.
    """

    stream: str
    keys: np.ndarray
    firsts: np.ndarray
    totals: dict[str, np.ndarray]
    units: dict[str, int]

    def places(self, rep_index: np.ndarray, day: np.ndarray) -> Places:
        return np.searchsorted(self.keys, _keys(rep_index, day), side="right"), self.firsts[rep_index]

    def values(self, measure: str, places: Places) -> np.ndarray:
        if measure not in self.totals:
            raise _missing(self.stream, measure, self.totals)
        totals, (place, first) = self.totals[measure], places
        difference: np.ndarray = totals[place] - totals[first]  # exact, even where the total over all reps has wrapped
        return difference


def _added(stream: Stream, table: pa.Table, measures: Sequence[str], scales: Mapping[str, int], reps: int) -> _Added:
    rep_index = table["rep_index"].to_numpy().astype(np.int64)
    keys = _keys(rep_index, numbers_of(table["visible_from"]))
    ended = np.zeros(0, dtype=np.int64)
    if "visible_until" in table.column_names:
        ended = np.flatnonzero(table["visible_until"].is_valid().to_numpy())
        keys = np.concatenate([keys, _keys(rep_index[ended], numbers_of(table["visible_until"].drop_null()))])
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    firsts = np.searchsorted(keys, np.arange(reps, dtype=np.int64) << _DAY_BITS)
    totals = {}
    for name in measures:
        begun = _whole(table[name], scales.get(name))
        changes = np.concatenate([begun, -begun[ended]])[order]
        totals[name] = np.concatenate([np.zeros(1, dtype=changes.dtype), np.cumsum(changes)])
    return _Added(stream.name, keys, firsts, totals, {name: 10**scale for name, scale in scales.items()})


def _whole(column: "pa.ChunkedArray[Any]", scale: int | None) -> np.ndarray:
    """The column as int64, or as Python integers in the last of so many decimals; 0 = NULL."""
    if scale is None:
        numbers: np.ndarray = column.cast(pa.int64()).fill_null(pa.scalar(0, pa.int64())).to_numpy()
        return numbers
    stated = [decimal or Decimal(0) for decimal in column.to_pylist()]
    return np.array([int(decimal.scaleb(scale)) for decimal in stated], dtype=object)


@dataclass(frozen=True)
class _Latest:
    """The greatest that ever began.

    Attributes:
        stream: Name.
        keys: (changes,) ascending.
        greatest: By measure (changes,): greatest of the rep up to the place, float64.
    """

    stream: str
    keys: np.ndarray
    greatest: dict[str, np.ndarray]

    def places(self, rep_index: np.ndarray, day: np.ndarray) -> Places:
        place = np.searchsorted(self.keys, _keys(rep_index, day), side="right") - 1
        own = place >= np.searchsorted(self.keys, rep_index << _DAY_BITS)
        return (np.where(own, place, -1),)

    def values(self, measure: str, places: Places) -> np.ndarray:
        if measure not in self.greatest:
            raise _missing(self.stream, measure, self.greatest)
        (place,) = places
        return np.append(self.greatest[measure], np.nan)[place]


def _latest(stream: Stream, table: pa.Table, measures: Sequence[str]) -> _Latest:
    keys, order = _in_order(table)
    rep = keys >> _DAY_BITS
    greatest = {
        name: pd.Series(table[name].cast(pa.float64()).to_numpy()[order]).groupby(rep).cummax().groupby(rep).ffill()
        for name in measures
    }
    return _Latest(stream.name, keys, {name: column.to_numpy() for name, column in greatest.items()})


@dataclass(frozen=True)
class _Largest:
    """The greatest of the visible spans, on as-of days alone.

    Attributes:
        stream: Name.
        as_of: (as-of days,) counted from 1970-01-01.
        greatest: By measure (reps, as-of days); NaN = none.
    """

    stream: str
    as_of: np.ndarray
    greatest: dict[str, np.ndarray]

    def places(self, rep_index: np.ndarray, day: np.ndarray) -> Places:
        return rep_index, np.searchsorted(self.as_of, day)

    def values(self, measure: str, places: Places) -> np.ndarray:
        if measure not in self.greatest:
            raise _missing(self.stream, measure, self.greatest)
        values: np.ndarray = self.greatest[measure][places]
        return values


def _largest(
    grid: AsOfGrid, stream: Stream, spans: ir.Table, measures: Sequence[str], asked: np.ndarray | None
) -> _Largest:
    spans = spans.select("rep_index", "visible_from", "visible_until", *measures).filter(_.visible_until.notnull())
    table = spans.to_pyarrow() if asked is None else reduced(spans, asked, measures, add=False)
    if asked is not None:  # a span that outlasts the days
        table = table.set_column(2, "visible_until", table["visible_until"].fill_null(pa.scalar(_FAR)))
    span, slot = between(grid.slots.as_of, *(numbers_of(table[name]) for name in ("visible_from", "visible_until")))
    rep_index = table["rep_index"].to_numpy()[span]
    greatest = {}
    for name in measures:
        dense = np.full((len(grid.rep_ids), len(grid.as_of_days)), -np.inf)
        values = table[name].cast(pa.float64()).to_numpy()[span]
        np.fmax.at(dense, (rep_index, slot), values)
        greatest[name] = np.where(np.isneginf(dense), np.nan, dense)
    return _Largest(stream.name, grid.slots.as_of, greatest)
