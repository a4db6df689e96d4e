"""Starts the service for a workspace."""

import gc
import os
import tempfile
from functools import partial
from typing import Final

import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from serving.app import create_app
from serving.observing.logs import RequestLog, configure
from serving.protocol import PatientProtocol
from serving.settings import ServingSettings
from spm_ml.predictions import PredictionStore
from spm_ml.settings import Workspace

SHARED_METRICS: Final = "PROMETHEUS_MULTIPROC_DIR"
"""Names the folder through which several workers add up their metrics (a variable of prometheus_client)."""


def application(settings: ServingSettings) -> FastAPI:
    """The application as a process of its own runs it: it logs to stdout.

    Raises:
        ConfigurationError: The store cannot be opened.
    """
    configure(settings.log)
    app = create_app(settings, requests=RequestLog(settings.log) if settings.log.requests else None)
    # What is there by now stays: the collector of garbage need not look at it again with every few pages.
    gc.collect()
    gc.freeze()
    return app


def serve(workspace: Workspace, *, host: str = "127.0.0.1", port: int = 8000) -> None:
    """Serves a workspace until it is told to stop.

    Raises:
        ConfigurationError: The store or the organisation's settings cannot be used.
    """
    run(ServingSettings.of_workspace(workspace), host=host, port=port)


def run(settings: ServingSettings, *, host: str = "127.0.0.1", port: int = 8000) -> None:
    """Serves under these settings until it is told to stop.

    Raises:
        ConfigurationError: The store cannot be used.
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
    if not several:
        uvicorn.Server(config).run()
        return
    configure(settings.log)
    PredictionStore.open(settings.store).close()  # what is wrong with it is said once, and it is migrated once
    with tempfile.TemporaryDirectory(prefix="spm-metrics-") as folder:
        os.environ[SHARED_METRICS] = folder
        Multiprocess(config, sockets=[config.bind_socket()]).run()
