"""Events as they arrive, checked against the data contract before they are taken; the ingest checks the rest."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from json import dumps
from typing import Final

from spm_ml.predictions import Arrival
from spm_ml.tables import PROTECTED_TABLES, TABLES, Column, Table

Cell = str | int | float | bool | None

ACCEPTED: Final = {table.name: table for table in TABLES if table.name not in PROTECTED_TABLES}
"""Tables whose rows may arrive as events."""

AHEAD: Final = timedelta(minutes=5)
"""How far a source's clock may be ahead of ours."""

_NUMERIC: Final = ("money", "number", "integer")
_RECORDED: Final = "recorded_at"
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_MOMENT: Final = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})?", re.ASCII)


class RefusedEventError(Exception):
    """An event cannot be taken.

    Attributes:
        where: The place in it, by our own names.
        rule: What it breaks.
    """

    def __init__(self, where: str, rule: str) -> None:
        super().__init__(rule)
        self.where = where
        self.rule = rule


def arrival_of(event_id: str, table: str, recorded_at: str, record: Mapping[str, Cell], *, now: datetime) -> Arrival:
    """The row that an event makes.

    Args:
        event_id: The source's own name of the event.
        table: A table of the data contract.
        recorded_at: When the source knew it: ISO 8601 with a time zone, or UTC.
        record: Cells by column.
        now: Nothing is known much later than now.

    Raises:
        RefusedEventError: It breaks a rule of the contract that one row alone can break.
    """
    definition = ACCEPTED.get(table)
    if definition is None:
        raise RefusedEventError("table", "unknown_table")
    moment = _moment(recorded_at, "recorded_at")
    if moment > now + AHEAD:
        raise RefusedEventError("recorded_at", "in_the_future")
    columns = {column.name: column for column in definition.columns}
    if _RECORDED in record:
        raise RefusedEventError("record", "recorded_at_stands_beside_the_record")
    if not columns.keys() >= record.keys():
        raise RefusedEventError("record", "unknown_column")
    cells = {name: text for name, value in record.items() if (text := _text(columns[name], value))}
    if _RECORDED in columns:
        cells[_RECORDED] = moment.isoformat(sep=" ", timespec="microseconds").removesuffix("+00:00")
    for name in definition.required_columns:
        if name not in cells:
            raise RefusedEventError(f"record.{name}", "missing")
    return Arrival(event_id, table, moment, cells, _row_key(definition, cells))


def _row_key(table: Table, cells: Mapping[str, str]) -> str | None:
    if table.ledger:
        return None
    key = [table.name, *(cells.get(name, table.column(name).default) for name in table.key)]
    return sha256(dumps(key, ensure_ascii=False).encode("utf-8")).hexdigest()


def _text(column: Column, value: Cell) -> str:
    """A cell as text; '' where it is empty."""
    where = f"record.{column.name}"
    if value is None:
        return ""
    numeric = column.type in _NUMERIC
    if isinstance(value, bool) or (isinstance(value, int | float) and not numeric):
        raise RefusedEventError(where, "not_a_text")
    text = str(value).strip()
    if not text:
        return ""
    if column.type == "date":
        return _day(text, where)
    if column.type == "timestamp":
        return _moment(text, where).isoformat(sep=" ", timespec="microseconds").removesuffix("+00:00")
    if numeric:
        return _number(text, where)
    return text.lower() if column.type == "choice" else text


def _number(text: str, where: str) -> str:
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise RefusedEventError(where, "not_a_number") from None
    if not value.is_finite() or abs(value) >= Decimal(10) ** 15 or value.as_tuple().exponent < -12:  # type: ignore[operator]
        raise RefusedEventError(where, "not_a_number")
    return f"{value:f}"


def _day(text: str, where: str) -> str:
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text).isoformat()
    except ValueError:
        pass
    raise RefusedEventError(where, "not_a_day")


def _moment(text: str, where: str) -> datetime:
    try:
        if _MOMENT.fullmatch(text):
            moment = datetime.fromisoformat(text)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise RefusedEventError(where, "not_a_moment")
