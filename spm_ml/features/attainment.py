"""Features of what the rep booked before, against the quotas that were in force."""

from typing import Final

import numpy as np

from spm_ml.features.as_of import AsOf
from spm_ml.features.bookings import BOOKED, FINISHED, LAGS, QUOTAS
from spm_ml.features.feature import Feature, ratio


def booked_of(at: AsOf, lag: int) -> np.ndarray:
    """Credited bookings `lag` periods back; NULL if the rep was not employed then or no record goes back so far."""
    return np.where(at.row.periods_of_history >= lag, at.now(BOOKED, f"lag_{lag}"), np.nan)


def same_last_year(at: AsOf) -> np.ndarray:
    """Credited bookings of the period of the same number a fiscal year before."""
    known = at.row.periods_of_history >= at.row.periods_since_last_year
    return np.where(known, at.now(BOOKED, "last_year"), np.nan)


def bookings_mean(at: AsOf) -> np.ndarray:
    """Mean over the rep's finished periods; a period without bookings counts as 0."""
    return ratio(at.now(FINISHED, "booked"), at.row.periods_of_history)


def bookings_std(at: AsOf) -> np.ndarray:
    """Sample standard deviation (n − 1) over the rep's finished periods; NaN below two."""
    count = at.row.periods_of_history
    total = at.exactly(FINISHED, "booked").astype(object)  # Python integers: exact, so the spread is never below 0
    spread = (at.exactly(FINISHED, "squared") * count - total * total).astype(np.float64)
    known = ~np.isnan(at.now(FINISHED, "booked")) & (count > 1)
    return np.sqrt(np.where(known, spread, np.nan) / np.where(known, count * (count - 1), np.nan))


def attainment_last_1(at: AsOf) -> np.ndarray:
    """Attainment of the period before, on the quota in force for it as known at the as-of day."""
    return ratio(booked_of(at, 1), at.now(QUOTAS, "last_amount"))


def _mean_over_quotas(at: AsOf, measure: str) -> np.ndarray:
    return ratio(at.now(FINISHED, measure), at.now(FINISHED, "with_quota"))


def booked_share_of_quota(at: AsOf) -> np.ndarray:
    """What is booked already, as a share of the quota in force as of the day."""
    return ratio(at.row.booked_to_date, at.row.quota)


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
