"""Where a stored dataset lies: one file for each period and kind of rows, and one that says which belong together.

A period whose rows no new record touches keeps its files. `dataset.parquet` is the index: no rows, but their schema and
the description, which names the files in `dataset.parts/`. It is replaced last and at once, so whoever reads finds the
dataset before or the one after, whatever was killed.
"""

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self
from uuid import uuid4

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from spm_ml.dataset.schema import SchemaError
from spm_ml.features.day_numbers import day_numbers

METADATA: Final = b"spm_ml.dataset"
FORMAT: Final = 4

ROWS, STATES, BOOKINGS = "rows", "deals", "bookings"
"""Kinds of rows, each of which has a file a period."""
KINDS: Final = (ROWS, STATES, BOOKINGS)

_UNFINISHED: Final = ".pending"
_MAY_BE_IN_USE: Final = 3600.0
"""Seconds for which a file that no index names may be one that somebody is about to name."""


@dataclass(frozen=True)
class Part:
    """The rows of one kind and period, which have a file of their own.

    Attributes:
        period: Label of the period.
        period_start: Its first day, ISO.
        kind: `ROWS`, `STATES` or `BOOKINGS`.
        count: How many rows.
        content_hash: SHA-256 of them.
    """

    period: str
    period_start: str
    kind: str
    count: int
    content_hash: str

    @property
    def name(self) -> str:
        """Name of its file; other content has another."""
        return f"{self.period_start}.{self.kind}.{self.content_hash[:16]}.parquet"

    @classmethod
    def all_of(cls, description: Mapping[str, Any]) -> tuple[Self, ...]:
        """Those that a description names, periods in order."""
        return tuple(cls(**part) for part in description["parts"])


def parts_folder(path: Path) -> Path:
    """Where the files are of the dataset whose index is at `path`."""
    return path.with_suffix(".parts")


def pending_file(path: Path) -> Path:
    """A new file among the parts, which counts only once it has been given a name."""
    folder = parts_folder(path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{uuid4().hex}{_UNFINISHED}"


def publish(path: Path, schema: pa.Schema, description: Mapping[str, object], parts: Sequence[Part]) -> None:
    """Makes some files the dataset at `path`, and removes those that no longer count.

    Args:
        path: The index.
        schema: Of the rows.
        description: What is said of them.
        parts: Their files, which are there.

    Raises:
        SchemaError: One is not there: somebody else has written the same dataset meanwhile.
    """
    folder, named = parts_folder(path), {part.name for part in parts}
    if missing := sorted(name for name in named if not (folder / name).exists()):
        raise SchemaError(f"{folder / missing[0]} was removed while the dataset was written: run 'spm dataset' again")
    said = {**description, "parts": [asdict(part) for part in parts]}
    index = path.with_name(f"{path.name}.{uuid4().hex}{_UNFINISHED}")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        pq.write_table(schema.with_metadata({METADATA: json.dumps(said).encode()}).empty_table(), index)
        os.replace(index, path)
    finally:
        index.unlink(missing_ok=True)
    for kind in (".deals", ".bookings"):  # beside datasets of format 3
        path.with_name(f"{path.stem}{kind}{path.suffix}").unlink(missing_ok=True)
    young = time.time() - _MAY_BE_IN_USE
    for file in folder.iterdir() if folder.exists() else ():
        try:
            if file.name not in named and file.stat().st_mtime < young:
                file.unlink()
        except FileNotFoundError:
            continue  # somebody else was quicker


def by_period(frame: pd.DataFrame, states: pd.DataFrame, bookings: pd.DataFrame) -> dict[str, dict[str, np.ndarray]]:
    """Which rows of each kind belong to each period, periods in order.

    Args:
        frame: Rows of a dataset; the days of each state lie in one of their periods.
        states: Their states.
        bookings: Their bookings.

    Returns:
        By first day of the period (ISO) and kind: places of the rows, in their order.
    """
    starts = np.unique(day_numbers(frame["period_start"]))
    # a period's rows begin on its eve
    of_state = np.searchsorted(starts - 1, day_numbers(states["visible_from"]), side="right") - 1
    places = {
        ROWS: np.searchsorted(starts, day_numbers(frame["period_start"])),
        STATES: of_state,
        BOOKINGS: np.searchsorted(starts, day_numbers(bookings["period_start"])),
    }
    days = starts.astype("datetime64[D]").astype(str)
    return {
        str(day): {kind: np.flatnonzero(place == number) for kind, place in places.items()}
        for number, day in enumerate(days)
    }
