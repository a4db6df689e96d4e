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
    app = create_app(ServingSettings.of_workspace(workspace))
    uvicorn.run(app, host=host, port=port, log_level="warning", server_header=False, date_header=True)
