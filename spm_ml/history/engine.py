"""The embedded engine behind a history: one DuckDB database in a folder of its own, gone when the history closes."""

import shutil
import tempfile
import weakref
from itertools import count
from pathlib import Path
from typing import Final

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend

from spm_ml.tables import ColumnType, Table

IBIS_TYPES: Final[dict[ColumnType, str]] = {
    "text": "string",
    "choice": "string",
    "date": "date",
    "timestamp": "timestamp(6)",
    "money": "int64",
    "number": "float64",
    "integer": "int64",
}
"""How each type of the contract is held; money is integer minor units, times are UTC without a zone."""

MEMORY_LIMIT: Final = "1500MB"
"""What DuckDB may hold in memory; more is spilled to the engine's folder."""


def schema_of(table: Table, *, occurrence: bool = False) -> ibis.Schema:
    """Column names and internal types of a table of the contract."""
    columns = {column.name: IBIS_TYPES[column.type] for column in table.columns}
    return ibis.schema(columns | ({"_occurrence": "int32"} if occurrence else {}))


class Engine:
    """A DuckDB database on disk, so that derived tables are compressed and memory stays bounded.

    Args:
        threads: Threads that a query may use.

    Attributes:
        folder: Where the database and what it spills lie.
        backend: The Ibis backend.
    """

    def __init__(self, threads: int = 2) -> None:
        self.folder = folder = Path(tempfile.mkdtemp(prefix="spm-history-"))
        self.backend: Backend = ibis.duckdb.connect(
            folder / "history.duckdb",
            threads=threads,
            memory_limit=MEMORY_LIMIT,
            temp_directory=str(folder / "spill"),
            preserve_insertion_order=False,
        )
        self._numbers = count(1)
        self._release = weakref.finalize(self, _release, self.backend, folder)

    def view(self, name: str, sql: str) -> ir.Table:
        """Gives a query a name."""
        unique = self._unique(name)
        self.backend.raw_sql(f'CREATE VIEW "{unique}" AS {sql}')
        return self.backend.table(unique)

    def keep(self, name: str, rows: ir.Table | pa.Table) -> ir.Table:
        """Computes rows once and keeps them as a table of the engine."""
        return self.backend.create_table(self._unique(name), rows)

    def empty(self, name: str, schema: ibis.Schema) -> ir.Table:
        """A table without rows."""
        return self.backend.create_table(self._unique(name), schema=schema)

    def drop(self, table: ir.Table) -> None:
        """Frees what `keep` computed."""
        self.backend.drop_table(table.op().name)

    def close(self) -> None:
        """Ends the connection and removes the folder; closing twice does no harm, and forgetting to close little."""
        self._release()

    def _unique(self, name: str) -> str:
        return f"{name}_{next(self._numbers)}"


def _release(backend: Backend, folder: Path) -> None:
    backend.disconnect()
    shutil.rmtree(folder, ignore_errors=True)
