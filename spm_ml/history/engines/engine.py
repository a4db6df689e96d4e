"""Engine: where a history's tables are computed and kept; the same expressions run on each of them.

What differs between engines is handled here and in the engines' own files, once: how rows get in, how derived tables
are kept, and how columns are made along the rows of a deal. Everything else is written so
that it does not differ: sums are of integers, text is ordered by code point, orders name where NULL goes, days are
computed from UTC without asking for time zones, and rounding is spelled out.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from typing import ClassVar, Final

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends import BaseBackend

from spm_ml.history.engines.along import Along
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


Derived = Callable[[ir.Table], AbstractContextManager[ir.Table]]
"""Gives what is derived of rows, until it is left."""


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

    @contextmanager
    def along(self, rows: ir.Table, *, of: str, by: Sequence[str], columns: Mapping[str, Along]) -> Iterator[ir.Table]:
        """The rows with columns that follow from those before and after them, until it is left.

        Args:
            rows: What is added to.
            of: Column whose values tell which rows belong together.
            by: Columns that order these, without a tie, ascending, NULL first.
            columns: What is added, by name; a column of that name is replaced.
        """
        order = [rows[name].asc(nulls_first=True) for name in by]
        number = ibis.row_number().over(ibis.window(group_by=of, order_by=order))
        numbered = rows.mutate(_number=number)
        beside = ibis.window(group_by=of, order_by="_number")
        so_far = ibis.window(group_by=of, order_by="_number", preceding=None, following=0)
        stated: dict[str, ir.Value] = {}
        added: dict[str, ir.Value] = {}
        for name, along in columns.items():
            value = numbered[along.column or "_number"]
            match along.what:
                case "last":
                    stated[f"_{name}"] = value.notnull().cast("int64").sum().over(so_far)
                case "first":
                    stated[f"_{name}"] = ibis.ifelse(value.notnull(), numbered["_number"], None).min().over(so_far)
                case "total":
                    added[name] = as_int64(value.cast("int64").fill_null(0).sum().over(so_far))
                case "previous":
                    added[name] = value.lag().over(beside)
                case "next":
                    added[name] = value.lead().over(beside)
                case "place":
                    added[name] = value
        known = numbered.mutate(**stated, **{f"_{name}_added": value for name, value in added.items()})
        results = {name: known[f"_{name}_added"] for name in added}
        for name, along in columns.items():
            if along.what == "last":
                among = ibis.window(group_by=[of, f"_{name}"])
                results[name] = known[along.column].max().over(among)
            elif along.what == "first":
                is_first = ibis.ifelse(known["_number"] == known[f"_{name}"], known[along.column], None)
                results[name] = is_first.max().over(so_far)
        yield known.mutate(**results).drop("_number", *stated, *(f"_{name}_added" for name in added))

    @contextmanager
    def numbered(self, rows: ir.Table, key: str, name: str) -> Iterator[ir.Table]:
        """The rows with a short name for each value of a key that none of them shares, until it is left."""
        yield rows.mutate(**{name: rows[key]})

    @contextmanager
    def in_parts(
        self,
        rows: ir.Table,
        of: str,  # noqa: ARG002
        no_more_than: Sequence[ir.Table],  # noqa: ARG002
        derive: Derived,
    ) -> Iterator[ir.Table]:
        """What is derived of rows, until it is left; where they are many, of some at a time.

        Args:
            rows: What it is derived of.
            of: Column made by `numbered`, whose values tell which rows belong together; these stay together.
            no_more_than: Tables that have as many rows together, or more.
            derive: Gives what is derived of some of them, until it is left.
        """
        with derive(rows) as derived:
            yield derived

    def empty(self, name: str, schema: ibis.Schema) -> ir.Table:
        """A table without rows."""
        return self.keep(name, schema.to_pyarrow().empty_table())

    def _unique(self, name: str) -> str:
        return f"{name}_{next(self._numbers)}"
