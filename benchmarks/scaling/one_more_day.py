"""What one more day of records costs: against everything made anew, and against one scan of the same Parquet.

    python -m benchmarks.scaling.one_more_day --reps 100,1000

A world is cut before its busiest day of the last week: its tables without the day are version 1, of which everything is
derived and the dataset built, and the records of the day are version 2. Measured in processes of their own, whose start
counts: deriving what the day changed and refreshing the dataset, against deriving and building everything. Both must
give the same, or the benchmark stops. Ratios are of processor seconds. Goal: at most 3 %.
"""

import argparse
import json
import shutil
import tempfile
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import duckdb
import ibis
import pandas as pd

from benchmarks.scaling.processes import GIB, MAKING, FailedError, Limits, measure
from benchmarks.scaling.results import OneMoreDay
from benchmarks.scaling.steps import Measured
from benchmarks.scaling.worlds import World, make_store
from spm_ml.dataset.selection import stored_description
from spm_ml.errors import DataError
from spm_ml.history import SalesHistory
from spm_ml.history.store import TableCounts, TableStore, quote_text
from spm_ml.settings import Workspace
from spm_ml.tables import PROTECTED_TABLES, TABLES

_RECORDED: Final = {
    "opportunities": "recorded_at",
    "opportunity_events": "recorded_at",
    "activities": "coalesce(recorded_at, occurred_at)",
}
"""Tables that grow day by day, and when a row of them was recorded."""

_AS_IT_STOOD: Final = """
    SELECT deals.* REPLACE (
        before.recorded_at AS recorded_at, CAST(NULL AS DATE) AS closed_on, 'open' AS outcome,
        coalesce(before.stage, deals.stage) AS stage)
    FROM opportunities AS deals JOIN (
        SELECT opportunity_id, max(recorded_at) AS recorded_at, max_by(stage, recorded_at) AS stage
        FROM opportunity_events WHERE recorded_at::DATE < {day} GROUP BY opportunity_id
    ) AS before USING (opportunity_id)
    WHERE deals.recorded_at::DATE >= {day}
"""
"""Deals that changed on the day or later, as their rows stood before it."""


def split_world(world: World, root: Path) -> tuple[Workspace, int]:
    """A new workspace with the world up to a day: version 1 without the day, version 2 with it.

    Returns:
        The workspace, and how many rows the day adds or changes.
    """
    kept, workspace = make_store(world), Workspace(root)
    shutil.copytree(kept.root, root, ignore=shutil.ignore_patterns("tables", "derived", "dataset.*"))
    store = TableStore(kept)
    with closing(duckdb.connect()) as connection:
        names = []
        for table in TABLES:
            sql = None if table.name in PROTECTED_TABLES else store.relation_sql(table.name, 1, occurrence=True)
            if sql is not None:
                connection.execute(f"CREATE VIEW {table.name} AS {sql}")
                names.append(table.name)
        day = f"DATE {quote_text(_busy_day(connection))}"
        before, on_day = dict[str, Path](), dict[str, Path]()
        for name in names:
            rows = f"SELECT * FROM {name}"
            if name in _RECORDED:
                recorded = f"({_RECORDED[name]})::DATE"
                on_day[name] = _write(connection, f"{rows} WHERE {recorded} = {day}", root / f"{name}.2.parquet", 2)
                rows += f" WHERE {recorded} < {day}"
            if name == "opportunities":
                rows += f" UNION ALL {_AS_IT_STOOD.format(day=day)}"
            before[name] = _write(connection, rows, root / f"{name}.1.parquet", 1)
        added = {name: _rows(connection, file) for name, file in on_day.items()}
    target = TableStore(workspace)
    counts = {name: TableCounts() for name in before}
    target.append(before, source="before the day", mapping=None, files={}, tables=counts)
    changes = {
        name: TableCounts(changed=rows) if name == "opportunities" else TableCounts(new=rows)
        for name, rows in added.items()
    }
    target.append(on_day, source="the day", mapping=None, files={}, tables=changes)
    return workspace, sum(added.values())


def _busy_day(connection: duckdb.DuckDBPyConnection) -> str:
    recorded = f"({_RECORDED['activities']})::DATE"
    row = connection.execute(
        f"SELECT {recorded} AS day FROM activities, (SELECT max(recorded_at)::DATE AS last FROM opportunity_events) "
        f"WHERE {recorded} > last - 7 AND {recorded} <= last GROUP BY day ORDER BY count(*) DESC, day LIMIT 1"
    ).fetchone()
    if row is None:
        raise DataError("the world has no activities: simulate another one")
    return str(row[0])


def _write(connection: duckdb.DuckDBPyConnection, sql: str, file: Path, version: int) -> Path:
    rows = f"SELECT *, false AS _removed, {version}::INTEGER AS _version FROM ({sql})"
    connection.execute(f"COPY ({rows}) TO {quote_text(str(file))} (FORMAT parquet, COMPRESSION zstd)")
    return file


def _rows(connection: duckdb.DuckDBPyConnection, file: Path) -> int:
    return int(connection.execute(f"SELECT count(*) FROM read_parquet({quote_text(str(file))})").fetchall()[0][0])


def content(workspace: Workspace) -> list[object]:
    """The rows of every derived table, in whatever order, as one number each."""
    with SalesHistory.open(workspace) as history:
        tables = (history.ledger, history.bookings, history.activity_days)
        queries = [f"SELECT sum(hash(rows)) FROM ({ibis.to_sql(rows, dialect='duckdb')}) AS rows" for rows in tables]
        return [history.engine.backend.raw_sql(query).fetchall()[0][0] for query in queries]


def measure_day(world: World, limits: Limits) -> OneMoreDay:
    """Measures it once.

    Raises:
        FailedError: What the day's changes give is not what everything made anew gives.
    """
    with tempfile.TemporaryDirectory(dir=world.cache) as folder:
        # in a process of its own: one that is started counts the memory of the one that starts it
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as elsewhere:
            workspace, added = elsewhere.submit(split_world, world, Path(folder) / "workspace").result()
        derive, build, refresh = ([*MAKING, what, str(workspace.root)] for what in ("derive", "build", "refresh"))
        versions = workspace.tables / "versions.json"
        both = versions.read_text(encoding="utf-8")
        versions.write_text(json.dumps(json.loads(both)[:1]), encoding="utf-8")
        measure(derive, limits)
        measure(build, limits)
        versions.write_text(both, encoding="utf-8")
        changes = measure(derive, limits)
        refreshed = measure(refresh, limits)
        derived, dataset = content(workspace), stored_description(workspace.dataset_file)["content_hash"]
        shutil.rmtree(workspace.derived)
        everything = measure(derive, limits)
        built = measure(build, limits)
        if derived != content(workspace):
            raise FailedError(f"what was derived of the changes of {world.reps} reps differs from all derived anew")
        if dataset != stored_description(workspace.dataset_file)["content_hash"]:
            raise FailedError(f"the refreshed dataset of {world.reps} reps differs from a full build")
    rows, computed = json.loads(refreshed.output)
    taken = (Measured(cost.seconds, cost.cpu, cost.peak) for cost in (everything, built, changes, refreshed))
    return OneMoreDay(added, rows, computed, *taken)


def line(reps: int, day: OneMoreDay) -> dict[str, object]:
    """A line of the table."""
    return {
        "reps": reps,
        "records of the day": day.records,
        "rows computed": day.computed,
        "derive all CPU s": day.derive_all.cpu,
        "build CPU s": day.build_all.cpu,
        "derive changes CPU s": day.derive_changes.cpu,
        "refresh CPU s": day.refresh.cpu,
        "derive changes / all": day.derive_changes.cpu / day.derive_all.cpu,
        "refresh / build": day.refresh.cpu / day.build_all.cpu,
        "the day / everything": day.share,
        "derive changes GiB": day.derive_changes.peak / GIB,
        "refresh GiB": day.refresh.peak / GIB,
    }


def main() -> None:
    """Prints the table, a column a size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reps", default="100,1000", help="sizes of the worlds")
    parser.add_argument("--gib", type=float, default=8.0, help="memory at which a process is ended")
    parser.add_argument("--minutes", type=float, default=60.0, help="time at which it is")
    options = parser.parse_args()
    lines = []
    for reps in map(int, options.reps.split(",")):
        lines.append(line(reps, measure_day(World(reps), Limits(60 * options.minutes, options.gib * GIB))))
        print(pd.DataFrame(lines).round(3).T.to_string(header=False), flush=True)


if __name__ == "__main__":
    main()
