"""Quotas and commission against the compensation plan."""

from typing import Final

from spm_ml.metrics.metric import Metric, MetricResult, Scalar, known, ratio, undefined

_CICHELLI: Final = "Cichelli, Compensating the Sales Force (McGraw-Hill)"


def quota_to_ote_ratio(quota_on_plan: Scalar, on_target_earnings: Scalar) -> MetricResult:
    """Quota as a multiple of the on-target earnings of the same period.

    >>> quota_to_ote_ratio(quota_on_plan=250_000_00, on_target_earnings=50_000_00).value
    5.0
    """
    if on_target_earnings is None:
        return undefined("no_plan")
    return ratio(quota_on_plan or None, on_target_earnings, missing="quota_missing", zero="no_plan")


def commission_payout(payout: Scalar, on_plan: Scalar) -> MetricResult:
    """What the compensation plan pays for the period."""
    if not on_plan:
        return undefined("no_plan")
    return known(payout, missing="quota_missing")


PAY: Final = (
    Metric(
        "quota_to_ote_ratio",
        "Quota to OTE",
        "ratio",
        "quota in force ÷ on-target earnings of one period; Σ over the reps on a plan",
        quota_to_ote_ratio,
        "null if no plan with on-target earnings applies, or the quota is missing or 0",
        _CICHELLI,
    ),
    Metric(
        "commission_payout",
        "Commission payout",
        "money",
        "tiers, SPIFs, draw and clawbacks of the plan on the period's credits; Σ over the reps on a plan",
        commission_payout,
        "null if no plan applies, or the quota is missing or 0",
        _CICHELLI,
    ),
)
