"""Fixtures that several test files share."""

import shutil
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest

from spm_ml.predictions import PredictionStore
from spm_ml.registry import Registry
from spm_ml.settings import Workspace
from tests.databases import (
    empty_target,
    harbour_database,
    harbour_target,
    migrated_database,
    postgresql,
    store_target,
)
from tests.prediction_world import World, issue_tokens, make_world

__all__ = ["empty_target", "harbour_database", "harbour_target", "migrated_database", "postgresql", "store_target"]

# How long an example takes says how busy the machine is; a test that hangs is ended as every other (pyproject.toml).
hypothesis.settings.register_profile("suite", deadline=None)
hypothesis.settings.load_profile("suite")


@pytest.fixture(scope="session")
def migrated_mlflow_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's empty database, made once: its migrations take seconds, a copy takes none."""
    workspace = Workspace(tmp_path_factory.mktemp("mlflow"))
    Registry(workspace).versions()
    return workspace.mlflow_database


@pytest.fixture
def with_mlflow(migrated_mlflow_database: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Workspace], Workspace]:
    """Gives a workspace its own copy of the migrated database, and no shared server."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)

    def prepare(workspace: Workspace) -> Workspace:
        workspace.root.mkdir(parents=True, exist_ok=True)
        shutil.copy(migrated_mlflow_database, workspace.mlflow_database)
        return workspace

    return prepare


@pytest.fixture(scope="session")
def harbour() -> World:
    """A published batch of a small organisation, fourteen weeks of it."""
    return make_world(weeks=14)


@pytest.fixture(scope="session")
def harbour_file(harbour: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store in which it is published; copy it to change it."""
    path = tmp_path_factory.mktemp("harbour") / "predictions.db"
    with PredictionStore.open(path) as store:
        harbour.publish_into(store)
    return path


@pytest.fixture(scope="session")
def harbour_tokens(harbour_file: Path) -> dict[str, str]:
    """A token for each principal of the tests, by a short name."""
    return issue_tokens(harbour_file)
