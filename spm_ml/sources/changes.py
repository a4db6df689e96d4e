# ruff: noqa: S608 — every name and path is quoted
"""Compares accepted rows with the rows in force, and writes the part that holds only what differs."""

from dataclasses import replace as replaced
from pathlib import Path

import duckdb

from spm_ml.history.store import SQL_TYPES, TableCounts, quote_text
from spm_ml.sources.validation import Checked


def write_changes(
    connection: duckdb.DuckDBPyConnection,
    checked: Checked,
    state: str | None,
    target: Path,
    *,
    version: int,
    replace: bool,
    arrivals: bool = False,
) -> TableCounts:
    """Writes the rows that are new, changed or removed to `target`, if there are any or the table was never loaded.

    Rows are compared by two 64-bit hashes of all their columns, so that no full copy of either side is held in memory.

    Args:
        connection: DuckDB database.
        checked: The accepted rows.
        state: SELECT of the rows in force, with `_occurrence`; None if the table was never loaded.
        target: Parquet file to write.
        version: Number of the version that the part would belong to.
        replace: Rows in force whose key the files do not hold are removed.
        arrivals: The files hold rows that arrived since the last time, not all of a key: to a ledger they are added,
            unless the same row is there already.
    """
    table = checked.table
    if arrivals:
        of_table = ", ".join(column.name for column in table.columns)
        state = state or f"SELECT {of_table}, _occurrence FROM {checked.accepted} WHERE false"
        same = " AND ".join(f"given.{name} IS NOT DISTINCT FROM known.{name}" for name in table.key)
        state = f"SELECT known.* FROM ({state}) AS known SEMI JOIN {checked.accepted} AS given ON {same}"
        if table.ledger:
            checked = _added_behind(connection, checked, state)
    names = [column.name for column in table.columns]
    columns = ", ".join(f"{column.name}::{SQL_TYPES[column.type]} AS {column.name}" for column in table.columns)
    tail = f"{version}::INTEGER AS _version"
    rows = f"SELECT {columns}, _occurrence::INTEGER AS _occurrence, false AS _removed, {tail} FROM {checked.accepted}"
    counts = TableCounts(checked.rows_in, checked.accepted_rows, checked.quarantined)
    if state is None:
        _copy(connection, rows, target)
        return _with(counts, new=checked.accepted_rows)
    before, delta = f"state_{table.name}", f"delta_{table.name}"
    identity = [*table.key, "_occurrence"]
    whole = ", ".join([*names, "_occurrence"])
    connection.execute(f"CREATE VIEW {before} AS {state}")
    connection.execute(
        f"CREATE TABLE {delta} AS SELECT * FROM ({rows}) AS given ANTI JOIN "
        f"(SELECT hash({whole}) AS first, hash('second', {whole}) AS second FROM {before}) AS known "
        f"ON known.first = hash({whole}) AND known.second = hash('second', {whole})"
    )
    same = " AND ".join(f"{before}.{name} IS NOT DISTINCT FROM {delta}.{name}" for name in identity)
    different = _count(connection, f"SELECT count(*) FROM {delta}")
    changed = _count(connection, f"SELECT count(*) FROM {delta} SEMI JOIN {before} ON {same}") if different else 0
    removed = _note_removed(connection, checked, before, tail) if replace else 0
    if different or removed:
        union = f" UNION ALL SELECT * FROM removed_{table.name}" if removed else ""
        _copy(connection, f"SELECT * FROM {delta}{union}", target)
    return _with(
        counts,
        new=different - changed,
        changed=changed,
        unchanged=checked.accepted_rows - different,
        removed=removed,
    )


def _added_behind(connection: duckdb.DuckDBPyConnection, checked: Checked, state: str) -> Checked:
    """Numbers rows of a ledger behind those of the same key; a row that is there keeps its number, and counts once."""
    table, numbered = checked.table, f"numbered_{checked.table.name}"
    names = ", ".join(column.name for column in table.columns)
    same_row = " AND ".join(f"known.{column.name} IS NOT DISTINCT FROM given.{column.name}" for column in table.columns)
    same_key = " AND ".join(f"last.{name} IS NOT DISTINCT FROM given.{name}" for name in table.key)
    key = ", ".join(f"given.{name}" for name in table.key)
    connection.execute(
        f"CREATE TABLE {numbered} AS WITH known AS ({state}), "
        f"given AS (SELECT {names}, min((_source, _line)) AS place FROM {checked.accepted} GROUP BY ALL), "
        f"fresh AS (SELECT * FROM given ANTI JOIN known ON {same_row}), "
        f"last AS (SELECT {', '.join(table.key)}, max(_occurrence) AS number FROM known GROUP BY ALL) "
        f"SELECT given.* EXCLUDE (place), coalesce(last.number, -1) "
        f"+ row_number() OVER (PARTITION BY {key} ORDER BY place) AS _occurrence "
        f"FROM fresh AS given LEFT JOIN last ON {same_key}"
    )
    return replaced(checked, accepted=numbered)


def _note_removed(connection: duckdb.DuckDBPyConnection, checked: Checked, before: str, tail: str) -> int:
    """Collects the rows in force whose key the files no longer hold; a quarantined row still holds its key."""
    table = checked.table
    removed = f"removed_{table.name}"
    given = f"accepted_{table.name}"
    same = " AND ".join(f"given.{name} IS NOT DISTINCT FROM {before}.{name}" for name in (*table.key, "_occurrence"))
    bad = " AND ".join(f"bad.{name} IS NOT DISTINCT FROM {before}.{name}" for name in table.key)
    names = ", ".join(f"{before}.{column.name}" for column in table.columns)
    connection.execute(
        f"CREATE TABLE {removed} AS SELECT {names}, _occurrence, true AS _removed, {tail} FROM {before} "
        f"ANTI JOIN {given} AS given ON {same} "
        f"ANTI JOIN (SELECT * FROM typed_{table.name} WHERE _bad) AS bad ON {bad}"
    )
    return _count(connection, f"SELECT count(*) FROM {removed}")


def _copy(connection: duckdb.DuckDBPyConnection, rows: str, target: Path) -> None:
    connection.execute(f"COPY ({rows}) TO {quote_text(str(target))} (FORMAT parquet, COMPRESSION zstd)")


def _count(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = connection.execute(sql).fetchone()
    return int(row[0]) if row else 0


def _with(counts: TableCounts, *, new: int, changed: int = 0, unchanged: int = 0, removed: int = 0) -> TableCounts:
    return TableCounts(counts.rows_in, counts.accepted, counts.quarantined, new, changed, unchanged, removed)
