"""Frames as people write them in tests and notebooks, turned into the internal types of the contract."""

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, Final

import pandas as pd
import pyarrow as pa

from spm_ml.errors import DataError, did_you_mean
from spm_ml.history.stages import stages_in_order
from spm_ml.settings import Organisation, StageSettings
from spm_ml.tables import PROTECTED_TABLES, TABLE_BY_NAME, Column, ColumnType, Table, minor_digits

ARROW_TYPES: Final[dict[ColumnType, pa.DataType]] = {
    "text": pa.string(),
    "choice": pa.string(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "money": pa.int64(),
    "number": pa.float64(),
    "integer": pa.int64(),
}


def arrow_tables(frames: Mapping[str, pd.DataFrame], organisation: Organisation) -> dict[str, pa.Table]:
    """Turns frames with the contract's columns into internal types; a ledger's rows keep their order.

    Args:
        frames: Tables of the contract by name: money as decimal, float or text in the row's currency (events: in the
            organisation's digits), dates as dates or ISO text, timestamps without a zone are UTC.
        organisation: Whose currency empty cells mean.

    Raises:
        DataError: An unknown or protected table, an unknown or missing column, or a cell that cannot be read.
    """
    return {name: _arrow_table(_table(name), frame, organisation) for name, frame in frames.items()}


def frames_hash(tables: Mapping[str, pa.Table]) -> str:
    """SHA-256 over the content of the tables, whatever the order in which they were given."""
    digest = hashlib.sha256()
    for name in sorted(tables):
        digest.update(name.encode())
        for row in sorted(map(repr, tables[name].to_pylist())):
            digest.update(row.encode())
    return digest.hexdigest()


def with_stages(organisation: Organisation, tables: Mapping[str, pa.Table]) -> Organisation:
    """Takes the stages from the data where the organisation declares none.

    They are ordered as deals pass through them in the events; open stages that no event names follow, by name.
    """
    if organisation.stages:
        return organisation
    walks: dict[str, list[tuple[datetime, str]]] = {}
    for event in _rows(tables, "opportunity_events"):
        if event["stage"] and event["outcome"] in (None, "open"):
            walks.setdefault(event["opportunity_id"], []).append((event["recorded_at"], event["stage"].strip()))
    ordered = [[stage for _, stage in sorted(walk, key=lambda step: step[0])] for walk in walks.values()]
    present = {deal["stage"].strip() for deal in _rows(tables, "opportunities") if deal["outcome"] == "open"}
    names = dict.fromkeys((*stages_in_order(ordered), *sorted(present)))
    stages = tuple(StageSettings(name=name) for name in names)
    return organisation.model_copy(update={"stages": stages})


def _rows(tables: Mapping[str, pa.Table], name: str) -> list[dict[str, Any]]:
    return tables[name].to_pylist() if name in tables else []


def _table(name: str) -> Table:
    if name in PROTECTED_TABLES:
        raise DataError(f"table {name!r} is kept apart from every history (H23): only the fairness audit reads it")
    if name not in TABLE_BY_NAME:
        raise DataError(f"{name!r} is no table of the data contract{did_you_mean(name, TABLE_BY_NAME)}")
    return TABLE_BY_NAME[name]


def _arrow_table(table: Table, frame: pd.DataFrame, organisation: Organisation) -> pa.Table:
    known = [column.name for column in table.columns]
    for name in map(str, frame.columns):
        if name not in known:
            raise DataError(f"table {table.name!r} has no column {name!r}{did_you_mean(name, known)}")
    missing = [name for name in table.required_columns if name not in frame.columns]
    if missing:
        raise DataError(f"table {table.name!r} lacks its required columns {', '.join(missing)}: add them")
    currencies = _currencies(table, frame, organisation)
    columns = {}
    for column in table.columns:
        cells = list(frame[column.name]) if column.name in frame.columns else [None] * len(frame)
        values = [_cell(table, column, row, cell, currencies[row]) for row, cell in enumerate(cells)]
        columns[column.name] = pa.array(values, ARROW_TYPES[column.type])
    if table.ledger:
        columns["_occurrence"] = pa.array(range(len(frame)), pa.int32())
    return pa.table(columns)


def _currencies(table: Table, frame: pd.DataFrame, organisation: Organisation) -> list[str]:
    own = organisation.currency
    if "currency" not in frame.columns or all(column.type != "money" for column in table.columns):
        return [own] * len(frame)
    return [own if _is_empty(cell) else str(cell).strip().upper() for cell in frame["currency"]]


def _cell(table: Table, column: Column, row: int, cell: object, currency: str) -> object:
    if _is_empty(cell):
        if column.required:
            raise DataError(f"table {table.name!r}, row {row}: {column.name} is empty but required: fill it")
        return _READERS[column.type](column.default, currency) if column.default is not None else None
    try:
        value = _READERS[column.type](cell, currency)
    except (ValueError, TypeError, InvalidOperation, OverflowError) as error:
        raise DataError(
            f"table {table.name!r}, row {row}: {column.name} is {cell!r}, which is no {column.type}: {error}"
        ) from error
    if column.choices and value not in column.choices:
        raise DataError(
            f"table {table.name!r}, row {row}: {column.name} is {cell!r}, not one of {', '.join(column.choices)}"
        )
    return value


def _is_empty(cell: object) -> bool:
    return (
        cell is None or cell is pd.NaT or cell is pd.NA or cell != cell or (isinstance(cell, str) and not cell.strip())
    )


def _text(cell: Any, _: str) -> str:
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell).strip()


def _choice(cell: Any, _: str) -> str:
    return str(cell).strip().lower()


def _date(cell: Any, _: str) -> date:
    if isinstance(cell, datetime):
        return cell.date()
    return cell if isinstance(cell, date) else datetime.fromisoformat(str(cell)).date()


def _timestamp(cell: Any, _: str) -> datetime:
    if isinstance(cell, datetime):
        instant = cell.to_pydatetime(warn=False) if isinstance(cell, pd.Timestamp) else cell
    elif isinstance(cell, date):
        instant = datetime(cell.year, cell.month, cell.day)  # noqa: DTZ001 — the contract's times are UTC
    else:
        instant = datetime.fromisoformat(str(cell))
    return instant.astimezone(UTC).replace(tzinfo=None) if instant.tzinfo else instant


def _money(cell: Any, currency: str) -> int:
    minor = Decimal(str(cell)).scaleb(minor_digits(currency))
    return int(minor.quantize(Decimal(1), ROUND_HALF_UP))


def _number(cell: Any, _: str) -> float:
    return float(cell)


def _integer(cell: Any, _: str) -> int:
    number = Decimal(str(cell))
    if number != number.to_integral_value():
        raise ValueError("it has decimals")
    return int(number)


_READERS: Final[dict[ColumnType, Callable[[Any, str], object]]] = {
    "text": _text,
    "choice": _choice,
    "date": _date,
    "timestamp": _timestamp,
    "money": _money,
    "number": _number,
    "integer": _integer,
}
