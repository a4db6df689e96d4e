"""Restores a backup: first every hash is checked, then files are put in place, then the store in one transaction."""

import hashlib
import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import ValidationError
from sqlalchemy import Connection, func, inspect, select, table

from spm_ml.backup.files import place_in
from spm_ml.backup.manifest import MANIFEST, AuditHead, Manifest
from spm_ml.backup.tables import load
from spm_ml.errors import ConfigurationError, DataError
from spm_ml.predictions import schema
from spm_ml.predictions.audit import record
from spm_ml.predictions.audit_check import check_audit
from spm_ml.predictions.engine import connect, writing
from spm_ml.predictions.migrations import HEAD, change_to, current_revision
from spm_ml.predictions.ownership import owner, put_on_record
from spm_ml.progress import Progress, silent
from spm_ml.settings import Workspace

_MOST_MANIFEST: Final = 64 << 20
_PIECE: Final = 1 << 20


@dataclass(frozen=True)
class Restored:
    """What was restored, and where.

    Attributes:
        store: The database, without its password.
        manifest: What the backup held.
    """

    store: str
    manifest: Manifest

    def text(self) -> str:
        """What a person reads after it."""
        rows = sum(one.rows for one in self.manifest.tables)
        return (
            f"{rows:,} rows of the backup of {self.manifest.made_at:%Y-%m-%d %H:%M} UTC are in {self.store}; "
            f"{len(self.manifest.files):,} files. The audit agrees. Tokens revoked since then hold again: revoke them."
        )


def restore(
    file: Path,
    workspace: Workspace,
    *,
    database: str | None = None,
    replace: bool = False,
    other_tenant: bool = False,
    actor: str = "operator",
    progress: Progress = silent,
) -> Restored:
    """Puts a backup in place, of either kind of database; the store is changed wholly or not at all.

    Args:
        file: The backup.
        workspace: Where its files go, and its store unless told otherwise.
        database: Path or URL of the store; default: as the workspace says.
        replace: Also in place of a store with rows and of files that are there.
        other_tenant: Also a backup of another tenant than the workspace's, or of none.
        actor: Who restores, for the audit.
        progress: Told while it runs.

    Raises:
        DataError: The file is no backup, or damaged, or its audit does not agree: nothing was restored.
        ConfigurationError: Something is there already, or the backup is of a newer spm-ml or of another tenant.
        StoreUnavailableError: The store does not answer.
    """
    with _opened(file) as archive:
        manifest = _checked(archive, file, progress)
        if manifest.revision > HEAD:
            raise ConfigurationError(f"{file} was made by spm-ml {manifest.spm_version}, a newer one: upgrade first")
        _check_tenant(file, manifest.tenant, workspace, other_tenant=other_tenant)
        places = [place_in(workspace, one.path) for one in manifest.files]
        if not replace and (there := [place for place in places if place.exists()]):
            raise ConfigurationError(f"{len(there)} files are there already, for example {there[0]}; see --replace")
        engine = connect(database or workspace.predictions_store)
        try:
            with writing(engine, alone=False) as connection:
                _make_room(connection, manifest.revision, replace=replace)
                for done, one in enumerate(manifest.tables):
                    progress("restore: tables", done, len(manifest.tables))
                    with archive.open(one.member) as lines:
                        load(connection, one, lines)
                progress("restore: tables", len(manifest.tables), len(manifest.tables))
                if manifest.revision != HEAD:
                    change_to(connection, HEAD)
                _check_audit(connection, manifest.audit_head)
                made = {"made_at": manifest.made_at.isoformat(), "spm_version": manifest.spm_version}
                record(connection, actor=actor, action="store restored", subject=file.name, detail=made)
                if workspace.tenant is not None and owner(connection) != workspace.tenant:
                    put_on_record(connection, workspace.tenant)
                # Before the store's commit: a store never names models or tables that are not there.
                for done, (stored, place) in enumerate(zip(manifest.files, places, strict=True)):
                    progress("restore: files", done, len(places))
                    _put(archive, stored.member, place)
        finally:
            engine.dispose()
    return Restored(engine.url.render_as_string(), manifest)


@contextmanager
def _opened(file: Path) -> Iterator[zipfile.ZipFile]:
    if not file.is_file():
        raise ConfigurationError(f"{file} is not there: name a file that 'spm backup' wrote")
    try:
        with zipfile.ZipFile(file) as archive:
            yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise _damaged(file, "it is no whole zip file") from error


def _checked(archive: zipfile.ZipFile, file: Path, progress: Progress) -> Manifest:
    """The manifest, once every member is what it says."""
    members = archive.infolist()
    sizes = {member.filename: member.file_size for member in members}
    if MANIFEST not in sizes or sizes[MANIFEST] > _MOST_MANIFEST:
        raise _damaged(file, "it has no manifest")
    try:
        manifest = Manifest.model_validate_json(archive.read(MANIFEST))
    except ValidationError as error:
        raise _damaged(file, "its manifest cannot be read; a newer spm-ml may have made it") from error
    wanted = {stored.member: stored.sha256 for stored in manifest.tables}
    wanted |= {kept.member: kept.sha256 for kept in manifest.files}
    if len(members) != len(sizes) or set(sizes) != {*wanted, MANIFEST}:
        raise _damaged(file, "it holds other members than its manifest says")
    total, done = sum(sizes.values()), 0
    for name, sha256 in wanted.items():
        digest = hashlib.sha256()
        with archive.open(name) as content:
            while piece := content.read(_PIECE):
                digest.update(piece)
                done += len(piece)
                progress("restore: check", done, total)
        if digest.hexdigest() != sha256:
            raise _damaged(file, f"{name} was changed")
    return manifest


def _check_tenant(file: Path, theirs: str | None, workspace: Workspace, *, other_tenant: bool) -> None:
    if workspace.tenant is None or workspace.tenant == theirs or other_tenant:
        return
    whose = "says of no tenant that it is theirs" if theirs is None else f"is of tenant {theirs!r}"
    raise ConfigurationError(
        f"{file} {whose}, and {workspace.root} is of tenant {workspace.tenant!r}: nothing was restored. Name the other "
        "workspace; if it must be this one, give --other-tenant"
    )


def _damaged(file: Path, why: str) -> DataError:
    return DataError(f"{file} cannot be restored: {why}; nothing was restored, take another backup")


def _make_room(connection: Connection, revision: str, *, replace: bool) -> None:
    """Leaves the tables of that revision, without a row."""
    known = {one.name for one in schema.metadata.sorted_tables}
    there = [
        name
        for name in inspect(connection).get_table_names()
        if name in known and connection.execute(select(func.count()).select_from(table(name))).scalar_one()
    ]
    if there and not replace:
        raise ConfigurationError(
            f"the store {connection.engine.url.render_as_string()} holds rows already ({', '.join(sorted(there))}); "
            "restore into an empty one, or give --replace to lose what it holds"
        )
    if current_revision(connection) is not None:
        change_to(connection, "base")
    change_to(connection, revision)


def _check_audit(connection: Connection, head: AuditHead | None) -> None:
    check = check_audit(connection)
    if not check.intact:
        raise DataError(f"the backup's audit does not verify ({check.problems[0]}); nothing was restored")
    if head is not None and (head.sequence, head.hash) != (check.head.sequence, check.head.hash):
        raise DataError("the backup's audit does not end as its manifest says; nothing was restored")


def _put(archive: zipfile.ZipFile, member: str, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{place.name}.", suffix=".partial", dir=place.parent)
    try:
        with os.fdopen(handle, "wb") as target, archive.open(member) as content:
            while piece := content.read(_PIECE):
                target.write(piece)
            target.flush()
            os.fsync(target.fileno())
        Path(name).replace(place)
    finally:
        Path(name).unlink(missing_ok=True)
