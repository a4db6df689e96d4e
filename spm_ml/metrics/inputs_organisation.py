"""Inputs about the whole organisation: spend, new customers and what they bring."""

from typing import Final

import ibis
import ibis.expr.types as ir
import pandas as pd

from spm_ml.history import SalesHistory
from spm_ml.metrics.deal_states import at
from spm_ml.metrics.fetching import fetch
from spm_ml.metrics.metric import Scalar

_MONTHS_OF_AMOUNT: Final = {"mrr": 1, "arr": 12, "acv": 12}
"""Months of revenue that an amount stands for; total contract value and bookings do not say."""


def acquisition_inputs(
    history: SalesHistory, states: ir.Table, grid: ir.Table, before: ir.Table | None = None
) -> dict[str, dict[str, Scalar]]:
    """Spend and new customers of each window, by its label.

    A customer is an account, or a deal without one; new in the period in which its first won deal closed, unless that
    deal was an expansion or renewal, which shows that the customer is older than the data.

    Args:
        history: What is known.
        states: From `deal_states`.
        grid: From `window_grid`.
        before: From `closed_before`, where the states are of the other deals alone.

    Returns:
        `sales_and_marketing_spend` (None if no spend is recorded in the period)`, new_customers,
        monthly_revenue_of_new` (None if the amount basis is not recurring)`, gross_margin`.
    """
    organisation = history.organisation
    months = _MONTHS_OF_AMOUNT.get(organisation.amount_basis)
    found = fetch(grid.left_join(_new_customers(history, _won(states, grid, before)), "window").drop("window_right"))
    spent = fetch(_spend(history, grid)).set_index("window")["spent"].to_dict()
    return {
        label: {
            "sales_and_marketing_spend": spent.get(label),
            "new_customers": 0.0 if pd.isna(customers) else float(customers),
            "monthly_revenue_of_new": None if months is None or pd.isna(amount) else float(amount) / months,
            "gross_margin": organisation.gross_margin,
        }
        for label, customers, amount in zip(found["window"], found["customers"], found["amount"], strict=True)
    }


def _won(states: ir.Table, grid: ir.Table, before: ir.Table | None) -> ir.Table:
    """Deals that were won at the end of each window, in it or before."""
    columns = ("window", "starts_on", "opportunity_id", "closed_on", "amount")
    rows = at(states, grid, "last_on").filter(ibis._.outcome == "won").select(*columns)
    if before is None:
        return rows
    return rows.union(before.filter(before.outcome == "won").cross_join(grid).select(*columns))


def _new_customers(history: SalesHistory, rows: ir.Table) -> ir.Table:
    deals = history.source("opportunities").select("opportunity_id", "account_id", "kind")
    rows = rows.left_join(deals, "opportunity_id")
    rows = rows.mutate(customer=ibis.coalesce(rows.account_id, "deal " + rows.opportunity_id))
    order = ibis.window(group_by=["window", "customer"], order_by=["closed_on", "opportunity_id"])
    rows = rows.mutate(place=ibis.row_number().over(order))
    first = rows.filter(rows.place == 0, rows.closed_on >= rows.starts_on, rows.kind.isnull() | (rows.kind == "new"))
    return first.group_by("window").aggregate(
        customers=first.count(), amount=first.amount.sum().fill_null(0).cast("int64")
    )


def _spend(history: SalesHistory, grid: ir.Table) -> ir.Table:
    spend = history.table("spend")
    rows = spend.join(grid, [spend.spent_on >= grid.starts_on, spend.spent_on <= grid.last_on])
    return rows.group_by("window").aggregate(spent=rows.amount.sum().cast("float64"))
