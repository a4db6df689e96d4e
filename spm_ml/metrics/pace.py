"""Where the period ends if it goes on like this, and what a day must bring."""

from typing import Final

from spm_ml.metrics.metric import Metric, MetricResult, Scalar, ratio, share, undefined


def linear_pace(booked: Scalar, elapsed_days: Scalar, period_days: Scalar) -> MetricResult:
    """Bookings at the period's end at the average daily rate so far.

    >>> linear_pace(booked=100, elapsed_days=20, period_days=60).value
    300.0
    """
    if booked is None or elapsed_days is None or period_days is None:
        return undefined("no_bookings")
    return ratio(booked * period_days, elapsed_days, missing="not_started", zero="not_started")


def seasonal_pace(booked: Scalar, usual_share: Scalar) -> MetricResult:
    """Bookings at the period's end if the share booked by now is the usual one."""
    return share(booked, usual_share, missing="no_finished_period", none="nothing_usual_yet")


def required_daily_rate(booked: Scalar, quota: Scalar, elapsed_days: Scalar, period_days: Scalar) -> MetricResult:
    """Bookings a remaining selling day must bring to reach the quota; below 0 once it is passed."""
    if not quota:
        return undefined("quota_missing" if quota is None else "quota_zero")
    if booked is None or elapsed_days is None or period_days is None:
        return undefined("no_bookings")
    return ratio(quota - booked, period_days - elapsed_days, missing="period_over", zero="period_over")


def pace_gap(booked: Scalar, quota: Scalar, elapsed_days: Scalar, period_days: Scalar) -> MetricResult:
    """Required minus current bookings a selling day; above 0 means behind."""
    required = required_daily_rate(booked, quota, elapsed_days, period_days)
    current = ratio(booked, elapsed_days, missing="not_started", zero="not_started")
    if required.value is None or current.value is None:
        return required if required.value is None else current
    return MetricResult(required.value - current.value)


def bookings_linearity(booked_in_last_month: Scalar, booked_in_quarter: Scalar) -> MetricResult:
    """Share of a finished quarter's bookings that fell into its last month.

    >>> round(bookings_linearity(booked_in_last_month=5.5, booked_in_quarter=9).value, 3)
    0.611
    """
    return share(booked_in_last_month, booked_in_quarter, missing="not_a_finished_quarter", none="no_bookings")


PACE: Final = (
    Metric(
        "linear_pace",
        "Linear pace",
        "money",
        "booked ÷ elapsed selling days × selling days of the period",
        linear_pace,
        "null before the first selling day",
        "house definition (run rate)",
    ),
    Metric(
        "seasonal_pace",
        "Seasonal pace",
        "money",
        "booked ÷ usual cumulative share at the same selling day; the usual share is Σ booked by that day ÷ Σ booked, "
        "over the organisation's finished periods before; a period of another length is read at the same share of its "
        "selling days, rounded; 1 after the last selling day",
        seasonal_pace,
        "null if no period was finished before, or nothing (net) was usually booked by then, or for a range of periods",
        "house definition",
    ),
    Metric(
        "required_daily_rate",
        "Required daily rate",
        "money_per_day",
        "(quota − booked) ÷ remaining selling days; below 0 once the quota is passed",
        required_daily_rate,
        "null if the quota is missing or 0, or no selling day remains",
        "house definition",
    ),
    Metric(
        "pace_gap",
        "Pace gap",
        "money_per_day",
        "required daily rate − booked ÷ elapsed selling days",
        pace_gap,
        "null if the quota is missing or 0, before the first selling day, or if none remains",
        "house definition",
    ),
    Metric(
        "bookings_linearity",
        "Last month's share of the quarter",
        "ratio",
        "bookings in the quarter's last fiscal month ÷ bookings of the quarter",
        bookings_linearity,
        "null unless the period is one quarter that is over, or if its bookings are ≤ 0",
        "house definition",
    ),
)
