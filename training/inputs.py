"""What a training run starts from: dataset and backtest, made anew only where the stored ones are of other data."""

from spm_ml.backtest import Backtest, run_backtest
from spm_ml.dataset import RepPeriodDataset, build_dataset
from spm_ml.errors import DataError
from spm_ml.forecasting import FitSettings
from spm_ml.history import SalesHistory
from spm_ml.progress import Progress, silent
from spm_ml.settings import Workspace


def current_dataset(workspace: Workspace, *, progress: Progress = silent) -> RepPeriodDataset:
    """The workspace's dataset, built anew unless the stored one is of the newest tables.

    Raises:
        NotReadyError: Nothing was ingested.
    """
    with SalesHistory.open(workspace) as history:
        if workspace.dataset_file.exists():
            try:
                stored = RepPeriodDataset.read(workspace.dataset_file)
            except DataError:  # of an older format: it is only a cache
                stored = None
            if stored is not None and stored.data_hash == history.data_hash:
                return stored
        built = build_dataset(history, progress=progress)
    built.write(workspace.dataset_file)
    return built


def current_backtest(
    workspace: Workspace,
    dataset: RepPeriodDataset,
    settings: FitSettings,
    *,
    periods: int | None = None,
    progress: Progress = silent,
) -> Backtest:
    """The backtest of this very dataset, run anew unless the stored one is of it.

    Args:
        workspace: Where the last backtest is kept.
        dataset: What to test on.
        settings: What every forecaster is fitted with.
        periods: Newest finished periods to test; None: whatever the stored one tested, or the default.
        progress: Told while it runs.

    Raises:
        NotReadyError: There are fewer than two finished periods.
    """
    if workspace.backtest_file.exists():
        try:
            stored = Backtest.read(workspace.backtest_file)
        except DataError:  # of an older format: it is only a cache
            stored = None
        if stored is not None and stored.dataset_hash == dataset.content_hash and periods in {None, stored.periods}:
            return stored
    made = run_backtest(dataset, periods=periods, settings=settings, progress=progress)
    made.write(workspace.backtest_file)
    return made
