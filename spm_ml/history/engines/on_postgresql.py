"""PostgreSQL as the engine: for histories that outgrow a file, in a schema of its own that goes with the history."""

import weakref
from collections.abc import Iterable
from typing import Any, Final, LiteralString
from uuid import uuid4

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir
import psycopg
import pyarrow as pa
import pyarrow.csv as csv
import sqlglot.expressions as sge
from ibis.backends.postgres import Backend
from ibis.backends.sql.compilers.postgres import PostgresCompiler
from psycopg import sql as text

from spm_ml.errors import ConfigurationError
from spm_ml.history.engines.engine import Engine
from spm_ml.history.engines.parquet import batches_of

_TYPES: Final[dict[type[dt.DataType], LiteralString]] = {
    dt.String: 'text COLLATE "C"',  # by code point, as everywhere else
    dt.Date: "date",
    dt.Timestamp: "timestamp(6)",
    dt.Int64: "bigint",
    dt.Int32: "integer",
    dt.Float64: "double precision",
    dt.Boolean: "boolean",
}

_CSV: Final = csv.WriteOptions(include_header=False, quoting_style="all_valid")
"""Every value in quotes, so that nothing between two commas is NULL and an empty text is a text."""


class _Words(PostgresCompiler):  # type: ignore[misc]  # Ibis ships no types
    """How PostgreSQL says what the other engines take as Ibis writes it."""

    __slots__ = ()

    def visit_Cast(self, op: Any, *, arg: Any, to: dt.DataType) -> Any:  # noqa: N802 — Ibis calls it by this name
        if op.arg.dtype.is_boolean() and to.is_integer():
            arg = self.cast(arg, dt.int32)  # a truth value becomes no other number
        return super().visit_Cast(op, arg=arg, to=to)

    def visit_DateAdd(self, op: Any, *, left: Any, right: Any) -> Any:  # noqa: ARG002, N802
        return self.cast(sge.Add(this=left, expression=right), dt.date)  # a day, and no timestamp

    def visit_DateSub(self, op: Any, *, left: Any, right: Any) -> Any:  # noqa: ARG002, N802
        return self.cast(sge.Sub(this=left, expression=right), dt.date)

    def visit_DateDelta(self, op: Any, *, part: Any, left: Any, right: Any) -> Any:  # noqa: ARG002, N802
        return self.cast(sge.Paren(this=sge.Sub(this=left, expression=right)), dt.int64)  # in days alone


class _Backend(Backend):  # type: ignore[misc]
    compiler = _Words()


class PostgreSQLEngine(Engine):
    """A schema in somebody's database, dropped when the history closes.

    Args:
        url: `postgresql://user@host:5432/database`; the user may create schemas in it.

    Attributes:
        schema: Name of the schema.

    Raises:
        ConfigurationError: The database cannot be reached, or no schema may be made in it.
    """

    def __init__(self, url: str) -> None:
        super().__init__()
        self.schema = f"spm_history_{uuid4().hex[:12]}"
        try:
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(text.SQL("CREATE SCHEMA {}").format(text.Identifier(self.schema)))
            options = f"-c search_path={self.schema} -c timezone=UTC"
            connected = psycopg.connect(url, autocommit=True, options=options)
        except psycopg.Error as error:
            raise ConfigurationError(
                f"PostgreSQL cannot be used as the engine: {str(error).strip()}. Name a database in which a schema may "
                "be created, such as postgresql://user@host:5432/database"
            ) from error
        self.backend: Backend = _Backend.from_connection(connected)
        self._release = weakref.finalize(self, _release, connected, self.schema)

    def read(self, name: str, sql: str) -> ir.Table:
        """Copies the rows of a query over Parquet files into the database."""
        schema, batches = batches_of(sql)
        return self._copied(name, schema, batches)

    def keep(self, name: str, rows: ir.Table | pa.Table) -> ir.Table:
        """Computes rows once and keeps them as a table of the schema."""
        if isinstance(rows, pa.Table):
            return self._copied(name, rows.schema, rows.to_batches())
        return self.backend.create_table(self._unique(name), rows)

    def drop(self, table: ir.Table) -> None:
        """Frees what `keep` computed."""
        self.backend.drop_table(table.op().name, force=True)

    def close(self) -> None:
        """Drops the schema and ends the connection; closing twice does no harm."""
        self._release()

    def _copied(self, name: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> ir.Table:
        unique = self._unique(name)
        kinds = dict(ibis.Schema.from_pyarrow(schema).items())
        columns = [
            text.SQL("{} {}").format(text.Identifier(column), text.SQL(_TYPES[type(kind)]))
            for column, kind in kinds.items()
        ]
        create = text.SQL("CREATE TABLE {} ({})").format(text.Identifier(unique), text.SQL(", ").join(columns))
        copy = text.SQL("COPY {} FROM STDIN WITH (FORMAT csv)").format(text.Identifier(unique))
        with self.backend.con.cursor() as cursor:
            cursor.execute(create)
            with cursor.copy(copy) as stream:
                for batch in batches:
                    lines = pa.BufferOutputStream()
                    csv.write_csv(batch, lines, _CSV)
                    stream.write(memoryview(lines.getvalue()))
            cursor.execute(text.SQL("ANALYZE {}").format(text.Identifier(unique)))
        return self.backend.table(unique)


def _release(connection: "psycopg.Connection[tuple[object, ...]]", schema: str) -> None:
    with connection:
        connection.execute(text.SQL("DROP SCHEMA {} CASCADE").format(text.Identifier(schema)))
