"""The table store: which rows are in force at a version, and that half an ingest does not exist."""

import json
import os
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from spm_ml.errors import DataError, NotReadyError
from spm_ml.history.merged import AT_ONCE, READ_FOR, Merged
from spm_ml.history.store import LoadedVersion, TableCounts, TableStore
from spm_ml.settings import Organisation, Workspace

RATES = ("EUR", "2020-01-01", 1.1, False), ("GBP", "2020-01-01", 1.3, False)


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


@pytest.fixture
def store(tmp_path: Path) -> TableStore:
    return TableStore(Workspace(tmp_path / "odd [name]*?'"))


def stage(store: TableStore, rows: tuple[tuple[str, str, float, bool], ...], table: str = "fx_rates") -> Path:
    path = store.workspace.root / f"{table}.staged"
    path.parent.mkdir(parents=True, exist_ok=True)
    values = ", ".join(f"('{c}', DATE '{d}', {r}::DOUBLE, 0, {gone}, {store.latest + 1})" for c, d, r, gone in rows)
    columns = "currency, rate_on, rate, _occurrence, _removed, _version"
    with duckdb.connect() as connection:
        connection.sql(f"SELECT * FROM (VALUES {values}) AS rows({columns})").write_parquet(str(path))
    return path


def append(store: TableStore, *rows: tuple[str, str, float, bool]) -> LoadedVersion:
    with store.exclusive():
        return store.append(
            {"fx_rates": stage(store, rows)},
            source="rates",
            mapping=None,
            files={"fx_rates.csv": "0" * 64},
            tables={"fx_rates": TableCounts(len(rows), len(rows), 0, len(rows))},
        )


def rates(store: TableStore, connection: duckdb.DuckDBPyConnection, version: int) -> dict[str, Any]:
    sql = store.relation_sql("fx_rates", version)
    return {row[0]: row[2] for row in connection.execute(str(sql)).fetchall()}


def test_an_empty_workspace_has_no_version(store: TableStore) -> None:
    assert (store.versions(), store.latest) == ((), 0)
    assert store.relation_sql("reps", 1) is None


def test_each_version_keeps_its_answer(store: TableStore, connection: duckdb.DuckDBPyConnection) -> None:
    append(store, *RATES)
    append(store, ("EUR", "2020-01-01", 1.2, False))
    append(store, ("GBP", "2020-01-01", 1.3, True), ("CHF", "2020-01-01", 0.9, False))
    append(store, ("GBP", "2020-01-01", 1.4, False))
    assert rates(store, connection, 1) == {"EUR": 1.1, "GBP": 1.3}
    assert rates(store, connection, 2) == {"EUR": 1.2, "GBP": 1.3}
    assert rates(store, connection, 3) == {"EUR": 1.2, "CHF": 0.9}
    assert rates(store, connection, 4) == {"EUR": 1.2, "CHF": 0.9, "GBP": 1.4}


def test_only_contract_columns_come_out(store: TableStore, connection: duckdb.DuckDBPyConnection) -> None:
    append(store, *RATES)
    append(store, ("EUR", "2020-01-01", 1.2, False))
    for version in (1, 2):
        sql = str(store.relation_sql("fx_rates", version))
        described = connection.execute(f"DESCRIBE {sql}").fetchall()
        assert [row[0] for row in described] == ["currency", "rate_on", "rate"]
        numbered = connection.execute(str(store.relation_sql("fx_rates", version, occurrence=True)))
        assert [column[0] for column in numbered.description or ()][-1] == "_occurrence"


def test_a_version_that_is_not_there_is_named(store: TableStore) -> None:
    append(store, *RATES)
    with pytest.raises(NotReadyError, match="versions 1 to 1, not 2"):
        store.relation_sql("fx_rates", 2)


def test_what_was_recorded_reads_back(store: TableStore) -> None:
    written = append(store, *RATES)
    assert store.versions() == (written,)
    assert TableStore(store.workspace).versions() == (written,)
    assert written.tables["fx_rates"] == TableCounts(2, 2, 0, 2)


def test_a_crash_before_the_list_of_versions_leaves_the_state_before(
    store: TableStore, connection: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(store, *RATES)
    replace = os.replace

    def killed(source: Path, target: Path) -> None:
        if Path(target).name == "versions.json":
            raise KeyboardInterrupt
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            append(store, ("EUR", "2020-01-01", 9.9, False))
    assert store.part_file("fx_rates", 2).exists()
    assert store.latest == 1
    assert rates(store, connection, 1) == {"EUR": 1.1, "GBP": 1.3}
    append(store, ("EUR", "2020-01-01", 1.2, False))
    assert rates(store, connection, 2) == {"EUR": 1.2, "GBP": 1.3}


def many(store: TableStore, upto: int) -> None:
    """Versions that each state one rate anew; every seventh takes it away."""
    append(store, *RATES)
    for version in range(store.latest + 1, upto + 1):
        append(store, ("EUR", "2020-01-01", float(version), version % 7 == 0))


def test_small_versions_are_merged_and_each_keeps_its_answer(
    store: TableStore, connection: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(store, 2 * AT_ONCE + 5)
    chosen = (1, 2, 7, AT_ONCE, AT_ONCE + 1, AT_ONCE + 2, 2 * AT_ONCE + 1, store.latest)
    before = {version: rates(store, connection, version) for version in chosen}
    since = store.written_sql("fx_rates", after=AT_ONCE - 3, upto=AT_ONCE + 9)
    written = connection.execute(f"SELECT * FROM ({since}) ORDER BY ALL").fetchall()
    with monkeypatch.context() as patch:
        patch.setattr(Merged, "write", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            store.merge_small()
    assert {version: rates(store, connection, version) for version in chosen} == before, "killed in between"
    assert store.merge_small() == 2
    assert store.merge_small() == 0
    folder = store.part_file("fx_rates", 1).parent
    small = store.part_file("fx_rates", 5)
    assert small.exists(), "somebody may be reading it"
    long_ago = time.time() - READ_FOR.total_seconds() - 1
    for file in folder.glob("*-*.parquet"):
        os.utime(file, (long_ago, long_ago))
    store.merge_small()
    assert len(list(folder.glob("*.parquet"))) == 1 + 2 + 4
    assert {version: rates(TableStore(store.workspace), connection, version) for version in chosen} == before
    since = store.written_sql("fx_rates", after=AT_ONCE - 3, upto=AT_ONCE + 9)
    assert connection.execute(f"SELECT * FROM ({since}) ORDER BY ALL").fetchall() == written
    assert store.damaged(store.latest) == ()
    (folder / f"000002-{AT_ONCE + 1:06d}.parquet").write_bytes(b"")
    assert store.damaged(store.latest) == (f"fx_rates versions 2 to {AT_ONCE + 1}",)


def test_a_damaged_part_is_not_merged(store: TableStore) -> None:
    many(store, AT_ONCE + 1)
    store.part_file("fx_rates", 3).write_bytes(b"")
    assert store.merge_small() == 0
    assert store.damaged(store.latest) == ("fx_rates version 3",)


def test_two_ingests_at_once_are_refused(store: TableStore) -> None:
    other = TableStore(store.workspace)
    with store.exclusive(), pytest.raises(DataError, match="another ingest"), other.exclusive():
        pass
    with store.exclusive():
        pass


def test_the_version_of_a_day_is_the_last_one_ingested_by_its_end(store: TableStore) -> None:
    Organisation(timezone="America/New_York").write(store.workspace.organisation_file)
    append(store, *RATES)
    append(store, ("EUR", "2020-01-01", 1.2, False))
    path = store.workspace.tables / "versions.json"
    entries = json.loads(path.read_text())
    entries[0]["ingested_at"] = "2024-03-01T10:00:00+00:00"
    entries[1]["ingested_at"] = "2024-03-05T03:00:00+00:00"
    path.write_text(json.dumps(entries))
    assert store.version_on(date(2024, 3, 3)) == 1
    assert store.version_on(date(2024, 3, 4)) == 2, "three in the morning UTC is still the evening before in New York"
    with pytest.raises(NotReadyError, match="2024-03-01 10:00 UTC"):
        store.version_on(date(2024, 2, 29))


def test_a_damaged_list_is_told(store: TableStore) -> None:
    append(store, *RATES)
    (store.workspace.tables / "versions.json").write_text('[{"version": 1}]')
    with pytest.raises(DataError, match="damaged"):
        store.versions()


def test_protected_tables_are_kept_apart(store: TableStore) -> None:
    assert store.workspace.protected.resolve() in store.part_file("protected_groups", 1).parents
    assert store.workspace.tables.resolve() not in store.part_file("protected_groups", 1).parents
