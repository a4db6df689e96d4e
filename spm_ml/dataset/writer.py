"""DatasetWriter: a dataset written block by block, each some reps with all their rows, so that no more is in memory."""

import json
import os
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from spm_ml.dataset.content_hash import ContentHash
from spm_ml.dataset.schema import SchemaError, rep_order
from spm_ml.definition import definition_hash

if TYPE_CHECKING:
    from spm_ml.dataset.table import RepPeriodDataset

FORMAT: Final = 3
"""Of the files; raised when an older one can no longer be read as it is."""

METADATA: Final = b"spm_ml.dataset"
ROWS, STATES, BOOKINGS = "", ".deals", ".bookings"
"""Endings of the names of the files of a dataset."""

_ROW_GROUP: Final = 50_000
"""Rows of a group, which holds few periods of many reps: readers of some periods pass over the others."""


MADE_BY: Final = ("dataset", "features", "history", "fiscal.py", "tables.py")
"""Code that decides what a dataset holds; settings are part of a history's `data_hash`."""


def made_by() -> str:
    """Hash of the code that a dataset is made by now; every file carries that of the code that made it."""
    return definition_hash(*MADE_BY)


def part_file(path: Path, part: str) -> Path:
    """Where a part of the dataset at `path` is."""
    return path.with_name(f"{path.stem}{part}{path.suffix}")


class DatasetWriter:
    """Writes a dataset as Parquet with its description inside, states and bookings in files beside the rows.

    Nothing is at `path` before the last block is; a process that is killed leaves what was there before, and every
    file carries the content's hash, so parts of two datasets never read as one.

    Args:
        path: File of the rows.

    Attributes:
        content_hash: Once it is written: SHA-256 of everything in it.
    """

    def __init__(self, path: Path) -> None:
        self.content_hash = ""
        self._path = path
        self._hash = ContentHash()
        self._files: dict[str, pq.ParquetWriter] = {}
        self._description: dict[str, object] | None = None
        self._last = ""

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        return self

    def add(self, block: "RepPeriodDataset") -> None:
        """Writes the rows of some reps, all of whom come after those that were added before.

        Raises:
            SchemaError: They do not, or the block is of another dataset.
        """
        if self._description not in (None, block.description):
            raise SchemaError("the block is of another dataset than the one before: build both from the same tables")
        reps = block.frame["rep_id"]
        if len(reps) and self._last and reps.min() <= self._last:
            raise SchemaError(f"the block holds {reps.min()!r}, which is not after {self._last!r}: add reps in order")
        self._description = block.description
        self._last = reps.max() if len(reps) else self._last
        for part, frame in ((ROWS, block.frame), (STATES, block.states), (BOOKINGS, block.bookings)):
            self._hash.update(part, frame, rep_order(frame) if part == ROWS else None)
            self._append(part, frame)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self._description is not None:
            self.content_hash = self._hash.hexdigest(self._description)
        made = {"content_hash": self.content_hash, "definition": made_by()}
        text = json.dumps({**(self._description or {}), **made})
        for file in self._files.values():
            file.add_key_value_metadata({METADATA.decode(): text})
            file.close()
        for part in (STATES, BOOKINGS, ROWS) if self._files else ():
            if kind is None:
                os.replace(self._pending(part), part_file(self._path, part))
            else:
                self._pending(part).unlink(missing_ok=True)

    def _append(self, part: str, frame: pd.DataFrame) -> None:
        table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
        if part not in self._files:
            file = self._pending(part)  # without a schema of Arrow's own, whose metadata would hide the file's
            self._files[part] = pq.ParquetWriter(file, table.schema, compression="zstd", store_schema=False)
        self._files[part].write_table(table, row_group_size=_ROW_GROUP)

    def _pending(self, part: str) -> Path:
        file = part_file(self._path, part)
        return file.with_name(f"{file.name}.pending")
