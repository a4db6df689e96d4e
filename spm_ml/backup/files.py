"""The files of a workspace that a backup takes: all but the store, what can be computed again, and whose it is."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path, PurePosixPath
from typing import Final

from spm_ml import tenant
from spm_ml.errors import DataError
from spm_ml.settings import Workspace

_COMPUTED: Final = ("dataset.", "derived/", "backtest.parquet", "mlartifacts/downloads", "pulled/.landing/")
_UNFINISHED: Final = (".tmp", ".pending", ".partial", ".lock", "-wal", "-shm", "-journal")


def files_of(workspace: Workspace, scratch: Path) -> dict[str, Path]:
    """Gives path in the workspace and where to read it, in the order in which it is safe to read.

    What is being written meanwhile is listed last by its writer (`versions.json`, `merged.json`, MLflow's database), so
    lists are read first, and before them up to where sources were read (`pulled/`), lest rows be passed over that the
    backup lacks; MLflow's database is copied to `scratch` by SQLite itself.
    """
    found = dict(sorted(_walk(workspace), key=lambda one: (_turn(one[0]), one[0])))
    if "mlflow.db" in found:
        copy = scratch / "mlflow.db"
        with closing(sqlite3.connect(found["mlflow.db"])) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
        found["mlflow.db"] = copy
    return found


def _turn(name: str) -> int:
    if name == "mlflow.db":
        return 0
    return 1 if name.startswith("pulled/") else 2 if "versions" in name or name.endswith("merged.json") else 3


def _walk(workspace: Workspace) -> Iterator[tuple[str, Path]]:
    for path in workspace.root.rglob("*"):
        name = path.relative_to(workspace.root).as_posix()
        if path.is_symlink() or not path.is_file() or name.endswith(_UNFINISHED):
            continue
        if not is_store(name, workspace) and not name.startswith(_COMPUTED) and name != tenant.FILE:
            yield name, path


def is_store(name: str, workspace: Workspace) -> bool:
    """Whether the path is the store's own file or one of SQLite's beside it."""
    return (workspace.root / name).name.startswith(workspace.predictions_database.name) and "/" not in name


def place_in(workspace: Workspace, path: str) -> Path:
    """Where a file of a backup goes.

    Raises:
        DataError: It would leave the workspace, or overwrite the store or whose workspace it is.
    """
    parts = PurePosixPath(path)
    inside = (workspace.root / parts).resolve()
    if (
        parts.is_absolute()
        or not parts.parts
        or any(part in ("..", ".") or "\\" in part or ":" in part or "\0" in part for part in path.split("/"))
        or not inside.is_relative_to(workspace.root.resolve())
        or is_store(path, workspace)
        or path == tenant.FILE
    ):
        raise DataError(
            "the backup names a file outside the workspace, so spm-ml did not make it; nothing was restored"
        )
    return workspace.root / parts
