"""Brings a store's tables to the version this program needs; the scripts travel inside the package."""

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, inspect, text

from spm_ml.errors import ConfigurationError
from spm_ml.predictions.engine import reading, writing

HEAD: Final = "0014"
"""The newest revision, written here so that opening a store that has it need not import Alembic."""


def current_revision(connection: Connection) -> str | None:
    """The revision of the store's tables; None for an empty store."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return revision


def migrate(engine: Engine) -> None:
    """Upgrades the store to `HEAD`; does nothing if it is there.

    Raises:
        ConfigurationError: A newer spm-ml wrote the store.
    """
    with reading(engine) as connection:
        if current_revision(connection) == HEAD:
            return
    with writing(engine, alone=False) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL lock_timeout = 0"))  # another process may migrate for long
            connection.execute(text("SELECT pg_advisory_xact_lock(742019)"))
        if current_revision(connection) != HEAD:  # another process may have been first
            change_to(connection, HEAD)


def change_to(connection: Connection, revision: str) -> None:
    """Upgrades or downgrades the tables to a revision (`base`: none) inside the connection's transaction.

    Raises:
        ConfigurationError: The store's revision is unknown to this program.
    """
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory
    from alembic.script.revision import ResolutionError
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("path_separator", "os")
    config.set_main_option("script_location", str(Path(__file__).parent))
    script = ScriptDirectory.from_config(config)
    current = current_revision(connection)
    # Without an env.py, which would do work at import: the two calls below are what `alembic upgrade` runs.
    upwards = revision != "base" and (current is None or current < revision)
    steps = script._upgrade_revs if upwards else script._downgrade_revs
    try:
        with EnvironmentContext(config, script, fn=lambda version, _context: steps(revision, version)) as environment:
            environment.configure(connection=connection)
            environment.run_migrations()
    except (CommandError, ResolutionError) as error:
        raise ConfigurationError(
            f"the prediction store has revision {current!r}, which this version of spm-ml does not know; "
            f"it was written by a newer one: upgrade spm-ml or open another store"
        ) from error
