"""The engine that somebody names, with what it needs installed."""

import os
import shutil
from importlib.util import find_spec
from typing import Final, Literal

from spm_ml.errors import ConfigurationError
from spm_ml.history.engines.engine import Engine

EngineName = Literal["duckdb", "postgresql", "spark"]
URL_VARIABLE: Final = "SPM_ENGINE_URL"
"""Names the database or the cluster where no option does; a password belongs here, not into a command line."""


def engine_named(name: EngineName, url: str | None = None, *, threads: int = 2) -> Engine:
    """Opens an engine.

    Args:
        name: `duckdb` is embedded; `postgresql` and `spark` are somebody's own.
        url: `postgresql://user@host:5432/database`, or a Spark master (default: `local[2]`); else `SPM_ENGINE_URL`.
        threads: Threads that the embedded engine may use.

    Raises:
        ConfigurationError: A package or Java is missing, no database is named, or it cannot be reached.
    """
    url = url or os.environ.get(URL_VARIABLE) or None
    if name == "postgresql":
        _require("psycopg", "postgresql")
        if url is None:
            raise ConfigurationError(
                f"no database is named for the engine postgresql: give --engine-url or set {URL_VARIABLE} to "
                "postgresql://user@host:5432/database"
            )
        from spm_ml.history.engines.on_postgresql import PostgreSQLEngine

        return PostgreSQLEngine(url)
    if name == "spark":
        _require("pyspark", "spark")
        if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
            raise ConfigurationError("Spark needs Java 17 or newer: install it, or set JAVA_HOME")
        from spm_ml.history.engines.on_spark import SparkEngine

        return SparkEngine(url or "local[2]")
    from spm_ml.history.engines.on_duckdb import DuckDBEngine

    return DuckDBEngine(threads)


def _require(package: str, extra: str) -> None:
    if find_spec(package) is None:
        raise ConfigurationError(f"the engine {extra} needs the package {package}: pip install 'spm-ml[{extra}]'")
