"""Bookings against quota."""

from typing import Final

from spm_ml.metrics.metric import Metric, MetricResult, Scalar, known, ratio, undefined

_CICHELLI: Final = "Cichelli, Compensating the Sales Force (McGraw-Hill): credited sales against quota"


def quota_attainment(booked: Scalar, quota: Scalar) -> MetricResult:
    """Bookings as a share of the quota in force.

    >>> quota_attainment(booked=325_000_00, quota=250_000_00).value
    1.3
    """
    return ratio(booked, quota, missing="quota_missing", zero="quota_zero")


def quota_attainment_original(booked: Scalar, quota_original: Scalar) -> MetricResult:
    """Bookings as a share of the quota first set for the period."""
    return ratio(booked, quota_original, missing="quota_missing", zero="quota_zero")


def quota_attainment_prorated(booked: Scalar, quota: Scalar, exposure: Scalar) -> MetricResult:
    """Bookings as a share of the quota for the part of the period that the rep works in it."""
    if not exposure:
        return undefined("not_employed")
    return ratio(booked, None if quota is None else quota * exposure, missing="quota_missing", zero="quota_zero")


def share_at_quota(reps_at_quota: Scalar, reps_with_quota: Scalar) -> MetricResult:
    """Share of the reps with a quota whose attainment is 1 or more."""
    return ratio(reps_at_quota, reps_with_quota, missing="no_rep_with_quota", zero="no_rep_with_quota")


def quota_in_force(quota: Scalar) -> MetricResult:
    """The quota known last on the as-of day; zero counts as none."""
    return undefined("quota_zero") if quota == 0 else known(quota, missing="quota_missing")


def bookings(booked: Scalar) -> MetricResult:
    """Credited bookings of the period so far."""
    return known(booked, missing="no_bookings")


ATTAINMENT: Final = (
    Metric(
        "bookings",
        "Bookings",
        "money",
        "Σ credited bookings of the period up to the as-of day, reversals subtracted; "
        "a rep's include overlay credit, a team's are revenue shares only",
        bookings,
        "never null: no bookings are 0",
        "house definition",
    ),
    Metric(
        "quota_in_force",
        "Quota in force",
        "money",
        "the version of the quota known last on the as-of day (at the period's end once it is over); Σ over reps",
        quota_in_force,
        "null if no quota is known or it is 0",
        "house definition",
    ),
    Metric(
        "quota_attainment",
        "Quota attainment",
        "ratio",
        "credited bookings ÷ quota in force",
        quota_attainment,
        "null if the quota is missing or 0",
        _CICHELLI,
        levels=("rep",),
    ),
    Metric(
        "quota_attainment_original",
        "Attainment of the original quota",
        "ratio",
        "credited bookings ÷ quota first set for the period",
        quota_attainment_original,
        "null if the quota is missing or 0",
        "house definition",
        levels=("rep",),
    ),
    Metric(
        "quota_attainment_prorated",
        "Attainment prorated by exposure",
        "ratio",
        "credited bookings ÷ (quota in force × exposure); exposure = share of the period's selling days employed × FTE",
        quota_attainment_prorated,
        "null if the quota is missing or 0, or the rep was not employed",
        "house definition",
        levels=("rep",),
    ),
    Metric(
        "team_attainment",
        "Team attainment",
        "ratio",
        "Σ bookings (revenue shares) ÷ Σ quota in force",
        quota_attainment,
        "null if no rep has a quota above 0",
        _CICHELLI,
        levels=("team", "region", "segment", "organisation"),
    ),
    Metric(
        "share_at_quota",
        "Reps at quota",
        "ratio",
        "reps with attainment ≥ 1 ÷ reps with a quota above 0",
        share_at_quota,
        "null if no rep has a quota above 0",
        _CICHELLI,
        levels=("team", "region", "segment", "organisation"),
    ),
)
