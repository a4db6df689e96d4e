"""DatasetWriter: a dataset written block by block, each some reps with all their rows, so that no more is in memory."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from spm_ml.dataset.content_hash import ContentHash, hash_of
from spm_ml.dataset.parts import BOOKINGS, KINDS, ROWS, STATES, Part, by_period, parts_folder, pending_file, publish
from spm_ml.dataset.schema import SchemaError
from spm_ml.definition import definition_hash

if TYPE_CHECKING:
    from spm_ml.dataset.table import RepPeriodDataset

_ROW_GROUP: Final = 50_000
"""Rows of a group at most; a block of reps has groups of its own, so readers of some reps pass over the others."""

_OPTIONS: Final[dict[str, Any]] = {
    "compression": "snappy",
    "write_statistics": ["rep_id"],
    "dictionary_pagesize_limit": 1 << 18,
}
"""A fifth larger than with zstd, and written in two thirds of the time: statistics are kept of the column alone that is
asked for, and dictionaries of many values are given up early."""

MADE_BY: Final = ("dataset", "features", "history", "fiscal.py", "tables.py")
"""Code that decides what a dataset holds; settings are part of a history's `data_hash`."""


def made_by() -> str:
    """Hash of the code that a dataset is made by now; every dataset carries that of the code that made it."""
    return definition_hash(*MADE_BY)


@dataclass
class _Growing:
    """A file that is being written."""

    file: Path
    writer: pq.ParquetWriter
    content: ContentHash = field(default_factory=ContentHash)
    count: int = 0


class DatasetWriter:
    """Writes a dataset as Parquet, a file a period and kind of rows, and an index of them.

    Nothing is at `path` before the last block is; a process that is killed leaves what was there before.

    Args:
        path: The index; the files lie beside it (`spm_ml.dataset.parts`).
        kept: Parts of periods that are taken from the dataset at `path` as they are; no block holds rows of them.

    Attributes:
        content_hash: Once it is written: SHA-256 of everything in it.
        begins: First days of the logs that the rows were built from (`spm_ml.features.first_days`); None = not told.
    """

    def __init__(self, path: Path, kept: Iterable[Part] = ()) -> None:
        self.content_hash = ""
        self.begins: dict[str, str | None] | None = None
        self._path, self._kept = path, tuple(kept)
        self._parts: dict[tuple[str, str], _Growing] = {}
        self._labels: dict[str, str] = {}
        self._description: dict[str, object] | None = None
        self._schema: pa.Schema | None = None
        self._last = ""

    def __enter__(self) -> Self:
        return self

    def add(self, block: "RepPeriodDataset") -> None:
        """Writes the rows of some reps, all of whom come after those that were added before.

        Raises:
            SchemaError: They do not, the block is of another dataset, or it holds rows of a period that is kept.
        """
        if self._description not in (None, block.description):
            raise SchemaError("the block is of another dataset than the one before: build both from the same tables")
        reps = block.frame["rep_id"]
        if len(reps) and self._last and reps.min() <= self._last:
            raise SchemaError(f"the block holds {reps.min()!r}, which is not after {self._last!r}: add reps in order")
        self._description = block.description
        self._last = reps.max() if len(reps) else self._last
        frames = dict(zip(KINDS, (block.frame, block.states, block.bookings), strict=True))
        periods = by_period(*frames.values())
        if twice := {part.period_start for part in self._kept} & periods.keys():
            raise SchemaError(f"the block holds rows of {min(twice)}, which is kept: build the other periods alone")
        self._labels |= {period: _label(block.frame, places) for period, places in periods.items()}
        for kind, frame in frames.items():
            table = _table_of(frame)
            self._schema = table.schema if kind == ROWS else self._schema
            for period, places in periods.items():
                if len(rows := places[kind]):
                    self._append(period, kind, _some(frame, rows), _slice(table, rows))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for growing in self._parts.values():
            growing.writer.close()
        try:
            if kind is None and self._description is not None and self._schema is not None:
                self._publish(self._description, self._schema)
        finally:
            for growing in self._parts.values():
                growing.file.unlink(missing_ok=True)

    def _publish(self, description: dict[str, object], schema: pa.Schema) -> None:
        made = []
        for (start, rows), growing in self._parts.items():
            made.append(Part(self._labels[start], start, rows, growing.count, growing.content.hexdigest()))
            os.replace(growing.file, parts_folder(self._path) / made[-1].name)
        parts = sorted((*self._kept, *made), key=_order)
        self.content_hash = hash_of_parts(description, parts)
        said = {**description, "content_hash": self.content_hash, "definition": made_by(), "begins": self.begins}
        publish(self._path, schema, said, parts)

    def _append(self, period: str, kind: str, frame: pd.DataFrame, table: pa.Table) -> None:
        if (period, kind) not in self._parts:
            file = pending_file(self._path)
            self._parts[period, kind] = _Growing(file, pq.ParquetWriter(file, table.schema, **_OPTIONS))
        growing = self._parts[period, kind]
        growing.writer.write_table(table, row_group_size=_ROW_GROUP)
        growing.content.update(frame)
        growing.count += len(frame)


def hash_of_parts(description: dict[str, object], parts: Iterable[Part]) -> str:
    """SHA-256 of a dataset, given its parts in the order of periods and kinds."""
    return hash_of(description, [(part.period_start, part.kind, part.content_hash) for part in parts])


def parts_in_memory(frame: pd.DataFrame, states: pd.DataFrame, bookings: pd.DataFrame) -> list[Part]:
    """What the parts of a dataset would be if it were written."""
    tables = {ROWS: frame, STATES: states, BOOKINGS: bookings}
    parts = []
    for period, places in by_period(frame, states, bookings).items():
        for kind, rows in places.items():
            if len(rows):
                content = ContentHash()
                content.update(_some(tables[kind], rows))
                parts.append(Part(_label(frame, places), period, kind, len(rows), content.hexdigest()))
    return sorted(parts, key=_order)


def _label(frame: pd.DataFrame, places: Mapping[str, np.ndarray]) -> str:
    return str(frame["period"].iloc[places[ROWS][0]])


def _order(part: Part) -> tuple[str, int]:
    return part.period_start, KINDS.index(part.kind)


def _some(table: pd.DataFrame, places: np.ndarray) -> pd.DataFrame:
    """Some rows; without a copy where they follow each other."""
    return table.iloc[places[0] : places[-1] + 1] if _together(places) else table.iloc[places]


def _slice(table: pa.Table, places: np.ndarray) -> pa.Table:
    """Likewise."""
    return table.slice(int(places[0]), len(places)) if _together(places) else table.take(pa.array(places))


def _together(places: np.ndarray) -> bool:
    """Whether ascending places follow each other without a gap."""
    return int(places[-1]) - int(places[0]) + 1 == len(places)


def _table_of(frame: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
