"""Starts the service for a workspace."""

import uvicorn

from serving.app import create_app
from serving.settings import ServingSettings
from spm_ml.settings import Workspace


def serve(workspace: Workspace, *, host: str = "127.0.0.1", port: int = 8000) -> None:
    """Serves a workspace until it is told to stop.

    Raises:
        ConfigurationError: The store or the organisation's settings cannot be used.
    """
    run(ServingSettings.of_workspace(workspace), host=host, port=port)


def run(settings: ServingSettings, *, host: str = "127.0.0.1", port: int = 8000) -> None:
    """Serves under these settings until it is told to stop: one process, one event loop.

    Raises:
        ConfigurationError: The store cannot be used.
    """
    uvicorn.run(
        create_app(settings),
        host=host,
        port=port,
        loop="auto",  # uvloop, where it can be installed
        http="httptools",
        ws="none",
        access_log=False,
        log_level="warning",
        server_header=False,
        date_header=True,
    )
