"""One scan of a workspace's stored Parquet: every column of every table read and hashed once by DuckDB.

    python -m benchmarks.scaling.scan WORKSPACE        # prints {"seconds": …, "cpu": …}

The unit that everything else is counted in: the median of a few scans, without starting Python.
"""

import json
import statistics
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Final

import duckdb

from spm_ml.history.store import TableStore, quote_text
from spm_ml.settings import Workspace

REPEATS: Final = 5
LEAST_SECONDS: Final = 2.0
"""Scans of small stores are repeated for so long, since one of them takes hardly longer than the clock is exact."""
THREADS: Final = 2


def scan(workspace: Workspace) -> tuple[float, float]:
    """Wall-clock and processor seconds of one scan, the files being in the system's memory."""
    store = TableStore(workspace)
    tables = [store.part_file(table, entry.version) for entry in store.versions() for table in entry.parts]
    with closing(duckdb.connect(config={"threads": THREADS})) as connection:
        _once(connection, tables)
        taken: list[tuple[float, float]] = []
        while len(taken) < REPEATS or sum(cpu for _, cpu in taken) < LEAST_SECONDS:
            taken.append(_once(connection, tables))
    return statistics.median(wall for wall, _ in taken), statistics.median(cpu for _, cpu in taken)


def _once(connection: duckdb.DuckDBPyConnection, tables: list[Path]) -> tuple[float, float]:
    started, cpu = time.perf_counter(), time.process_time()
    for table in tables:
        connection.execute(f"SELECT sum(hash(COLUMNS(*))) FROM read_parquet({quote_text(str(table))})").fetchall()
    return time.perf_counter() - started, time.process_time() - cpu


if __name__ == "__main__":
    print(json.dumps(dict(zip(("seconds", "cpu"), scan(Workspace(Path(sys.argv[1]))), strict=True))))
