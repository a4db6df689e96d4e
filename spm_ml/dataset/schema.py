"""The declared columns of a rep-period dataset, and the check that a frame has exactly them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
import pyarrow as pa

from spm_ml.errors import DataError

Kind = Literal["text", "date", "count", "money", "number", "flag"]

DTYPES: Final[dict[Kind, Any]] = {
    "text": pd.StringDtype(na_value=np.nan),
    "date": np.dtype("datetime64[s]"),
    "count": np.dtype("int64"),
    "money": np.dtype("int64"),
    "number": np.dtype("float64"),
    "flag": np.dtype("bool"),
}


class SchemaError(DataError):
    """A frame is not a rep-period dataset: columns are missing, unknown or of another type."""


@dataclass(frozen=True)
class DatasetColumn:
    """One column that every rep-period dataset has.

    Attributes:
        name: Column name.
        kind: Type; `money` is integer minor units, `number` may be empty (NaN).
        description: What it means.
        role: `key`, `context` (known at the as-of day) or `target` (known later, never learnt from).
    """

    name: str
    kind: Kind
    description: str
    role: Literal["key", "context", "target"] = "context"


LABEL: Final = "label_won_stage_{stage}"

COLUMNS: Final = (
    DatasetColumn("rep_id", "text", "The rep.", "key"),
    DatasetColumn("period", "text", "Label of the period.", "key"),
    DatasetColumn("as_of", "date", "Everything is as known at the end of this day.", "key"),
    DatasetColumn("week", "count", "Whole weeks of the period that have passed; 0 on its eve."),
    DatasetColumn("period_start", "date", "First day of the period."),
    DatasetColumn("period_end", "date", "Last day of the period."),
    DatasetColumn("period_selling_days", "count", "Selling days of the period."),
    DatasetColumn("elapsed_selling_days", "count", "Those up to the as-of day."),
    DatasetColumn("name", "text", "The rep's name."),
    DatasetColumn("role", "text", "Job role as of the day."),
    DatasetColumn("team", "text", "Team as of the day."),
    DatasetColumn("region", "text", "Region as of the day."),
    DatasetColumn("segment", "text", "Segment as of the day."),
    DatasetColumn("territory", "text", "Territory as of the day."),
    DatasetColumn("manager_id", "text", "Manager as of the day."),
    DatasetColumn("booked_to_date", "money", "Credited bookings of the period so far."),
    DatasetColumn("quota", "number", "Quota in force as of the day; empty = not known."),
    DatasetColumn("quota_original", "number", "The first quota that was set for the period."),
    DatasetColumn("commit", "number", "What the rep last committed to for the period; empty = nothing."),
    DatasetColumn("best_case", "number", "What the rep last called the best case; empty likewise."),
    DatasetColumn("manager_override", "number", "What the manager last said instead; empty likewise."),
    DatasetColumn("exposure", "number", "Share of the period's selling days employed × full-time equivalent."),
    DatasetColumn("hazards", "text", "Codes of the data hazards, separated by ';'; '' = none."),
    DatasetColumn("abstention", "text", "Why attainment cannot be given; '' = it can."),
    DatasetColumn("history_reconstructed", "flag", "Some of the rep's deals have no ledger of changes."),
    DatasetColumn("actual_bookings", "number", "Credited bookings of the finished period.", "target"),
    DatasetColumn("actual_attainment", "number", "Those ÷ the final quota.", "target"),
    DatasetColumn("quota_final", "number", "Quota in force at the end of the finished period.", "target"),
    DatasetColumn("censored", "flag", "The rep left before the period's end: not a miss.", "target"),
)

KEYS: Final = tuple(column.name for column in COLUMNS if column.role == "key")
SORT_ORDER: Final = ("period_start", "rep_id", "as_of")


def rep_order(frame: pd.DataFrame) -> np.ndarray:
    """(rows,) places of the rows in the order of rep and as-of day."""
    order: np.ndarray = np.lexsort((frame["as_of"].to_numpy(), pd.factorize(frame["rep_id"], sort=True)[0]))
    return order


def in_order(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows in the order of `SORT_ORDER`, with an index 0 … n − 1; the frame itself where they are."""
    by_rep = rep_order(frame)
    order = by_rep[np.argsort(frame["period_start"].to_numpy()[by_rep], kind="stable")]
    if isinstance(frame.index, pd.RangeIndex) and np.array_equal(order, np.arange(len(frame))):
        return frame
    return frame.take(order).reset_index(drop=True)


def label_names(stages: int) -> tuple[str, ...]:
    """Names of the labels: what is still booked in the period from deals open in each stage.

    >>> label_names(2)
    ('label_won_stage_1', 'label_won_stage_2')
    """
    return tuple(LABEL.format(stage=position) for position in range(1, stages + 1))


def dtypes(feature_names: tuple[str, ...], stages: int) -> dict[str, Any]:
    """Column names in order, with their pinned types."""
    declared = {column.name: DTYPES[column.kind] for column in COLUMNS}
    numbers = (*label_names(stages), *feature_names)
    return declared | dict.fromkeys(numbers, DTYPES["number"])


def empty(types: Mapping[str, Any]) -> pd.DataFrame:
    """A frame without rows of the given types."""
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in types.items()})


def pinned(table: pa.Table | None, expected: Mapping[str, Any]) -> pd.DataFrame:
    """The Arrow table as a frame with the expected columns, order and types; without rows where there is no table.

    The table's memory is given back while it is read: it may not be used afterwards.

    Raises:
        SchemaError: A column is missing.
    """
    if table is None:
        return empty(expected)
    missing = [name for name in expected if name not in table.column_names]
    if missing:
        raise SchemaError(f"the table lacks columns {missing}")
    table = table.select(list(expected))
    frame: pd.DataFrame = table.to_pandas(
        date_as_object=False,
        types_mapper=lambda kind: DTYPES["text"] if pa.types.is_string(kind) else None,
        split_blocks=True,
        self_destruct=True,  # column by column, so that no more than one is held twice
    )
    return frame.astype(dict(expected))


def check_frame(frame: pd.DataFrame, feature_names: tuple[str, ...], stages: int) -> None:
    """Checks names, order and types of the columns, and that no key occurs twice.

    Raises:
        SchemaError: It names every column that is wrong.
    """
    expected = dtypes(feature_names, stages)
    missing = [name for name in expected if name not in frame.columns]
    unknown = [name for name in frame.columns if name not in expected]
    if missing or unknown:
        raise SchemaError(
            f"the frame is not a rep-period dataset: missing columns {missing}, unknown columns {unknown}; "
            "build it with build_dataset or read a file that RepPeriodDataset.write made"
        )
    wrong = [
        f"{name} is {frame[name].dtype}, not {dtype}" for name, dtype in expected.items() if frame[name].dtype != dtype
    ]
    if wrong:
        raise SchemaError(f"the frame is not a rep-period dataset: {'; '.join(wrong)}")
    if list(frame.columns) != list(expected):
        raise SchemaError("the frame's columns are not in the declared order: select them in the order of dtypes()")
    twice = frame.duplicated(["rep_id", "as_of"])
    if twice.any():
        example = frame.loc[twice, list(KEYS)].iloc[0].to_dict()
        raise SchemaError(f"{int(twice.sum())} rows occur twice, the first is {example}: one row a rep and as-of day")
