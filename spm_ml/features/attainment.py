"""Features of what the rep booked before, against the quotas that were in force."""

from typing import Final

import ibis

from spm_ml.features.bookings import BOOKED, FINISHED, LAGS, QUOTAS
from spm_ml.features.feature import AsOf, Expression, Feature


def booked_of(at: AsOf, lag: int) -> Expression:
    """Credited bookings `lag` periods back; NULL if the rep was not employed then or no record goes back so far."""
    return ibis.ifelse(at.row.periods_of_history >= lag, at.now(BOOKED, f"lag_{lag}"), None)


def same_last_year(at: AsOf) -> Expression:
    """Credited bookings of the period of the same number a fiscal year before."""
    return ibis.ifelse(at.row.periods_of_history >= at.row.periods_since_last_year, at.now(BOOKED, "last_year"), None)


def _periods(at: AsOf) -> Expression:
    return ibis.ifelse(at.row.periods_of_history > 0, at.row.periods_of_history, None)


def bookings_mean(at: AsOf) -> Expression:
    """Mean over the rep's finished periods; a period without bookings counts as 0."""
    return at.now(FINISHED, "booked") / _periods(at)


def bookings_std(at: AsOf) -> Expression:
    """Sample standard deviation (n − 1) over the rep's finished periods; NULL below two."""
    count, total = _periods(at), at.now(FINISHED, "booked").cast("decimal(38, 0)")
    spread = at.now(FINISHED, "squared").cast("decimal(38, 0)") * count - total * total  # exact, so never below 0
    freedom = count * (count - 1)
    return (spread.cast("float64") / ibis.ifelse(freedom > 0, freedom, None)).sqrt()


def attainment_last_1(at: AsOf) -> Expression:
    """Attainment of the period before, on the quota in force for it as known at the as-of day."""
    quota = at.now(QUOTAS, "last_amount")
    return booked_of(at, 1) / ibis.ifelse(quota > 0, quota, None)


def _mean_over_quotas(at: AsOf, measure: str) -> Expression:
    count = at.now(FINISHED, "with_quota")
    return at.now(FINISHED, measure).cast("float64") / ibis.ifelse(count > 0, count, None)


def booked_share_of_quota(at: AsOf) -> Expression:
    """What is booked already, as a share of the quota in force as of the day."""
    return at.row.booked_to_date / ibis.ifelse(at.row.quota > 0, at.row.quota, None)


def _past(lag: int) -> Feature:
    text = f"Credited bookings {lag} period{'s' if lag > 1 else ''} before."
    return Feature(f"bookings_last_{lag}", "attainment", "money", text, lambda at: booked_of(at, lag))


FEATURES: Final = (
    *(_past(lag) for lag in LAGS),
    Feature(
        "bookings_same_last_year",
        "attainment",
        "money",
        "Credited bookings of the same period a year before.",
        same_last_year,
    ),
    Feature(
        "bookings_mean", "attainment", "money", "Mean credited bookings of all finished periods before.", bookings_mean
    ),
    Feature(
        "bookings_std", "attainment", "money", "Standard deviation of the finished periods' bookings.", bookings_std
    ),
    Feature("attainment_last_1", "attainment", "ratio", "Attainment of the period before.", attainment_last_1),
    Feature(
        "attainment_mean",
        "attainment",
        "ratio",
        "Mean attainment of the finished periods that had a quota.",
        lambda at: _mean_over_quotas(at, "attainment"),
    ),
    Feature(
        "share_at_quota",
        "attainment",
        "ratio",
        "Share of those periods in which the quota was reached.",
        lambda at: _mean_over_quotas(at, "at_quota"),
    ),
    Feature(
        "periods_of_history",
        "attainment",
        "count",
        "Finished periods in which the rep was employed and records were kept.",
        lambda at: at.row.periods_of_history,
    ),
    Feature(
        "booked_share_of_quota",
        "attainment",
        "ratio",
        "Booked so far in the period ÷ quota in force.",
        booked_share_of_quota,
    ),
)
