"""A lock that goes with its process: one ingest, one refresh at a time, and nothing to clear away after a kill."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from spm_ml.errors import BusyError, DataError


@contextmanager
def only_one(lock: Path, *, what: str) -> Iterator[None]:
    """Keeps every other process out that asks for the same lock.

    Args:
        lock: File that holds it; its folder is made.
        what: What runs under it, for messages, such as `ingest`.

    Raises:
        BusyError: Another one is running.
        DataError: The folder cannot be written.
    """
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(lock, timeout=0, isolation_level=None)
    except (OSError, sqlite3.OperationalError) as error:
        raise DataError(f"{lock.parent} cannot be written: {error}") from error
    with closing(connection):
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            raise BusyError(f"another {what} is at work in {lock.parent}: wait until it has ended") from error
        yield
