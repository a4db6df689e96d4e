"""Who was right before: a forecaster's median against what people submitted, rep by rep, on the same past days."""

import json
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from spm_ml.backtest.result import METADATA, Backtest
from spm_ml.errors import DataError
from spm_ml.tables import minor_digits

KIND_OF: Final = {"rep_commit": "commit", "rep_best_case": "best_case", "manager_override": "manager_override"}
"""Kind of the submission that each forecaster repeats."""

_MEDIAN: Final = "b50"
_READ: Final = ("forecaster", "rep_id", "period", "as_of", "week", "actual_bookings", _MEDIAN)
_TYPES: Final = {
    "rep_id": "str",
    "kind": "str",
    "typical_bias": "float64",
    "model_closer": "int64",
    "compared": "int64",
}


def track_record(
    backtest: Backtest, forecaster: str, *, week: int | None = None, before: date | None = None
) -> pd.DataFrame:
    """Compares a forecaster's medians with what people had said on the same day of earlier periods.

    A number below what was booked on its day counts as what was booked, as it does in the backtest.

    Args:
        backtest: Rows of the forecaster and of the submissions.
        forecaster: Slug of the forecaster.
        week: Compare at this week of each period, or at the last tested one before it; default: at the last.
        before: Only periods that ended before this day, the first of the period that is forecast now, so that a look
            back does not know its future; default: all.

    Returns:
        One row a rep and kind of which anything was said: `rep_id`, `kind` (`commit`, `best_case`,
        `manager_override`), `typical_bias` (Σ(said − booked) ÷ Σ booked; NaN where Σ booked is not positive),
        `compared` (periods for which both spoke) and `model_closer` (in how many of them the median was closer). Sorted
        by rep and kind; leavers' periods are left out.

    Source: the bias is that of the metric `forecast_bias` (Gilliland 2010, The Business Forecasting Deal).
    """
    return _record(backtest.frame, forecaster, week, before)


def stored_track_record(
    path: Path, forecaster: str, *, week: int | None = None, before: date | None = None
) -> pd.DataFrame:
    """The same of a stored backtest, of which only the rows and columns that are needed are read.

    Raises:
        DataError: The file is missing or is no backtest.
    """
    wanted = pc.field("forecaster").isin([forecaster, *KIND_OF]) & pc.field("rep_id").is_valid()
    try:
        description = json.loads((pq.read_schema(path).metadata or {})[METADATA])
        frame = pq.read_table(path, columns=list(_READ), filters=wanted).to_pandas()
    except (OSError, KeyError, pa.ArrowInvalid) as error:
        raise DataError(f"{path} is not a backtest written as Parquet ({error}): run 'spm backtest'") from error
    unit = 10 ** minor_digits(description["currency"])
    money = frame[["actual_bookings", _MEDIAN]] * unit
    return _record(
        frame.assign(actual_bookings=money["actual_bookings"].round(), b50=money[_MEDIAN]), forecaster, week, before
    )


def _record(frame: pd.DataFrame, forecaster: str, week: int | None, before: date | None) -> pd.DataFrame:
    rows = frame.loc[frame["actual_bookings"].notna(), list(_READ)]
    if before is not None:
        ended = rows.groupby("period")["as_of"].transform("max") < pd.Timestamp(before)
        rows = rows[ended]
    if week is not None:
        rows = rows[rows["week"] <= week]
    last = rows.groupby(["rep_id", "period"])["as_of"].transform("max")
    rows = rows[rows["as_of"] == last].set_index(["rep_id", "period"])
    model = rows.loc[rows["forecaster"] == forecaster, _MEDIAN]
    parts = [
        _of_kind(rows[rows["forecaster"] == name].dropna(subset=_MEDIAN), model, kind) for name, kind in KIND_OF.items()
    ]
    record = pd.concat(parts, ignore_index=True).astype(_TYPES)
    return record.sort_values(["rep_id", "kind"], ignore_index=True)


def _of_kind(said: pd.DataFrame, model: pd.Series, kind: str) -> pd.DataFrame:
    booked, other = said["actual_bookings"], model.reindex(said.index)
    columns = {
        "error": said[_MEDIAN] - booked,
        "booked": booked,
        "compared": other.notna(),
        "closer": (other - booked).abs() < (said[_MEDIAN] - booked).abs(),
    }
    total = pd.DataFrame(columns).groupby(level="rep_id").sum()
    return pd.DataFrame(
        {
            "rep_id": total.index,
            "kind": kind,
            "typical_bias": (total["error"] / total["booked"].where(total["booked"] > 0, np.nan)).to_numpy(),
            "model_closer": total["closer"].to_numpy(),
            "compared": total["compared"].to_numpy(),
        }
    )
