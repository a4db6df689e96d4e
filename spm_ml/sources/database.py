"""Databases: rows beyond a watermark, streamed into the files of an export."""

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

from sqlalchemy import (
    URL,
    ColumnClause,
    Connection,
    MetaData,
    Result,
    Row,
    Select,
    Table,
    column,
    create_engine,
    literal_column,
    or_,
    select,
    text,
)
from sqlalchemy.exc import NoSuchModuleError, NoSuchTableError, SQLAlchemyError

from spm_ml.errors import ConfigurationError, DataError, did_you_mean
from spm_ml.progress import Progress, silent
from spm_ml.sources.declared import DatabaseTable

_AT_ONCE: Final = 10_000
"""Rows that are fetched together."""

_OVERLAP: Final = {"time": 600.0, "date": 1.0, "number": 1000.0}
"""Overlap of watermarks that declare none: seconds, days, units."""

_FURTHEST_ZONE: Final = timedelta(hours=14)
"""A time without a zone may be so far ahead of UTC."""

Value = datetime | date | Decimal | str


@dataclass(frozen=True)
class Watermark:
    """The greatest value of a watermark column that was read.

    Attributes:
        kind: `time`, `date`, `number` or `text`.
        value: It, in ISO 8601 or as a number.
    """

    kind: str
    value: str

    @classmethod
    def of(cls, value: Value) -> "Watermark":
        """Names a value."""
        if isinstance(value, datetime):
            return cls("time", value.isoformat())
        if isinstance(value, date):
            return cls("date", value.isoformat())
        return cls("number", str(value)) if isinstance(value, Decimal) else cls("text", value)

    def since(self, overlap: float | None) -> Value:
        """Where reading begins again.

        Args:
            overlap: Seconds, days or units; None: what the kind has by default.
        """
        back = _OVERLAP.get(self.kind, 0.0) if overlap is None else overlap
        if self.kind == "time":
            return datetime.fromisoformat(self.value) - timedelta(seconds=back)
        if self.kind == "date":
            return date.fromisoformat(self.value) - timedelta(days=back)
        return Decimal(self.value) - Decimal(str(back)) if self.kind == "number" else self.value


@contextmanager
def connected(address: URL, name: str) -> Iterator[Connection]:
    """A transaction that only reads, and sees one state of all tables where the database can do that.

    Args:
        address: With its password.
        name: Of the source, for messages.

    Raises:
        ConfigurationError: The driver is not installed.
        DataError: The database does not answer, or refuses; the message holds no password.
    """
    shown = address.render_as_string(hide_password=True)
    file = address.database or ""
    if address.get_backend_name() == "sqlite" and not file.startswith("file:") and not Path(file).exists():
        raise DataError(f"{name}: {shown} cannot be read: there is no such file")  # SQLite would make an empty one
    try:
        engine = create_engine(address, hide_parameters=True)
    except (ImportError, NoSuchModuleError) as error:
        raise ConfigurationError(f"{name}: the driver for {address.drivername} is not installed ({error})") from None
    try:
        options: dict[str, Any] = {"stream_results": True, "yield_per": _AT_ONCE}
        if engine.dialect.name == "postgresql":
            options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        with engine.connect().execution_options(**options) as connection:
            yield connection
    except SQLAlchemyError as error:
        said = str(getattr(error, "orig", None) or error).splitlines()[0]
        if address.password:
            said = said.replace(str(address.password), "***")
        raise DataError(f"{name}: {shown} cannot be read: {said}") from None
    finally:
        engine.dispose()


def read_table(
    connection: Connection,
    declared: DatabaseTable,
    last: Watermark | None,
    file: Path,
    *,
    progress: Progress = silent,
) -> tuple[int, Watermark | None]:
    """Writes the rows beyond a watermark to a CSV file, which is left out where there are none.

    Rows without a watermark are read each time. Times with a zone are written in UTC.

    Args:
        connection: From `connected`.
        declared: What is read.
        last: Where an earlier reading ended; None: from the beginning.
        file: CSV file, named after what is read.
        progress: Told about rows.

    Returns:
        Rows that were written, and where the next reading begins; a time that has not come yet moves that no further
        than to now, so that what is stamped meanwhile is not missed.

    Raises:
        DataError: There is no such table or column, or the watermark cannot be compared.
    """
    rows = connection.execute(_statement(connection, declared, last, file.stem))
    names = list(rows.keys())
    position = _position(names, declared.watermark, file.stem)
    greatest, count = None if last is None else last.since(0), 0
    for block in _blocks(rows, file.stem):
        with file.open("a", encoding="utf-8", newline="") as handle:
            writer = csv.writer(handle)
            if not count:
                writer.writerow(names)
            for row in block:
                writer.writerow([_cell(value) for value in row])
        count += len(block)
        if position is not None:
            stamps = [_value(row[position], file.stem) for row in block if row[position] is not None]
            greatest = _greatest([*stamps, *([] if greatest is None else [greatest])], file.stem)
        progress(f"read {file.stem}", count, 0)
    return count, None if greatest is None else Watermark.of(_no_later_than_now(greatest))


def _blocks(rows: Result[Any], name: str) -> Iterator[Sequence[Row[Any]]]:
    """Rows, many at a time.

    Raises:
        DataError: A stored value is none of its column's type, which some databases allow.
    """
    try:
        yield from rows.partitions(_AT_ONCE)
    except (ValueError, TypeError, ArithmeticError) as error:
        raise DataError(
            f"{name}: a value is none of its column's type ({error}): mend it, or read the column as text in a query"
        ) from None


def _statement(connection: Connection, declared: DatabaseTable, last: Watermark | None, name: str) -> Select[Any]:
    if declared.query is not None:
        given: list[ColumnClause[Any]] = [] if declared.watermark is None else [column(declared.watermark)]
        source = text(declared.query).columns(*given).subquery("source")
        statement: Select[Any] = select(literal_column("*")).select_from(source)
        watermark = None if declared.watermark is None else source.c[declared.watermark]
    else:
        schema, _, table_name = str(declared.table).rpartition(".")
        try:
            table = Table(table_name, MetaData(), schema=schema or None, autoload_with=connection)
        except NoSuchTableError:
            raise DataError(f"{name}: the database has no table {declared.table}, or hides it from this user") from None
        statement = select(table)
        _position(list(table.c.keys()), declared.watermark, name)
        watermark = None if declared.watermark is None else table.c[declared.watermark]
    if watermark is None or last is None:
        return statement
    return statement.where(or_(watermark >= last.since(declared.overlap), watermark.is_(None)))


def _position(names: list[str], watermark: str | None, name: str) -> int | None:
    if watermark is None:
        return None
    if watermark not in names:
        raise DataError(f"{name} has no column {watermark!r}{did_you_mean(watermark, names)}: {', '.join(names)}")
    return names.index(watermark)


def _value(value: object, name: str) -> Value:
    if isinstance(value, datetime | date | str) or (isinstance(value, Decimal) and value.is_finite()):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            number = Decimal(str(value))
        except InvalidOperation:
            number = Decimal("NaN")
        if number.is_finite():
            return number
    raise DataError(f"{name}: a watermark is a time, a date, a number or a text, not {value!r}")


def _greatest(values: list[Value], name: str) -> Value | None:
    try:
        return max(values, default=None)
    except TypeError:
        kinds = sorted({type(value).__name__ for value in values})
        raise DataError(
            f"{name}: watermarks of different kinds cannot be compared ({', '.join(kinds)}, or times with and "
            "without a zone): cast the column in a query, and read once with --full"
        ) from None


def _no_later_than_now(value: Value) -> Value:
    now = datetime.now(UTC)
    if isinstance(value, datetime):
        return min(value, now if value.tzinfo else now.replace(tzinfo=None) + _FURTHEST_ZONE)
    if isinstance(value, date):
        return min(value, (now + _FURTHEST_ZONE).date())
    return value


def _cell(value: object) -> object:
    if isinstance(value, datetime):
        return (value.astimezone(UTC) if value.tzinfo else value).isoformat(sep=" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    return bytes(value).decode("utf-8", "replace") if isinstance(value, bytes | memoryview) else value
