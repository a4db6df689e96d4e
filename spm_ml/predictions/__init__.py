"""The operational store: scored batches, recommendations, decisions, access and the audit trail."""

from spm_ml.predictions.agreements import (
    Agreement,
    AgreementEvent,
    AgreementMove,
    AgreementSource,
    AgreementStatus,
    AgreementStep,
    AgreementStepError,
    Doer,
    DueDayError,
    NewAgreement,
    Side,
    UnknownBehaviourError,
)
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
from spm_ml.predictions.closings import ClosedAlreadyError, ClosingOrderError, NewClosing, PayClosing
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
from spm_ml.predictions.contests import ContestCount, ContestOutcome, ContestVerdict
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
from spm_ml.predictions.goals import CompanyGoal, NewGoal
from spm_ml.predictions.growth import GROWTH_SLUGS, Growth, MetricCourse
from spm_ml.predictions.idempotency import Key, KeyReusedError, Reply, SecretGivenError
from spm_ml.predictions.inbox import Arrival, EventReusedError, EventState, EventStatus, Settled, WaitingEvent
from spm_ml.predictions.model_evidence import (
    Calibration,
    Coverage,
    Drift,
    DriftTest,
    MeasuredShare,
    ModelEvidence,
    PitBin,
    ReliabilityBin,
    WeekReliability,
)
from spm_ml.predictions.notes import Note, NoteDayError, NoteTopic
from spm_ml.predictions.outcomes import Outcome, OutcomeVersion
from spm_ml.predictions.outlook import DealOutlook, News, Submission, SubmissionKind, WithoutLargest
from spm_ml.predictions.parts import Driver, ForecastChange, ForecastPart
from spm_ml.predictions.pay import ExpectedPay, Leaver, PayCost, PayOutlook, PayStatement, PublishedPay
from spm_ml.predictions.periods import StoredPeriod, UnknownPeriodError
from spm_ml.predictions.proposed_quota import ProposalGroup, ProposalTerms, ProposedQuota, QuotaReason
from spm_ml.predictions.publishing import BatchContent
from spm_ml.predictions.pulses import ConsentMissingError, Pulse, PulseCount, PulseQuestion, PulseRow
from spm_ml.predictions.quota_proposals import NewProposal, ProposalHead, UnknownProposalError
from spm_ml.predictions.reading import BatchReader, Offer, RepSummary
from spm_ml.predictions.reading_days import UnknownDayError
from spm_ml.predictions.reading_leavers import LeftPayee
from spm_ml.predictions.reading_outcomes import GroupOutcome, HeldRanges
from spm_ml.predictions.reading_pay import PaidSoFar, StatementHead, StoredStatement
from spm_ml.predictions.rivals import Contender, GateRow, PairedDifference, Rivals
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
from spm_ml.predictions.store import PredictionStore
from spm_ml.predictions.submissions import NewSubmission, PeriodOverError, SubmissionRecord
from spm_ml.predictions.touched import OvertakenError, TouchedBatches, TouchedContent
from spm_ml.predictions.voice_evidence import VoiceSignal, VoicesValue, VoiceValue
from spm_ml.predictions.what_if import WhatIfInputs

__all__ = [
    "COMPANY",
    "GROWTH_SLUGS",
    "LEVELS",
    "MOST_DEALS",
    "Agreement",
    "AgreementEvent",
    "AgreementMove",
    "AgreementSource",
    "AgreementStatus",
    "AgreementStep",
    "AgreementStepError",
    "Arrival",
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
    "ClosedAlreadyError",
    "ClosingOrderError",
    "CoachingBatch",
    "CompanyGoal",
    "ConsentMissingError",
    "Contender",
    "ContestCount",
    "ContestOutcome",
    "ContestVerdict",
    "Coverage",
    "DataQuality",
    "DatasetFacts",
    "DealOutlook",
    "Decision",
    "DecisionRecord",
    "Diagnosis",
    "DiagnosisPart",
    "DiagnosisVerdict",
    "Doer",
    "Drift",
    "DriftTest",
    "Driver",
    "DueDayError",
    "EffectCheck",
    "EffectPoint",
    "EffectVerdict",
    "EventReusedError",
    "EventState",
    "EventStatus",
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
    "Growth",
    "HazardCount",
    "HeldRanges",
    "Ingest",
    "Key",
    "KeyReusedError",
    "LeakageResult",
    "Leaver",
    "LeftPayee",
    "Level",
    "Lineage",
    "Listing",
    "MeasuredShare",
    "MetricCourse",
    "MetricValue",
    "ModelCard",
    "ModelEvidence",
    "Moved",
    "MovedPart",
    "NewAgreement",
    "NewCase",
    "NewClosing",
    "NewGoal",
    "NewProposal",
    "NewSubmission",
    "News",
    "Note",
    "NoteDayError",
    "NoteTopic",
    "NothingToReverseError",
    "Offer",
    "Outcome",
    "OutcomeVersion",
    "OvertakenError",
    "PaidSoFar",
    "PairedDifference",
    "PayClosing",
    "PayCost",
    "PayOutlook",
    "PayStatement",
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
    "ProposalGroup",
    "ProposalHead",
    "ProposalTerms",
    "ProposedQuota",
    "PublishedPay",
    "Pulse",
    "PulseCount",
    "PulseQuestion",
    "PulseRow",
    "QuotaReason",
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
    "Settled",
    "Side",
    "SkillRating",
    "SourceFile",
    "StatementHead",
    "StoreUnavailableError",
    "StoredPeriod",
    "StoredStatement",
    "Submission",
    "SubmissionKind",
    "SubmissionRecord",
    "TableQuality",
    "TeamPrediction",
    "TouchedBatches",
    "TouchedContent",
    "UnknownBehaviourError",
    "UnknownDayError",
    "UnknownPeriodError",
    "UnknownProposalError",
    "UnknownSkillError",
    "UnseenOrderError",
    "Verdict",
    "VoiceSignal",
    "VoiceValue",
    "VoicesValue",
    "WaitingEvent",
    "WeekForecast",
    "WeekReliability",
    "WhatIfInputs",
    "WithoutLargest",
    "WithoutQuota",
    "standing_offers",
]
