"""Days as numbers: how many days after 1970-01-01 each is, so that days subtract and index like numbers."""

from datetime import date, timedelta
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

_EPOCH: Final = date(1970, 1, 1)


def number_of(day: date) -> int:
    """Days from 1970-01-01 to a day."""
    return (day - _EPOCH).days


def date_of(number: int) -> date:
    """The day so many days after 1970-01-01."""
    return _EPOCH + timedelta(days=number)


def numbers_of(days: "pa.ChunkedArray[Any]") -> np.ndarray:
    """Days from 1970-01-01 to each day, int64, of a column without NULL."""
    return days.cast(pa.date32()).cast(pa.int32()).to_numpy().astype(np.int64)


def day_numbers(days: pd.Series) -> np.ndarray:
    """Days from 1970-01-01 to each day, float64, NaN = missing, of a column of `datetime64`."""
    values = days.to_numpy().astype("datetime64[D]")
    return np.where(np.isnat(values), np.nan, values.astype(np.int64))


def days_of(numbers: np.ndarray) -> np.ndarray:
    """`datetime64[s]` of days counted from 1970-01-01; NaN gives NaT."""
    missing = np.isnan(numbers)
    days = np.where(missing, 0, numbers).astype(np.int64).astype("datetime64[D]")
    days[missing] = np.datetime64("NaT")
    return days.astype("datetime64[s]")


def dates_of(numbers: np.ndarray) -> "pa.Array[Any]":
    """The same as an Arrow column for the engine; none may be missing."""
    return pa.array(numbers.astype(np.int32)).cast(pa.date32())


def places(days: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """How many of some days lie before each of many; what `np.searchsorted` finds, looked up day by day.

    Args:
        days: (d,) ascending, whole, close enough to each other for a table of all days between them.
        numbers: Days; infinity or NaN = after all.

    >>> places(np.array([7, 14]), np.array([6, 7, 8, 14, np.inf]))
    array([0, 0, 1, 1, 2])
    """
    if not len(days):
        return np.zeros(len(numbers), dtype=np.int64)
    first, after = int(days[0]), int(days[-1]) + 1
    table = np.searchsorted(days, np.arange(first, after + 1))
    if numbers.dtype.kind == "f":
        numbers = np.where(numbers < after, numbers, after)
    found: np.ndarray = table[np.clip(numbers, first, after).astype(np.int64) - first]
    return found


def between(days: np.ndarray, first: np.ndarray, until: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every one of some days that lies in each span, so spans should be short.

    Args:
        days: (d,) ascending.
        first: (n,) first day of each span.
        until: (n,) first day after it; infinity for none.

    Returns:
        (span-days,) number of the span, and place of the day.

    >>> between(np.array([7, 14, 21]), np.array([1, 14]), np.array([15, np.inf]))
    (array([0, 0, 1, 1]), array([0, 1, 1, 2]))
    """
    begin = places(days, first)
    lengths = np.maximum(places(days, until) - begin, 0)
    span = np.repeat(np.arange(len(lengths)), lengths)
    before = np.cumsum(lengths) - lengths
    return span, np.arange(len(span)) + (begin - before)[span]
