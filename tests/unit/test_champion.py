"""The champion is on record before the alias moves: whatever dies in between, the next start heals it."""

import sys
from pathlib import Path
from urllib.parse import quote

import pytest

from spm_ml import champion
from spm_ml.champion import make_champion, reconcile, reconcile_workspace
from spm_ml.errors import ConfigurationError, NotReadyError
from spm_ml.predictions import Champion, PredictionStore
from spm_ml.registry import CHAMPION, Registry, TrainingRun
from spm_ml.settings import Workspace


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, migrated_mlflow_database: Path) -> Workspace:
    """Two registered versions and no champion."""
    root = tmp_path_factory.mktemp("trained")
    workspace = Workspace(root / "ws")
    workspace.root.mkdir()
    workspace.mlflow_database.write_bytes(migrated_mlflow_database.read_bytes())
    for name in ("evidence", "saved"):
        (root / name).mkdir()
        (root / name / "a.txt").write_text(name, encoding="utf-8")
    run = TrainingRun("tiny", {}, {}, {"forecaster": "tiny"}, root / "evidence", root / "saved", "json")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        for _ in range(2):
            Registry(workspace).record(run)
    return workspace


@pytest.fixture
def workspace(trained: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    copy = Workspace(tmp_path / "ws")
    copy.root.mkdir()
    copy.mlflow_database.write_bytes(trained.mlflow_database.read_bytes())
    return copy


@pytest.fixture
def registry(workspace: Workspace) -> Registry:
    return Registry(workspace)


def said_of(store: PredictionStore) -> list[tuple[str, str, str]]:
    return [(line.actor, line.action, line.subject) for line in tuple(store.audit.entries())]


def test_a_champion_is_on_record_with_who_and_why(registry: Registry, workspace: Workspace) -> None:
    with PredictionStore.open(workspace.predictions_store) as store:
        version = make_champion(registry, store, registry.version(1), reason="passed the gate", actor="Ida")
        assert CHAMPION in version.aliases
        on_record = store.champions.last()
        assert on_record is not None
        assert (on_record.label, on_record.registry, on_record.actor, on_record.reason) == (
            "spm-attainment version 1", "workspace", "Ida", "passed the gate"
        )  # fmt: skip
        assert said_of(store) == [("Ida", "champion named", "spm-attainment version 1")]
        assert reconcile(registry, store) is None
        assert len(tuple(store.audit.entries())) == 1


def test_dying_between_record_and_alias_is_healed(
    registry: Registry, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with PredictionStore.open(workspace.predictions_store) as store:
        make_champion(registry, store, registry.version(1), reason="passed the gate")
        second = registry.version(2)
        with monkeypatch.context() as patch:
            patch.setattr(Registry, "point", dies)
            with pytest.raises(KeyboardInterrupt):
                make_champion(registry, store, second, reason="better")
        named = registry.champion()
        assert named is not None
        assert named.version == 1
        monkeypatch.setattr(sys, "argv", ["champion", str(workspace.root)])
        assert champion.main() == 0
        assert "alias named version 1 and names that on record again, spm-attainment version 2" in (
            capsys.readouterr().err
        )
        named = registry.champion()
        assert named is not None
        assert named.version == 2
        assert said_of(store)[-1] == ("reconciler", "alias repaired", "spm-attainment version 2")


def test_an_alias_moved_by_hand_goes_back(registry: Registry, workspace: Workspace) -> None:
    with PredictionStore.open(workspace.predictions_store) as store:
        make_champion(registry, store, registry.version(2), reason="passed the gate")
        registry.point(CHAMPION, registry.version(1))
    assert "named version 1" in (reconcile_workspace(workspace) or "")
    assert CHAMPION in registry.version(2).aliases


def test_a_registry_that_was_never_made_is_not_made_to_be_looked_into(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "ws")
    with PredictionStore.open(workspace.predictions_store) as store:
        assert reconcile_workspace(workspace) is None
        assert not workspace.mlflow_database.exists()
        store.champions.name(Champion("spm-attainment", "2", "workspace", "operator", "passed the gate"))
    with pytest.raises(NotReadyError, match="version 2 is on record as champion"):
        reconcile_workspace(workspace)


def test_an_alias_from_before_the_record_is_put_on_record(registry: Registry, workspace: Workspace) -> None:
    assert reconcile_workspace(workspace) is None, "there is no store yet"
    registry.point(CHAMPION, registry.version(1))
    with PredictionStore.open(workspace.predictions_store) as store:
        assert "put on record" in (reconcile(registry, store) or "")
        assert reconcile(registry, store) is None
        on_record = store.champions.last("workspace")
        assert on_record is not None
        assert (on_record.model_version, on_record.actor) == ("1", "reconciler")
        assert store.champions.last("https://elsewhere") is None


def test_a_version_on_record_that_is_gone_is_named(registry: Registry, workspace: Workspace) -> None:
    with PredictionStore.open(workspace.predictions_store) as store:
        make_champion(registry, store, registry.version(2), reason="passed the gate")
        registry._client().delete_model_version("spm-attainment", "2")
        with pytest.raises(NotReadyError, match=r"version 2 is on record as champion, and .* holds no version 2"):
            reconcile(registry, store)


def test_a_registry_that_is_down_is_said_soon(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    PredictionStore.open(workspace.predictions_store).close()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://ida:{quote('s3cret')}@127.0.0.1:9/mlflow")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    assert Registry(workspace).place == "http://127.0.0.1:9/mlflow"
    with pytest.raises(ConfigurationError, match="MLflow at"):
        reconcile_workspace(workspace)
