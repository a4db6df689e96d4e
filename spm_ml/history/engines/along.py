"""Along: columns that follow from the rows before and after each row of the same deal, one pass over sorted rows.

An engine that is somebody's own says them as windows. A window of the embedded one partitions, sorts and carries every
column of every row, text too, and each that builds on another does so again: here rows are sorted once, and a column
is a place in the order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa


@dataclass(frozen=True)
class Along:
    """A column that is made of another along the rows of a deal.

    Attributes:
        what: `place`: how many rows are before this one, int64. `previous`, `next`: the value of the row beside it;
            NULL at the end. `last`, `first`: of the values up to this row that are not NULL. `total`: their sum, int64,
            0 where there is none.
        column: The other column; none for `place`.
    """

    what: Literal["place", "previous", "next", "last", "first", "total"]
    column: str = ""


def with_columns(rows: pa.Table, of: str, by: Sequence[str], columns: Mapping[str, Along]) -> pa.Table:
    """The rows in order, with columns along them; one of a name that is there replaces it.

    Args:
        rows: In any order; text comes back as a dictionary.
        of: Column of integers that tell which rows belong together.
        by: Columns that order these, without a tie, ascending, NULL first.
        columns: What is added, by name.
    """
    order = np.lexsort([_ascending(rows[name]) for name in (*reversed(by), of)])
    moved = {name: _Column.of(rows[name]).at(order) for name in rows.column_names}
    group = moved[of].numbers
    at = np.arange(len(group))
    begins = np.ones(len(group), dtype=bool)
    begins[1:] = group[1:] != group[:-1]
    start = np.maximum.accumulate(np.where(begins, at, 0))
    added = {}
    for name, along in columns.items():
        if along.what == "place":
            added[name] = pa.array(at - start)
        elif along.what == "total":
            added[name] = pa.array(_since(start, np.where(moved[along.column].stated, moved[along.column].numbers, 0)))
        else:
            added[name] = moved[along.column].at(_source(along.what, moved[along.column].stated, start)).array()
    return pa.table({name: column.array() for name, column in moved.items() if name not in added} | added)


@dataclass(frozen=True)
class _Column:
    """A column as numbers.

    Attributes:
        numbers: (rows,) its values, or for text their places among `texts`.
        stated: (rows,) whether there is one.
        kind: Its type.
        texts: The different texts.
    """

    numbers: np.ndarray
    stated: np.ndarray
    kind: Any
    texts: Any = None

    @classmethod
    def of(cls, column: "pa.ChunkedArray[Any]") -> "_Column":
        kind, texts = column.type, None
        whole: Any = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], kind)
        if pa.types.is_string(kind):
            encoded = whole.dictionary_encode()
            whole, texts = encoded.indices, encoded.dictionary
        elif pa.types.is_date32(kind):
            whole = whole.cast(pa.int32())
        elif pa.types.is_timestamp(kind):
            whole = whole.cast(pa.int64())
        stated = whole.is_valid().to_numpy(zero_copy_only=False)
        return cls(
            whole.fill_null(False if pa.types.is_boolean(kind) else 0).to_numpy(zero_copy_only=False),
            stated,
            kind,
            texts,
        )

    def at(self, source: np.ndarray) -> "_Column":
        """The values at some places; none at −1."""
        if not len(self.numbers):
            return self
        return _Column(self.numbers[source], self.stated[source] & (source >= 0), self.kind, self.texts)

    def array(self) -> Any:
        """As Arrow again."""
        values = pa.array(self.numbers, mask=~self.stated)
        return values.cast(self.kind) if self.texts is None else pa.DictionaryArray.from_arrays(values, self.texts)


def _source(what: str, stated: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Where each row takes its value from; −1 = nowhere.

    Args:
        what: As in `Along`.
        stated: (rows,) whether the column has a value.
        start: (rows,) place of the deal's first row.
    """
    at = np.arange(len(start))
    if what == "previous":
        return np.where(at > start, at - 1, -1)
    if what == "next":
        return np.where(np.append(start[1:], len(start))[: len(start)] <= at, at + 1, -1)
    if what == "first":
        stated = stated & (_since(start, stated) == 1)
    source = np.maximum.accumulate(np.where(stated, at, -1))
    return np.where(source >= start, source, -1)


def _since(start: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Sums of the values from the deal's first row to each, int64."""
    total = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(values, dtype=np.int64)])
    since: np.ndarray = total[1:] - total[start]
    return since


def _ascending(column: "pa.ChunkedArray[Any]") -> np.ndarray:
    """Numbers in the order of the values, NULL first."""
    known = _Column.of(column)
    return np.where(known.stated, known.numbers.astype(np.int64), np.iinfo(np.int64).min)
