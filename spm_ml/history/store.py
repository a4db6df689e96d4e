# ruff: noqa: S608 — every name and path is quoted by this module; no value comes from outside the contract
"""The table store: versioned Parquet parts of the accepted rows, and which rows are in force at a version.

Every ingest that changes anything is one version. A part holds only the rows that are new, changed or removed
against the state before, so an old answer stays reproducible: read the parts up to its version.
`versions.json` is written last, by an atomic rename; a part whose version is not listed there does not exist.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, time
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from spm_ml.errors import DataError, NotReadyError
from spm_ml.history.merged import Merged, Span, due, forget, merge
from spm_ml.only_one import only_one
from spm_ml.settings import Workspace
from spm_ml.tables import PROTECTED_TABLES, TABLE_BY_NAME, ColumnType

SQL_TYPES: Final[dict[ColumnType, str]] = {
    "text": "VARCHAR",
    "choice": "VARCHAR",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "money": "BIGINT",
    "number": "DOUBLE",
    "integer": "BIGINT",
}
"""How each type of the contract is held; money is integer minor units of the row's currency, times are UTC."""


def quote_name(name: str) -> str:
    """Quotes a column name for SQL.

    >>> quote_name('a"b')
    '"a""b"'
    """
    return '"' + name.replace('"', '""') + '"'


def quote_text(text: str) -> str:
    """Quotes a text for SQL.

    >>> quote_text("O'Neil")
    "'O''Neil'"
    """
    return "'" + text.replace("'", "''") + "'"


def quote_paths(paths: Sequence[Path]) -> str:
    """Quotes files as an SQL list, with the glob characters of their names made harmless."""
    literal = ("".join(f"[{letter}]" if letter in "*?[" else letter for letter in str(path)) for path in paths)
    return "[" + ", ".join(quote_text(name) for name in literal) + "]"


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, read in pieces."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


@dataclass(frozen=True)
class TableCounts:
    """What one ingest did to one table.

    `rows_in` = `accepted` + `quarantined`, and `accepted` = `new` + `changed` + `unchanged`.

    Attributes:
        rows_in: Records found in the files.
        accepted: Records that met every rule.
        quarantined: Records set aside with their reasons.
        new: Accepted rows whose key was unknown.
        changed: Accepted rows that differ from the row in force.
        unchanged: Accepted rows equal to the row in force.
        removed: Rows in force that the files no longer hold (only when the ingest replaces).
    """

    rows_in: int = 0
    accepted: int = 0
    quarantined: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0


@dataclass(frozen=True)
class LoadedVersion:
    """One ingest that changed something.

    Attributes:
        version: 1, 2, 3 …
        ingested_at: When it was finished (UTC).
        source: Folder or file that was read.
        mapping: Mapping by which it was read, if any.
        files: SHA-256 of each source file, by name.
        parts: SHA-256 of the part of each table that changed, by table.
        tables: Counts of every table that was read.
        records: Records of each source file, by name; versions of earlier times hold none.
    """

    version: int
    ingested_at: datetime
    source: str
    mapping: str | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    parts: Mapping[str, str] = field(default_factory=dict)
    tables: Mapping[str, TableCounts] = field(default_factory=dict)
    records: Mapping[str, int] = field(default_factory=dict)


class TableStore:
    """The versioned tables of a workspace.

    Args:
        workspace: Where they are kept.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._root = workspace.tables.resolve()
        self._protected = workspace.protected.resolve()
        self._versions_file = self._root / "versions.json"

    def versions(self) -> tuple[LoadedVersion, ...]:
        """Every version, oldest first.

        Raises:
            DataError: `versions.json` was damaged by something else.
        """
        if not self._versions_file.exists():
            return ()
        try:
            state = self._versions_file.stat()
            return _read_versions(_List(self._versions_file, state.st_ino, state.st_mtime_ns, state.st_size))
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{self._versions_file} is damaged ({error}): restore it from a backup, or ingest into a new workspace"
            ) from error

    @property
    def latest(self) -> int:
        """Number of the newest version; 0 while nothing was ingested."""
        versions = self.versions()
        return versions[-1].version if versions else 0

    def version_on(self, day: date) -> int:
        """The version in force at the end of a day in the organisation's time zone.

        Raises:
            NotReadyError: Nothing had been ingested by then.
        """
        end = datetime.combine(day, time.max, tzinfo=self.workspace.organisation().zone)
        versions = self.versions()
        known = [entry.version for entry in versions if entry.ingested_at <= end]
        if not known:
            first = f"; the first version is of {versions[0].ingested_at:%Y-%m-%d %H:%M} UTC" if versions else ""
            raise NotReadyError(f"nothing had been ingested into {self.workspace.root} by {day}{first}")
        return known[-1]

    def part_file(self, table: str, version: int) -> Path:
        """Where the part of a table and version is kept."""
        root = self._protected if table in PROTECTED_TABLES else self._root
        return root / table / f"{version:06d}.parquet"

    def relation_sql(self, table: str, version: int, *, occurrence: bool = False) -> str | None:
        """A SELECT that gives the rows of a table in force at a version; None if it was never loaded by then.

        The first part is streamed; only the keys of the later, smaller parts are held in memory. A column that joined
        the contract after a part was stored is empty in its rows.

        Args:
            table: A table of the contract.
            version: State to read.
            occurrence: Also gives `_occurrence`, which orders the rows of a ledger that share a key.

        Raises:
            NotReadyError: There is no such version.
        """
        definition = TABLE_BY_NAME[table]
        versions = self.versions()
        if versions and not 1 <= version <= versions[-1].version:
            raise NotReadyError(
                f"{self.workspace.root} has versions 1 to {versions[-1].version}, not {version}: choose one of them"
            )
        wrote = self._wrote(table, upto=version)
        if not wrote:
            return None
        base, later = self.part_file(table, wrote[0]), self.written_sql(table, after=wrote[0], upto=version)
        names = [column.name for column in definition.columns] + (["_occurrence"] if occurrence else [])
        columns = ", ".join(quote_name(name) for name in names)
        stored = f"read_parquet({quote_paths([base])})"
        if missing := [column for column in definition.columns if column.added]:
            typed = ", ".join(f"NULL::{SQL_TYPES[column.type]} AS {quote_name(column.name)}" for column in missing)
            stored = f"(FROM {stored} UNION ALL BY NAME SELECT {typed} WHERE false)"
            later = later and f"({later}) UNION ALL BY NAME SELECT {typed} WHERE false"
        if later is None:
            return f"SELECT {columns} FROM {stored}"
        identity = [quote_name(name) for name in (*definition.key, "_occurrence")]
        same = " AND ".join(f"base.{name} IS NOT DISTINCT FROM latest.{name}" for name in identity)
        return (
            "WITH latest AS ("
            f"SELECT * FROM ({later}) "
            f"QUALIFY row_number() OVER (PARTITION BY {', '.join(identity)} ORDER BY _version DESC) = 1) "
            f"SELECT {', '.join(f'base.{quote_name(name)}' for name in names)} "
            f"FROM {stored} AS base ANTI JOIN latest ON {same} "
            f"UNION ALL SELECT {columns} FROM latest WHERE NOT _removed"
        )

    def written(self, *, after: int, upto: int) -> frozenset[str]:
        """Names of the tables of which any version after one, up to another, wrote anything."""
        return frozenset(name for entry in self.versions() if after < entry.version <= upto for name in entry.parts)

    def written_sql(self, table: str, *, after: int, upto: int) -> str | None:
        """A SELECT that gives every row that some versions wrote to a table, those that were removed too.

        Args:
            table: A table of the contract.
            after: Version before the first of them.
            upto: The last of them.

        Returns:
            None if none of them wrote any.
        """
        wrote = [version for version in self._wrote(table, upto=upto) if version > after]
        if not wrote:
            return None
        spans = Merged.read(self._root).covering(table, wrote)
        rows = self._everything_in(table, spans)
        whole = spans[0].first > after and spans[-1].last <= upto
        return rows if whole else f"{rows} WHERE _version > {after} AND _version <= {upto}"

    def damaged(self, upto: int) -> tuple[str, ...]:
        """Names the files, of versions up to one, whose bytes are not those that were written: table and version."""
        stated = {(name, entry.version): sha256 for entry in self.versions() for name, sha256 in entry.parts.items()}
        merged = Merged.read(self._root)
        found = []
        for table in sorted({name for name, version in stated if version <= upto}):
            for span in merged.covering(table, self._wrote(table, upto=upto)):
                if not self._is_whole(table, span, span.sha256 or stated[table, span.first]):
                    versions = f"version {span.first}" if span.parts == 1 else f"versions {span.first} to {span.last}"
                    found.append(f"{table} {versions}")
        return tuple(found)

    def merge_small(self) -> int:
        """Writes the parts of many versions into few files, so that reading opens few; call it with `exclusive`.

        Every version stays readable as it was. A process that is killed leaves everything as it was, or merged. A file
        whose bytes are not those that were written stays as it is, and so do those of its table behind it.

        Returns:
            Files that were written.
        """
        merged, written = Merged.read(self._root), 0
        stated = {(name, entry.version): sha256 for entry in self.versions() for name, sha256 in entry.parts.items()}
        for table in sorted({name for entry in self.versions() for name in entry.parts} - PROTECTED_TABLES):
            folder = self.part_file(table, 1).parent
            _, *later = self._wrote(table, upto=self.latest)  # the first, which is large, stays alone
            while few := due(spans := merged.covering(table, later)):
                if not all(self._is_whole(table, span, span.sha256 or stated[table, span.first]) for span in few):
                    break
                whole, at = merge(folder, few, self._everything_in(table, few), file_hash), spans.index(few[0])
                kept = [span for span in (*spans[:at], whole, *spans[at + len(few) :]) if span.parts > 1]
                merged = Merged({**merged.spans, table: tuple(kept)})
                merged.write(self._root)
                written += 1
            forget(folder, merged.spans.get(table, ()))
        return written

    def _everything_in(self, table: str, spans: Sequence[Span]) -> str:
        files = [self.part_file(table, span.first).with_name(span.name) for span in spans]
        return f"SELECT * FROM read_parquet({quote_paths(files)}, union_by_name = true)"

    def _is_whole(self, table: str, span: Span, sha256: str) -> bool:
        """Whether the bytes of a file are those that were written."""
        file = self.part_file(table, span.first).with_name(span.name)
        return file.exists() and file_hash(file) == sha256

    def _wrote(self, table: str, *, upto: int) -> list[int]:
        """The versions up to one that wrote to a table."""
        return [entry.version for entry in self.versions() if table in entry.parts and entry.version <= upto]

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Keeps every other ingest out; the lock goes with the process that holds it.

        Raises:
            DataError: Another ingest is running in this workspace, or it cannot be written.
        """
        with only_one(self._root / "ingest.lock", what="ingest"):
            yield

    def append(
        self,
        staged: Mapping[str, Path],
        *,
        source: str,
        mapping: str | None,
        files: Mapping[str, str],
        tables: Mapping[str, TableCounts],
        records: Mapping[str, int] | None = None,
    ) -> LoadedVersion:
        """Publishes staged parts as the next version; a crash before the last step leaves the state before.

        Args:
            staged: Parquet file of each table that changed, on the same file system; it is moved.
            source: Folder or file that was read.
            mapping: Mapping by which it was read.
            files: SHA-256 of each source file.
            tables: Counts of every table that was read.
            records: Records of each source file.
        """
        before = self.versions()
        version = before[-1].version + 1 if before else 1
        parts: dict[str, str] = {}
        for table, path in staged.items():
            target = self.part_file(table, version)
            target.parent.mkdir(parents=True, exist_ok=True)
            parts[table] = file_hash(path)
            _synchronise(path)
            os.replace(path, target)
        entry = LoadedVersion(
            version, datetime.now(UTC), source, mapping, dict(files), parts, dict(tables), dict(records or {})
        )
        listed = self._versions_file.read_text(encoding="utf-8").rstrip().removesuffix("]") + "," if before else "["
        pending = self._versions_file.with_suffix(".pending")
        pending.write_text(f"{listed}\n{json.dumps(_write_version(entry), indent=1)}\n]", encoding="utf-8")
        _synchronise(pending)
        os.replace(pending, self._versions_file)
        return entry


def _synchronise(path: Path) -> None:
    with path.open("rb+") as handle:
        os.fsync(handle.fileno())


def _write_version(entry: LoadedVersion) -> dict[str, object]:
    return {**asdict(entry), "ingested_at": entry.ingested_at.isoformat()}


class _List(NamedTuple):
    """A list of versions as it is: any change of the file makes it another."""

    file: Path
    inode: int
    changed: int
    size: int


@lru_cache(maxsize=8)
def _read_versions(listed: _List) -> tuple[LoadedVersion, ...]:
    """The versions of a list, read once while it stays: there may be thousands, and every reader asks."""
    return tuple(_read_version(entry) for entry in json.loads(listed.file.read_text(encoding="utf-8")))


def _read_version(entry: dict[str, object]) -> LoadedVersion:
    tables = entry["tables"]
    files, parts, mapping = entry["files"], entry["parts"], entry["mapping"]
    if not (isinstance(tables, dict) and isinstance(files, dict) and isinstance(parts, dict)):
        raise TypeError("tables, files and parts must be objects")
    return LoadedVersion(
        version=int(str(entry["version"])),
        ingested_at=datetime.fromisoformat(str(entry["ingested_at"])),
        source=str(entry["source"]),
        mapping=None if mapping is None else str(mapping),
        files=files,
        parts=parts,
        tables={name: TableCounts(**counts) for name, counts in tables.items()},
        records=_read_records(entry.get("records", {})),
    )


def _read_records(entry: object) -> dict[str, int]:
    if not isinstance(entry, dict):
        raise TypeError("records must be an object")
    return {str(name): int(count) for name, count in entry.items()}
