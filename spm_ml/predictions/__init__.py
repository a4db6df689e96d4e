"""The operational store: scored batches, recommendations, decisions, access and the audit trail."""

from spm_ml.predictions.audit import AuditEntry
from spm_ml.predictions.batch import Batch, ModelCard, Person
from spm_ml.predictions.credentials import Principal
from spm_ml.predictions.decisions import Decision
from spm_ml.predictions.reading import BatchReader, Listing, Offer, RepSummary, Selection
from spm_ml.predictions.rows import Driver, MetricValue, Prediction, Recommendation, RiskBand, TeamPrediction
from spm_ml.predictions.scope import Role, Scope
from spm_ml.predictions.store import PredictionStore, StoredPeriod, UnknownPeriodError

__all__ = [
    "AuditEntry",
    "Batch",
    "BatchReader",
    "Decision",
    "Driver",
    "Listing",
    "MetricValue",
    "ModelCard",
    "Offer",
    "Person",
    "Prediction",
    "PredictionStore",
    "Principal",
    "Recommendation",
    "RepSummary",
    "RiskBand",
    "Role",
    "Scope",
    "Selection",
    "StoredPeriod",
    "TeamPrediction",
    "UnknownPeriodError",
]
