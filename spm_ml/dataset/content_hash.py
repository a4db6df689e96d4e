"""ContentHash: one name for some rows, whatever the blocks of reps in which they were made or are read."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

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
            for what, content in _bytes_of(column).items():
                self._columns.setdefault((str(name), what), hashlib.sha256()).update(content)

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


def _bytes_of(column: pd.Series) -> dict[str, bytes]:
    """The same bytes for the same content on every machine."""
    if isinstance(column.dtype, pd.StringDtype):
        lengths = column.str.len().fillna(_EMPTY).to_numpy(dtype="<i4")
        joined = "".join(column.to_numpy(dtype=object, na_value=""))
        return {"lengths": lengths.tobytes(), "text": joined.encode()}
    values = column.to_numpy()
    if values.dtype == np.float64:
        values = np.where(np.isnan(values), np.nan, values) + 0.0  # one NaN, and no -0.0
    return {"values": values.astype(values.dtype.newbyteorder("<")).tobytes()}
