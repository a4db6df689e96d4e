"""ContentHash: one name for everything in a dataset, whatever the blocks of reps in which it was made or is read."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

_EMPTY: Final = -1
"""Stands for the length of a text that is not there."""


class ContentHash:
    """SHA-256 over the columns of some tables, each by itself and in the order of the reps.

    A block is some reps with all their rows, so blocks that follow each other in the order of the reps add up to the
    same bytes however many reps each holds.
    """

    def __init__(self) -> None:
        self._columns: dict[tuple[str, str, str], Any] = {}

    def update(self, part: str, frame: pd.DataFrame, order: np.ndarray | None = None) -> None:
        """Adds the next rows of a table.

        Args:
            part: Name of the table.
            frame: Its rows, all of reps that follow those that were added before.
            order: (rows,) places of the rows in the order of rep and day; default: they are in their order.
        """
        for name, column in frame.items():
            values = column if order is None else column.take(order)
            for what, content in _bytes_of(values).items():
                self._columns.setdefault((part, str(name), what), hashlib.sha256()).update(content)

    def hexdigest(self, description: Mapping[str, object]) -> str:
        """The hash of all rows that were added and of what is said of them."""
        digest = hashlib.sha256(json.dumps(description, sort_keys=True).encode())
        for key, column in self._columns.items():
            digest.update("\x1d".join(key).encode() + column.digest())
        return digest.hexdigest()


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
