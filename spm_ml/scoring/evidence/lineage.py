"""From a batch to the model version, the rows it learnt from, the rows it forecast, and the files behind both."""

from collections.abc import Mapping
from typing import Any

from spm_ml.dataset import RepPeriodDataset
from spm_ml.history import SalesHistory
from spm_ml.history.store import LoadedVersion, TableStore
from spm_ml.predictions import DatasetFacts, Ingest, Lineage, SourceFile
from spm_ml.registry import ModelVersion, Registry
from spm_ml.scoring.target import ScoringTarget, knew_the_outcome
from spm_ml.settings import Workspace
from spm_ml.tables import PROTECTED_TABLES

_MOST_INGESTS = 20


def trace_lineage(
    registry: Registry,
    version: ModelVersion,
    history: SalesHistory,
    workspace: Workspace,
    scored: RepPeriodDataset,
    learnt: Mapping[str, Any],
    target: ScoringTarget,
) -> Lineage:
    """Names everything that the numbers of a batch rest on.

    Args:
        registry: Where the model is registered.
        version: The model.
        history: As it was read for the batch.
        workspace: Holds the ingests.
        scored: The rows that were forecast.
        learnt: What the training run says of its rows; empty: nothing.
        target: The day and period that were forecast.
    """
    ingests = [one for one in TableStore(workspace).versions() if one.version <= history.version]
    data_version = version.tags.get("data_version", "")
    return Lineage(
        run_id=version.run_id,
        experiment_id=registry.experiment_of(version),
        registry=registry.place,
        learnt_from=DatasetFacts(
            content_hash=version.tags.get("dataset_hash", ""),
            rows=learnt.get("rows"),
            columns=learnt.get("columns"),
            data_version=int(data_version) if data_version else None,
            data_hash=version.data_hash,
        ),
        forecast_from=DatasetFacts(
            content_hash=scored.content_hash,
            rows=len(scored),
            columns=len(scored.feature_names),
            data_version=history.version,
            data_hash=history.data_hash,
        ),
        hindsight=knew_the_outcome(version, target),
        ingests=tuple(_ingest(one) for one in ingests[::-1][:_MOST_INGESTS]),
    )


def _ingest(version: LoadedVersion) -> Ingest:
    """Files whose name says that they hold protected attributes are left out, as their tables are."""
    files = tuple(
        SourceFile(name, sha256, version.records.get(name))
        for name, sha256 in sorted(version.files.items())
        if not any(table in name for table in PROTECTED_TABLES)
    )
    return Ingest(version.version, version.ingested_at, version.mapping, files)
