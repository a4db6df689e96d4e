"""ContentHash: one name for some rows, whatever the blocks of reps in which they were made or are read."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

Bytes = bytes | memoryview | np.ndarray

_EMPTY: Final = -1
"""Stands for the length of a text that is not there."""


class ContentHash:
    """SHA-256 over the columns of a table, each by itself and in the order of the rows.

    A block is some reps with all their rows, so blocks that follow each other in the order of the reps add up to the
    same bytes however many reps each holds.
    """

    def __init__(self) -> None:
        self._columns: dict[tuple[str, str], Any] = {}

    def update(self, frame: pd.DataFrame) -> None:
        """Adds the next rows, which follow those that were added before."""
        for name, column in frame.items():
            for what, parts in _bytes_of(column).items():
                digest = self._columns.setdefault((str(name), what), hashlib.sha256())
                for content in parts:
                    digest.update(content)

    def hexdigest(self) -> str:
        """The hash of all rows that were added."""
        digest = hashlib.sha256()
        for key, column in self._columns.items():
            digest.update("\x1d".join(key).encode() + column.digest())
        return digest.hexdigest()


def hash_of(description: Mapping[str, object], parts: Iterable[tuple[str, str, str]]) -> str:
    """The hash of a dataset.

    Args:
        description: What is said of its rows.
        parts: Period, kind and hash of the rows of each, in order.
    """
    return hashlib.sha256(json.dumps([description, list(parts)], sort_keys=True).encode()).hexdigest()


def _bytes_of(column: pd.Series) -> dict[str, Sequence[Bytes]]:
    """The same bytes for the same content on every machine."""
    if isinstance(column.dtype, pd.StringDtype):
        found = pa.array(column)
        texts = found if isinstance(found, pa.ChunkedArray) else pa.chunked_array([found])
        lengths = pc.utf8_length(texts).cast(pa.int32()).fill_null(_EMPTY)
        return {"lengths": [_little_endian(lengths.to_numpy())], "text": [_text_of(chunk) for chunk in texts.chunks]}
    values = column.to_numpy()
    if values.dtype == np.float64:
        values = values + 0.0  # no -0.0
        np.copyto(values, np.nan, where=np.isnan(values))  # and one NaN
    elif values.dtype.kind == "M":
        values = values.view(np.int64)
    return {"values": [_little_endian(values)]}


def _little_endian(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values.astype(values.dtype.newbyteorder("<"), copy=False))


def _text_of(texts: "pa.Array[Any]") -> Bytes:
    """The texts one after another, UTF-8; nothing where there is none."""
    texts = texts.cast(pa.large_string())
    if texts.null_count:
        texts = texts.fill_null("")
    _, limits, content = texts.buffers()
    if content is None or limits is None or not len(texts):
        return b""
    places = np.frombuffer(memoryview(limits), dtype=np.int64)
    return memoryview(content)[places[texts.offset] : places[texts.offset + len(texts)]]
