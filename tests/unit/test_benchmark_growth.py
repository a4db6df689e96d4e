"""The benchmark that grows: its worlds, its table and its guard."""

from pathlib import Path

import duckdb
import pytest

from benchmarks.scaling.worlds import World, events_of, make_export, make_store, make_workspace
from spm_ml.errors import DataError
from spm_ml.history.store import TableStore
from spm_ml.settings import Workspace
from spm_ml.sources import ingest


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(9, periods=1, seeds=2, unit=3, cache=tmp_path_factory.mktemp("worlds"))


def rows(workspace: Workspace, table: str) -> list[tuple[object, ...]]:
    sql = TableStore(workspace).relation_sql(table, 1, occurrence=True)
    with duckdb.connect() as connection:
        return connection.execute(f"SELECT * FROM ({sql}) ORDER BY ALL").fetchall()


def test_the_store_of_a_grown_world_is_what_ingest_makes_of_its_export(world: World, tmp_path: Path) -> None:
    made = make_workspace(world, tmp_path / "made")
    ingested = Workspace(tmp_path / "ingested")
    report = ingest(ingested, make_export(world, "csv"))
    assert not any(table.quarantined for table in report.tables)
    loaded, given = TableStore(made).versions()[0], TableStore(ingested).versions()[0]
    assert loaded.tables == given.tables
    assert events_of(made) == events_of(ingested)
    for table in loaded.parts:
        assert rows(made, table) == rows(ingested, table), table
    assert made.organisation() == ingested.organisation()


def test_copies_share_no_rep_deal_or_manager(world: World) -> None:
    def copy_of(name: object) -> str:
        return str(name).rpartition("-")[0]

    with duckdb.connect() as connection:
        store = TableStore(make_store(world))
        reps = connection.execute(f"SELECT rep_id, manager_id FROM ({store.relation_sql('reps', 1)})").fetchall()
        deals = connection.execute(
            f"SELECT opportunity_id, rep_id FROM ({store.relation_sql('credits', 1)})"
        ).fetchall()
    assert {copy_of(rep) for rep, _ in reps} == {"", "001", "002"}
    assert all(copy_of(one) == copy_of(other) for one, other in [*reps, *deals] if other is not None)


def test_a_workspace_is_ones_own(world: World, tmp_path: Path) -> None:
    own = make_workspace(world, tmp_path / "own")
    own.organisation_file.write_text("name: changed\n", encoding="utf-8")
    assert make_store(world).organisation().name != "changed"
    with pytest.raises(DataError, match="exists"):
        make_workspace(world, own.root)


def test_a_world_has_whole_units() -> None:
    with pytest.raises(DataError, match="multiple of 100"):
        World(150)
