"""Bodies that are too large or too slow, and the headers on every answer."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from serving.middleware import SECURITY_HEADERS
from tests.web import served


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
    assert chunked.json()["title"]
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
