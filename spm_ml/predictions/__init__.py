"""The operational store: scored batches, recommendations, decisions, access and the audit trail."""

from spm_ml.predictions.assessments import Assessment, Assessor, UnknownSkillError
from spm_ml.predictions.assignments import Assignment, AssignmentEvent, standing_offers
from spm_ml.predictions.audit import AuditEntry, AuditHead
from spm_ml.predictions.audit_check import AuditCheck, AuditProblem
from spm_ml.predictions.batch import Batch, ModelCard, Person
from spm_ml.predictions.board import BoardForecast, Moved, MovedPart, WithoutQuota
from spm_ml.predictions.cases import (
    Case,
    CaseAnswer,
    CaseEvent,
    CaseKind,
    CaseStatus,
    CaseStepError,
    CaseSubject,
    NewCase,
)
from spm_ml.predictions.champions import Champion
from spm_ml.predictions.coaching import (
    CheckSlug,
    CoachingBatch,
    EffectCheck,
    EffectPoint,
    EffectVerdict,
    PlanRules,
    PlanSummary,
    PlanValue,
    ProgramFinding,
    ProgramOption,
)
from spm_ml.predictions.credentials import Principal
from spm_ml.predictions.decisions import Decision, DecisionRecord, ExpiredOfferError, NothingToReverseError, Verdict
from spm_ml.predictions.diagnosis import Diagnosis, DiagnosisPart, DiagnosisVerdict, SkillRating
from spm_ml.predictions.engine import StoreUnavailableError
from spm_ml.predictions.fairness import FairnessAudit, FairnessFinding, FairnessRow
from spm_ml.predictions.feedback import Feedback, FeedbackCount, FeedbackSubject, FeedbackVerdict
from spm_ml.predictions.idempotency import Key, KeyReusedError, Reply, SecretGivenError
from spm_ml.predictions.outlook import DealOutlook, Submission, SubmissionKind, WithoutLargest
from spm_ml.predictions.parts import Driver, ForecastChange, ForecastPart
from spm_ml.predictions.pay import ExpectedPay, PayOutlook
from spm_ml.predictions.publishing import BatchContent
from spm_ml.predictions.reading import BatchReader, Listing, Offer, RepSummary, Selection, UnseenOrderError
from spm_ml.predictions.reading_days import UnknownDayError
from spm_ml.predictions.rows import (
    COMPANY,
    LEVELS,
    MOST_DEALS,
    EvidenceLevel,
    Level,
    MetricValue,
    Prediction,
    Recommendation,
    RiskBand,
    TeamPrediction,
)
from spm_ml.predictions.scope import Role, Scope
from spm_ml.predictions.store import PredictionStore, StoredPeriod, UnknownPeriodError
from spm_ml.predictions.submissions import NewSubmission, PeriodOverError, SubmissionRecord
from spm_ml.predictions.what_if import WhatIfInputs

__all__ = [
    "COMPANY",
    "LEVELS",
    "MOST_DEALS",
    "Assessment",
    "Assessor",
    "Assignment",
    "AssignmentEvent",
    "AuditCheck",
    "AuditEntry",
    "AuditHead",
    "AuditProblem",
    "Batch",
    "BatchContent",
    "BatchReader",
    "BoardForecast",
    "Case",
    "CaseAnswer",
    "CaseEvent",
    "CaseKind",
    "CaseStatus",
    "CaseStepError",
    "CaseSubject",
    "Champion",
    "CheckSlug",
    "CoachingBatch",
    "DealOutlook",
    "Decision",
    "DecisionRecord",
    "Diagnosis",
    "DiagnosisPart",
    "DiagnosisVerdict",
    "Driver",
    "EffectCheck",
    "EffectPoint",
    "EffectVerdict",
    "EvidenceLevel",
    "ExpectedPay",
    "ExpiredOfferError",
    "FairnessAudit",
    "FairnessFinding",
    "FairnessRow",
    "Feedback",
    "FeedbackCount",
    "FeedbackSubject",
    "FeedbackVerdict",
    "ForecastChange",
    "ForecastPart",
    "Key",
    "KeyReusedError",
    "Level",
    "Listing",
    "MetricValue",
    "ModelCard",
    "Moved",
    "MovedPart",
    "NewCase",
    "NewSubmission",
    "NothingToReverseError",
    "Offer",
    "PayOutlook",
    "PeriodOverError",
    "Person",
    "PlanRules",
    "PlanSummary",
    "PlanValue",
    "Prediction",
    "PredictionStore",
    "Principal",
    "ProgramFinding",
    "ProgramOption",
    "Recommendation",
    "RepSummary",
    "Reply",
    "RiskBand",
    "Role",
    "Scope",
    "SecretGivenError",
    "Selection",
    "SkillRating",
    "StoreUnavailableError",
    "StoredPeriod",
    "Submission",
    "SubmissionKind",
    "SubmissionRecord",
    "TeamPrediction",
    "UnknownDayError",
    "UnknownPeriodError",
    "UnknownSkillError",
    "UnseenOrderError",
    "Verdict",
    "WhatIfInputs",
    "WithoutLargest",
    "WithoutQuota",
    "standing_offers",
]
