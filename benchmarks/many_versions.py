"""Reading tables after many small versions, as a day of `spm watch` leaves them: with their parts apart, and merged.

    python -m benchmarks.many_versions --versions 1000

A simulated organisation is ingested; then every version adds one change of a deal, as an event of the webhook does. The
whole ledger is read through the table store, at the newest version and at one in the middle, once with a file a version
and once after `merge_small`, which `spm ingest` and every round of `spm watch` do. Processor seconds count; what is
read is the same each time, or the benchmark fails.
"""

import argparse
import tempfile
import time
from pathlib import Path

import duckdb

from spm_ml.history.store import TableCounts, TableStore, quote_text
from spm_ml.settings import Workspace
from spm_ml.simulation import simulate
from spm_ml.sources import ingest

_TABLE = "opportunity_events"


def add_versions(store: TableStore, versions: int) -> None:
    """Versions of one row each: a deal is worth something else."""
    base = store.part_file(_TABLE, 1)
    for number in range(versions):
        version = store.latest + 1
        staged = store.workspace.root / "staged.parquet"
        with duckdb.connect() as connection:
            changed = f"amount + {number} AS amount, {version} AS _version, 1000 + {number} AS _occurrence"
            rows = (
                f"SELECT * REPLACE ({changed}) "
                f"FROM (SELECT * FROM read_parquet({quote_text(str(base))}) LIMIT 1 OFFSET {number})"
            )
            connection.sql(rows).write_parquet(str(staged), compression="zstd")
        counts = {_TABLE: TableCounts(1, 1, 0, 1)}
        with store.exclusive():
            store.append({_TABLE: staged}, source="inbox", mapping=None, files={}, tables=counts)


def read(store: TableStore, version: int) -> tuple[int, int, float]:
    """Rows, a checksum and processor seconds of reading the ledger at a version."""
    begun = time.process_time()
    with duckdb.connect(config={"threads": 2}) as connection:
        sql = TableStore(store.workspace).relation_sql(_TABLE, version, occurrence=True)
        query = f"SELECT count(*), sum(hash(COLUMNS(*)::VARCHAR) % 1000003) FROM ({sql})"
        [row] = connection.execute(query).fetchall()
    return int(row[0]), int(sum(row[1:])), time.process_time() - begun


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--versions", type=int, default=1_000)
    parser.add_argument("--reps", type=int, default=100)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        simulate(root / "export", reps=options.reps, periods=4, seed=5)
        workspace = Workspace(root / "ws")
        ingest(workspace, root / "export")
        store = TableStore(workspace)
        at_first = read(store, 1)
        add_versions(store, options.versions)
        listed = (workspace.tables / "versions.json").stat().st_size / 1e6
        print(
            f"{store.latest} versions; their list is {listed:.1f} MB; a read of the first took {at_first[2]:.2f} CPU s"
        )
        folder, answers = store.part_file(_TABLE, 1).parent, {}
        for state in ("apart", "merged"):
            if state == "merged":
                begun = time.process_time()
                with store.exclusive():
                    written = store.merge_small()
                print(f"{written} files merged in {time.process_time() - begun:.1f} CPU s")
            spans = _files(store)
            for version in (store.latest, store.latest // 2):
                *answer, seconds = read(store, version)
                if answers.setdefault(version, answer) != answer:
                    raise SystemExit(f"version {version} reads otherwise once merged")
                print(f"{state:<8} version {version:>5}: {seconds:6.2f} CPU s, {spans} files in {folder.name}")


def _files(store: TableStore) -> int:
    """How many files a read of the newest version opens."""
    sql = store.relation_sql(_TABLE, store.latest) or ""
    return len({name for name in sql.split("'") if name.endswith(".parquet")})


if __name__ == "__main__":
    main()
