"""Frames as people write them in tests and notebooks, turned into the internal types of the contract."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, Final
from zoneinfo import ZoneInfo

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

_LENGTH_OF_A_DATE = len("2026-01-01")


def arrow_tables(frames: Mapping[str, pd.DataFrame], organisation: Organisation) -> dict[str, pa.Table]:
    """Turns frames with the contract's columns into internal types; a ledger's rows keep their order.

    Args:
        frames: Tables of the contract by name: money as decimal, float or text in the row's currency (events: the
            deal's), dates as dates or ISO text, timestamps without a zone are UTC, a bare date is its local midnight.
        organisation: Whose currency empty cells mean.

    Raises:
        DataError: An unknown or protected table, an unknown or missing column, or a cell that cannot be read.
    """
    deals = frames.get("opportunities", pd.DataFrame({"opportunity_id": [], "currency": []}))
    of_deal: dict[str, str] = {}
    if {"opportunity_id", "currency"} <= set(deals.columns):
        of_deal = dict(zip(deals["opportunity_id"], _own_currencies(deals["currency"], organisation), strict=True))
    return {name: _arrow_table(_table(name), frame, organisation, of_deal) for name, frame in frames.items()}


def frames_hash(tables: Mapping[str, pa.Table]) -> str:
    """SHA-256 over the content of the tables, whatever the order in which they were given.

    A column that joined the contract later counts once a row fills it.
    """
    digest = hashlib.sha256()
    for name in sorted(tables):
        table = tables[name]
        added = (column.name for column in TABLE_BY_NAME[name].columns if column.added)
        stated = table.drop_columns([column for column in added if table[column].null_count == len(table)])
        digest.update(name.encode())
        for row in sorted(map(repr, stated.to_pylist())):
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


def _arrow_table(table: Table, frame: pd.DataFrame, organisation: Organisation, of_deal: Mapping[str, str]) -> pa.Table:
    known = [column.name for column in table.columns]
    for name in map(str, frame.columns):
        if name not in known:
            raise DataError(f"table {table.name!r} has no column {name!r}{did_you_mean(name, known)}")
    missing = [name for name in table.required_columns if name not in frame.columns]
    if missing:
        raise DataError(f"table {table.name!r} lacks its required columns {', '.join(missing)}: add them")
    currencies = [organisation.currency] * len(frame)
    if "currency" in frame.columns and table.name != "fx_rates":
        currencies = _own_currencies(frame["currency"], organisation)
    elif table.name == "opportunity_events":
        currencies = [of_deal.get(deal, organisation.currency) for deal in frame["opportunity_id"]]
    columns = {}
    for column in table.columns:
        cells = list(frame[column.name]) if column.name in frame.columns else [None] * len(frame)
        values = [
            _cell(table, column, row, cell, _Row(currencies[row], organisation.zone)) for row, cell in enumerate(cells)
        ]
        columns[column.name] = pa.array(values, ARROW_TYPES[column.type])
    if table.ledger:
        columns["_occurrence"] = pa.array(range(len(frame)), pa.int32())
    return pa.table(columns)


def _own_currencies(cells: pd.Series, organisation: Organisation) -> list[str]:
    return [organisation.currency if _is_empty(cell) else str(cell).strip().upper() for cell in cells]


@dataclass(frozen=True)
class _Row:
    """What reading a cell needs to know about its row."""

    currency: str
    zone: ZoneInfo


def _cell(table: Table, column: Column, row: int, cell: object, context: _Row) -> object:
    if _is_empty(cell):
        if column.required:
            raise DataError(f"table {table.name!r}, row {row}: {column.name} is empty but required: fill it")
        return _READERS[column.type](column.default, context) if column.default is not None else None
    try:
        value = _READERS[column.type](cell, context)
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


def _text(cell: Any, _: _Row) -> str:
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell).strip()


def _choice(cell: Any, _: _Row) -> str:
    return str(cell).strip().lower()


def _date(cell: Any, _: _Row) -> date:
    if isinstance(cell, datetime):
        return cell.date()
    return cell if isinstance(cell, date) else datetime.fromisoformat(str(cell)).date()


def _timestamp(cell: Any, context: _Row) -> datetime:
    if isinstance(cell, pd.Timestamp):
        instant = cell.to_pydatetime(warn=False)
    elif isinstance(cell, datetime):
        instant = cell
    elif isinstance(cell, date) or len(str(cell).strip()) == _LENGTH_OF_A_DATE:
        instant = datetime.combine(date.fromisoformat(str(cell).strip()), time(), context.zone)
    else:
        instant = datetime.fromisoformat(str(cell).strip())
    return instant.astimezone(UTC).replace(tzinfo=None) if instant.tzinfo else instant


def _money(cell: Any, context: _Row) -> int:
    minor = Decimal(str(cell)).scaleb(minor_digits(context.currency))
    return int(minor.quantize(Decimal(1), ROUND_HALF_UP))


def _number(cell: Any, _: _Row) -> float:
    return float(cell)


def _integer(cell: Any, _: _Row) -> int:
    number = Decimal(str(cell))
    if number != number.to_integral_value():
        raise ValueError("it has decimals")
    return int(number)


_READERS: Final[dict[ColumnType, Callable[[Any, _Row], object]]] = {
    "text": _text,
    "choice": _choice,
    "date": _date,
    "timestamp": _timestamp,
    "money": _money,
    "number": _number,
    "integer": _integer,
}
