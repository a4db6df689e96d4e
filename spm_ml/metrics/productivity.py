"""What reps do in a day, and how long they take to get going."""

from typing import Final

from spm_ml.metrics.metric import Metric, MetricResult, Scalar, ratio, undefined


def activity_rate(activities: Scalar, rep_selling_days: Scalar) -> MetricResult:
    """Activities a selling day.

    >>> activity_rate(activities=120, rep_selling_days=20).value
    6.0
    """
    return ratio(activities, rep_selling_days, missing="no_activity_data", zero="not_started")


def ramp_days(ramp_days_total: Scalar, ramped_reps: Scalar, ramping_reps: Scalar) -> MetricResult:
    """Days from hire to the end of the first period in which the rep reached the quota."""
    if not ramped_reps:
        return undefined("not_ramped" if ramping_reps else "hired_before_data")
    return ratio(ramp_days_total, ramped_reps, missing="not_ramped", zero="not_ramped")


PRODUCTIVITY: Final = (
    Metric(
        "activity_rate",
        "Activities a selling day",
        "count_per_day",
        "activities in the period ÷ elapsed selling days on which the rep was employed; Σ over reps ÷ Σ their days",
        activity_rate,
        "null if no activities are recorded at all, or before the first selling day",
        "house definition",
    ),
    Metric(
        "ramp_days",
        "Ramp time",
        "days",
        "calendar days from hire to the end of the first finished period with attainment ≥ 1 of the quota in force at "
        "its end (target productivity), for reps hired since the data begin; mean over those who got there",
        ramp_days,
        "null if hired before the data begin, or no finished period reached the quota",
        "house definition",
    ),
)
