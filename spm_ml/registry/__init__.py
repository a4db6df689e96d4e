"""The only door to MLflow: runs, registered model versions and the two aliases that name who is in use.

A shared server is used when `MLFLOW_TRACKING_URI` is set; otherwise the workspace keeps its own SQLite database and
artifact folder. Models are MLflow pyfunc models made of text files, so no pickle is ever written or read.
"""

from spm_ml.registry.store import CHALLENGER, CHAMPION, EXPERIMENT, MODEL_NAME, Registry
from spm_ml.registry.versions import ModelVersion, TrainingRun, compatible

__all__ = [
    "CHALLENGER",
    "CHAMPION",
    "EXPERIMENT",
    "MODEL_NAME",
    "ModelVersion",
    "Registry",
    "TrainingRun",
    "compatible",
]
