"""Turns codes and day numbers into Arrow columns of the contract, without a Python loop over rows."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spm_ml.simulation.world import Bools, Floats, Ints

ArrowColumn: TypeAlias = "pa.Array[Any]"
"""A column of a table."""

_MONEY = pa.decimal128(18, 2)


def dates(days: Ints, missing: Bools | None = None) -> ArrowColumn:
    """Dates from day numbers."""
    return pa.array(days.astype(np.int32), type=pa.int32(), mask=missing).cast(pa.date32())


def timestamps(seconds: Ints) -> ArrowColumn:
    """UTC timestamps from seconds since the epoch."""
    return pa.array(seconds.astype(np.int64), type=pa.timestamp("s", tz="UTC"))


def money(minor: Ints, missing: Bools | None = None) -> ArrowColumn:
    """Decimals with two digits from minor units, by laying out their 128 bits.

    >>> money(np.array([1999, -5])).to_pylist()
    [Decimal('19.99'), Decimal('-0.05')]
    """
    low = minor.astype(np.int64)
    content = np.stack([low, low >> 63], axis=1).tobytes()
    whole: ArrowColumn = pa.Array.from_buffers(_MONEY, len(low), [None, pa.py_buffer(content)])
    if missing is None:
        return whole
    filled: ArrowColumn = pc.if_else(pa.array(~missing), whole, pa.scalar(None, _MONEY))
    return filled


def words(names: Sequence[str], codes: Ints) -> ArrowColumn:
    """Names from codes; a negative code is an empty cell."""
    index: ArrowColumn = pa.array(codes, type=pa.int64(), mask=codes < 0)
    return pa.array(list(names), type=pa.string()).take(index)


def numbered(prefix: str, numbers: Ints, digits: int) -> ArrowColumn:
    """Identifiers such as `O0000042`; a negative number is an empty cell.

    >>> numbered("O", np.array([42, -1]), 7).to_pylist()
    ['O0000042', None]
    """
    digits_only: ArrowColumn = pa.array(numbers, type=pa.int64(), mask=numbers < 0).cast(pa.string())
    padded: Any = pc.utf8_lpad(digits_only, digits, "0")
    joined: ArrowColumn = pc.binary_join_element_wise(pa.scalar(prefix), padded, "")
    return joined


def numbers(values: Floats | Ints, missing: Bools | None = None) -> ArrowColumn:
    """Plain numbers."""
    return pa.array(values, mask=missing)
