"""Backup and restore, from each kind of database into each."""

import json
import stat
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from spm_ml.backup import backup, make, restore
from spm_ml.backup.manifest import MANIFEST
from spm_ml.errors import ConfigurationError, DataError, NotReadyError
from spm_ml.predictions import Champion, PredictionStore, Principal, Scope, StoreUnavailableError, schema
from spm_ml.predictions.engine import connect, reading
from spm_ml.settings import Workspace
from tests.coaching_world import make_coaching
from tests.databases import PostgresServer
from tests.prediction_world import NORTH, World

FILES = {
    "organisation.yaml": b"name: Harbour\n",
    "tables/versions.json": b"[]",
    "tables/reps/v1.parquet": b"PAR1",
    "mlartifacts/abc/artifacts/card.md": b"# Card",
}
LEFT_OUT = {
    "dataset.parquet": b"computed",
    "tables/reps/.v2.parquet.tmp": b"unfinished",
    "mlartifacts/downloads/a": b"",
}

Target = Callable[[str], str]


@pytest.fixture
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Target:
    """Gives an empty store's address on the database of that name."""

    def of(kind: str) -> str:
        if kind == "sqlite":
            return str(tmp_path / f"{len(list(tmp_path.iterdir()))}.db")
        server: PostgresServer = request.getfixturevalue("postgresql")
        return server.address(server.new_database())

    return of


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harbour_target: str, harbour: World) -> Workspace:
    """One with a store that has a row in every table that anything writes to so far."""
    monkeypatch.setenv("SPM_SERVING__STORE", harbour_target)
    workspace = Workspace(tmp_path / "ws")
    for name, content in (FILES | LEFT_OUT).items():
        (workspace.root / name).parent.mkdir(parents=True, exist_ok=True)
        (workspace.root / name).write_bytes(content)
    with PredictionStore.open(harbour_target) as store:
        store.publish_coaching(make_coaching(harbour))
        store.champions.name(Champion("spm-attainment", "7", "workspace", "Ida", "passed the gate"))
        offer = next(row for row in harbour.recommendations if row.rep_id == "r-101")
        anna = Principal("t", "Anna Keller", Scope("manager", NORTH))
        assert store.decide(anna, rep_id="r-101", program_id=offer.program_id, verdict="accepted") is not None
    return workspace


def rows_of(address: str) -> dict[str, list[Any]]:
    engine = connect(address)
    with reading(engine) as connection:
        rows = {
            table.name: list(map(tuple, connection.execute(select(table).order_by(*table.primary_key))))
            for table in schema.metadata.sorted_tables
        }
    engine.dispose()
    return rows


def test_what_was_backed_up_is_restored_on_the_other_database(
    workspace: Workspace, target: Target, tmp_path: Path
) -> None:
    into = "sqlite" if "://" in workspace.predictions_store else "postgresql"
    before = rows_of(workspace.predictions_store)
    assert all(before[name] for name in ("predictions", "decisions", "assignments", "champions", "audit", "findings"))
    said: list[str] = []
    made = backup(workspace, tmp_path / "a.zip", with_data=True, progress=lambda label, *_: said.append(label))
    assert stat.S_IMODE(made.file.stat().st_mode) == 0o600
    assert {"backup: rows", "backup: files"} <= set(said)
    assert {one.path for one in made.manifest.files} == set(FILES)
    elsewhere, address = Workspace(tmp_path / "elsewhere"), target(into)
    restored = restore(made.file, elsewhere, database=address)
    assert restored.manifest == made.manifest
    assert {name: (elsewhere.root / name).read_bytes() for name in FILES} == FILES
    after = rows_of(address)
    *lines, last = after.pop("audit")
    assert lines == before.pop("audit")
    assert last[schema.audit.columns.keys().index("action")] == "store restored"
    assert after == before
    with PredictionStore.open(address) as store:  # and it goes on: the next rows get numbers of their own
        store.champions.name(Champion("spm-attainment", "8", "workspace", "Ida", "better"))
        batch = store.published_batch()
        assert batch is not None
        assert store.content(batch).predictions
    with pytest.raises(ConfigurationError, match="files are there already, for example"):
        restore(made.file, elsewhere, database=target("sqlite"))


def test_a_store_with_rows_is_replaced_only_when_told_to(workspace: Workspace, tmp_path: Path) -> None:
    made = backup(workspace, tmp_path / "a.zip")
    with pytest.raises(ConfigurationError, match="is there already"):
        backup(workspace, tmp_path / "a.zip")
    with PredictionStore.open(workspace.predictions_store) as store:
        store.champions.name(Champion("spm-attainment", "8", "workspace", "Ida", "later"))
    later = rows_of(workspace.predictions_store)
    with pytest.raises(ConfigurationError, match=r"holds rows already \(.*assignments, audit, .*--replace"):
        restore(made.file, workspace)
    assert rows_of(workspace.predictions_store) == later
    restore(made.file, workspace, replace=True)
    with PredictionStore.open(workspace.predictions_store) as store:
        champion = store.champions.last()
        assert champion is not None
        assert champion.model_version == "7"


def changed(source: Path, target: Path, changes: dict[str, bytes | None], **manifest: Any) -> Path:
    """A copy with members replaced, added or (None) left out, and with another manifest."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        members: dict[str, bytes | None] = {name: old.read(name) for name in old.namelist()}
        said = json.loads(members[MANIFEST] or b"")
        members |= {MANIFEST: json.dumps(said | manifest).encode()} | changes
        for name, content in members.items():
            if content is not None:
                new.writestr(name, content)
    return target


EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory, harbour_file: Path) -> Path:
    """A backup of the store alone."""
    root = tmp_path_factory.mktemp("archive")
    workspace = Workspace(root / "ws")
    workspace.root.mkdir()
    workspace.predictions_database.write_bytes(harbour_file.read_bytes())
    return backup(workspace, root / "a.zip").file


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda _: {"tables/predictions.jsonl": b""}, "tables/predictions.jsonl was changed"),
        (lambda _: {"tables/teams.jsonl": None}, "other members than its manifest says"),
        (lambda _: {"tables/more.jsonl": b"[]"}, "other members than its manifest says"),
        (lambda _: {MANIFEST: None}, "it has no manifest"),
        (lambda _: {MANIFEST: b"{}"}, "its manifest cannot be read"),
    ],
    ids=["changed", "missing", "added", "no-manifest", "another-manifest"],
)
def test_a_damaged_backup_restores_nothing(
    archive: Path, tmp_path: Path, change: Callable[[bytes], dict[str, bytes | None]], said: str
) -> None:
    damaged = changed(archive, tmp_path / "b.zip", change(b""))
    with pytest.raises(DataError, match=said):
        restore(damaged, Workspace(tmp_path / "ws"))
    assert not (tmp_path / "ws").exists()


@pytest.mark.parametrize("keep", [0.0, 0.3, 0.99], ids=str)
def test_a_torn_backup_restores_nothing(archive: Path, tmp_path: Path, keep: float) -> None:
    whole = archive.read_bytes()
    (tmp_path / "b.zip").write_bytes(whole[: int(keep * len(whole))])
    with pytest.raises(DataError, match="no whole zip file"):
        restore(tmp_path / "b.zip", Workspace(tmp_path / "ws"))


ELSEWHERE = ("../evil", "/etc/evil", "a/../../evil", "predictions.db", "predictions.db-wal", "a\\..\\evil", "./a", "")


@pytest.mark.parametrize("path", ELSEWHERE, ids=repr)
def test_a_backup_writes_nothing_outside_the_workspace(archive: Path, tmp_path: Path, path: str) -> None:
    files = [{"path": path, "size": 0, "sha256": EMPTY_SHA256}]
    evil = changed(archive, tmp_path / "b.zip", {f"workspace/{path}": b""}, files=files)
    with pytest.raises(DataError, match="outside the workspace"):
        restore(evil, Workspace(tmp_path / "ws"))
    assert not list(tmp_path.rglob("evil"))


def test_an_audit_that_does_not_agree_restores_nothing(archive: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(archive) as old:
        manifest = json.loads(old.read(MANIFEST))
        lines = old.read("tables/audit.jsonl")
    forged = lines.replace(b"scoring", b"nobody")
    assert forged != lines
    tables = [
        table | {"sha256": sha256(forged).hexdigest()} if table["name"] == "audit" else table
        for table in manifest["tables"]
    ]
    evil = changed(archive, tmp_path / "b.zip", {"tables/audit.jsonl": forged}, tables=tables)
    workspace = Workspace(tmp_path / "ws")
    with pytest.raises(DataError, match="audit does not verify"):
        restore(evil, workspace)
    with PredictionStore.open(workspace.predictions_store) as store:
        assert store.published_batch() is None
    newer = changed(archive, tmp_path / "c.zip", {}, revision="9999")
    with pytest.raises(ConfigurationError, match="a newer one: upgrade first"):
        restore(newer, workspace)


def test_a_backup_needs_a_store(tmp_path: Path) -> None:
    with pytest.raises(NotReadyError, match="no store yet"):
        backup(Workspace(tmp_path), tmp_path / "a.zip")


def test_a_backup_that_is_stopped_leaves_no_file(workspace: Workspace, tmp_path: Path) -> None:
    def stops(label: str, *_: object) -> None:
        if label == "backup: files":
            raise KeyboardInterrupt

    out = tmp_path / "out" / "a.zip"
    with pytest.raises(KeyboardInterrupt):
        backup(workspace, out, with_data=True, progress=stops)
    assert not list(out.parent.iterdir())


def test_a_backup_leaves_a_line_in_the_audit_or_no_file(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = backup(workspace, tmp_path / "a.zip")
    with PredictionStore.open(workspace.predictions_store) as store:
        *_, last = store.audit.entries()
        lines = last.sequence
        assert store.audit.check().intact
    rows = sum(table.rows for table in made.manifest.tables)
    assert (last.actor, last.action, last.subject) == ("operator", "backup taken", "a.zip")
    assert last.detail == {"sha256": made.sha256, "rows": rows, "files": 0}
    assert made.manifest.audit_head is not None
    assert made.manifest.audit_head.sequence == lines - 1, "the file was whole before its line was written"

    def full(*_: object, **__: object) -> None:
        raise StoreUnavailableError("no room left", full=True)

    monkeypatch.setattr(make, "record", full)
    with pytest.raises(StoreUnavailableError):
        backup(workspace, tmp_path / "out" / "b.zip")
    assert not list((tmp_path / "out").iterdir())
