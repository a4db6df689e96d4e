"""What would let one tenant reach another's data: links, shared stores, shared secrets, folders open to everybody."""

import os
import stat
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from spm_ml import deployment
from spm_ml.errors import SpmError
from spm_ml.predictions.ownership import owner_at
from spm_ml.settings import Workspace
from spm_ml.tenants.folder import TenantFolder


@dataclass(frozen=True)
class Finding:
    """Something that must be mended before work for the tenant goes on.

    Attributes:
        tenant: Whose; or the name of a stray entry of the folder.
        problem: What, and what to do.
    """

    tenant: str
    problem: str


def findings(folder: TenantFolder, names: Sequence[str]) -> tuple[Finding, ...]:
    """Looks at the folders and settings of tenants; nothing is changed, and no store is opened.

    Args:
        folder: All tenants: what two of them share is found even if one alone is asked about.
        names: Those that are asked about.
    """
    found = [Finding(name, problem) for name in names for problem in _own_problems(folder, name)]
    shared = defaultdict(list)
    for name in folder.names():
        for thing, place in _places(folder.workspace(name)):
            shared[place].append((name, thing))
    for owners in shared.values():
        for name, thing in owners:
            others = ", ".join(sorted({other for other, _ in owners} - {name}))
            if others and name in names:
                found.append(Finding(name, f"its {thing} is that of {others} too: give each its own"))
    return tuple(found)


def store_findings(folder: TenantFolder, names: Sequence[str]) -> tuple[Finding, ...]:
    """Asks each tenant's store whose it is; a store that does not answer is a finding too."""
    found = []
    for name in names:
        try:
            workspace = folder.workspace(name)
            owner = owner_at(workspace.predictions_store) if workspace.has_predictions else None
        except SpmError as error:
            found.append(Finding(name, str(error)))
            continue
        if owner not in (None, name):
            found.append(Finding(name, f"its store is of tenant {owner!r}: mend 'store', or restore its own backup"))
    return tuple(found)


def stray_findings(folder: TenantFolder) -> tuple[Finding, ...]:
    """Names what lies in the folder and is no tenant's: a link, a copy, a folder without `tenant.yaml`."""
    advice = "is no tenant's: make it one with 'spm tenants add', or move it out of the folder"
    return tuple(Finding(name, advice) for name in folder.strays())


def _own_problems(folder: TenantFolder, name: str) -> Iterator[str]:
    workspace = folder.workspace(name)
    root = workspace.root.resolve()
    if root.stat().st_mode & stat.S_IRWXO:
        yield f"everybody on this machine can look into it: chmod o-rwx {workspace.root}"
    for path in _links(workspace.root):
        if not path.resolve().is_relative_to(root):
            yield f"{path.relative_to(workspace.root)} is a link that leads out of its folder: put what it needs inside"
    try:
        store = workspace.predictions_store
        secrets = deployment.files_named(workspace.root)
    except SpmError as error:
        yield str(error)
        return
    for path in (workspace.mlflow_database, *([] if "://" in store else [Path(store)])):
        if path.exists() and path.stat().st_nlink > 1:
            yield f"{path.name} has a second name (a hard link): a database must be a file of its own"
    for setting, path in secrets.items():
        place = path.resolve()
        if place.is_relative_to(folder.root.resolve()) and not place.is_relative_to(root):
            yield f"{setting} names a file in another tenant's folder: give it one of its own"


def _links(root: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(root):
        for entry in (*folders, *files):
            path = Path(parent, entry)
            if path.is_symlink():
                yield path


def _places(workspace: Workspace) -> Iterator[tuple[str, object]]:
    """What no two tenants may have in common, and how it is told apart whatever it is called."""
    yield "registry", _file_place(workspace.mlflow_database)
    try:
        store = workspace.predictions_store
        secrets = deployment.files_named(workspace.root)
        if "://" in store and not store.startswith("sqlite"):
            url = make_url(store)
            yield "store", (url.host, url.port, url.database, tuple(sorted(url.query.items())))
        else:
            yield "store", _file_place(Path(store.removeprefix("sqlite:///")))
    except (SpmError, ArgumentError):
        return  # said by the tenant's own problems, or when the store is asked
    for setting, path in secrets.items():
        yield f"secret ({setting.rpartition(', ')[2]})", _file_place(path)


def _file_place(path: Path) -> tuple[object, ...]:
    if path.exists():
        found = path.stat()
        return found.st_dev, found.st_ino
    return (str(path.resolve()),)
