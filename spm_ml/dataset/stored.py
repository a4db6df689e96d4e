"""The workspace's dataset: read where it holds the newest tables, built where it does not."""

from spm_ml.dataset.build import write_dataset
from spm_ml.dataset.table import RepPeriodDataset
from spm_ml.errors import DataError
from spm_ml.history import SalesHistory
from spm_ml.progress import Progress, silent
from spm_ml.settings import Workspace


def current_dataset(workspace: Workspace, *, progress: Progress = silent) -> RepPeriodDataset:
    """The workspace's dataset, built anew and kept unless the stored one is of the newest tables.

    Raises:
        NotReadyError: Nothing was ingested.
    """
    with SalesHistory.open(workspace) as history:
        stored = _stored(workspace)
        if stored is not None and stored.data_hash == history.data_hash:
            return stored
        write_dataset(history, workspace.dataset_file, progress=progress)
    return RepPeriodDataset.read(workspace.dataset_file)


def _stored(workspace: Workspace) -> RepPeriodDataset | None:
    """The stored dataset; one of an older format counts as none, since it is only a cache."""
    if not workspace.dataset_file.exists():
        return None
    try:
        return RepPeriodDataset.read(workspace.dataset_file)
    except DataError:
        return None
