"""Starts the service for a workspace."""

import gc
import os
import socket as sockets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from serving.app import create_app
from serving.observing.logs import RequestLog, configure
from serving.protocol import PatientProtocol
from serving.settings import ServingSettings
from spm_ml.errors import ConfigurationError
from spm_ml.predictions import PredictionStore
from spm_ml.settings import Workspace

SHARED_METRICS: Final = "PROMETHEUS_MULTIPROC_DIR"
"""Names the folder through which several workers add up their metrics (a variable of prometheus_client)."""

_BACKLOG: Final = 2_048


def application(settings: ServingSettings) -> FastAPI:
    """The application as a process of its own runs it: it logs to stdout.

    Raises:
        ConfigurationError: The store cannot be opened.
    """
    configure(settings.log, tenant=settings.tenant)
    requests = RequestLog(settings.log, tenant=settings.tenant) if settings.log.requests else None
    app = create_app(settings, requests=requests)
    # What is there by now stays: the collector of garbage need not look at it again with every few pages.
    gc.collect()
    gc.freeze()
    return app


def serve(workspace: Workspace, *, host: str = "127.0.0.1", port: int = 8000, socket: Path | None = None) -> None:
    """Serves a workspace until it is told to stop.

    Raises:
        ConfigurationError: The store or the organisation's settings cannot be used, or the socket is another's.
    """
    run(ServingSettings.of_workspace(workspace), host=host, port=port, socket=socket)


def run(settings: ServingSettings, *, host: str = "127.0.0.1", port: int = 8000, socket: Path | None = None) -> None:
    """Serves under these settings until it is told to stop.

    Args:
        settings: What the operator decided.
        host: Address to listen on.
        port: Port to listen on.
        socket: A Unix socket to listen on instead of an address.

    Raises:
        ConfigurationError: The store cannot be used, or the socket is another's.
    """
    made = partial(application, settings)
    several = settings.workers > 1
    config = uvicorn.Config(
        made if several else made(),
        factory=several,
        host=host,
        port=port,
        workers=settings.workers,
        timeout_worker_healthcheck=60,  # a worker that is still importing on a busy machine is not dead
        loop="auto",  # uvloop, where it can be installed
        http=PatientProtocol,
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=True,
        # The connection's address decides who is a trusted proxy and who may read metrics: no header may change it.
        proxy_headers=False,
        ws="none",
    )
    with _listening(socket) as listening:
        if not several:
            uvicorn.Server(config).run(sockets=listening)
            return
        configure(settings.log, tenant=settings.tenant)
        # What is wrong with it is said once, and it is migrated once.
        PredictionStore.open(settings.store, tenant=settings.tenant).close()
        with tempfile.TemporaryDirectory(prefix="spm-metrics-") as folder:
            os.environ[SHARED_METRICS] = folder
            Multiprocess(config, sockets=listening or [config.bind_socket()]).run()


@contextmanager
def _listening(path: Path | None) -> Iterator[list[sockets.socket] | None]:
    """A Unix socket for its owner and group, in place of what a process that died left behind; None without a path.

    Raises:
        ConfigurationError: A running service listens there, something else is there, or it cannot be made.
    """
    if path is None:
        yield None
        return
    if path.exists() and not path.is_socket():
        raise ConfigurationError(f"{path} is there and is no socket: name another path")
    with sockets.socket(sockets.AF_UNIX) as probe, sockets.socket(sockets.AF_UNIX) as own:
        if path.is_socket() and probe.connect_ex(str(path)) == 0:
            raise ConfigurationError(f"a running service listens on {path}: stop it, or name another path")
        path.unlink(missing_ok=True)
        before = os.umask(0o117)
        try:
            own.bind(str(path))
        except OSError as error:
            raise ConfigurationError(f"the socket {path} cannot be made: {error.strerror or error}") from error
        finally:
            os.umask(before)
        own.listen(_BACKLOG)
        try:
            yield [own]
        finally:
            path.unlink(missing_ok=True)
