"""MLflow's own noise and failures, turned into silence and into errors of ours."""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlsplit

from spm_ml.errors import ConfigurationError

_SETTINGS: Final = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
"""Set before MLflow is imported, unless the environment says otherwise."""


def without_password(uri: str) -> str:
    """The address without who logs in there and how.

    >>> without_password("https://ida:secret@registry.example/mlflow")
    'https://registry.example/mlflow'
    """
    parts = urlsplit(uri)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl() if parts.netloc else uri


@contextmanager
def mlflow_quiet(uri: str) -> Iterator[None]:
    """Keeps MLflow's own notices off the user's screen and turns its failures into ours."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow itself warns about its dependencies; nobody here can act on it
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError

        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.ERROR)
        try:
            yield
        except (MlflowException, SQLAlchemyError) as error:
            said = str(error).splitlines()[0].rstrip(".").replace(uri, without_password(uri))
            raise ConfigurationError(
                f"MLflow at {without_password(uri)} answered: {said}. Check that MLFLOW_TRACKING_URI names a running "
                "server, or unset it to use the workspace's own database"
            ) from error
