"""Inputs about new customers, what they bring, and what was spent on winning them, by group."""

from dataclasses import dataclass
from typing import Final

import ibis
import ibis.expr.types as ir
import pandas as pd

from spm_ml.history import SalesHistory
from spm_ml.metrics.deal_states import at, owner
from spm_ml.metrics.fetching import fetch, fetch_by_rep, of_window
from spm_ml.metrics.inputs_people import team_leads
from spm_ml.metrics.metric import Level, Scalar
from spm_ml.metrics.window import Window

_MONTHS_OF_AMOUNT: Final = {"mrr": 1, "arr": 12, "acv": 12}
"""Months of revenue that an amount stands for; total contract value and bookings do not say."""

NAMED: Final[tuple[Level, ...]] = ("team", "region", "segment")
"""Levels whose groups a row of `spend` may name, each by the column of that name."""


@dataclass(frozen=True)
class Acquisition:
    """New customers and spend of several windows.

    Attributes:
        customers: From `new_customers`.
        spend: `window, team, region, segment, spent`: minor units, summed.
        months: Months of revenue that an amount stands for; None if it is not recurring.
    """

    customers: pd.DataFrame
    spend: pd.DataFrame
    months: int | None

    @classmethod
    def read(cls, history: SalesHistory, states: ir.Table, grid: ir.Table, before: ir.Table | None) -> "Acquisition":
        """Reads them.

        Args:
            history: What is known.
            states: From `deal_states`.
            grid: From `window_grid`.
            before: From `closed_before`, where the states are of the other deals alone.
        """
        return cls(
            new_customers(history, states, grid, before),
            _spend(history, grid),
            _MONTHS_OF_AMOUNT.get(history.organisation.amount_basis),
        )

    def of_reps(self, label: str) -> pd.DataFrame:
        """By who closed the first deal: `new_customers`, and `monthly_revenue_of_new` if amounts are recurring."""
        return self._inputs(of_window(self.customers, label))

    def beside(
        self, sums: pd.DataFrame, members: pd.DataFrame, level: Level, window: Window, profiles: pd.DataFrame
    ) -> pd.DataFrame:
        """The inputs of a level's groups with what was spent on each, and of the organisation what names none.

        Args:
            sums: Inputs by key.
            members: From `members_of` of the level.
            level: Of the keys; what a rep costs is not asked.
            window: The window.
            profiles: From `profiles_at`.
        """
        total = self._total(window)
        if level == "organisation":
            return sums.assign(spend_of_company=total, **self._of_organisation(window, profiles, total))
        if level == "rep":
            return sums
        own = self._named(window, profiles, level)
        if level == "team":  # what is spent on a manager's team is spent on those above, too
            own = members.join(own, on="rep_id").groupby("key")["spent"].sum(min_count=1)
        return sums.assign(spend_of_company=total, sales_and_marketing_spend=own)

    def _of_organisation(self, window: Window, profiles: pd.DataFrame, total: Scalar) -> dict[str, Scalar]:
        won = self._inputs(of_window(self.customers, window.period.label)).sum()
        without: dict[str, Scalar] = {
            f"spend_without_{level}": None if total is None else total - self._named(window, profiles, level).sum()
            for level in NAMED
        }
        return without | {"sales_and_marketing_spend": total} | {str(name): float(won[name]) for name in won.index}

    def _named(self, window: Window, profiles: pd.DataFrame, level: Level) -> pd.Series:
        """What was spent on each group that rows name and somebody belongs to, on teams by who leads them."""
        spend = self._spend_of(window)
        names = profiles[level].dropna().unique()
        keys = team_leads(profiles, window) if level == "team" else {str(name): str(name) for name in names}
        own: pd.Series = spend.assign(key=spend[level].map(keys)).groupby("key")["spent"].sum()
        return own

    def _total(self, window: Window) -> Scalar:
        spend = self._spend_of(window)
        return float(spend["spent"].sum()) if len(spend) else None

    def _spend_of(self, window: Window) -> pd.DataFrame:
        return self.spend[self.spend["window"] == window.period.label]

    def _inputs(self, customers: pd.DataFrame) -> pd.DataFrame:
        inputs = customers[["customers"]].rename(columns={"customers": "new_customers"})
        return (
            inputs if self.months is None else inputs.assign(monthly_revenue_of_new=customers["amount"] / self.months)
        )


def new_customers(history: SalesHistory, states: ir.Table, grid: ir.Table, before: ir.Table | None) -> pd.DataFrame:
    """New customers of each window by who closed their first deal.

    A customer is an account, or a deal without one; new in the period in which its first won deal closed, unless that
    deal was an expansion or renewal, which shows that the customer is older than the data. Whoever closed the deal has
    all of the customer, as of won deals.

    Returns:
        Indexed by `window` and `rep_id`: `customers`, and the `amount` of their first deals in minor units.
    """
    deals = history.source("opportunities").select("opportunity_id", "account_id", "kind")
    rows = _won(states, grid, before).left_join(deals, "opportunity_id")
    rows = rows.mutate(customer=ibis.coalesce(rows.account_id, "deal " + rows.opportunity_id))
    order = ibis.window(group_by=["window", "customer"], order_by=["closed_on", "opportunity_id"])
    rows = rows.mutate(place=ibis.row_number().over(order))
    first = rows.filter(rows.place == 0, rows.closed_on >= rows.starts_on, rows.kind.isnull() | (rows.kind == "new"))
    return fetch_by_rep(
        first.group_by("window", "rep_id").aggregate(
            customers=first.count(), amount=first.amount.sum().fill_null(0).cast("int64")
        )
    )


def _won(states: ir.Table, grid: ir.Table, before: ir.Table | None) -> ir.Table:
    """Deals that were won at the end of each window, in it or before."""
    columns = ("window", "starts_on", "opportunity_id", "closed_on", "amount", "rep_id")
    ended = at(states, grid, "last_on")
    rows = ended.mutate(rep_id=owner(ended)).filter(ibis._.outcome == "won").select(*columns)
    if before is None:
        return rows
    older = before.filter(before.outcome == "won").mutate(
        rep_id=ibis.null("string")
    )  # none is of a customer that is new
    return rows.union(older.cross_join(grid).select(*columns))


def _spend(history: SalesHistory, grid: ir.Table) -> pd.DataFrame:
    spend = history.table("spend")
    rows = spend.join(grid, [spend.spent_on >= grid.starts_on, spend.spent_on <= grid.last_on])
    return fetch(rows.group_by("window", *NAMED).aggregate(spent=rows.amount.sum().cast("float64")))
