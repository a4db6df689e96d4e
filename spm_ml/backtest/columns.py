"""Names of the columns of a backtest."""

from typing import Final

from spm_ml.settings import QUANTILE_LEVELS

QUANTILES: Final = tuple(f"q{round(100 * level):02d}" for level in QUANTILE_LEVELS)
"""Quantiles of attainment."""

BOOKINGS: Final = tuple(f"b{round(100 * level):02d}" for level in QUANTILE_LEVELS)
"""Quantiles of bookings, minor units."""

MEDIAN, LOWER, UPPER = "b50", "b10", "b90"
"""Median of bookings, and the ends of their 80 % interval."""

CONTRACT: Final = (
    "forecaster",
    "rep_id",
    "period",
    "as_of",
    "quota",
    "booked_to_date",
    "actual_bookings",
    "actual_attainment",
    *QUANTILES,
    "mean",
    "p_hit",
)
"""Columns of the data contract."""

CONTEXT: Final = ("team", "region", "segment", "tenure_days")
"""What is known of the rep on the as-of day; by it the gate looks for groups that a model serves worse."""

ROWS: Final = (
    *CONTRACT,
    "week",
    *CONTEXT,
    "censored",
    "abstention",
    "usual_bookings",
    "mean_bookings",
    *BOOKINGS,
)
"""Columns of `Backtest.frame`: those of the data contract, then what measuring needs."""

GROUP_ROWS: Final = (
    "forecaster",
    "level",
    "group",
    "period",
    "as_of",
    "week",
    "members",
    "booked",
    "actual_bookings",
    *BOOKINGS,
    "mean",
)
"""Columns of `Backtest.groups`."""
