"""What is handed to MLflow and what comes back: a training run and a registered model version."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from spm_ml import __version__

if TYPE_CHECKING:
    import pandas as pd

SPM_VERSION_TAG: Final = "spm_version"
MODEL_HASH_TAG: Final = "model_sha256"


def folder_hash(folder: Path) -> str:
    """SHA-256 over the names and contents of a folder's files."""
    digest = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        with file.open("rb") as content:
            line = f"{hashlib.file_digest(content, 'sha256').hexdigest()}  {file.relative_to(folder).as_posix()}\n"
        digest.update(line.encode())
    return digest.hexdigest()


@dataclass(frozen=True)
class TrainingRun:
    """What one training run hands over to be recorded.

    Attributes:
        name: Shown in MLflow's list of runs.
        parameters: Settings of the fit; values are written as text.
        metrics: Measured numbers; those that are not finite are left out, as MLflow cannot compare them.
        tags: Facts about data and code, repeated on the registered version.
        evidence: Folder of files to keep: plots, card, backtest.
        forecaster: Folder that `Forecaster.save` wrote.
        loader_module: Module with MLflow's `_load_pyfunc` for that folder.
        inputs, outputs: Names and types of what the model takes and gives, without rows: its signature.
    """

    name: str
    parameters: Mapping[str, object]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    evidence: Path
    forecaster: Path
    loader_module: str
    inputs: "pd.DataFrame | None" = None
    outputs: "pd.DataFrame | None" = None


@dataclass(frozen=True)
class ModelVersion:
    """One registered version of the attainment model.

    Attributes:
        name: Registered model.
        version: Counts up from 1.
        run_id: The MLflow run that made it.
        created_at: When it was registered (UTC).
        tags: Facts about data, code and, once it was judged, the gate.
        aliases: Names that point to it now, such as `champion`.
    """

    name: str
    version: int
    run_id: str
    created_at: datetime
    tags: Mapping[str, str] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()

    @property
    def forecaster(self) -> str:
        """Slug of the forecaster inside."""
        return self.tags.get("forecaster", "")

    @property
    def data_hash(self) -> str:
        """Hash of the sales history it was fitted on."""
        return self.tags.get("data_hash", "")

    @property
    def spm_version(self) -> str:
        """Version of spm-ml that wrote it."""
        return self.tags.get(SPM_VERSION_TAG, "")


def compatible(written_by: str, running: str = __version__) -> bool:
    """Tells whether a model written by one version of spm-ml can be read by another: same major and minor number.

    >>> compatible("0.1.0", "0.1.7"), compatible("0.1.0", "0.2.0"), compatible("", "0.1.0")
    (True, False, False)
    """
    return bool(written_by) and written_by.split(".")[:2] == running.split(".")[:2]
