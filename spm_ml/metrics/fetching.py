"""Results of Ibis expressions as frames."""

import ibis.expr.types as ir
import pandas as pd


def fetch(rows: ir.Table) -> pd.DataFrame:
    """Computes rows; days become datetime64."""
    frame: pd.DataFrame = rows.execute()
    days = [name for name, kind in rows.schema().items() if kind.is_date()]
    return frame.assign(**{name: pd.to_datetime(frame[name]) for name in days})


def fetch_by_rep(rows: ir.Table) -> pd.DataFrame:
    """Computes one row a rep: numbers as float64, indexed by `rep_id`."""
    return fetch(rows).set_index("rep_id").astype("float64")
