"""Compensation: plans (components, tiers, draw, caps, holdback, SPIFs, clawback) and traced, exact payouts."""

from spm_ml.compensation.credit import Credit, overlay_credit, split_credit
from spm_ml.compensation.payouts import payout, payout_at, payout_at_quota
from spm_ml.compensation.plan import CompensationPlan, check_plans, plan_for
from spm_ml.compensation.plan_files import plans_of, plans_text, read_plans
from spm_ml.compensation.snapshots import PayoutSnapshots, Snapshot
from spm_ml.compensation.terms import Component, Draw, Holdback, Measure, Spif, Tier
from spm_ml.compensation.tiers import commission_on
from spm_ml.compensation.trace import ComponentPay, Payout, TraceLine

__all__ = [
    "CompensationPlan",
    "Component",
    "ComponentPay",
    "Credit",
    "Draw",
    "Holdback",
    "Measure",
    "Payout",
    "PayoutSnapshots",
    "Snapshot",
    "Spif",
    "Tier",
    "TraceLine",
    "check_plans",
    "commission_on",
    "overlay_credit",
    "payout",
    "payout_at",
    "payout_at_quota",
    "plan_for",
    "plans_of",
    "plans_text",
    "read_plans",
    "split_credit",
]
