"""Champion and dataset in, published predictions out; also the model as MLflow's own tools load it."""

from spm_ml.scoring.carried_deals import rows_with_deals
from spm_ml.scoring.evidence import (
    drift_of,
    hazards_by_rep_period,
    keep_training_rows,
    learnt_from,
    refresh_leakage,
    refresh_rivals,
)
from spm_ml.scoring.incentive_cost import IncentiveCost, incentive_cost
from spm_ml.scoring.model import LOADER_MODULE, ScoringModel, ServedForecaster, keep_row_format, served_forecaster
from spm_ml.scoring.output import prediction_rows
from spm_ml.scoring.publish_quotas import as_published, require_newest
from spm_ml.scoring.quota_planner import QuotaLimits
from spm_ml.scoring.quota_proposals import QuotaProposal, propose_quotas
from spm_ml.scoring.run import ScoringResult, score
from spm_ml.scoring.touched import TouchedResult, score_touched
from spm_ml.scoring.unchanged import published_already

__all__ = [
    "LOADER_MODULE",
    "IncentiveCost",
    "QuotaLimits",
    "QuotaProposal",
    "ScoringModel",
    "ScoringResult",
    "ServedForecaster",
    "TouchedResult",
    "as_published",
    "drift_of",
    "hazards_by_rep_period",
    "incentive_cost",
    "keep_row_format",
    "keep_training_rows",
    "learnt_from",
    "prediction_rows",
    "propose_quotas",
    "published_already",
    "refresh_leakage",
    "refresh_rivals",
    "require_newest",
    "rows_with_deals",
    "score",
    "score_touched",
    "served_forecaster",
]
