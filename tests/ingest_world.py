"""Small exports for the tests of `spm_ml.sources`: files of the contract that are good unless a test says otherwise."""

from pathlib import Path
from typing import Any

import duckdb

from spm_ml.history.store import TableStore
from spm_ml.settings import Workspace

REPS = """rep_id,name,manager_id,hired_on
m1,Mia Chief,,2020-01-01
r1,Ann Lee,m1,2021-02-01
r2,Bob Ray,m1,2021-03-01
"""
QUOTAS = """rep_id,period,amount
r1,2024Q1,1000.00
r2,2024Q1,2000
"""
OPPORTUNITIES = """opportunity_id,rep_id,amount,created_on,closed_on,stage,outcome
o1,r1,100.10,2024-01-05,2024-02-01,Won,won
o2,r2,200,2024-01-06,,Propose,open
o3,r2,300.5,2024-01-07,,Qualify,
"""
GOOD = {"reps": REPS, "quotas": QUOTAS, "opportunities": OPPORTUNITIES}


def write(folder: Path, tables: dict[str, str] | None = None, **changed: str) -> Path:
    """Writes CSV files: the good ones, or `tables`, with some changed or added."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in {**(GOOD if tables is None else tables), **changed}.items():
        (folder / f"{name}.csv").write_bytes(text.encode())
    return folder


def rows(workspace: Workspace, table: str, version: int | None = None, columns: str = "*") -> list[tuple[Any, ...]]:
    """Rows of a table in force at a version, sorted."""
    store = TableStore(workspace)
    sql = store.relation_sql(table, store.latest if version is None else version)
    assert sql is not None
    with duckdb.connect() as connection:
        return connection.execute(f"SELECT {columns} FROM ({sql}) ORDER BY ALL").fetchall()
