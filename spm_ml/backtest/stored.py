"""The workspace's backtest: read where it is of this very dataset, run where it is not."""

from spm_ml.backtest.result import Backtest
from spm_ml.backtest.run import run_backtest
from spm_ml.dataset import RepPeriodDataset
from spm_ml.errors import DataError
from spm_ml.forecasting import FitSettings
from spm_ml.progress import Progress, silent
from spm_ml.settings import Workspace


def current_backtest(
    workspace: Workspace,
    dataset: RepPeriodDataset,
    *,
    settings: FitSettings | None = None,
    periods: int | None = None,
    progress: Progress = silent,
) -> Backtest:
    """The backtest of this very dataset, run anew and kept unless the stored one is of it.

    Args:
        workspace: Where the last backtest is kept.
        dataset: What to test on.
        settings: What every forecaster is fitted with; default: the organisation's.
        periods: Newest finished periods to test; None: whatever the stored one tested, or the default.
        progress: Told while it runs.

    Raises:
        NotReadyError: There are fewer than two finished periods.
    """
    stored = _stored(workspace)
    if stored is not None and stored.dataset_hash == dataset.content_hash and periods in {None, stored.periods}:
        return stored
    del stored  # its rows are many
    fitted_with = settings or FitSettings.of(workspace.organisation())
    made = run_backtest(dataset, periods=periods, settings=fitted_with, progress=progress)
    made.write(workspace.backtest_file)
    return made


def _stored(workspace: Workspace) -> Backtest | None:
    if not workspace.backtest_file.exists():
        return None
    try:
        return Backtest.read(workspace.backtest_file)
    except DataError:  # of an older format: it is only a cache
        return None
