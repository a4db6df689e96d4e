"""The embedded engine: one DuckDB database in a folder of its own, gone when the history closes."""

import shutil
import tempfile
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

import duckdb
import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend

from spm_ml.history.engines.engine import Engine

MEMORY_LIMIT: Final = "1500MB"
"""What DuckDB may hold in memory; more is spilled to the engine's folder."""


class DuckDBEngine(Engine):
    """A DuckDB database in a folder of its own, into which goes what does not fit into its memory.

    Args:
        threads: Threads that a query may use.

    Attributes:
        folder: Where the database and what it spills lie.
        backend: The Ibis backend.
    """

    embedded: ClassVar[bool] = True

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

    def carried(self, rows: ir.Table, names: Sequence[str], *, number: str, of: str) -> ir.Table:
        """The rows with some columns filled: each row has the last value up to it that was not empty.

        Ibis writes `last(include_null=False)` over a window without its condition, and `argmax` as an ordered
        aggregate that DuckDB refuses there; the engine's own `arg_max` is exact and as fast as a lag.
        """
        so_far = ibis.window(group_by=of, order_by=number, preceding=None, following=0)
        return rows.mutate(**{name: _arg_max(rows[name], rows[number]).over(so_far) for name in names})


def _arg_max(column: ir.Column, number: ir.IntegerColumn) -> Any:
    kind = column.type()

    @ibis.udf.agg.builtin(name="arg_max", signature=((kind, "int64"), kind))
    def arg_max(value, key):  # type: ignore[no-untyped-def]
        """Built into the engine."""

    return arg_max(column, ibis.ifelse(column.notnull(), number, ibis.null("int64")))


def _release(backend: Backend, folder: Path) -> None:
    backend.disconnect()
    shutil.rmtree(folder, ignore_errors=True)
