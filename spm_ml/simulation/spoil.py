"""Dirt that source systems and exports add: deals exported twice, test records, bad rows, another encoding."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spm_ml.simulation.traces import Trace
from spm_ml.simulation.world import World

_TEST_RECORDS = 3
_BAD_ROWS: dict[str, tuple[tuple[dict[str, str], str], ...]] = {
    "reps": (
        ({"fte": "-0.5"}, "fte below zero"),
        ({"rep_id": "R9001", "hired_on": ""}, "hired_on missing"),
        ({"rep_id": "R9002", "hired_on": "2026-05-01", "left_on": "2026-04-01"}, "left before hired"),
    ),
    "quotas": (
        ({"rep_id": "R9999"}, "unknown rep"),
        ({"period": "2026Q7"}, "no such period"),
        ({"amount": "twelve"}, "amount is no number"),
    ),
    "opportunities": (
        ({"opportunity_id": ""}, "opportunity_id missing"),
        ({"opportunity_id": "O9000001", "created_on": "2026-02-30"}, "no such day"),
        ({"opportunity_id": "O9000002", "outcome": "maybe"}, "unknown outcome"),
        ({"opportunity_id": "O9000003", "stage": "wishful thinking"}, "unknown stage"),
    ),
    "opportunity_events": (({"opportunity_id": "O9999999"}, "unknown deal"), ({"recorded_at": "soon"}, "no time")),
    "activities": (({"minutes": "-5"}, "minutes below zero"), ({"occurred_at": ""}, "occurred_at missing")),
}
"""For each table: what a copy of its first row is given, and why that is wrong."""


def duplicate_deals(table: pa.Table, world: World, rng: np.random.Generator) -> tuple[pa.Table, list[Trace]]:
    """Appends deals that were exported twice and test records (H14)."""
    count = max(2, round(world.knobs.duplicates * table.num_rows))
    rows = np.sort(rng.choice(table.num_rows, size=min(count, table.num_rows), replace=False)).astype(np.int64)
    copies = table.take(rows)
    conflicting = pa.array(np.arange(len(rows)) % 2 == 1)
    doubled = pc.multiply(copies["amount"], pa.scalar(2, pa.decimal128(2, 0))).cast(copies.schema.field("amount").type)
    copies = _with(copies, "amount", pc.if_else(conflicting, doubled, copies["amount"]))
    tests = table.take(
        rng.choice(table.num_rows, size=min(_TEST_RECORDS, table.num_rows), replace=False).astype(np.int64)
    )
    names = [f"TEST-{number + 1:03d}" for number in range(tests.num_rows)]
    for column, value in (("opportunity_id", names), ("account_id", ["TEST"] * tests.num_rows)):
        tests = _with(tests, column, pa.array(value, pa.string()))
    tests = _with(tests, "outcome", pa.array(["open"] * tests.num_rows, pa.string()))
    tests = _with(tests, "closed_on", pa.nulls(tests.num_rows, pa.date32()))
    details = ["conflicting copy" if other else "exact copy" for other in conflicting.to_pylist()]
    ids = [str(name) for name in copies["opportunity_id"].to_pylist()]
    traces = [Trace("H14", "opportunities", ids, details), Trace("H14", "opportunities", names, "test record")]
    return pa.concat_tables([table, copies, tests]), traces


def bad_rows(folder: Path) -> list[Trace]:
    """Appends rows to the CSV files that break a rule each; the row id is the file's line."""
    traces = []
    for table, faults in _BAD_ROWS.items():
        path = folder / f"{table}.csv"
        lines = path.read_text(encoding="utf-8").splitlines()
        if len(lines) < 2:
            continue
        header, first = lines[0].replace('"', "").split(","), lines[1].split(",")
        added = [",".join(_changed(header, first, change)) for change, _ in faults]
        added.append(",".join(["x"] * (len(header) + 2)))
        with path.open("a", encoding="utf-8") as file:
            file.write("\n".join(added) + "\n")
        numbers = [str(len(lines) + 1 + place) for place in range(len(added))]
        traces.append(Trace("bad_rows", table, numbers, [*(why for _, why in faults), "wrong number of cells"]))
    return traces


def recode(folder: Path) -> list[Trace]:
    """Writes the reps with umlauts and accents in Windows-1252, separated by semicolons, as spreadsheets save them."""
    path = folder / "reps.csv"
    text = path.read_text(encoding="utf-8")
    for plain, accented in (("Muller", "Müller"), ("Perez", "Pérez"), ("Ines", "Inês")):
        text = text.replace(plain, accented)
    path.write_bytes(text.replace(",", ";").encode("cp1252"))
    return [Trace("encoding", "reps", ["*"], "Windows-1252, semicolons")]


def _with(table: pa.Table, name: str, values: "pa.Array[Any] | pa.ChunkedArray[Any]") -> pa.Table:
    place = table.schema.get_field_index(name)
    return table.set_column(place, table.schema.field(name), values)


def _changed(header: list[str], row: list[str], change: Mapping[str, str]) -> list[str]:
    return [change.get(name, cell) for name, cell in zip(header, row, strict=True)]
