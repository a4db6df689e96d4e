"""The web application on a real socket, in a thread of the test."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx
import uvicorn
from bs4 import BeautifulSoup
from fastapi import FastAPI

from serving.app import create_app
from serving.settings import ServingSettings

UNLIMITED: Final = {"enabled": False}
"""Tests ask faster than people do; those of the limits switch them on."""


@contextmanager
def running(app: FastAPI) -> Iterator[str]:
    """Serves the application until the block ends; gives its address."""
    config = uvicorn.Config(
        app, port=0, log_level="critical", ws="none", server_header=False, proxy_headers=False
    )  # as `serving.run` does
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the service did not start"
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)


@contextmanager
def served(store: Path | str, **settings: object) -> Iterator[httpx.Client]:
    """A client of the application over a store."""
    app = create_app(ServingSettings.model_validate({"store": str(store), "limits": UNLIMITED, **settings}))
    with running(app) as address, httpx.Client(base_url=address, timeout=30) as client:
        yield client


def log_in(client: httpx.Client, token: str) -> httpx.Response:
    """Sends the login form as a browser would."""
    client.cookies.clear()
    return send_form(client, "/login", token=token)


def send_form(client: httpx.Client, path: str, **fields: str) -> httpx.Response:
    """Sends a form from one of our own pages."""
    return client.post(path, data=fields, headers={"Sec-Fetch-Site": "same-origin"})


def parsed(response: httpx.Response) -> BeautifulSoup:
    """The page as a tree."""
    assert response.headers["content-type"].startswith("text/html"), response.text[:300]
    return BeautifulSoup(response.text, "html.parser")
