"""Inputs about the whole organisation: spend, new customers and what they bring."""

from datetime import date
from typing import Final

import ibis
import ibis.expr.types as ir

from spm_ml.history import SalesHistory
from spm_ml.metrics.deal_states import closed_between
from spm_ml.metrics.fetching import fetch
from spm_ml.metrics.metric import Scalar
from spm_ml.metrics.window import Window

_MONTHS_OF_AMOUNT: Final = {"mrr": 1, "arr": 12, "acv": 12}
"""Months of revenue that an amount stands for; total contract value and bookings do not say."""


def acquisition_inputs(history: SalesHistory, states: ir.Table, window: Window) -> dict[str, Scalar]:
    """Spend and new customers of the period.

    A customer is an account, or a deal without one; new in the period in which its first won deal closed, unless that
    deal was an expansion or renewal, which shows that the customer is older than the data.

    Returns:
        `sales_and_marketing_spend` (None if no spend is recorded in the period)`, new_customers,
        monthly_revenue_of_new` (None if the amount basis is not recurring)`, gross_margin`.
    """
    organisation = history.organisation
    won = closed_between(states, date.min, window.last).filter(ibis._.outcome == "won")
    deals = history.table("opportunities").select("opportunity_id", "account_id", "kind")
    rows = won.left_join(deals, "opportunity_id")
    rows = rows.mutate(customer=ibis.coalesce(rows.account_id, "deal " + rows.opportunity_id))
    order = ibis.window(group_by="customer", order_by=["closed_on", "opportunity_id"])
    rows = rows.mutate(place=ibis.row_number().over(order))
    first = rows.filter(
        rows.place == 0,
        rows.closed_on >= window.period.start,
        rows.kind.isnull() | (rows.kind == "new"),
    )
    new = fetch(first.aggregate(customers=first.count(), amount=first.amount.sum().fill_null(0).cast("int64")))
    months = _MONTHS_OF_AMOUNT.get(organisation.amount_basis)
    return {
        "sales_and_marketing_spend": _spend(history, window),
        "new_customers": float(new["customers"].iloc[0]),
        "monthly_revenue_of_new": None if months is None else float(new["amount"].iloc[0]) / months,
        "gross_margin": organisation.gross_margin,
    }


def _spend(history: SalesHistory, window: Window) -> Scalar:
    if not history.has("spend"):
        return None
    spend = history.table("spend")
    rows = spend.filter(spend.spent_on >= window.period.start, spend.spent_on <= window.last)
    total = fetch(rows.aggregate(entries=rows.count(), amount=rows.amount.sum().fill_null(0).cast("int64")))
    return float(total["amount"].iloc[0]) if total["entries"].iloc[0] else None
