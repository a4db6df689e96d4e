"""What a registered model takes and gives, in MLflow's words and in Spark's."""

from typing import Any, Final

import pandas as pd
from pandas.api.types import is_bool_dtype, is_datetime64_any_dtype, is_float_dtype, is_integer_dtype

_KINDS: Final = (
    (is_bool_dtype, "boolean"),
    (is_datetime64_any_dtype, "datetime"),
    (is_integer_dtype, "long"),
    (is_float_dtype, "double"),
)


def kinds_of(frame: pd.DataFrame) -> dict[str, str]:
    """Columns with the types that MLflow and Spark name alike: boolean, datetime, long, double; else string."""
    return {
        str(name): next((kind for fits, kind in _KINDS if fits(dtype)), "string")
        for name, dtype in frame.dtypes.items()
    }


def signature_of(inputs: pd.DataFrame | None, outputs: pd.DataFrame | None) -> Any:
    """MLflow's signature of tables with these columns, all of them required; None without inputs."""
    if inputs is None:
        return None
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    def schema(frame: pd.DataFrame) -> Any:
        return Schema([ColSpec(kind, name) for name, kind in kinds_of(frame).items()])

    return ModelSignature(schema(inputs), None if outputs is None else schema(outputs))
