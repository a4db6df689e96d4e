"""Gathers every section when a batch is scored, and single ones when something else changed them."""

import json
from datetime import date
from typing import Any

import pandas as pd

from spm_ml.backtest import Backtest
from spm_ml.backtest.calibration import measure_calibration
from spm_ml.dataset import build_dataset
from spm_ml.errors import NotReadyError
from spm_ml.history import SalesHistory
from spm_ml.leakage import kept_result
from spm_ml.predictions import Drift, ModelEvidence, PredictionStore
from spm_ml.progress import Progress, silent
from spm_ml.registry import CHAMPION, Registry
from spm_ml.scoring.compute import Known, ScoredRows
from spm_ml.scoring.evidence.data_quality import measure_data_quality
from spm_ml.scoring.evidence.drift import measure_drift
from spm_ml.scoring.evidence.lineage import trace_lineage
from spm_ml.scoring.evidence.rivals import find_rivals
from spm_ml.scoring.evidence.voices import voices_of
from spm_ml.scoring.model import ScoringModel
from spm_ml.settings import Workspace


def gather_evidence(
    workspace: Workspace, registry: Registry, model: ScoringModel, known: Known, rows: ScoredRows
) -> ModelEvidence:
    """Everything that is published about the model beside the rows of a batch.

    Args:
        workspace: Holds the ingests, the quarantine and the last leak check.
        registry: Where the model is registered.
        model: That scored the rows.
        known: What it was known from.
        rows: What was scored.
    """
    backtest = Backtest.read(model.backtest_file)
    learnt = _learnt_from(registry, model)
    frame = rows.dataset.frame
    board = frame[frame["as_of"] == pd.Timestamp(known.target.as_of)]
    return ModelEvidence(
        calibration=measure_calibration(backtest, model.forecaster.name),
        rivals=find_rivals(registry, model.version),
        drift=measure_drift(registry, model, backtest, known.target, rows.dataset, rows.forecast),
        data_quality=measure_data_quality(
            known.history, workspace, board, learnt.get("hazards", {}), learnt.get("rep_periods")
        ),
        leakage=kept_result(workspace),
        voices=voices_of(workspace, known.history, backtest, model.forecaster.name),
        lineage=trace_lineage(registry, model.version, known.history, workspace, rows.dataset, learnt, known.target),
    )


def drift_of(workspace: Workspace, *, as_of: date | None = None, progress: Progress = silent) -> Drift:
    """Tests the rows of a day against those that the champion learnt from; nothing is published.

    Args:
        workspace: Whose data and champion.
        as_of: The day; default, and at most, the newest record's.
        progress: Told while it runs.

    Raises:
        NotReadyError: Nothing was ingested, no champion was promoted, or no rep is employed in the period.
    """
    registry = Registry(workspace, progress=progress)
    model = ScoringModel.champion(registry)
    with SalesHistory.open(workspace) as history:
        known = Known.on(history, as_of)
        dataset = build_dataset(known.history, as_of_days=(known.target.as_of,), progress=progress)
    if not len(dataset):
        raise NotReadyError(
            f"no rep is employed in {known.target.period.label} as of {known.target.as_of}: choose another day"
        )
    forecast = model.forecaster.predict(dataset)
    backtest = Backtest.read(model.backtest_file)
    return measure_drift(registry, model, backtest, known.target, dataset, forecast)


def refresh_rivals(workspace: Workspace) -> None:
    """Publishes champion and challenger anew, after one was trained or promoted; nothing where nothing is published."""
    registry = Registry(workspace)
    champion = registry.by_alias(CHAMPION)
    if champion is not None:
        _publish(workspace, ModelEvidence(rivals=find_rivals(registry, champion)), actor="training")


def refresh_leakage(workspace: Workspace) -> None:
    """Publishes what the last leak check found; nothing where nothing is published."""
    _publish(workspace, ModelEvidence(leakage=kept_result(workspace)), actor="leak check")


def _publish(workspace: Workspace, evidence: ModelEvidence, *, actor: str) -> None:
    if not workspace.has_predictions:
        return
    with PredictionStore.of(workspace) as store:
        if store.published_batch() is not None:
            store.publish_evidence(evidence, actor=actor)


def _learnt_from(registry: Registry, model: ScoringModel) -> dict[str, Any]:
    """What the training run says of its rows; runs of earlier times say nothing."""
    tables = json.loads(registry.artifact(model.version, "tables.json").read_text(encoding="utf-8"))
    found: dict[str, Any] = tables.get("learnt_from", {})
    return found
