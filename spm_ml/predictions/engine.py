"""Connections to the operational store: one snapshot a read, one immediate transaction a write."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DBAPIError,
    InterfaceError,
    NoSuchModuleError,
    OperationalError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from spm_ml.errors import ConfigurationError, SpmError

_WRITES = "spm_writes"
_BUSY_SECONDS = 15
_CONNECT_SECONDS = 5
_SQLITE_ERROR = 1  # a wrong statement
_SQLITE_FULL = 13
_POSTGRESQL_FULL = "53100"


class StoreUnavailableError(SpmError):
    """The database is locked, full, broken or away: what was asked for was not done, unless a commit went unanswered.

    Attributes:
        said: What the database said of it.
        full: There is no room left.
        lost: The connection broke, so that a read may be tried again at once.
    """

    def __init__(self, said: str, *, full: bool = False, lost: bool = False) -> None:
        super().__init__(f"the prediction store does not answer: {said}; check that it is up, unlocked and has room")
        self.said = said
        self.full = full
        self.lost = lost


def connect(target: Path | str) -> Engine:
    """Gives the engine for a SQLite file, or for a URL such as `postgresql+psycopg://…`.

    Raises:
        ConfigurationError: The folder cannot be made, or the URL or its driver is unknown.
    """
    text = str(target)
    try:
        if "://" in text and not text.startswith("sqlite"):
            engine = create_engine(
                text,
                isolation_level="REPEATABLE READ",
                pool_pre_ping=True,
                pool_timeout=_BUSY_SECONDS,
                connect_args={"connect_timeout": _CONNECT_SECONDS},
            )
            event.listen(engine, "connect", _prepare_server)
            return engine
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


def _prepare_server(connection: Any, _record: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = '{_BUSY_SECONDS}s'")
    connection.commit()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    # A deferred transaction that turns into a write can fail at once on a busy database; an immediate one waits.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def reading(target: Engine | Connection) -> Iterator[Connection]:
    """One snapshot: everything read inside belongs to the same committed state; that of an open transaction is used.

    Raises:
        StoreUnavailableError: The database does not answer.
    """
    if isinstance(target, Connection):
        yield target
        return
    with answering(), target.connect() as connection:
        yield connection


@contextmanager
def writing(target: Engine | Connection, *, alone: bool = True) -> Iterator[Connection]:
    """One transaction that may write; committed when the block ends without an error.

    Args:
        target: The engine of the store, or the connection of a writing transaction that the block becomes a part of.
        alone: No other such transaction runs meanwhile, on either database: what is read to append to stays true, and
            the audit's lines are chained in one order. Staging a batch and making tables do without, for they append
            to nothing and take long. SQLite's writing transactions exclude each other anyway.

    Raises:
        StoreUnavailableError: The database does not answer, is locked for too long, or has no room left.
    """
    if isinstance(target, Connection):
        with _within(target):
            yield target
        return
    with answering(), target.connect().execution_options(**{_WRITES: True}) as connection, connection.begin():
        if alone and connection.dialect.name == "postgresql":
            # The first statement: the first read freezes what the transaction sees.
            connection.exec_driver_sql("LOCK TABLE audit IN SHARE ROW EXCLUSIVE MODE")
        yield connection


def overwrite_what_is_deleted(connection: Connection) -> None:
    """From now on SQLite overwrites what is deleted in the connection; elsewhere the server's VACUUM sees to it."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete = ON")


@contextmanager
def _within(connection: Connection) -> Iterator[None]:
    """A part of an open transaction, taken back alone if it fails, unless the database gave up the whole of it."""
    part = connection.begin_nested()
    try:
        with answering():
            yield
    except StoreUnavailableError:  # SQLite keeps no savepoint once its disk is full
        raise
    except BaseException:
        part.rollback()
        raise
    part.commit()


@contextmanager
def answering() -> Iterator[None]:
    """Tells a database that is locked, full, broken or away from a wrong statement.

    Raises:
        StoreUnavailableError: It is one of these; every other error goes on as it is.
    """
    try:
        yield
    except PoolTimeoutError as error:
        raise StoreUnavailableError("every connection is in use") from error
    except DBAPIError as error:
        if not _is_away(error):
            raise
        orig = error.orig
        code = getattr(orig, "sqlite_errorcode", 0) & 0xFF
        full = code == _SQLITE_FULL or getattr(orig, "sqlstate", None) == _POSTGRESQL_FULL
        said = (str(orig).splitlines() or [type(orig).__name__])[0]
        raise StoreUnavailableError(said, full=full, lost=error.connection_invalidated) from error


def _is_away(error: DBAPIError) -> bool:
    if error.connection_invalidated or isinstance(error, InterfaceError):
        return True
    if isinstance(error, OperationalError):
        return getattr(error.orig, "sqlite_errorcode", 0) != _SQLITE_ERROR
    return type(error) is DatabaseError  # what SQLite says of a broken file
