"""A mirror of the records that were fetched, beside the export files that are made from it.

One SQLite file. The records of a page and how far the pass has come are one transaction, so a killed fetch goes on
after the last whole page, and a page that arrives twice changes nothing.
"""

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from spm_ml.errors import DataError

Content = Mapping[str, Any]

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS records (
    object TEXT NOT NULL, id TEXT NOT NULL, parent TEXT, content TEXT NOT NULL, deleted INTEGER NOT NULL,
    seen INTEGER NOT NULL, PRIMARY KEY (object, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS passes (object TEXT PRIMARY KEY, content TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Record:
    """One record of an object.

    Attributes:
        id: Of the record.
        content: Its fields; of a deleted one nothing is kept.
        deleted: It is deleted in the source.
        parent: The record without which it says nothing.
    """

    id: str
    content: Content
    deleted: bool = False
    parent: str | None = None


@dataclass(frozen=True)
class Pass:
    """One run through the records of an object.

    Attributes:
        number: 1 for the first.
        fields: That are fetched.
        since: Only what changed from this moment on (ISO 8601); None: everything.
        position: How far it has come, as the source says it.
        floor: Whatever changed before this was seen by it; the next pass begins here.
        ended: When it ended (ISO 8601); None: not yet.
    """

    number: int
    fields: tuple[str, ...]
    since: str | None = None
    position: tuple[str, ...] | None = None
    floor: str | None = None
    ended: str | None = None


class Mirror:
    """The records of one source.

    Args:
        connection: SQLite database.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def last_pass(self, name: str) -> Pass | None:
        """The newest pass over an object, ended or not."""
        row = self._connection.execute("SELECT content FROM passes WHERE object = ?", (name,)).fetchone()
        if row is None:
            return None
        said = json.loads(row[0])
        position = said["position"]
        return Pass(
            said["number"],
            tuple(said["fields"]),
            said["since"],
            None if position is None else tuple(position),
            said["floor"],
            said["ended"],
        )

    def take(self, name: str, records: Iterable[Record], reached: Pass, *, also: Mapping[str, list[Record]]) -> int:
        """Keeps a page and how far the pass has come with it, both or neither.

        Args:
            name: Of the object.
            records: Of the page.
            reached: The pass after it.
            also: Records of other objects that came with the page.

        Returns:
            How many records the page had.
        """
        count = 0
        with self._connection:
            for each, rows in ((name, records), *also.items()):
                for record in rows:
                    content = "{}" if record.deleted else json.dumps(record.content, separators=(",", ":"))
                    self._connection.execute(
                        "INSERT INTO records VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (object, id) DO UPDATE SET "
                        "parent = excluded.parent, content = excluded.content, deleted = excluded.deleted, "
                        "seen = excluded.seen",
                        (each, record.id, record.parent, content, record.deleted, reached.number),
                    )
                    count += each == name
            self._write_pass(name, reached)
        return count

    def end(self, name: str, ended: Pass, *, sweep: bool) -> int:
        """Ends a pass.

        Args:
            name: Of the object.
            ended: The pass.
            sweep: Records that it did not meet are gone from the source, and from here.

        Returns:
            How many went.
        """
        moment = datetime.now(UTC).isoformat(timespec="seconds")
        with self._connection:
            gone = 0
            if sweep:
                gone = self._connection.execute(
                    "DELETE FROM records WHERE object = ? AND seen < ?", (name, ended.number)
                ).rowcount
            self._write_pass(name, replace(ended, position=None, ended=moment))
        return gone

    def forget(self, name: str, ids: Iterable[str]) -> None:
        """Drops records that are gone from the source for good."""
        with self._connection:
            self._connection.executemany(
                "DELETE FROM records WHERE object = ? AND id = ?", ((name, each) for each in ids)
            )

    def forget_orphans(self, name: str, parents: str) -> None:
        """Drops records whose parent is not even known as deleted."""
        with self._connection:
            self._connection.execute(
                "DELETE FROM records WHERE object = ? AND parent NOT IN (SELECT id FROM records WHERE object = ?)",
                (name, parents),
            )

    def deleted(self, name: str) -> set[str]:
        """Records that are deleted in the source."""
        rows = self._connection.execute("SELECT id FROM records WHERE object = ? AND deleted", (name,))
        return {row[0] for row in rows}

    def live(self, name: str, *, parents: str | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
        """Id and content of each record that is there, by id; with `parents` only where the parent is there too."""
        known = "AND parent IN (SELECT id FROM records WHERE object = ? AND NOT deleted)" if parents else ""
        rows = self._connection.execute(
            f"SELECT id, content FROM records WHERE object = ? AND NOT deleted {known} ORDER BY id",  # noqa: S608
            (name, *([parents] if parents else [])),
        )
        return ((row[0], json.loads(row[1])) for row in rows)

    def values(self, name: str, field: str) -> set[Any]:
        """What the records that are there say in a field."""
        rows = self._connection.execute(
            "SELECT DISTINCT json_extract(content, ?) FROM records WHERE object = ? AND NOT deleted",
            (f'$."{field}"', name),
        )
        return {row[0] for row in rows}

    def held(self, name: str) -> tuple[int, int]:
        """How many records are there, and how many are deleted."""
        row = self._connection.execute(
            "SELECT count(*) FILTER (WHERE NOT deleted), count(*) FILTER (WHERE deleted) FROM records WHERE object = ?",
            (name,),
        ).fetchone()
        return int(row[0]), int(row[1])

    def _write_pass(self, name: str, content: Pass) -> None:
        self._connection.execute("INSERT OR REPLACE INTO passes VALUES (?, ?)", (name, json.dumps(asdict(content))))


@contextmanager
def open_mirror(path: Path, *, of: str) -> Iterator[Mirror]:
    """Opens the mirror of a source, or makes an empty one that its owner alone can read.

    Args:
        path: SQLite file.
        of: What it mirrors: the system and its address.

    Raises:
        DataError: It mirrors something else, or cannot be read.
    """
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    connection = sqlite3.connect(path)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.executescript(_SCHEMA)
        connection.execute("INSERT OR IGNORE INTO about VALUES ('source', ?)", (of,))
        connection.commit()
        kept = connection.execute("SELECT value FROM about WHERE name = 'source'").fetchone()[0]
        if kept != of:
            raise DataError(
                f"{path.parent.parent} holds what was fetched from {kept}, not from {of}: name another folder"
            )
        yield Mirror(connection)
    except sqlite3.DatabaseError as error:
        raise DataError(f"{path} cannot be used ({error}): remove it and fetch again") from error
    finally:
        connection.close()
