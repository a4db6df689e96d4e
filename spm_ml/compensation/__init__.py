"""Compensation: plans (tiers, accelerators, draw, cap, SPIF, clawback) and traced, exact payouts."""

from spm_ml.compensation.commission import commission_on, payout, payout_at
from spm_ml.compensation.credit import Credit, overlay_credit, split_credit
from spm_ml.compensation.plan import CompensationPlan, Draw, Spif, Tier, plan_for, plans_of, plans_text, read_plans
from spm_ml.compensation.snapshots import PayoutSnapshots, Snapshot
from spm_ml.compensation.trace import Payout, TraceLine

__all__ = [
    "CompensationPlan",
    "Credit",
    "Draw",
    "Payout",
    "PayoutSnapshots",
    "Snapshot",
    "Spif",
    "Tier",
    "TraceLine",
    "commission_on",
    "overlay_credit",
    "payout",
    "payout_at",
    "plan_for",
    "plans_of",
    "plans_text",
    "read_plans",
    "split_credit",
]
