"""Columns along the rows of a deal: the embedded engine's pass over arrays gives what windows give."""

from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from spm_ml.history.engines import Along, DuckDBEngine, Engine

COLUMNS = {
    "place": Along("place"),
    **{
        f"{what}_{name}": Along(what, name)
        for what in ("previous", "next", "last", "first")
        for name in ("text", "number", "day", "flag")
    },
    "total": Along("total", "number"),
    "text": Along("last", "text"),
}


def _rows(count: int) -> pa.Table:
    random = np.random.default_rng(5)

    def some(values: list[object]) -> list[object]:
        return [values[place] for place in random.integers(len(values), size=count)]

    return pa.table(
        {
            "deal": pa.array(random.integers(7, size=count)),
            "on": pa.array(some([date(2026, 1, 1), date(2026, 1, 2)]), pa.date32()),
            "at": pa.array(some([None, 1_767_258_000_000_000, 1_767_344_400_000_000]), pa.timestamp("us")),
            "rank": pa.array(random.permutation(count)),
            "text": pa.array(some([None, "a", "b"]), pa.string()),
            "number": pa.array(some([None, 1, -2, 2**40]), pa.int64()),
            "day": pa.array(some([None, date(2026, 3, 1)]), pa.date32()),
            "flag": pa.array(some([None, True, False]), pa.bool_()),
        }
    )


@pytest.mark.parametrize("count", [0, 1, 300])
def test_arrays_give_what_windows_give(count: int) -> None:
    engine = DuckDBEngine()
    rows = engine.keep("rows", _rows(count))
    by = ("on", "at", "rank")
    with engine.along(rows, of="deal", by=by, columns=COLUMNS) as arrays:
        found = arrays.order_by("rank").to_pyarrow()
    with Engine.along(engine, rows, of="deal", by=by, columns=COLUMNS) as windows:
        expected = windows.order_by("rank").to_pyarrow()
    engine.close()
    assert {name: found[name].to_pylist() for name in expected.column_names} == expected.to_pydict()
