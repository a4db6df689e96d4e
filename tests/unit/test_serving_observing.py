"""What is seen of the service from outside: logs, metrics and traces, none of which knows a person."""

import asyncio
import io
import json
import logging
import os
import re
import secrets
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import Message

from serving.app import create_app
from serving.observing.logs import RequestLog, configure
from serving.observing.request import Observed
from serving.observing.settings import TelemetrySettings
from serving.observing.traces import Traces
from serving.settings import ServingSettings
from spm_ml.errors import ConfigurationError
from spm_ml.predictions import PredictionStore
from spm_ml.settings import Workspace
from tests.authorisation import routes_of
from tests.prediction_world import PEOPLE, PRINCIPALS
from tests.web import log_in, running, send_form

FIELDS = {"time", "level", "logger", "message", "method", "route", "status", "ms", "account_id", "request_id"}
MARKS = ("anna.keller@example.com", "Zyxwv Name", "hunter2", "spm_")


@pytest.fixture
def stdout() -> Iterator[io.StringIO]:
    """Takes the place of stdout; logging is put back afterwards."""
    root, ours = logging.getLogger(), logging.getLogger("serving")
    before = (root.handlers, root.level, ours.level)
    yield io.StringIO()
    root.handlers, root.level, ours.level = before


@pytest.fixture
def own(harbour_file: Path, harbour_tokens: dict[str, str], tmp_path: Path) -> Path:
    shutil.copy(harbour_file, tmp_path / "own.db")
    return tmp_path / "own.db"


def observed(store: Path, stream: io.StringIO, **settings: object) -> FastAPI:
    given = ServingSettings.model_validate({"store": str(store), "log": {"format": "json"}, **settings})
    configure(given.log, stream)
    return create_app(given, requests=RequestLog(given.log, stream))


def test_no_name_token_or_address_reaches_the_log(
    own: Path, stdout: io.StringIO, harbour_tokens: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_store: PredictionStore) -> None:
        try:
            raise KeyError("Zyxwv Name")
        except KeyError as error:
            raise ValueError("anna.keller@example.com said hunter2") from error

    app = observed(own, stdout)
    said = [harbour_tokens["vp"], *MARKS]
    with running(app) as address, httpx.Client(base_url=address) as client:
        headers = {"Authorization": f"Bearer {harbour_tokens['vp']}", "X-Request-ID": harbour_tokens["vp"]}
        for mark in said:
            client.get(f"/v1/reps/{mark}", params={"name": mark}, headers=headers)
            client.get(
                f"/{mark}", params={"token": mark}, headers={"Cookie": f"spm_session={mark}", "User-Agent": mark}
            )
            client.post("/v1/decisions", json={"rep_id": mark, mark: mark}, headers={**headers, "Referer": mark})
            client.request("PROPFIND", "/", headers={"X-Forwarded-For": mark})
            send_form(client, "/login", token=mark)
            log_in(client, harbour_tokens["vp"])
            client.get(f"/reps/{mark}")
        client.get("/v1/reps/r-101", headers={**headers, "X-Request-ID": "0123456789abcdef0123456789abcdef"})
        monkeypatch.setattr(PredictionStore, "periods", fails)
        assert client.get("/v1/periods", headers=headers).status_code == 500
    logging.getLogger("someone.else").error("cannot read %s of Zyxwv Name", "hunter2", extra={"who": "hunter2"})
    logging.getLogger("asyncio").error("gone", exc_info=ValueError("hunter2"))
    text = stdout.getvalue()
    lines = [json.loads(line) for line in text.splitlines()]
    found = [word for word in [*said, *(person.name for person in PEOPLE), "r-101", "127.0.0.1"] if word in text]
    assert not found, found
    requests = [line for line in lines if line["message"] == "request"]
    assert len(requests) == 7 * len(said) + 2
    assert all(set(line) == FIELDS for line in requests)
    with PredictionStore.open(own) as store:
        principal = store.credentials.principal_of_token(harbour_tokens["vp"])
    assert principal is not None
    who = {(line["route"], line["account_id"]) for line in requests}
    assert {("/v1/reps/{rep_id:path}", principal.account_id), ("/reps/{rep_id:path}", principal.account_id)} <= who
    assert ("unmatched", None) in who
    assert {line["method"] for line in requests} == {"GET", "POST", "OTHER"}
    assert len({line["request_id"] for line in requests}) == len(requests)
    assert requests[-2]["request_id"] == "0123456789abcdef0123456789abcdef"
    failed = next(line for line in lines if line["message"] == "a request failed")
    assert failed["request_id"] == requests[-1]["request_id"]
    assert requests[-1]["level"] == "ERROR"
    assert [line for line in failed["exc_info"].splitlines() if not line.startswith(" ")] == ["ValueError", "KeyError"]
    assert "test_serving_observing.py" in failed["exc_info"]
    withheld = [line for line in lines if line["message"] == "(message withheld)"]
    assert {line["logger"] for line in withheld} == {"someone.else", "asyncio"}


def test_text_says_the_same_to_people(own: Path, stdout: io.StringIO) -> None:
    app = observed(own, stdout, log={"format": "text"})
    with running(app) as address, httpx.Client(base_url=address) as client:
        client.get("/health/live")
    logging.getLogger("serving").info("started")
    assert re.search(r"INFO GET /health/live 200 [\d.]+ ms - [0-9a-f]{16}\n", stdout.getvalue())
    assert stdout.getvalue().endswith("INFO serving: started\n")


def test_every_route_is_named_by_its_template(own: Path, stdout: io.StringIO) -> None:
    app = observed(own, stdout, metrics={"enabled": True})
    asked = []
    with running(app) as address, httpx.Client(base_url=address) as client:
        for route in routes_of(app.routes):
            for method in sorted((route.methods or set()) - {"HEAD"}):
                client.request(method, re.sub(r"\{[^}]*\}", secrets.token_hex(4), route.path))
                asked.append(route.path)
    lines = [json.loads(line) for line in stdout.getvalue().splitlines()]
    assert [(line["message"], line.get("route")) for line in lines] == [("request", path) for path in asked]


async def ask(app: FastAPI, method: str, path: str) -> None:
    """Asks without a socket."""
    scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b""}

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        pass

    await app({**scope, "scheme": "http", "headers": [], "client": None, "server": ("x", 80)}, receive, send)


def sample(text: str, name: str) -> float:
    (value,) = re.findall(rf"^{re.escape(name)} (\S+)$", text, flags=re.MULTILINE)
    return float(value)


def test_metrics_count_by_route_and_strangers_make_no_labels(
    own: Path, stdout: io.StringIO, harbour_tokens: dict[str, str]
) -> None:
    app = observed(own, stdout, metrics={"enabled": True}, log={"requests": False})
    headers = {"Authorization": f"Bearer {harbour_tokens['vp']}"}
    with running(app) as address, httpx.Client(base_url=address) as client:
        decision = {"rep_id": "r-101", "program_id": "p-disco", "verdict": "accepted"}
        assert client.post("/v1/decisions", json=decision, headers=headers).status_code == 201
        for rep_id in ("r-101", "r-102", "r-999"):
            client.get(f"/v1/reps/{rep_id}", headers=headers)
        client.get("/v1/reps")
        before = client.get("/metrics").text
        for _ in range(1_000):
            asyncio.run(ask(app, secrets.choice(["GET", "POST", secrets.token_hex(4)]), f"/{secrets.token_urlsafe(8)}"))
        after = client.get("/metrics").text
    reps = 'method="GET",route="/v1/reps/{rep_id:path}"'
    assert sample(before, f'spm_requests_total{{{reps},status="2xx"}}') == 2
    assert sample(before, f'spm_requests_total{{{reps},status="4xx"}}') == 1
    assert sample(before, f"spm_request_seconds_count{{{reps}}}") == 3
    assert sample(before, 'spm_refused_total{status="401"}') == 1
    assert sample(before, "spm_requests_in_flight") == 1
    assert sample(before, "spm_store_up") == 1
    assert sample(before, "spm_batch_age_seconds") > 0
    assert sample(before, 'spm_decisions{verdict="accepted"}') == 1
    assert 'spm_build_info{python="' in before
    unknown = re.findall(r'^spm_requests_total\{.*route="unmatched".*\} (\S+)$', after, flags=re.MULTILINE)
    assert sum(map(float, unknown)) == 1_000
    assert len(unknown) <= 3
    assert len(after.splitlines()) - len(before.splitlines()) < 4 * 20  # three methods and /metrics itself
    for person in (*PEOPLE, *PRINCIPALS.values()):
        assert str(person) not in after


def test_metrics_are_for_listed_networks_and_only_where_they_are_switched_on(own: Path, stdout: io.StringIO) -> None:
    for settings in ({}, {"metrics": {"enabled": True, "networks": ["10.0.0.0/8"]}}):
        with running(observed(own, stdout, **settings)) as address, httpx.Client(base_url=address) as client:
            missing = client.get("/nowhere")
            asked = client.get("/metrics")
            assert asked.status_code == missing.status_code == 404
    with (
        running(observed(own, stdout, metrics={"enabled": True})) as address,
        httpx.Client(base_url=address) as client,
    ):
        assert client.get("/metrics").status_code == 200, stdout.getvalue()
        for header in ("X-Forwarded-For", "Forwarded", "Via"):
            assert client.get("/metrics", headers={header: "for=127.0.0.1"}).status_code == 404


def test_an_error_of_the_database_is_counted(own: Path, stdout: io.StringIO) -> None:
    app = observed(own, stdout, metrics={"enabled": True})
    with running(app) as address, httpx.Client(base_url=address) as client:
        assert sample(client.get("/metrics").text, "spm_store_errors_total") == 0
        own.write_bytes(b"no database" * 1_000)
        for name in ("own.db-wal", "own.db-shm"):
            own.with_name(name).unlink(missing_ok=True)
        app.state.store._engine.dispose()
        assert sample(client.get("/metrics").text, "spm_store_up") == 0
        assert sample(client.get("/metrics").text, "spm_store_errors_total") >= 1


def test_spans_carry_the_template_and_nothing_of_the_person(
    own: Path, stdout: io.StringIO, harbour_tokens: dict[str, str]
) -> None:
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    app = create_app(ServingSettings(store=str(own)))
    app.add_middleware(Observed, observers=[Traces.into(exporter, TelemetrySettings())])
    caller = f"00-{'a' * 32}-{'b' * 16}-01"
    with running(app) as address, httpx.Client(base_url=address) as client:
        headers = {"Authorization": f"Bearer {harbour_tokens['vp']}", "traceparent": caller, "baggage": "name=Zyxwv"}
        client.get("/v1/reps/r-101?name=hunter2", headers=headers)
        client.get("/anna.keller@example.com", headers={"traceparent": "00-hunter2"})
    known, unknown = exporter.get_finished_spans()
    assert known.name == "GET /v1/reps/{rep_id:path}"
    assert known.context is not None
    assert f"{known.context.trace_id:032x}" == "a" * 32
    assert unknown.name == "GET unmatched"
    assert unknown.parent is None
    assert set(known.attributes or {}) == {
        "http.request.method",
        "http.route",
        "http.response.status_code",
        "spm.request_id",
    }
    text = known.to_json() + unknown.to_json()
    assert not [word for word in (*MARKS, harbour_tokens["vp"], "Zyxwv", "r-101", "127.0.0.1") if word in text]


def test_telemetry_without_its_extra_says_what_to_install(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(ConfigurationError, match=r"spm-ml\[telemetry\]"):
        create_app(ServingSettings(store=str(own), telemetry=TelemetrySettings(enabled=True)))


def unready(store: Path, **settings: object) -> tuple[int, str]:
    with running(create_app(ServingSettings.model_validate({"store": str(store), **settings}))) as address:
        answer = httpx.get(f"{address}/health/ready")
        assert httpx.get(f"{address}/health/live").status_code == 200
    return answer.status_code, answer.json()["reason"]


def test_readiness_names_its_reason_and_the_process_lives_on(own: Path, tmp_path: Path) -> None:
    assert unready(own) == (200, None)
    assert unready(tmp_path / "empty.db") == (503, "no_batch")
    with closing(sqlite3.connect(own)) as store, store:
        store.execute("UPDATE batches SET created_at = '2020-01-01 00:00:00.000000'")
    assert unready(own, stale_after_days=30) == (503, "stale_batch")
    app = create_app(ServingSettings(store=str(own)))
    with running(app) as address:
        with closing(sqlite3.connect(own)) as store, store:
            store.execute("UPDATE alembic_version SET version_num = '9999'")
        assert httpx.get(f"{address}/health/ready").json()["reason"] == "store_revision"
        app.state.store.close()
        for name in ("own.db", "own.db-wal", "own.db-shm"):
            own.with_name(name).unlink(missing_ok=True)
        own.mkdir()
        gone = httpx.get(f"{address}/health/ready")
        assert (gone.status_code, gone.json()["reason"]) == (503, "store_unavailable")
        assert str(own) not in gone.text


def test_two_workers_share_one_port_and_their_metrics(own: Path) -> None:
    """The service as it is deployed: JSON on stdout, one sum of both workers, and an orderly end."""
    workspace = Workspace(own.parent)
    own.rename(workspace.predictions_database)
    (workspace.root / "serving.yaml").write_text("workers: 2\nmetrics: {enabled: true}\n", encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    # Not through `spm serve`, which also starts a process that imports MLflow.
    code = "from serving.run import serve; from spm_ml.settings import Workspace; from pathlib import Path; "
    code += f"serve(Workspace(Path({str(workspace.root)!r})), port={port})"
    server = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ}
    )
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}")
    try:
        deadline = time.monotonic() + 60
        asked = 0
        while time.monotonic() < deadline and asked < 20:
            try:
                assert client.get("/health/live", headers={"Connection": "close"}).status_code == 200
                asked += 1
            except httpx.TransportError:
                time.sleep(0.1)
        text = client.get("/metrics").text
        assert sample(text, 'spm_requests_total{method="GET",route="/health/live",status="2xx"}') == asked == 20
    finally:
        client.close()
        server.send_signal(signal.SIGTERM)
        out, err = server.communicate(timeout=30)
    lines = [json.loads(line) for line in out.splitlines()]
    assert len([line for line in lines if line.get("route") == "/health/live"]) == 20
    assert "Traceback" not in err
