"""A load client in a process of its own: keep-alive connections, each with one request under way.

It writes ready-made bytes to sockets and reads answers by their Content-Length, so that it costs much less than what it
measures.
"""

import asyncio
import itertools
import os
import time
from array import array
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import cast

import uvloop


@dataclass(frozen=True)
class Load:
    """What a client saw.

    Attributes:
        seconds: From the first request to the last answer.
        latencies: Of each answered request, seconds.
        statuses: How often each HTTP status came.
    """

    seconds: float
    latencies: "array[float]"
    statuses: dict[int, int] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.seconds


def request(
    path: str, *, method: str = "GET", headers: dict[str, str] | None = None, body: bytes | None = None
) -> bytes:
    """A request as it goes over the wire."""
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: 127.0.0.1",
        *(f"{name}: {text}" for name, text in (headers or {}).items()),
    ]
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


class Client:
    """Sends load from its own process."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool

    def send(
        self, port: int, requests: Sequence[bytes], *, connections: int, seconds: float = 60.0, most: int | None = None
    ) -> Load:
        """Sends the requests over and over until the time is up, or `most` are answered.

        Raises:
            ConnectionError: The server closed a connection or never took one.
        """
        return self._pool.submit(_drive, port, requests, connections, seconds, most).result()


@contextmanager
def client(core: int | None) -> Iterator[Client]:
    """A client process, on one core if it is named."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_pin, initargs=(core,)) as pool:
        yield Client(pool)


def _pin(core: int | None) -> None:
    if core is not None:
        os.sched_setaffinity(0, {core})


def _drive(port: int, requests: Sequence[bytes], connections: int, seconds: float, most: int | None) -> Load:
    return uvloop.run(_load(port, requests, connections, seconds, most))


async def _load(port: int, requests: Sequence[bytes], connections: int, seconds: float, most: int | None) -> Load:
    loop = asyncio.get_running_loop()
    run = _Run(itertools.cycle(requests), most)
    opened = [await loop.create_connection(lambda: _Connection(run), "127.0.0.1", port) for _ in range(connections)]
    started = time.perf_counter()
    run.until = started + seconds
    for _, connection in opened:
        connection.ask()
    await asyncio.gather(*(connection.done for _, connection in opened))
    ended = time.perf_counter()
    for transport, _ in opened:
        transport.close()
    return Load(ended - started, run.latencies, run.statuses)


class _Run:
    """What the connections share."""

    def __init__(self, requests: Iterator[bytes], most: int | None) -> None:
        self.requests = requests
        self.left = most
        self.until = 0.0
        self.latencies: array[float] = array("d")
        self.statuses: dict[int, int] = {}


class _Connection(asyncio.Protocol):
    def __init__(self, run: _Run) -> None:
        self._run = run
        self._transport: asyncio.Transport
        self._head = b""
        self._missing = -1  # bytes of the body; -1: the head is not complete
        self._asked = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one without being a subclass

    def ask(self) -> None:
        """Sends the next request, unless it is time to stop."""
        run, now = self._run, time.perf_counter()
        if now >= run.until or run.left == 0:
            self.done.set_result(None)
            return
        if run.left is not None:
            run.left -= 1
        self._asked = now
        self._transport.write(next(run.requests))

    def data_received(self, data: bytes) -> None:
        if self._missing < 0:
            data = self._head + data
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self._head = data
                return
            self._head = b""
            head = data[:end].lower()
            status = int(head[9:12])
            self._run.statuses[status] = self._run.statuses.get(status, 0) + 1
            at = head.index(b"\r\ncontent-length:") + 17
            stop = head.find(b"\r\n", at)
            self._missing = int(head[at : stop if stop >= 0 else end])
            data = data[end + 4 :]
        self._missing -= len(data)
        if self._missing == 0:
            self._missing = -1
            self._run.latencies.append(time.perf_counter() - self._asked)
            self.ask()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("the server closed a connection"))
