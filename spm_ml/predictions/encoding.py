"""Rows as JSON text and back; the only place that knows how a stored body looks."""

import json
from dataclasses import fields, is_dataclass
from datetime import date
from typing import Any, Final, TypeVar

from pydantic import TypeAdapter

from spm_ml.predictions.batch import ModelCard
from spm_ml.predictions.board import BoardForecast
from spm_ml.predictions.coaching import PlanSummary, ProgramFinding, ProgramOption
from spm_ml.predictions.data_evidence import DataQuality, LeakageResult, Lineage
from spm_ml.predictions.diagnosis import Diagnosis
from spm_ml.predictions.fairness import FairnessAudit
from spm_ml.predictions.model_evidence import Calibration, Drift
from spm_ml.predictions.pay import PayCost
from spm_ml.predictions.proposed_quota import ProposalTerms, ProposedQuota
from spm_ml.predictions.rivals import Rivals
from spm_ml.predictions.rows import CountedForecast, Prediction, Recommendation, TeamPrediction, WeekForecast
from spm_ml.predictions.voice_evidence import VoicesValue

Row = TypeVar(
    "Row",
    Prediction,
    CountedForecast,
    WeekForecast,
    BoardForecast,
    TeamPrediction,
    Recommendation,
    ModelCard,
    Diagnosis,
    ProgramFinding,
    ProgramOption,
    PlanSummary,
    FairnessAudit,
    Calibration,
    Rivals,
    Drift,
    DataQuality,
    LeakageResult,
    Lineage,
    PayCost,
    VoicesValue,
    ProposalTerms,
    ProposedQuota,
)


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, date):  # datetime too
        return value.isoformat()
    item = getattr(value, "item", None)  # a numpy scalar from a model's table
    if callable(item):
        return item()
    raise TypeError(f"a stored row cannot hold {type(value).__name__} {value!r}")


def encode(
    row: Prediction
    | TeamPrediction
    | Recommendation
    | ModelCard
    | Diagnosis
    | ProgramFinding
    | ProgramOption
    | PlanSummary
    | FairnessAudit
    | Calibration
    | Rivals
    | Drift
    | DataQuality
    | LeakageResult
    | Lineage
    | PayCost
    | VoicesValue
    | ProposalTerms
    | ProposedQuota,
) -> str:
    """The row as compact JSON.

    Raises:
        ValueError: A number is not finite.
    """
    return json.dumps(row, default=_plain, allow_nan=False, separators=(",", ":"), ensure_ascii=False)


_readers: Final[dict[type, TypeAdapter[Any]]] = {}


def decode(kind: type[Row], text: str) -> Row:
    """The row of a kind that `encode` wrote, or a part of its fields."""
    reader = _readers.get(kind)
    if reader is None:
        reader = _readers[kind] = TypeAdapter(kind)
    row: Row = reader.validate_json(text)
    return row
