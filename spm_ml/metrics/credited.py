"""Credits as plans count them: one's own, and those of the people below."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import ibis.expr.types as ir
import pandas as pd

from spm_ml.compensation import CompensationPlan, Credit
from spm_ml.fiscal import Period
from spm_ml.history import SalesHistory
from spm_ml.metrics.fetching import fetch
from spm_ml.metrics.window import Window
from spm_ml.tables import MOST_SHARED


class Credits:
    """Credits by whom they count for; of some reps alone where nobody is paid on others' credit."""

    def __init__(self, history: SalesHistory, window: Window, reps: Sequence[str] | None = None) -> None:
        self._history = history
        self._own = _credits(history, window, reps)
        self._below: dict[date, dict[str, list[str]]] = {}

    def of(self, rep_id: str, plan: CompensationPlan, period: Period, day: date) -> list[Credit]:
        """The rep's own of a period, and those of the others whose credit counts for the rep on the day."""
        others = self.team(rep_id, day) if plan.overrides == "team" else plan.overrides
        return [
            credit if owner == rep_id else replace(credit, owner=owner)
            for owner in (rep_id, *(other for other in others if other != rep_id))
            for credit in self._own.get(owner, ())
            if period.contains(credit.booked_on)
        ]

    def team(self, rep_id: str, day: date) -> list[str]:
        """Everybody below on the day."""
        if day not in self._below:
            below: dict[str, list[str]] = {}
            for path in self._history.tree(day)["path"]:
                for manager in path[:-1]:
                    below.setdefault(manager, []).append(path[-1])
            self._below[day] = below
        return self._below[day].get(rep_id, [])


def _credits(history: SalesHistory, window: Window, reps: Sequence[str] | None) -> dict[str, list[Credit]]:
    """Credits up to the last day by rep, in the order of days; nothing is paid for deals that are oversplit."""
    deals = history.source("opportunities").select("opportunity_id", "product", "kind")
    bookings = history.bookings
    if reps is not None:
        bookings = bookings.filter(bookings.rep_id.isin(reps))
    counted = bookings.filter(bookings.booked_on <= window.last).anti_join(_oversplit(history), "opportunity_id")
    rows = counted.left_join(deals, "opportunity_id")
    frame = fetch(
        rows.select("rep_id", "opportunity_id", "booked_on", "recorded_on", "amount", "credit", "product", "kind")
    ).sort_values(["rep_id", "booked_on", "recorded_on", "opportunity_id", "amount"])
    frame["number"] = frame.groupby(["opportunity_id", "rep_id"]).cumcount()
    credit_of: dict[str, list[Credit]] = {}
    for row in frame.to_dict("records"):
        credit = Credit(
            entry=f"{row['opportunity_id']}/{row['rep_id']}/{row['number']}",
            opportunity_id=row["opportunity_id"],
            booked_on=row["booked_on"].date(),
            amount=row["amount"],
            kind=row["credit"],
            product=None if pd.isna(row["product"]) else row["product"],
            deal_kind=None if pd.isna(row["kind"]) else row["kind"],
        )
        credit_of.setdefault(row["rep_id"], []).append(credit)
    return credit_of


def oversplit_deals(history: SalesHistory) -> tuple[str, ...]:
    """Deals whose revenue shares add up to more than 1: nothing is paid for them until the shares are corrected."""
    found = _oversplit(history).to_pyarrow()["opportunity_id"].to_pylist()
    return tuple(sorted(str(one) for one in found))


def _oversplit(history: SalesHistory) -> ir.Table:
    shares = history.table("credits")
    revenue = shares.filter(shares.kind.fill_null("revenue") == "revenue")
    by_deal = revenue.group_by("opportunity_id").aggregate(shared=revenue.share.sum())
    return by_deal.filter(by_deal.shared > MOST_SHARED).select("opportunity_id")
