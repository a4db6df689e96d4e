"""Frames out of Ibis expressions, and small tables into them."""

from collections.abc import Mapping, Sequence

import ibis
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa


def table_of(kinds: Mapping[str, pa.DataType], rows: Sequence[tuple[object, ...]]) -> ir.Table:
    """A table of these rows; typed, so that it may be empty.

    >>> table_of({"day": pa.date32()}, []).columns
    ('day',)
    """
    columns = list(zip(*rows, strict=True)) or [() for _ in kinds]
    arrays = [pa.array(column, kind) for column, kind in zip(columns, kinds.values(), strict=True)]
    return ibis.memtable(pa.table(dict(zip(kinds, arrays, strict=True))))


def fetch(rows: ir.Table) -> pd.DataFrame:
    """Computes rows, in the order of their content; days become datetime64.

    The engine gives rows in the order in which its threads finish, and sums of floats depend on the order.
    """
    frame: pd.DataFrame = rows.order_by(list(rows.columns)).execute()
    days = [name for name, kind in rows.schema().items() if kind.is_date()]
    return frame.assign(**{name: pd.to_datetime(frame[name]) for name in days})


def fetch_by_rep(rows: ir.Table) -> pd.DataFrame:
    """Computes one row a window and rep: numbers as float64, indexed by `window` and `rep_id`."""
    return fetch(rows).set_index(["window", "rep_id"]).astype("float64")


def of_window(frame: pd.DataFrame, label: str) -> pd.DataFrame:
    """Rows of one window of what `fetch_by_rep` gave, indexed by `rep_id`."""
    return frame[frame.index.get_level_values("window") == label].droplevel("window")
