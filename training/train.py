"""One training run: dataset, backtest, choice, final fit, evidence, registration."""

import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from spm_ml.backtest import current_backtest
from spm_ml.dataset import RepPeriodDataset
from spm_ml.errors import NotReadyError
from spm_ml.fairness import ProtectedGroups
from spm_ml.forecasting import FitSettings, Forecaster, forecaster_class
from spm_ml.forecasting import forecaster as unfitted
from spm_ml.forecasting.dask_learner import boosting_on
from spm_ml.forecasting.learning_rows import LearningRows
from spm_ml.progress import Progress, silent
from spm_ml.registry import CHAMPION, ModelVersion, Registry, TrainingRun
from spm_ml.scoring import LOADER_MODULE, keep_row_format, served_forecaster
from spm_ml.settings import Workspace
from training.choice import AUTO, Choice, choose
from training.evidence import Evidence, records


@dataclass(frozen=True)
class TrainedModel:
    """A registered challenger and what is known of it.

    Attributes:
        version: The registered version.
        label: What a reader calls the forecaster.
        choice: Why this forecaster, and what the gate says of it now.
        value_added: The forecast-value-added table over all forecasters.
        seconds: Spent on each step.
    """

    version: ModelVersion
    label: str
    choice: Choice
    value_added: pd.DataFrame
    seconds: dict[str, float] = field(default_factory=dict)

    def text(self) -> str:
        """What a person reads after the run."""
        gate = "it passes the gate" if self.choice.verdict.passed else "the gate would refuse it"
        lines = [
            f"{self.version.name} version {self.version.version} is the challenger: {self.label}; {gate}.",
            self.choice.because,
            *(f"  failed {test.test}: {test.detail}" for test in self.choice.verdict.failures),
        ]
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """The same for machines."""
        return {
            "name": self.version.name,
            "version": self.version.version,
            "run_id": self.version.run_id,
            "forecaster": self.choice.forecaster,
            "because": self.choice.because,
            "passes_gate": self.choice.verdict.passed,
            "gate": list(self.choice.verdict.rows()),
            "value_added": records(self.value_added),
            "seconds": self.seconds,
        }


def train(
    workspace: Workspace,
    *,
    forecaster: str = AUTO,
    periods: int | None = None,
    dataset: RepPeriodDataset | None = None,
    dask: str | None = None,
    progress: Progress = silent,
) -> TrainedModel:
    """Fits a forecaster on all finished periods and registers it, with its evidence, as the challenger.

    Args:
        workspace: Whose data and registry.
        forecaster: Slug, or `auto` for the one that the backtest speaks for; see `training.choice.choose`.
        periods: Newest finished periods to test on; default: what the stored backtest of these data tested, or 4.
        dataset: Rows to train on; default: `LearningRows` of the workspace.
        dask: Workers that trees are boosted on: how many to start here, or a scheduler's address; default: none.
        progress: Told while it runs.

    Raises:
        NotReadyError: Nothing was ingested, or there is too little history.
        ConfigurationError: There is no such forecaster, or MLflow or Dask cannot be used.
        ClusterError: A Dask worker died; nothing was registered.
    """
    if forecaster != AUTO:
        forecaster_class(forecaster)  # a misspelt name should not cost a backtest
    clock = _Clock()
    organisation = workspace.organisation()
    with boosting_on(dask) as learner:
        settings = FitSettings.of(organisation, learner=learner)
        learning = LearningRows.of(workspace, settings, progress=progress) if dataset is None else LearningRows(dataset)
        clock.lap("dataset")
        backtest = current_backtest(workspace, learning.rows, settings=settings, periods=periods, progress=progress)
        clock.lap("backtest")
        registry = Registry(workspace, progress=progress)
        champion = registry.by_alias(CHAMPION)
        choice = choose(backtest, forecaster, champion=champion.forecaster if champion else None)
        periods = backtest.periods
        del backtest  # a gigabyte in large organisations, which fitting needs: it is kept, and read again
        fitted = _fit(choice, learning, settings, progress)
        clock.lap("fit")
        backtest = current_backtest(workspace, learning.rows, settings=settings, periods=periods, progress=progress)
    evidence = Evidence(organisation, learning, backtest, choice, fitted, ProtectedGroups.read(workspace))
    with tempfile.TemporaryDirectory() as scratch:
        kept, saved = Path(scratch, "evidence"), Path(scratch, "forecaster")
        fitted.save(saved)
        keep_row_format(saved, learning.rows)
        served = served_forecaster(saved)
        evidence.write(kept)
        progress("register", 0, 1)
        version = registry.record(
            TrainingRun(
                name=f"{fitted.label} on data version {learning.rows.version}",
                parameters=evidence.parameters()
                | {"asked_for": forecaster, "seed": settings.seed, "trees": settings.learner.label},
                metrics=evidence.metrics(),
                tags=evidence.tags(),
                evidence=kept,
                forecaster=saved,
                loader_module=LOADER_MODULE,
                inputs=served.inputs,
                outputs=served.outputs,
            )
        )
        progress("register", 1, 1)
    clock.lap("register")
    return TrainedModel(version, fitted.label, choice, evidence.value_added, clock.seconds)


def _fit(choice: Choice, learning: LearningRows, settings: FitSettings, progress: Progress) -> Forecaster:
    rows = learning.rows
    if not len(rows.finished()):
        raise NotReadyError(f"no period up to {rows.watermark} is finished, so there is nothing to learn: load history")
    return learning.fitted(unfitted(choice.forecaster, settings), progress=progress)


class _Clock:
    """Seconds spent between laps."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, label: str) -> None:
        now = time.perf_counter()
        self.seconds[label] = round(now - self._last, 3)
        self._last = now
