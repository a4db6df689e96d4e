"""A registered version as a Spark function, by MLflow's own `spark_udf`."""

from typing import TYPE_CHECKING, Any

import pandas as pd

from spm_ml.registry.quiet import mlflow_quiet
from spm_ml.registry.signature import kinds_of
from spm_ml.registry.store import Registry
from spm_ml.registry.versions import ModelVersion

if TYPE_CHECKING:
    from pyspark.sql import Column, SparkSession


def spark_function(registry: Registry, version: ModelVersion, session: "SparkSession", gives: pd.DataFrame) -> "Column":
    """The version's `predict` as a column over the columns that its signature names.

    Each executor loads the model once; its Python needs the very spm-ml that wrote the version.

    Args:
        registry: Where the version is kept.
        version: A version with a signature.
        session: Running on any master.
        gives: Names and types of what `predict` gives and the column shall hold, without rows.

    Returns:
        A struct of those columns.

    Raises:
        NotReadyError: The files of the version are gone or changed.
        ConfigurationError: MLflow cannot make the function, or the version has no signature.
    """
    registry.load(version)  # refuses what is not what was registered
    fields = ", ".join(f"{name} {kind}" for name, kind in kinds_of(gives).items())
    with mlflow_quiet(registry.tracking_uri):
        import mlflow.pyfunc

        model = str(registry.artifact(version, "model"))
        function: Any = mlflow.pyfunc.spark_udf(session, model, result_type=fields, env_manager="local")
        column: Column = function()
    return column
