"""Writes tables as CSV or Parquet, the large ones in parts."""

from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from spm_ml.errors import ConfigurationError
from spm_ml.tables import TABLE_BY_NAME

Format = Literal["csv", "parquet"]
FORMATS: tuple[Format, ...] = ("csv", "parquet")
TRUTH = "truth"
"""Folder beside the tables."""


def clear(folder: Path) -> None:
    """Makes the folder ready: tables of an earlier simulation go, so that none is left beside the new ones.

    Raises:
        ConfigurationError: The folder holds tables that no simulation wrote.
    """
    names = [f"{table}.{fmt}" for table in TABLE_BY_NAME for fmt in FORMATS]
    found = [folder / name for name in names if (folder / name).exists()]
    if found and not (folder / TRUTH / "world.json").exists():
        raise ConfigurationError(f"{found[0]} was written by no simulation: choose an empty folder, or move it away")
    for path in found:
        path.unlink()
    (folder / TRUTH).mkdir(parents=True, exist_ok=True)


class TableWriter:
    """One file of one table; parts are appended, the first names the columns."""

    def __init__(self, folder: Path, table: str, fmt: Format) -> None:
        self.path = folder / f"{table}.{fmt}"
        self.rows = 0
        self._fmt = fmt
        self._sink: pq.ParquetWriter | pa.csv.CSVWriter | None = None

    def write(self, part: pa.Table) -> None:
        """Appends rows."""
        if self._sink is None:
            self._sink = self._open(part.schema)
        self._sink.write_table(part)
        self.rows += part.num_rows

    def _open(self, schema: pa.Schema) -> "pq.ParquetWriter | pa.csv.CSVWriter":
        if self._fmt == "parquet":
            return pq.ParquetWriter(self.path, schema)
        options = pa.csv.WriteOptions(quoting_style="none", batch_size=16_384)
        return pa.csv.CSVWriter(self.path, schema, write_options=options)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._sink is not None:
            self._sink.close()
