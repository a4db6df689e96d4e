"""Clients that send the head of a request slowly, endlessly or never."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from serving.protocol import MOST_HEAD_BYTES, PatientProtocol

HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"


class Hurried(PatientProtocol):
    head_seconds = 0.4


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    async def hello(_request: object) -> PlainTextResponse:
        return PlainTextResponse("hello")

    app = Starlette(routes=[Route("/", hello, methods=["GET", "POST"])])
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical", http=Hurried, ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def line(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        yield connection


def rest_of(line: socket.socket) -> bytes:
    """Everything until the service closes the connection."""
    parts = []
    try:
        while part := line.recv(65_536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


@pytest.mark.parametrize("sent", [b"", b"GET", HEAD, HEAD + b"X-Slow: "])
def test_a_head_that_does_not_come_is_given_up(line: socket.socket, sent: bytes) -> None:
    line.sendall(sent)
    assert rest_of(line).startswith(b"HTTP/1.1 408 ")


def test_a_head_that_drips_is_given_up(line: socket.socket) -> None:
    started = time.monotonic()
    line.sendall(HEAD)
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        drip(line)
    assert time.monotonic() - started < 5


def drip(line: socket.socket) -> None:
    for _ in range(250):
        line.sendall(b"X-A: b\r\n")
        time.sleep(0.02)


@pytest.mark.parametrize("piece", [b"X-A: b\r\n", b"x"], ids=["many headers", "one header"])
def test_an_endless_head_is_refused(line: socket.socket, piece: bytes) -> None:
    line.sendall(HEAD + b"X-Long: ")
    try:
        for _ in range(8):
            line.sendall(piece * (MOST_HEAD_BYTES // 4 // len(piece)))
    except OSError:
        return  # closed on us already
    assert rest_of(line)[:13] in (b"HTTP/1.1 431 ", b"")


def test_whoever_is_quick_notices_nothing(line: socket.socket) -> None:
    for _ in range(3):
        line.sendall(HEAD + b"\r\n")
        answer = line.recv(65_536)
        while b"hello" not in answer:
            answer += line.recv(65_536)
        assert answer.startswith(b"HTTP/1.1 200 ")
        time.sleep(0.5)  # longer than a head may take: between two requests nobody is in a hurry
    body = b"x" * 3 * MOST_HEAD_BYTES
    line.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    assert b"hello" in rest_of(line)
