"""Forecasts of many rows on Spark: the registered model, rep by rep, with the scores that it gives here."""

from typing import TYPE_CHECKING, Final

import pyarrow as pa

from spm_ml.dataset import RepPeriodDataset
from spm_ml.dataset.schema import KEYS
from spm_ml.registry import ModelVersion, Registry
from spm_ml.registry.on_spark import spark_function
from spm_ml.scoring.carried_deals import rows_with_deals
from spm_ml.scoring.model import served_forecaster

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_FORECAST: Final = "forecast"


def spark_rows(session: "SparkSession", dataset: RepPeriodDataset) -> "DataFrame":
    """The rows of a dataset with their open deals, as `forecast_on_spark` takes them.

    For more rows than the driver should send, write `rows_with_deals` of some reps at a time as Parquet to where the
    executors read.
    """
    table = pa.Table.from_pandas(rows_with_deals(dataset), preserve_index=False)
    return session.createDataFrame(table)


def forecast_on_spark(rows: "DataFrame", registry: Registry, version: ModelVersion | None = None) -> "DataFrame":
    """Forecasts rows with a registered model by MLflow's `spark_udf`; nothing is computed until it is asked for.

    A rep's row is forecast from that row alone, so rows may be split among executors in any way, and the numbers are
    those of `ServedForecaster.predict` here.

    Args:
        rows: Rows of a rep-period dataset, with `open_deals` as JSON text, as `spark_rows` gives them; the session's
            time zone must be the one in which their days begin at midnight.
        registry: Where the model is kept.
        version: Which one; default: the champion.

    Returns:
        `rep_id, period, as_of`, `b05` … `b95`, `mean_bookings` (minor units), `p_hit` and `abstention` (its reason, or
        empty), a row a row.

    Raises:
        NotReadyError: No champion was promoted, or the version's files are gone or changed.
        ConfigurationError: MLflow cannot make the function.
    """
    from pyspark.sql.functions import col

    chosen = version or registry.required("champion")
    gives = served_forecaster(registry.load(chosen)).outputs.drop(columns=list(KEYS))
    function = spark_function(registry, chosen, rows.sparkSession, gives)
    keys = [col(name) for name in KEYS]
    return rows.select(*keys, function.alias(_FORECAST)).select(*keys, f"{_FORECAST}.*")
