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
from spm_ml.predictions.data_evidence import (
    BrokenRuleCount,
    DataQuality,
    DatasetFacts,
    HazardCount,
    Ingest,
    LeakageResult,
    Lineage,
    SourceFile,
    TableQuality,
)
from spm_ml.predictions.decisions import Decision, DecisionRecord, ExpiredOfferError, NothingToReverseError, Verdict
from spm_ml.predictions.diagnosis import Diagnosis, DiagnosisPart, DiagnosisVerdict, SkillRating
from spm_ml.predictions.engine import StoreUnavailableError
from spm_ml.predictions.fairness import FairnessAudit, FairnessFinding, FairnessRow
from spm_ml.predictions.feedback import Feedback, FeedbackCount, FeedbackSubject, FeedbackVerdict
from spm_ml.predictions.idempotency import Key, KeyReusedError, Reply, SecretGivenError
from spm_ml.predictions.model_evidence import (
    Calibration,
    Contender,
    Coverage,
    Drift,
    DriftTest,
    GateRow,
    MeasuredShare,
    ModelEvidence,
    PairedDifference,
    PitBin,
    ReliabilityBin,
    Rivals,
    WeekReliability,
)
from spm_ml.predictions.outcomes import Outcome, OutcomeVersion
from spm_ml.predictions.outlook import DealOutlook, Submission, SubmissionKind, WithoutLargest
from spm_ml.predictions.parts import Driver, ForecastChange, ForecastPart
from spm_ml.predictions.pay import ExpectedPay, PayOutlook
from spm_ml.predictions.publishing import BatchContent
from spm_ml.predictions.reading import BatchReader, Offer, RepSummary
from spm_ml.predictions.reading_days import UnknownDayError
from spm_ml.predictions.reading_outcomes import GroupOutcome, HeldRanges
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
    WeekForecast,
)
from spm_ml.predictions.scope import Role, Scope
from spm_ml.predictions.selection import Listing, Selection, UnseenOrderError
from spm_ml.predictions.session_limits import SessionLimits
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
    "BrokenRuleCount",
    "Calibration",
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
    "Contender",
    "Coverage",
    "DataQuality",
    "DatasetFacts",
    "DealOutlook",
    "Decision",
    "DecisionRecord",
    "Diagnosis",
    "DiagnosisPart",
    "DiagnosisVerdict",
    "Drift",
    "DriftTest",
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
    "GateRow",
    "GroupOutcome",
    "HazardCount",
    "HeldRanges",
    "Ingest",
    "Key",
    "KeyReusedError",
    "LeakageResult",
    "Level",
    "Lineage",
    "Listing",
    "MeasuredShare",
    "MetricValue",
    "ModelCard",
    "ModelEvidence",
    "Moved",
    "MovedPart",
    "NewCase",
    "NewSubmission",
    "NothingToReverseError",
    "Offer",
    "Outcome",
    "OutcomeVersion",
    "PairedDifference",
    "PayOutlook",
    "PeriodOverError",
    "Person",
    "PitBin",
    "PlanRules",
    "PlanSummary",
    "PlanValue",
    "Prediction",
    "PredictionStore",
    "Principal",
    "ProgramFinding",
    "ProgramOption",
    "Recommendation",
    "ReliabilityBin",
    "RepSummary",
    "Reply",
    "RiskBand",
    "Rivals",
    "Role",
    "Scope",
    "SecretGivenError",
    "Selection",
    "SessionLimits",
    "SkillRating",
    "SourceFile",
    "StoreUnavailableError",
    "StoredPeriod",
    "Submission",
    "SubmissionKind",
    "SubmissionRecord",
    "TableQuality",
    "TeamPrediction",
    "UnknownDayError",
    "UnknownPeriodError",
    "UnknownSkillError",
    "UnseenOrderError",
    "Verdict",
    "WeekForecast",
    "WeekReliability",
    "WhatIfInputs",
    "WithoutLargest",
    "WithoutQuota",
    "standing_offers",
]
