"""Rows of the store as JSON lines, and back into a database of either kind."""

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime
from itertools import islice
from typing import Any, Final

from sqlalchemy import Boolean, Column, Connection, Date, DateTime, Table, column, func, select, table
from sqlalchemy.types import NullType, TypeEngine

from spm_ml.backup.manifest import Kind, StoredTable
from spm_ml.predictions.schema import UtcDateTime

_ROWS_AT_ONCE: Final = 1_000
_TYPES: Final[dict[Kind, TypeEngine[Any]]] = {
    "datetime": UtcDateTime(),
    "date": Date(),
    "boolean": Boolean(),
    "plain": NullType(),
}
_READ: Final[dict[Kind, Callable[[Any], object]]] = {"datetime": datetime.fromisoformat, "date": date.fromisoformat}


def columns_of(source: Table) -> tuple[tuple[str, Kind], ...]:
    """Name and kind of each column."""
    return tuple((one.name, _kind(one)) for one in source.columns)


def counter_of(source: Table) -> str | None:
    """The column that the database numbers itself, if any."""
    counter = source.autoincrement_column
    return None if counter is None else counter.name


def lines_of(connection: Connection, source: Table) -> Iterator[bytes]:
    """Every row in the order of its key, a JSON line each."""
    query = select(source).order_by(*source.primary_key).execution_options(yield_per=_ROWS_AT_ONCE)
    for row in connection.execute(query):
        yield json.dumps([_written(value) for value in row], separators=(",", ":")).encode() + b"\n"


def load(connection: Connection, stored: StoredTable, lines: Iterable[bytes]) -> None:
    """Inserts the rows of a table that has none, and sets its counter behind them."""
    target = table(stored.name, *(column(name, _TYPES[kind]) for name, kind in stored.columns))
    remaining = iter(lines)
    while some := list(islice(remaining, _ROWS_AT_ONCE)):
        connection.execute(target.insert(), [_row(stored, json.loads(line)) for line in some])
    if stored.counter is not None and stored.rows and connection.dialect.name == "postgresql":
        last = select(func.max(target.c[stored.counter])).scalar_subquery()
        connection.execute(select(func.setval(func.pg_get_serial_sequence(stored.name, stored.counter), last)))


def _kind(one: Column[Any]) -> Kind:
    if isinstance(one.type, UtcDateTime | DateTime):
        return "datetime"
    if isinstance(one.type, Date):
        return "date"
    return "boolean" if isinstance(one.type, Boolean) else "plain"


def _written(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value.isoformat() if isinstance(value, date) else value


def _row(stored: StoredTable, values: list[Any]) -> dict[str, object]:
    pairs = zip(stored.columns, values, strict=True)
    return {name: value if value is None else _READ.get(kind, _as_it_is)(value) for (name, kind), value in pairs}


def _as_it_is(value: object) -> object:
    return value
