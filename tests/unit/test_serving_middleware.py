"""Bodies that are too large or too slow, and the headers on every answer."""

import re
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from serving.app import create_app
from serving.middleware import SECURITY_HEADERS
from serving.settings import ServingSettings
from spm_ml.predictions.credentials import Credentials
from tests.authorisation import routes_of
from tests.prediction_world import issue_tokens
from tests.web import log_in, running, served


@pytest.fixture(scope="module")
def client(harbour_file: Path) -> Iterator[httpx.Client]:
    with served(harbour_file, max_body_bytes=2_048, body_seconds=0.5) as opened:
        yield opened


@pytest.mark.parametrize("path", ["/v1/decisions", "/login", "/nowhere"])
def test_a_large_body_is_refused_whether_its_length_is_said_or_not(client: httpx.Client, path: str) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(50):
            yield b"x" * 1_000

    assert client.post(path, content=b"x" * 2_049).status_code == 413
    chunked = client.post(path, content=chunks())
    assert chunked.status_code == 413
    assert chunked.json()["title"] if path.startswith("/v1/") else "<h1>" in chunked.text
    assert client.post(path, content=b"x" * 2_048).status_code != 413


def test_a_slow_body_is_given_up(client: httpx.Client) -> None:
    address = urlsplit(str(client.base_url))
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(b"POST /v1/decisions HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
        started = time.monotonic()
        assert connection.recv(100).startswith(b"HTTP/1.1 408")
        assert time.monotonic() - started < 5


def test_a_client_that_hangs_up_harms_nobody(client: httpx.Client) -> None:
    address = urlsplit(str(client.base_url))
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
    assert client.get("/health/live").status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/login"),
        ("GET", "/nowhere"),
        ("GET", "/v1/reps"),
        ("POST", "/login"),
        ("GET", "/"),
        ("GET", "/health/live"),
    ],
)
def test_every_answer_carries_the_security_headers(client: httpx.Client, method: str, path: str) -> None:
    answer = client.request(method, path)
    for name, value in SECURITY_HEADERS.items():
        assert answer.headers[name] == value
    assert answer.headers["cache-control"] == "no-store"
    assert "server" not in answer.headers
    assert "unsafe" not in answer.headers["content-security-policy"]


def test_a_refused_body_carries_them_too(client: httpx.Client) -> None:
    assert client.post("/login", content=b"x" * 5_000).headers["x-content-type-options"] == "nosniff"


def test_pages_are_compressed_for_those_who_can_read_it(client: httpx.Client) -> None:
    asked = client.get("/v1/openapi.json", headers={"Accept-Encoding": "gzip"})
    assert asked.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in client.get("/v1/openapi.json", headers={"Accept-Encoding": "identity"}).headers


def test_https_is_insisted_on_where_it_is_used(harbour_file: Path) -> None:
    with served(harbour_file, secure_cookies=True) as client:
        assert "max-age" in client.get("/login").headers["strict-transport-security"]


@pytest.mark.parametrize("principal", [None, "vp"])
def test_every_route_carries_them_whatever_it_answers(
    harbour_file: Path, tmp_path: Path, principal: str | None
) -> None:
    shutil.copy(harbour_file, tmp_path / "own.db")
    tokens = issue_tokens(tmp_path / "own.db")
    app = create_app(ServingSettings(store=str(tmp_path / "own.db"), secure_cookies=True))
    addresses = {("GET", "/nowhere"), ("PROPFIND", "/"), ("GET", "/login/")}
    for route in routes_of(app.routes):
        filled = re.sub(r"\{[^}]*\}", "r-101", route.path)
        addresses |= {(method, filled) for method in (*(route.methods or ()), "DELETE", "POST")}
    statuses = set()
    with running(app) as address, httpx.Client(base_url=address) as client:
        headers = {"Authorization": f"Bearer {tokens[principal]}"} if principal else {}
        if principal:
            headers["Cookie"] = log_in(client, tokens[principal]).headers["set-cookie"].split(";")[0]
        for method, path in sorted(addresses, key=lambda one: one[1] == "/logout"):
            answer = client.request(method, path, headers=headers)
            statuses.add(answer.status_code)
            for name, value in SECURITY_HEADERS.items():
                assert answer.headers[name] == value, (method, path, name)
            assert "max-age=31536000" in answer.headers["strict-transport-security"]
            assert "server" not in answer.headers
            for cookie in answer.headers.get_list("set-cookie"):
                assert cookie.startswith("__Host-"), (method, path)
                assert all(part in cookie for part in ("Secure", "HttpOnly", "Path=/", "SameSite=lax"))
    assert {200, 303, 404, 405} <= statuses if principal else {401, 303, 404, 405} <= statuses


def test_what_nobody_foresaw_carries_them_too(harbour_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_credentials: Credentials, _secret: str) -> None:
        raise ValueError("secret words")

    monkeypatch.setattr(Credentials, "principal_of_token", fails)
    monkeypatch.setattr(Credentials, "principal_of_session", fails)
    with served(harbour_file) as client:
        program = client.get("/v1/reps", headers={"Authorization": "Bearer x"})
        person = client.get("/", headers={"Cookie": "spm_session=x"})
    assert program.headers["content-type"] == "application/problem+json"
    assert person.headers["content-type"].startswith("text/html")
    for answer in (program, person):
        assert answer.status_code == 500
        assert "secret words" not in answer.text
        assert answer.headers.items() >= {(name.lower(), value) for name, value in SECURITY_HEADERS.items()}
