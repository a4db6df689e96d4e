"""One definition, three engines: DuckDB, PostgreSQL and Spark give the same dataset, bit for bit."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from spm_ml.dataset import RepPeriodDataset, as_of_grid, build_dataset
from spm_ml.errors import ConfigurationError
from spm_ml.history import SalesHistory
from spm_ml.history.engines import Engine, engine_named
from spm_ml.settings import FiscalSettings, Organisation
from tests import history_world
from tests.command import spm
from tests.databases import PostgresServer
from tests.feature_world import World, organisation
from tests.spark import SMALL_SPARK

RETAIL = FiscalSettings(pattern="4-4-5", start_month=2, holidays="US")
Opened = Callable[[], Engine]
Frames = dict[str, pd.DataFrame]


def _quarters() -> tuple[Frames, Organisation]:
    world = World(1)
    return world.frames(), world.settings


def _retail() -> tuple[Frames, Organisation]:
    world = World(3, organisation(RETAIL, timezone="America/New_York", min_history_periods=3))
    return world.frames(), world.settings


def _foreign() -> tuple[Frames, Organisation]:
    """Deals in several currencies, shared credit, stages by their other names."""
    return history_world.frames_of(history_world.RandomWorld(7, foreign=True).tables), history_world.ORGANISATION


def _no_deals() -> tuple[Frames, Organisation]:
    world = World(6, deals=0)
    return world.frames(), world.settings


HISTORIES = {"quarters": _quarters, "4-4-5": _retail, "foreign": _foreign, "no deals": _no_deals}


def _dataset(frames: Frames, settings: Organisation, engine: Engine | None) -> RepPeriodDataset:
    with SalesHistory.from_frames(frames, settings, engine=engine) as history:
        return build_dataset(history, as_of_days=as_of_grid(history)[::6])


@pytest.fixture(scope="module")
def on_postgresql(postgresql: PostgresServer) -> Iterator[Opened]:
    """Opens the engine; a closed history leaves nothing in somebody's database."""
    yield lambda: engine_named("postgresql", postgresql.admin)
    assert postgresql.run("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'spm_history_%'") == [(0,)]


@pytest.mark.parametrize("name", HISTORIES)
def test_postgresql_gives_the_same_dataset(on_postgresql: Opened, name: str) -> None:
    frames, settings = HISTORIES[name]()
    expected, built = (_dataset(frames, settings, engine) for engine in (None, on_postgresql()))
    assert_frame_equal(built.frame, expected.frame, check_exact=False, rtol=1e-9, atol=1e-9)
    assert built.content_hash == expected.content_hash


def test_every_engine_of_the_command_gives_the_same_dataset(
    tmp_path: Path, postgresql: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames, settings = _foreign()
    settings.write(tmp_path / "export" / "organisation.yaml")
    for name, frame in frames.items():
        frame.to_csv(tmp_path / "export" / f"{name}.csv", index=False)
    workspace = tmp_path / "workspace"
    spm("ingest", tmp_path / "export", "--workspace", workspace)
    command = ("dataset", "--json", "--workspace", workspace, "--engine")
    expected = json.loads(spm(*command, "duckdb").stdout)["content_hash"]
    with monkeypatch.context() as patch:
        patch.setenv("SPM_ENGINE_URL", postgresql.admin)
        assert json.loads(spm(*command, "postgresql").stdout)["content_hash"] == expected
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java 17, which is not installed here; the other engines agree")
    (tmp_path / "spark-defaults.conf").write_text(SMALL_SPARK)
    done = subprocess.run(  # in a process of its own: a session of Spark is its process's for good
        [sys.executable, "-m", "spm_ml.cli", *map(str, command), "spark"],
        env=os.environ | {"SPARK_CONF_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout)["content_hash"] == expected


def test_an_engine_that_cannot_be_used_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPM_ENGINE_URL", raising=False)
    with pytest.raises(ConfigurationError, match="no database is named for the engine postgresql"):
        engine_named("postgresql")
    with pytest.raises(ConfigurationError, match="PostgreSQL cannot be used as the engine"):
        engine_named("postgresql", "postgresql://nobody@127.0.0.1:1/nothing")
    monkeypatch.setattr("shutil.which", lambda _: None)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(ConfigurationError, match="Spark needs Java 17"):
        engine_named("spark")
    monkeypatch.setattr("spm_ml.history.engines.choice.find_spec", lambda _: None)
    with pytest.raises(ConfigurationError, match=r"pip install 'spm-ml\[spark\]'"):
        engine_named("spark")
