"""Engine: where a history's tables are computed and kept; the same expressions run on each of them.

What differs between engines is handled here and in the engines' own files, once: how rows get in, how derived tables
are kept, and the one window function that Ibis does not write alike for all of them. Everything else is written so
that it does not differ: sums are of integers, text is ordered by code point, orders name where NULL goes, days are
computed from UTC without asking for time zones, and rounding is spelled out.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import count
from typing import ClassVar, Final

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends import BaseBackend

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


def schema_of(table: Table, *, occurrence: bool = False) -> ibis.Schema:
    """Column names and internal types of a table of the contract."""
    columns = {column.name: IBIS_TYPES[column.type] for column in table.columns}
    return ibis.schema(columns | ({"_occurrence": "int32"} if occurrence else {}))


def as_int64(total: ir.Value) -> ir.Value:
    """A sum of integers as one, also in Parquet: DuckDB's sum is wider, and Ibis drops a cast to int64 alone."""
    return total.cast("decimal(38, 0)").cast("int64")


class Engine(ABC):
    """Where tables are computed and kept until the history closes.

    Attributes:
        backend: The Ibis backend.
        embedded: It works in this process, so rows need not be made fewer before they leave it.
    """

    backend: BaseBackend
    embedded: ClassVar[bool] = False

    def __init__(self) -> None:
        self._numbers = count(1)

    @abstractmethod
    def read(self, name: str, sql: str) -> ir.Table:
        """The rows of a query over Parquet files, in DuckDB's SQL as `TableStore.relation_sql` writes it."""

    @abstractmethod
    def keep(self, name: str, rows: ir.Table | pa.Table) -> ir.Table:
        """Computes rows once and keeps them under a name of their own."""

    @abstractmethod
    def drop(self, table: ir.Table) -> None:
        """Frees what `keep` computed."""

    @abstractmethod
    def close(self) -> None:
        """Frees everything; closing twice does no harm."""

    def carried(self, rows: ir.Table, names: Sequence[str], *, number: str, of: str) -> ir.Table:
        """The rows with some columns filled: each row has the last value up to it that was not empty.

        Args:
            rows: What is filled.
            names: The columns.
            number: The column that orders the rows, without a tie.
            of: The column within whose values is looked.
        """
        so_far = ibis.window(group_by=of, order_by=number, preceding=None, following=0)
        stated = {f"_{name}_stated": rows[name].notnull().cast("int64").sum().over(so_far) for name in names}
        rows = rows.mutate(**stated)
        filled = {name: rows[name].max().over(ibis.window(group_by=[of, f"_{name}_stated"])) for name in names}
        return rows.mutate(**filled).drop(*stated)

    def empty(self, name: str, schema: ibis.Schema) -> ir.Table:
        """A table without rows."""
        return self.keep(name, schema.to_pyarrow().empty_table())

    def _unique(self, name: str) -> str:
        return f"{name}_{next(self._numbers)}"
