"""Turns codes and day numbers into Arrow columns of the contract, without a Python loop over rows."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spm_ml.simulation.world import Bools, Floats, Ints

_MONEY = pa.decimal128(18, 2)


def dates(days: Ints, missing: Bools | None = None) -> pa.Array:
    """Dates from day numbers."""
    return pa.array(days.astype(np.int32), type=pa.int32(), mask=missing).cast(pa.date32())


def timestamps(seconds: Ints) -> pa.Array:
    """UTC timestamps from seconds since the epoch."""
    return pa.array(seconds.astype(np.int64), type=pa.timestamp("s", tz="UTC"))


def money(minor: Ints, missing: Bools | None = None) -> pa.Array:
    """Decimals with two digits from minor units, by laying out their 128 bits.

    >>> money(np.array([1999, -5])).to_pylist()
    [Decimal('19.99'), Decimal('-0.05')]
    """
    minor = minor.astype(np.int64)
    words = np.ascontiguousarray(np.stack([minor, minor >> 63], axis=1))
    whole = pa.Array.from_buffers(_MONEY, len(minor), [None, pa.py_buffer(words)])
    return whole if missing is None else pc.if_else(pa.array(~missing), whole, pa.scalar(None, _MONEY))


def words(names: Sequence[str], codes: Ints) -> pa.Array:
    """Names from codes; a negative code is an empty cell."""
    return pa.array(list(names), type=pa.string()).take(pa.array(codes, mask=codes < 0))


def numbered(prefix: str, numbers: Ints, digits: int) -> pa.Array:
    """Identifiers such as `O0000042`; a negative number is an empty cell.

    >>> numbered("O", np.array([42, -1]), 7).to_pylist()
    ['O0000042', None]
    """
    text = pc.utf8_lpad(pa.array(numbers, mask=numbers < 0).cast(pa.string()), digits, "0")
    return pc.binary_join_element_wise(pa.scalar(prefix), text, "")


def numbers(values: Floats | Ints, missing: Bools | None = None) -> pa.Array:
    """Plain numbers."""
    return pa.array(values, mask=missing)
