"""The workspace's dataset: read where it holds the newest tables, built where it does not."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

from spm_ml.dataset.refresh import refresh_dataset
from spm_ml.dataset.selection import stored_description
from spm_ml.dataset.table import RepPeriodDataset
from spm_ml.dataset.writer import made_by
from spm_ml.errors import DataError
from spm_ml.history import SalesHistory
from spm_ml.progress import Progress, silent
from spm_ml.settings import Workspace

_Read = TypeVar("_Read")


def current_dataset(workspace: Workspace, *, deals: bool = True, progress: Progress = silent) -> RepPeriodDataset:
    """The workspace's dataset, refreshed and kept unless the stored one is what a build would give.

    Args:
        workspace: Whose dataset it is.
        deals: Whether the open deals and bookings behind the rows are read.
        progress: Told while it is built.

    Raises:
        NotReadyError: Nothing was ingested.
    """
    return read_current(workspace, partial(RepPeriodDataset.read, deals=deals), progress=progress)


def read_current(workspace: Workspace, read: Callable[[Path], _Read], *, progress: Progress = silent) -> _Read:
    """What is read of the workspace's dataset, which is refreshed unless the stored one is what a build would give.

    Args:
        workspace: Whose dataset it is.
        read: Reads what is wanted of the file; where it cannot, the dataset is built anew, since it is only a cache.
        progress: Told while it is built.

    Raises:
        NotReadyError: Nothing was ingested.
    """
    with SalesHistory.open(workspace) as history:
        if is_stored(workspace, history):
            with suppress(DataError):
                return read(workspace.dataset_file)
        refresh_dataset(workspace, history, full=is_stored(workspace, history), progress=progress)
    return read(workspace.dataset_file)


def is_stored(workspace: Workspace, history: SalesHistory) -> bool:
    """Whether the stored dataset is what a build would give: of these tables and settings, and made by this code.

    One of an older format counts as none, since it is only a cache. Only its description is read.

    Args:
        workspace: Whose dataset it is.
        history: The workspace's newest tables.
    """
    file = workspace.dataset_file
    if not file.exists():
        return False
    try:
        said = stored_description(file)
    except DataError:
        return False
    return bool(said["data_hash"] == history.data_hash and said.get("definition") == made_by())
