"""What breaks around the service: the answer says so, nothing is torn, and reads go on where they can."""

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Connection, event

from serving.app import create_app
from serving.settings import ServingSettings
from spm_ml.errors import ConfigurationError, NotReadyError
from spm_ml.predictions import Champion, PredictionStore, StoreUnavailableError, engine
from spm_ml.registry import Registry, TrainingRun
from spm_ml.settings import Organisation, Workspace
from tests.command import spm
from tests.databases import OwnServer
from tests.prediction_world import NORTH, World
from tests.web import running, served


def token_of(address: str) -> dict[str, str]:
    with PredictionStore.open(address) as store:
        token = store.credentials.issue("manager", rep_id=NORTH, label="Anna Keller", valid_for=timedelta(hours=1))
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def file(harbour_file: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "predictions.db"
    copy.write_bytes(harbour_file.read_bytes())
    return copy


@pytest.fixture
def decision(harbour: World) -> dict[str, str]:
    offer = next(row for row in harbour.recommendations if row.rep_id == "r-101")
    return {"rep_id": "r-101", "program_id": offer.program_id, "verdict": "overridden", "reason": "x" * 1_000}


def is_problem(answer: httpx.Response, status: int, words: str) -> bool:
    assert answer.headers["content-type"] == "application/problem+json"
    assert "xxx" not in answer.text
    return answer.status_code == status and words in answer.json()["detail"]


def test_a_full_disk_refuses_writes_and_reads_go_on(file: Path, decision: dict[str, str], harbour: World) -> None:
    headers = token_of(str(file))
    app = create_app(ServingSettings(store=str(file)))
    store: PredictionStore = app.state.store
    full = True

    def no_more_pages(connection: Connection) -> None:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages if full else 1_000_000}")

    event.listen(store._engine, "begin", no_more_pages)
    with running(app) as address, httpx.Client(base_url=address, headers=headers, timeout=30) as client:
        answers = [client.post("/v1/decisions", json=decision) for _ in range(20)]
        kept = sum(answer.status_code == 201 for answer in answers)
        assert is_problem(answers[-1], 507, "no room left")
        assert {answer.status_code for answer in answers} <= {201, 507}
        assert client.get("/v1/reps/r-101").status_code == 200
        assert client.get("/health/ready").status_code == 200
        assert len(store.decisions()) == kept
        with pytest.raises(StoreUnavailableError) as refused:
            replace(harbour, batch=replace(harbour.batch, batch_id="b-0002")).publish_into(store)
        assert refused.value.full
        assert store.published_batch() == harbour.batch
        full = False
        assert client.post("/v1/decisions", json=decision).status_code == 201


PUBLISH = """
import resource, signal, sys
from dataclasses import replace
from spm_ml.errors import ConfigurationError, NotReadyError
from spm_ml.predictions import Champion, PredictionStore, StoreUnavailableError
from tests.prediction_world import make_world
with PredictionStore.open(sys.argv[1]) as store:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
    world = make_world(weeks=6)
    try:
        replace(world, batch=replace(world.batch, batch_id="b-0002")).publish_into(store)
    except StoreUnavailableError as error:
        print("refused")
"""


def test_a_file_that_cannot_grow_leaves_the_old_batch(file: Path, harbour: World) -> None:
    command = [sys.executable, "-c", PUBLISH, str(file), str(16_384)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.stdout.strip() == "refused"
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    with PredictionStore.open(file) as store:
        assert store.published_batch() == harbour.batch


def test_a_locked_database_makes_writes_wait_and_reads_go_on(
    file: Path, decision: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_BUSY_SECONDS", 0.2)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")  # a registry that is down is no matter here
    headers = token_of(str(file))
    with served(file) as client, closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        refused = client.post("/v1/decisions", json=decision, headers=headers)
        assert is_problem(refused, 503, "Try again shortly")
        assert refused.headers["retry-after"] == "5"
        assert client.get("/v1/reps/r-101", headers=headers).status_code == 200
        other.execute("ROLLBACK")
        assert client.post("/v1/decisions", json=decision, headers=headers).status_code == 201


def test_a_broken_file_is_503_and_never_500(file: Path) -> None:
    headers = token_of(str(file))
    with served(file) as client:
        with file.open("r+b") as broken:
            broken.seek(8_192)
            broken.write(b"\xff" * (file.stat().st_size - 8_192))
        answers = [client.get(path, headers=headers) for path in ("/v1/reps/r-102", "/v1/forecasts", "/health/ready")]
        assert {answer.status_code for answer in answers} <= {401, 503}
        assert answers[-1].status_code == 503
    file.write_bytes(b"no database at all" * 1_000)
    with pytest.raises(ConfigurationError, match="file is not a database"):
        create_app(ServingSettings(store=str(file)))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[OwnServer]:
    own = OwnServer(tmp_path / "postgresql")
    own.start()
    yield own
    own.stop()


def test_the_service_outlives_a_restart_of_postgresql(
    server: OwnServer, harbour: World, decision: dict[str, str]
) -> None:
    address = server.server.address(server.server.new_database())
    with PredictionStore.open(address) as store:
        harbour.publish_into(store)
    headers = token_of(address)
    with served(address) as client:
        client.headers.update(headers)
        assert client.get("/v1/reps/r-101").status_code == 200
        server.server.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 'spm_%'")
        assert client.get("/v1/reps/r-102").status_code == 200, "a read is tried once more"
        for how in (signal.SIGINT, signal.SIGKILL):
            server.stop(how)
            assert is_problem(client.get("/v1/reps/r-103"), 503, "Try again shortly")
            assert is_problem(client.post("/v1/decisions", json=decision), 503, "Try again shortly")
            ready = client.get("/health/ready")
            assert (ready.status_code, ready.json()["why"]) == (503, "the prediction store does not answer")
            server.start()
            assert client.get("/v1/reps/r-103").status_code == 200
            assert client.post("/v1/decisions", json=decision).status_code == 201


def test_a_failover_to_another_host_is_followed(server: OwnServer, harbour: World, tmp_path: Path) -> None:
    second = OwnServer(tmp_path / "second")
    second.start()
    try:
        hosts = []
        for one in (server, second):
            name = one.server.new_database()
            with PredictionStore.open(one.server.address(name)) as store:
                harbour.publish_into(store)
            hosts.append(one.server.admin.partition("host=")[2])
        second.server.run("ALTER SYSTEM SET default_transaction_read_only = on")
        second.server.run("SELECT pg_reload_conf()")
        both = f"postgresql+psycopg://postgres:@/{name}?host={','.join(hosts)}&target_session_attrs=read-write"
        with PredictionStore.open(both) as store:
            store.champions.name(Champion("spm-attainment", "1", "workspace", "Ida", "on the first"))
            assert len(tuple(store.audit.entries())) == 2
            server.stop()
            with pytest.raises(StoreUnavailableError):
                tuple(store.audit.entries())
            second.server.run("ALTER SYSTEM RESET default_transaction_read_only")
            second.server.run("SELECT pg_reload_conf()")
            assert len(tuple(store.audit.entries())) == 1
            store.champions.name(Champion("spm-attainment", "2", "workspace", "Ida", "on the second"))
            assert len(tuple(store.audit.entries())) == 2
            server.start()
    finally:
        second.stop()


def test_a_changed_model_file_is_not_loaded(tmp_path: Path, with_mlflow: Callable[[Workspace], Workspace]) -> None:
    workspace = with_mlflow(Workspace(tmp_path / "ws"))
    for name in ("evidence", "saved"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "booster.txt").write_text("tree\n" * 100, encoding="utf-8")
    run = TrainingRun("tiny", {}, {}, {"forecaster": "tiny"}, tmp_path / "evidence", tmp_path / "saved", "json")
    version = Registry(workspace).record(run)
    model = Registry(workspace).load(version) / "booster.txt"
    model.write_text("tree\n" * 99, encoding="utf-8")  # a booster that is cut off still loads
    with pytest.raises(NotReadyError, match="version 1 is not what was registered"):
        Registry(workspace).load(version)
    model.unlink()
    with pytest.raises(NotReadyError, match="version 1 is not what was registered"):
        Registry(workspace).load(version)


def test_scoring_without_the_registry_says_so_and_leaves_what_is_published(
    file: Path, harbour: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = Workspace(tmp_path / "ws")
    workspace.root.mkdir()
    Organisation().write(workspace.organisation_file)
    file.rename(workspace.predictions_database)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://ida:s3cret@127.0.0.1:9/mlflow")  # nobody listens there
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with PredictionStore.open(workspace.predictions_database) as store:
        before = store.content(harbour.batch), tuple(store.audit.entries())
    done = spm("score", "--workspace", workspace.root, expect=1)
    assert done.stdout == ""
    said = done.stderr.splitlines()[-1]
    assert said.startswith("spm: MLflow at http://127.0.0.1:9/mlflow answered")
    assert "Check that MLFLOW_TRACKING_URI names a running server" in said
    assert "Traceback" not in done.stderr
    assert "s3cret" not in done.stderr
    with PredictionStore.open(workspace.predictions_database) as store:
        assert store.published_batch() == harbour.batch
        assert (store.content(harbour.batch), tuple(store.audit.entries())) == before
