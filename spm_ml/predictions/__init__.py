"""The operational store: scored batches, recommendations, decisions, access and the audit trail."""

from spm_ml.predictions.rows import (
    Batch,
    Driver,
    MetricValue,
    ModelCard,
    Person,
    Prediction,
    Recommendation,
    RiskBand,
    TeamPrediction,
)

__all__ = [
    "Batch",
    "Driver",
    "MetricValue",
    "ModelCard",
    "Person",
    "Prediction",
    "Recommendation",
    "RiskBand",
    "TeamPrediction",
]
