"""Inputs about deals that were created or closed, by rep."""

from datetime import date
from typing import Final

import ibis
import ibis.expr.types as ir
import pandas as pd

from spm_ml.metrics.deal_states import at, closed_in, owner
from spm_ml.metrics.fetching import fetch, fetch_by_rep

_MATURE_QUANTILE: Final = 0.9


def closed_deals(states: ir.Table, grid: ir.Table) -> pd.DataFrame:
    """Deals closed in each window: one row each, for who owned it when it closed.

    Returns:
        `window, rep_id, won` (bool)`, amount` (minor units; a lost deal's last while open)`, cycle_days, pushed` (to
        a later period; bool) and `expected` (ever had an expected close; bool).
    """
    rows = closed_in(states, grid)
    won = rows.outcome == "won"
    return fetch(
        rows.select(
            "window",
            "pushed",
            expected=ibis.coalesce(rows.open_expected_close_on, rows.expected_close_on).notnull(),
            rep_id="closer_id",
            won=won,
            amount=ibis.ifelse(won, rows.amount, ibis.coalesce(rows.open_amount, rows.amount)).cast("float64"),
            cycle_days=rows.closed_on.delta(rows.created_on, unit="day"),
        )
    )


def closing_inputs(closed: pd.DataFrame) -> pd.DataFrame:
    """Counts, amounts and days of each rep's closed deals, indexed by rep_id.

    Returns:
        `won_deals, lost_deals, won_amount, lost_amount, won_valued, lost_valued` (deals with an amount)`,
        won_cycle_days, closed_cycle_days, closed_after_push, closed_with_expected, closed_deals`.
    """
    won, lost = closed["won"].astype(float), (~closed["won"]).astype(float)
    valued = closed["amount"].fillna(0.0).ne(0).astype(float)
    amount = closed["amount"].fillna(0.0)
    columns = {
        "won_deals": won,
        "lost_deals": lost,
        "won_amount": won * amount,
        "lost_amount": lost * amount,
        "won_valued": won * valued,
        "lost_valued": lost * valued,
        "won_cycle_days": won * closed["cycle_days"],
        "closed_cycle_days": closed["cycle_days"].astype(float),
        "closed_after_push": closed["pushed"].astype(float),
        "closed_with_expected": closed["expected"].astype(float),
        "closed_deals": won + lost,
    }
    return pd.DataFrame(columns).groupby(closed["rep_id"]).sum()


def cycle_medians(closed: pd.DataFrame, members: pd.DataFrame) -> pd.DataFrame:
    """Median cycle of won and of all closed deals, by key of `members`; medians do not add up over reps."""
    rows = members.merge(closed[["rep_id", "won", "cycle_days"]], on="rep_id")
    by_key = rows.groupby("key")["cycle_days"].median()
    of_won = rows[rows["won"]].groupby("key")["cycle_days"].median()
    return pd.DataFrame({"closed_cycle_median": by_key, "won_cycle_median": of_won}).astype("float64")


def created_inputs(states: ir.Table, grid: ir.Table) -> pd.DataFrame:
    """Deals created in each window, for who created them, indexed by window and rep_id.

    Returns:
        `created_entered` (deals)`, created_amount` (first known, minor units)`, created_valued`.
    """
    rows = at(states, grid, "last_on")
    rows = rows.filter(rows.created_on >= rows.starts_on, rows.created_on <= rows.last_on)
    return fetch_by_rep(
        rows.group_by("window", rep_id=rows.creator_id).aggregate(
            created_entered=rows.count(),
            created_amount=rows.first_amount.sum().fill_null(0).cast("int64"),
            created_valued=rows.first_amount.count(),
        )
    )


def cohort_inputs(states: ir.Table, grid: ir.Table, as_of: date, before: ir.Table | None = None) -> pd.DataFrame:
    """Deals created in each window as they stand on the as-of day, for the closer or else the owner.

    Args:
        states: From `deal_states`.
        grid: From `window_grid`.
        as_of: The day.
        before: From `closed_before`, where the states are of the other deals alone.

    Returns:
        Indexed by window and rep_id: `created_deals, mature_created, mature_won`; mature are deals created at least
        as many days before the as-of day as the .9 quantile (linear interpolation) of the cycles of the
        organisation's closed deals.
    """
    now = states.filter(states.valid_from <= as_of, states.valid_to > as_of)
    closed = now.filter(now.outcome != "open")
    ends = closed.select("created_on", "closed_on")
    if before is not None:
        ends = ends.union(before.select("created_on", "closed_on"))
    cycle = ends.closed_on.delta(ends.created_on, unit="day").cast("float64")
    maturity = fetch(ends.aggregate(days=cycle.quantile(_MATURE_QUANTILE)))["days"].iloc[0]
    rows = now.join(grid, [now.created_on >= grid.starts_on, now.created_on <= grid.last_on])
    longest = float("inf") if pd.isna(maturity) else float(maturity)
    rows = rows.select(
        "window",
        rep_id=owner(rows),
        mature=ibis.literal(as_of).delta(rows.created_on, unit="day") >= longest,
        won=rows.outcome == "won",
    )
    return fetch_by_rep(
        rows.group_by("window", "rep_id").aggregate(
            created_deals=rows.count(),
            mature_created=rows.mature.sum(),
            mature_won=(rows.mature & rows.won).sum(),
        )
    )
