"""Tables of the operational store, the same on SQLite and PostgreSQL."""

from spm_ml.predictions.schema.access import accounts, idempotency, sessions, tokens
from spm_ml.predictions.schema.arrived import events, receipts
from spm_ml.predictions.schema.columns import UtcDateTime, metadata
from spm_ml.predictions.schema.mailed import digest_refusals, digests
from spm_ml.predictions.schema.objectives import company_goals, proposed_quotas, quota_proposals
from spm_ml.predictions.schema.pay import (
    pay_closings,
    pay_costs,
    pay_leavers,
    pay_statements,
    running_plans,
    running_statements,
)
from spm_ml.predictions.schema.published import (
    batches,
    diagnoses,
    fairness_audits,
    findings,
    model_cards,
    model_evidence,
    options,
    outcomes,
    people,
    plans,
    pointer,
    predictions,
    recommendations,
    teams,
    what_if_inputs,
    what_if_models,
)
from spm_ml.predictions.schema.record import audit, audit_checkpoints, champions
from spm_ml.predictions.schema.said import (
    assessments,
    assignments,
    case_events,
    cases,
    decisions,
    feedback,
    submissions,
)
from spm_ml.predictions.schema.talks import QUESTIONS, agreement_events, agreements, notes, pulse_withdrawals, pulses

__all__ = [
    "APPEND_ONLY",
    "QUESTIONS",
    "UtcDateTime",
    "accounts",
    "agreement_events",
    "agreements",
    "assessments",
    "assignments",
    "audit",
    "audit_checkpoints",
    "batches",
    "case_events",
    "cases",
    "champions",
    "company_goals",
    "decisions",
    "diagnoses",
    "digest_refusals",
    "digests",
    "events",
    "fairness_audits",
    "feedback",
    "findings",
    "idempotency",
    "metadata",
    "model_cards",
    "model_evidence",
    "notes",
    "options",
    "outcomes",
    "pay_closings",
    "pay_costs",
    "pay_leavers",
    "pay_statements",
    "people",
    "plans",
    "pointer",
    "predictions",
    "proposed_quotas",
    "pulse_withdrawals",
    "pulses",
    "quota_proposals",
    "receipts",
    "recommendations",
    "running_plans",
    "running_statements",
    "sessions",
    "submissions",
    "teams",
    "tokens",
    "what_if_inputs",
    "what_if_models",
]

APPEND_ONLY = tuple(
    table.name
    for table in (
        audit,
        audit_checkpoints,
        decisions,
        assignments,
        cases,
        case_events,
        submissions,
        assessments,
        feedback,
        pulses,
        pulse_withdrawals,
        notes,
        agreements,
        agreement_events,
        champions,
        pay_closings,
        pay_leavers,
        pay_statements,
        company_goals,
    )
)
"""Tables whose rows triggers keep from being changed or deleted; what checkpoints count may go up to where they say."""
