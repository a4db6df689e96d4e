"""Champion and dataset in, published predictions out; also the model as MLflow's own tools load it."""

from spm_ml.scoring.carried_deals import rows_with_deals
from spm_ml.scoring.model import LOADER_MODULE, ServedForecaster, keep_row_format
from spm_ml.scoring.output import prediction_rows
from spm_ml.scoring.run import ScoringResult, score

__all__ = [
    "LOADER_MODULE",
    "ScoringResult",
    "ServedForecaster",
    "keep_row_format",
    "prediction_rows",
    "rows_with_deals",
    "score",
]
