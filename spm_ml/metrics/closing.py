"""Deals that were won or lost: how many, how large, how fast."""

from typing import Final

from spm_ml.metrics.metric import Metric, MetricResult, Scalar, known, ratio, undefined

_OWNER: Final = "a deal counts for who owned it when it closed"
_JORDAN: Final = "Jordan & Vazzana, Cracking the Sales Management Code (McGraw-Hill, 2011)"


def won_count(won_deals: Scalar) -> MetricResult:
    """Deals won in the period."""
    return known(won_deals, missing="no_closed_deals")


def lost_count(lost_deals: Scalar) -> MetricResult:
    """Deals lost in the period."""
    return known(lost_deals, missing="no_closed_deals")


def won_value(won_amount: Scalar) -> MetricResult:
    """Amount of the deals won in the period."""
    return known(won_amount, missing="amount_missing")


def win_rate_count(won_deals: Scalar, lost_deals: Scalar) -> MetricResult:
    """Won as a share of won and lost, by deals.

    >>> win_rate_count(won_deals=1, lost_deals=3).value
    0.25
    """
    closed = None if won_deals is None or lost_deals is None else won_deals + lost_deals
    return ratio(won_deals, closed, missing="no_closed_deals", zero="no_closed_deals")


def win_rate_value(won_amount: Scalar, lost_amount: Scalar, won_deals: Scalar, lost_deals: Scalar) -> MetricResult:
    """Won as a share of won and lost, by money."""
    if not won_deals and not lost_deals:
        return undefined("no_closed_deals")
    if won_amount is None or lost_amount is None or (lost_deals and lost_amount == 0):
        return undefined("amount_missing")
    return ratio(won_amount, won_amount + lost_amount, missing="amount_missing", zero="amount_missing")


def win_rate_created_cohort(mature_won: Scalar, mature_created: Scalar, created_deals: Scalar) -> MetricResult:
    """Won as a share of the created deals that are old enough to judge."""
    return ratio(
        mature_won,
        mature_created,
        missing="cohort_immature",
        zero="cohort_immature" if created_deals else "no_created_deals",
    )


def average_deal_size(won_amount: Scalar, won_deals: Scalar) -> MetricResult:
    """Amount of a won deal; lost deals are not in the denominator."""
    if not won_deals:
        return undefined("no_won_deals")
    return ratio(won_amount, won_deals, missing="amount_missing", zero="no_won_deals")


def sales_cycle_days_mean(won_cycle_days: Scalar, won_deals: Scalar) -> MetricResult:
    """Mean calendar days from created to won."""
    return ratio(won_cycle_days, won_deals, missing="no_won_deals", zero="no_won_deals")


def sales_cycle_days_median(won_cycle_median: Scalar) -> MetricResult:
    """Median calendar days from created to won."""
    return known(won_cycle_median, missing="no_won_deals")


def closed_cycle_days_mean(closed_cycle_days: Scalar, won_deals: Scalar, lost_deals: Scalar) -> MetricResult:
    """Mean calendar days from created to won or lost."""
    closed = None if won_deals is None or lost_deals is None else won_deals + lost_deals
    return ratio(closed_cycle_days, closed, missing="no_closed_deals", zero="no_closed_deals")


def closed_cycle_days_median(closed_cycle_median: Scalar) -> MetricResult:
    """Median calendar days from created to won or lost."""
    return known(closed_cycle_median, missing="no_closed_deals")


def sales_velocity(
    open_deals: Scalar, won_amount: Scalar, won_deals: Scalar, lost_deals: Scalar, won_cycle_days: Scalar
) -> MetricResult:
    """Bookings a calendar day that the open deals promise at the usual size, win rate and cycle.

    >>> round(sales_velocity(open_deals=18, won_amount=24 * 42_000, won_deals=24, lost_deals=76,
    ...                      won_cycle_days=24 * 78).value, 2)
    2326.15
    """
    size = average_deal_size(won_amount, won_deals)
    win_rate = win_rate_count(won_deals, lost_deals)
    cycle = sales_cycle_days_mean(won_cycle_days, won_deals)
    if open_deals is None or size.value is None or win_rate.value is None or cycle.value is None:
        return next((part for part in (win_rate, size, cycle) if part.value is None), undefined("no_closed_deals"))
    return ratio(open_deals * size.value * win_rate.value, cycle.value, missing="no_won_deals", zero="same_day_cycle")


CLOSING: Final = (
    Metric(
        "won_deals",
        "Deals won",
        "count",
        f"deals won in the period and not reopened by the as-of day; {_OWNER}",
        won_count,
        "never null: none is 0",
        "house definition",
    ),
    Metric(
        "lost_deals",
        "Deals lost",
        "count",
        f"deals lost in the period and not reopened by the as-of day; {_OWNER}",
        lost_count,
        "never null: none is 0",
        "house definition",
    ),
    Metric(
        "won_value",
        "Value won",
        "money",
        f"Σ amount of the deals won in the period; {_OWNER}; shares and overlays play no part",
        won_value,
        "null if deals were won and none of them carries an amount",
        "house definition",
    ),
    Metric(
        "win_rate_count",
        "Win rate by deals",
        "ratio",
        f"won ÷ (won + lost), deals closed in the period; {_OWNER}",
        win_rate_count,
        "null if no deal was won or lost",
        f"{_JORDAN}: win rate",
    ),
    Metric(
        "win_rate_value",
        "Win rate by money",
        "ratio",
        "Σ amount won ÷ Σ amount won or lost, deals closed in the period; a lost deal counts with its last amount "
        "while open",
        win_rate_value,
        "null if no deal was won or lost, or the won or the lost deals carry no amount",
        f"{_JORDAN}: win rate",
    ),
    Metric(
        "win_rate_created_cohort",
        "Win rate of the created cohort",
        "ratio",
        "won by the as-of day ÷ created in the period, of deals created at least as many days before the as-of day "
        "as the .9 quantile of the cycles of the organisation's closed deals; younger deals are censored",
        win_rate_created_cohort,
        "null if no deal was created, or all are too young",
        "house definition",
    ),
    Metric(
        "average_deal_size",
        "Average deal size",
        "money",
        "Σ amount of won deals ÷ won deals",
        average_deal_size,
        "null if no deal was won, or the won deals carry no amount",
        f"{_JORDAN}: average deal size",
    ),
    Metric(
        "sales_cycle_days_mean",
        "Sales cycle of won deals, mean",
        "days",
        "Σ calendar days created → won ÷ won deals",
        sales_cycle_days_mean,
        "null if no deal was won",
        f"{_JORDAN}: sales cycle length",
    ),
    Metric(
        "sales_cycle_days_median",
        "Sales cycle of won deals, median",
        "days",
        "median calendar days created → won",
        sales_cycle_days_median,
        "null if no deal was won",
        f"{_JORDAN}: sales cycle length",
    ),
    Metric(
        "closed_cycle_days_mean",
        "Cycle of closed deals, mean",
        "days",
        "Σ calendar days created → won or lost ÷ closed deals",
        closed_cycle_days_mean,
        "null if no deal was won or lost",
        "house definition",
    ),
    Metric(
        "closed_cycle_days_median",
        "Cycle of closed deals, median",
        "days",
        "median calendar days created → won or lost",
        closed_cycle_days_median,
        "null if no deal was won or lost",
        "house definition",
    ),
    Metric(
        "sales_velocity",
        "Sales velocity",
        "money_per_day",
        "open deals × average deal size × win rate by deals ÷ mean sales cycle in calendar days; zombies left out",
        sales_velocity,
        "null if no deal was won, or size or cycle are null or 0 days",
        "house definition (the sales velocity equation)",
    ),
)
