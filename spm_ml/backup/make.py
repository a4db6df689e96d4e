"""Takes a backup: a snapshot of the store in one transaction, then the workspace's files if asked."""

import hashlib
import os
import tempfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, func, select

from spm_ml import __version__
from spm_ml.backup.files import files_of
from spm_ml.backup.manifest import MANIFEST, AuditHead, Manifest, StoredFile, StoredTable
from spm_ml.backup.tables import columns_of, counter_of, lines_of
from spm_ml.errors import ConfigurationError, NotReadyError
from spm_ml.predictions import PredictionStore, StoreUnavailableError, schema
from spm_ml.predictions.audit import OPERATOR, record
from spm_ml.predictions.engine import connect, reading, writing
from spm_ml.predictions.migrations import HEAD
from spm_ml.progress import Progress, silent
from spm_ml.settings import Workspace

_SAY_EVERY: Final = 500
_PIECE: Final = 1 << 20


@dataclass(frozen=True)
class Backup:
    """A backup that was taken.

    Attributes:
        file: Where it is.
        sha256: Of the file; note it with the audit's head, apart from the file.
        manifest: What it holds.
    """

    file: Path
    sha256: str
    manifest: Manifest

    def text(self) -> str:
        """What a person reads after it."""
        rows = sum(table.rows for table in self.manifest.tables)
        head = self.manifest.audit_head
        audited = f"the audit ends with line {head.sequence} ({head.hash})" if head else "the audit is empty"
        return (
            f"{self.file}: {rows:,} rows of {len(self.manifest.tables)} tables and {len(self.manifest.files):,} files; "
            f"{audited}.\nSHA-256 {self.sha256}"
        )


def backup(workspace: Workspace, out: Path, *, with_data: bool = False, progress: Progress = silent) -> Backup:
    """Writes a backup; the file appears whole or not at all, and only its owner may read it. The audit says so.

    Args:
        workspace: Whose store.
        out: The file; it must not be there yet.
        with_data: Also the workspace's files: settings, tables, models. What can be computed again is left out.
        progress: Told while it runs.

    Raises:
        NotReadyError: There is no store.
        ConfigurationError: The file is there already, or the store cannot be used.
        StoreUnavailableError: The store does not answer.
    """
    if not workspace.has_predictions:
        raise NotReadyError(f"{workspace.root} holds no store yet: run 'spm score --workspace {workspace.root}' first")
    if out.exists():
        raise ConfigurationError(f"{out} is there already: name a new file")
    target = workspace.predictions_store
    PredictionStore.of(workspace).close()  # brings its tables up to date
    out.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{out.name}.", suffix=".partial", dir=out.parent)
    partial = Path(name)
    try:
        with os.fdopen(handle, "wb") as raw:
            with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive:
                manifest = _fill(archive, workspace, target, with_data, progress)
            raw.flush()
            os.fsync(raw.fileno())
        with partial.open("rb") as written:
            sha256 = hashlib.file_digest(written, "sha256").hexdigest()
        made = Backup(out, sha256, manifest)
        _put_in_place(partial, made, target)
    finally:
        partial.unlink(missing_ok=True)
    _sync(out.parent)
    return made


def _put_in_place(partial: Path, made: Backup, target: str) -> None:
    """Gives the file its name together with its line in the audit: there is no copy of the store without one."""
    rows = sum(table.rows for table in made.manifest.tables)
    detail = {"sha256": made.sha256, "rows": rows, "files": len(made.manifest.files)}
    engine = connect(target)
    try:
        with writing(engine) as connection:
            record(connection, actor=OPERATOR, action="backup taken", subject=made.file.name, detail=detail)
            partial.rename(made.file)
    except StoreUnavailableError:
        made.file.unlink(missing_ok=True)
        raise
    finally:
        engine.dispose()


def _fill(archive: zipfile.ZipFile, workspace: Workspace, target: str, with_data: bool, progress: Progress) -> Manifest:
    made_at = datetime.now(UTC)
    engine = connect(target)
    try:
        with reading(engine) as connection:
            tables, head = _tables(archive, connection, progress)
    finally:
        engine.dispose()
    manifest = Manifest(
        spm_version=__version__,
        revision=HEAD,
        made_at=made_at,
        database=engine.dialect.name,
        tenant=workspace.tenant,
        audit_head=head,
        tables=tables,
        files=tuple(_files(archive, workspace, progress)) if with_data else (),
    )
    archive.writestr(MANIFEST, manifest.model_dump_json(indent=1))
    return manifest


def _tables(
    archive: zipfile.ZipFile, connection: Connection, progress: Progress
) -> tuple[tuple[StoredTable, ...], AuditHead | None]:
    sources = schema.metadata.sorted_tables
    total = sum(connection.execute(select(func.count()).select_from(source)).scalar_one() for source in sources)
    stored, done = [], 0
    for source in sources:
        writer = _Member(archive, f"tables/{source.name}.jsonl")
        with writer:
            for line in lines_of(connection, source):
                writer.write(line)
                done += 1
                if done % _SAY_EVERY == 0:
                    progress("backup: rows", done, total)
        columns, counter = columns_of(source), counter_of(source)
        stored.append(
            StoredTable(name=source.name, columns=columns, counter=counter, rows=writer.pieces, sha256=writer.sha256)
        )
    progress("backup: rows", total, total)
    lines = schema.audit.c
    last = connection.execute(select(lines.sequence, lines.hash).order_by(lines.sequence.desc()).limit(1)).first()
    return tuple(stored), None if last is None else AuditHead(sequence=last.sequence, hash=last.hash)


def _files(archive: zipfile.ZipFile, workspace: Workspace, progress: Progress) -> Iterable[StoredFile]:
    with tempfile.TemporaryDirectory() as scratch:
        found = files_of(workspace, Path(scratch))
        for done, (path, source) in enumerate(found.items()):
            progress("backup: files", done, len(found))
            writer = _Member(archive, f"workspace/{path}")
            with writer, source.open("rb") as content:
                while piece := content.read(_PIECE):
                    writer.write(piece)
            yield StoredFile(path=path, size=writer.size, sha256=writer.sha256)
        progress("backup: files", len(found), len(found))


@dataclass
class _Member:
    """Writes one member piece by piece and counts along."""

    archive: zipfile.ZipFile
    name: str
    pieces: int = 0
    size: int = 0
    _digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def __enter__(self) -> None:
        self._stream = self.archive.open(self.name, "w", force_zip64=True)

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def write(self, piece: bytes) -> None:
        self._stream.write(piece)
        self._digest.update(piece)
        self.pieces += 1
        self.size += len(piece)

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


def _sync(folder: Path) -> None:
    """Makes a new name in a folder outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
