"""Compensation: plans (components, tiers, draw, caps, holdback, SPIFs, clawback) and traced, exact payouts."""

from spm_ml.compensation.closing import (
    ClosedPeriod,
    PaidPeriods,
    PeriodTerms,
    pay_in_order,
    payout_of_text,
    payout_text,
)
from spm_ml.compensation.credit import Credit, overlay_credit, split_credit
from spm_ml.compensation.payouts import payout, payout_at, payout_at_quota, settlement
from spm_ml.compensation.plan import CompensationPlan, check_plans, plan_for
from spm_ml.compensation.plan_files import plans_json, plans_of, plans_of_json, plans_text, read_plans
from spm_ml.compensation.terms import Component, Draw, Holdback, Measure, Spif, Tier
from spm_ml.compensation.tiers import commission_on
from spm_ml.compensation.trace import ComponentPay, Payout, TraceLine

__all__ = [
    "ClosedPeriod",
    "CompensationPlan",
    "Component",
    "ComponentPay",
    "Credit",
    "Draw",
    "Holdback",
    "Measure",
    "PaidPeriods",
    "Payout",
    "PeriodTerms",
    "Spif",
    "Tier",
    "TraceLine",
    "check_plans",
    "commission_on",
    "overlay_credit",
    "pay_in_order",
    "payout",
    "payout_at",
    "payout_at_quota",
    "payout_of_text",
    "payout_text",
    "plan_for",
    "plans_json",
    "plans_of",
    "plans_of_json",
    "plans_text",
    "read_plans",
    "settlement",
    "split_credit",
]
