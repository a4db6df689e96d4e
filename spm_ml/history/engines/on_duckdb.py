"""The embedded engine: one DuckDB database in a folder of its own, gone when the history closes."""

import math
import shutil
import tempfile
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, Final

import duckdb
import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend

from spm_ml.history.engines.along import Along, with_columns
from spm_ml.history.engines.engine import Derived, Engine

MEMORY_LIMIT: Final = "1500MB"
"""What DuckDB may hold in memory; more is spilled to the engine's folder."""


ROWS_AT_ONCE: Final = 2_000_000
"""Rows that are in memory while columns are made along them, some 300 bytes each; of more some are taken at a time."""


class DuckDBEngine(Engine):
    """A DuckDB database in a folder of its own, into which goes what does not fit into its memory.

    Args:
        threads: Threads that a query may use.

    Attributes:
        folder: Where the database and what it spills lie.
        backend: The Ibis backend.
        rows_at_once: Rows that are in memory while columns are made along them.
    """

    embedded: ClassVar[bool] = True
    rows_at_once: int = ROWS_AT_ONCE

    def __init__(self, threads: int = 2) -> None:
        super().__init__()
        self.folder = folder = Path(tempfile.mkdtemp(prefix="spm-history-"))
        self.backend: Backend = ibis.duckdb.connect(
            folder / "history.duckdb",
            threads=threads,
            memory_limit=MEMORY_LIMIT,
            temp_directory=str(folder / "spill"),
            preserve_insertion_order=False,
        )
        self._release = weakref.finalize(self, _release, self.backend, folder)

    def read(self, name: str, sql: str) -> ir.Table:
        """Gives a query over Parquet files a name; the files are read as they are asked for."""
        unique = self._unique(name)
        self.backend.raw_sql(f'CREATE VIEW "{unique}" AS {sql}')
        return self.backend.table(unique)

    def keep(self, name: str, rows: ir.Table | pa.Table) -> ir.Table:
        """Computes rows once and keeps them as a temporary table, which is neither compressed nor logged."""
        return self.backend.create_table(self._unique(name), rows, temp=True)

    def write(self, rows: ir.Table, file: Path) -> None:
        """Writes rows in their order as Parquet.

        Raises:
            OSError: The file cannot be written.
        """
        try:
            self.backend.to_parquet(rows, file, compression="zstd")
        except duckdb.IOException as error:
            raise OSError(str(error)) from error

    def drop(self, table: ir.Table) -> None:
        """Frees what `keep` computed."""
        self.backend.drop_table(table.op().name)

    def close(self) -> None:
        """Ends the connection and removes the folder; closing twice does no harm, and forgetting to close little."""
        self._release()

    @contextmanager
    def along(self, rows: ir.Table, *, of: str, by: Sequence[str], columns: Mapping[str, Along]) -> Iterator[ir.Table]:
        """The rows with columns that follow from those before and after them, in memory until it is left."""
        unique = self._unique("along")
        self.backend.con.register(unique, with_columns(self.backend.to_pyarrow(rows), of, by, columns))
        try:
            yield self.backend.table(unique)
        finally:
            self.backend.con.unregister(unique)

    @contextmanager
    def numbered(self, rows: ir.Table, key: str, name: str) -> Iterator[ir.Table]:  # noqa: ARG002
        """The rows with a number each, which is joined and sorted faster than text."""
        kept = self.keep("numbered", rows.mutate(**{name: ibis.row_number()}))
        try:
            yield kept
        finally:
            self.drop(kept)

    @contextmanager
    def in_parts(
        self, rows: ir.Table, of: str, no_more_than: Sequence[ir.Table], derive: Derived
    ) -> Iterator[ir.Table]:
        """What is derived of rows, until it is left; where they are many, of some at a time."""
        if sum(self._count(table) for table in no_more_than) <= self.rows_at_once:
            with derive(rows) as derived:
                yield derived
            return
        kept = self.keep("all", rows)
        numbers = 1 + (kept[of].max().to_pyarrow().as_py() or 0)
        at_once = math.ceil(numbers * self.rows_at_once / max(self._count(kept), 1))
        parts = [kept.filter(kept[of].between(first, first + at_once - 1)) for first in range(0, numbers, at_once)]
        with derive(parts[0]) as derived:
            gathered = self.keep("gathered", derived)
        for part in parts[1:]:
            with derive(part) as derived:
                self.backend.insert(gathered.op().name, derived)
        self.drop(kept)
        try:
            yield gathered
        finally:
            self.drop(gathered)

    def _count(self, rows: ir.Table) -> int:
        count: int = rows.count().to_pyarrow().as_py()
        return count


def _release(backend: Backend, folder: Path) -> None:
    backend.disconnect()
    shutil.rmtree(folder, ignore_errors=True)
