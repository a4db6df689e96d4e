"""Connections to the operational store: one snapshot a read, one immediate transaction a write."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from spm_ml.errors import ConfigurationError

_WRITES = "spm_writes"
_BUSY_SECONDS = 15


def connect(target: Path | str) -> Engine:
    """Gives the engine for a SQLite file, or for a URL such as `postgresql+psycopg://…`.

    Raises:
        ConfigurationError: The folder cannot be made, or the URL or its driver is unknown.
    """
    text = str(target)
    try:
        if "://" in text and not text.startswith("sqlite"):
            return create_engine(text, isolation_level="REPEATABLE READ", pool_pre_ping=True)
        path = Path(text.removeprefix("sqlite:///"))
        path.parent.mkdir(parents=True, exist_ok=True)
        # The file holds personal data; SQLite gives its -wal and -shm files the same mode.
        path.touch(mode=0o600, exist_ok=True)
        engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": _BUSY_SECONDS})
    except OSError as error:
        raise ConfigurationError(
            f"the prediction store {text} cannot be made: {error.strerror}; check the path"
        ) from error
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise ConfigurationError(
            f"the prediction store cannot be opened: {error}; give a path, or a URL whose driver is installed"
        ) from error
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # The driver's own transaction handling would not open a snapshot for reads; `_begin_sqlite` does.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "foreign_keys=ON", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    # A deferred transaction that turns into a write can fail at once on a busy database; an immediate one waits.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def reading(target: Engine | Connection) -> Iterator[Connection]:
    """One snapshot: everything read inside belongs to the same committed state; that of an open transaction is used."""
    if isinstance(target, Connection):
        yield target
        return
    with target.connect() as connection:
        yield connection


@contextmanager
def writing(target: Engine | Connection, *, alone: bool = True) -> Iterator[Connection]:
    """One transaction that may write; committed when the block ends without an error.

    Args:
        target: The engine of the store, or the connection of a writing transaction that the block becomes a part of.
        alone: No other such transaction runs meanwhile, on either database: what is read to append to stays true, and
            the audit's lines are chained in one order. Staging a batch and making tables do without, for they append
            to nothing and take long. SQLite's writing transactions exclude each other anyway.
    """
    if isinstance(target, Connection):
        with target.begin_nested():
            yield target
        return
    with target.connect().execution_options(**{_WRITES: True}) as connection, connection.begin():
        if alone and connection.dialect.name == "postgresql":
            # The first statement: the first read freezes what the transaction sees.
            connection.exec_driver_sql("LOCK TABLE audit IN SHARE ROW EXCLUSIVE MODE")
        yield connection


def is_reachable(engine: Engine) -> bool:
    """Whether the database answers."""
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("SELECT 1")
    except SQLAlchemyError:
        return False
    return True
