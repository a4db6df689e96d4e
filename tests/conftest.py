"""Fixtures that several test files share."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest
from sqlalchemy import Connection, Engine

from spm_ml.predictions import PredictionStore, migrations, opening
from spm_ml.predictions.engine import connect, reading, writing
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


@pytest.fixture(scope="session", autouse=True)
def tables_made_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What migrations made of an empty SQLite file is what other stores begin with, in a tenth of the time.

    Tests of migrations take `migrations.migrate` itself.
    """

    def migrate(engine: Engine) -> None:
        if engine.dialect.name == "sqlite" and is_empty(engine):
            with writing(engine, alone=False) as connection:
                if is_empty(connection):  # another may have been first
                    for statement in statements:
                        connection.exec_driver_sql(statement)
        migrations.migrate(engine)

    def is_empty(target: Engine | Connection) -> bool:
        with reading(target) as connection:
            return not connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar()

    first = connect(tmp_path_factory.mktemp("tables") / "predictions.db")
    migrations.migrate(first)
    with reading(first) as connection:
        statements = tuple(connection.connection.driver_connection.iterdump())[1:-1]  # without BEGIN and COMMIT
    first.dispose()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(opening, "migrate", migrate)
        yield


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
