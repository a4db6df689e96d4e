"""Open deals against what is still to be booked."""

from typing import Final

from spm_ml.metrics.metric import Metric, MetricResult, Scalar, known, ratio, undefined

_ZOMBIES: Final = "open deals that nobody has touched for long are left out"
_JORDAN: Final = "Jordan & Vazzana, Cracking the Sales Management Code (McGraw-Hill, 2011): pipeline coverage"


def open_pipeline(open_amount: Scalar) -> MetricResult:
    """Amount of the open deals."""
    return known(open_amount, missing="amount_missing")


def weighted_pipeline(stage_weighted_amount: Scalar, open_amount: Scalar) -> MetricResult:
    """Amount of the open deals, each times the historical win rate of its stage."""
    if open_amount is None:
        return undefined("amount_missing")
    return known(stage_weighted_amount, missing="no_stage_history")


def _coverage(amount: Scalar, quota: Scalar) -> MetricResult:
    if not quota:
        return undefined("quota_missing" if quota is None else "quota_zero")
    return ratio(amount, quota, missing="amount_missing", zero="quota_zero")


def pipeline_coverage_total(open_amount: Scalar, quota: Scalar) -> MetricResult:
    """Open pipeline as a multiple of the quota."""
    return _coverage(open_amount, quota)


def pipeline_coverage_remaining(open_amount: Scalar, quota: Scalar, booked: Scalar) -> MetricResult:
    """Open pipeline as a multiple of what is still to be booked.

    >>> round(pipeline_coverage_remaining(open_amount=4_800_000_00, quota=2_000_000_00, booked=400_000_00).value, 9)
    3.0
    """
    if not quota or booked is None:
        return _coverage(open_amount, quota)
    if booked >= quota:
        return undefined("quota_reached")
    return ratio(open_amount, quota - booked, missing="amount_missing", zero="quota_reached")


def pipeline_coverage_in_period(
    open_amount_in_period: Scalar, open_deals: Scalar, open_with_expected: Scalar, quota: Scalar
) -> MetricResult:
    """Open pipeline that is expected to close in the period, as a multiple of the quota."""
    if quota and open_deals and not open_with_expected:
        return undefined("no_expected_close")
    return _coverage(open_amount_in_period, quota)


def pipeline_coverage_weighted(stage_weighted_amount: Scalar, open_amount: Scalar, quota: Scalar) -> MetricResult:
    """Weighted pipeline as a multiple of the quota."""
    weighted = weighted_pipeline(stage_weighted_amount, open_amount)
    if quota and weighted.value is None:
        return weighted
    return _coverage(weighted.value, quota)


def required_coverage(won_deals: Scalar, lost_deals: Scalar) -> MetricResult:
    """Deals needed for one win.

    >>> round(required_coverage(won_deals=22, lost_deals=78).value, 2)
    4.55
    """
    if not won_deals or lost_deals is None:
        return undefined("no_closed_deals" if not lost_deals else "no_won_deals")
    return MetricResult((won_deals + lost_deals) / won_deals)


PIPELINE: Final = (
    Metric(
        "open_pipeline",
        "Open pipeline",
        "money",
        f"Σ amount of the deals open at the end of the as-of day; {_ZOMBIES}",
        open_pipeline,
        "null if there are open deals and none of them carries an amount",
        "house definition",
    ),
    Metric(
        "pipeline_coverage_total",
        "Coverage of the quota",
        "ratio",
        f"open pipeline ÷ quota in force; {_ZOMBIES}",
        pipeline_coverage_total,
        "null if the quota is missing or 0, or the open deals carry no amount",
        _JORDAN,
    ),
    Metric(
        "pipeline_coverage_remaining",
        "Coverage of the remaining quota",
        "ratio",
        f"open pipeline ÷ (quota in force − booked); {_ZOMBIES}",
        pipeline_coverage_remaining,
        "null if the quota is missing, 0 or reached, or the open deals carry no amount",
        _JORDAN,
    ),
    Metric(
        "pipeline_coverage_in_period",
        "Coverage closing in the period",
        "ratio",
        "open pipeline expected to close from the as-of day to the period's end ÷ quota in force; "
        f"overdue deals are not in the period; {_ZOMBIES}",
        pipeline_coverage_in_period,
        "null if the quota is missing or 0, or the open deals carry no amount or no expected close",
        _JORDAN,
    ),
    Metric(
        "pipeline_coverage_weighted",
        "Weighted coverage",
        "ratio",
        "weighted pipeline ÷ quota in force",
        pipeline_coverage_weighted,
        "null if the quota is missing or 0, or the weighted pipeline is null",
        _JORDAN,
    ),
    Metric(
        "required_coverage",
        "Required coverage",
        "ratio",
        "1 ÷ win rate by deals",
        required_coverage,
        "null if no deal was won",
        "house definition",
    ),
    Metric(
        "weighted_pipeline",
        "Weighted pipeline",
        "money",
        "Σ amount × historical win rate of its stage at the same point of the period: of the organisation's deals "
        "open in that stage at the same selling day of the finished periods, the share (by deals) won before the "
        f"period's end; {_ZOMBIES}",
        weighted_pipeline,
        "null if an open deal is in a stage that no finished period had at this point, or the open deals carry no "
        "amount",
        "house definition",
    ),
)
