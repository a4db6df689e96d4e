"""Writes tables as CSV or Parquet, the large ones in parts."""

from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

Format = Literal["csv", "parquet"]
FORMATS: tuple[Format, ...] = ("csv", "parquet")


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
