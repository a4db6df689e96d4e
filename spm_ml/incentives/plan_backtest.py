"""Plan back-test: what a draft would have paid for the deals of finished periods, and who would gain and lose."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import pandas as pd

from spm_ml.compensation import CompensationPlan, check_plans
from spm_ml.errors import ConfigurationError, DataError
from spm_ml.history import SalesHistory
from spm_ml.incentives.statements import statements
from spm_ml.metrics.inputs_people import profile_spans, profiles_at
from spm_ml.metrics.window import Window

BANDS: Final = (0.0, 0.5, 0.8, 1.0, 1.2)
"""Attainment from which each band of the comparison starts."""

_KEY: Final = ["rep_id", "period"]
_PAY: Final = ["paid_now", "paid_draft", "difference"]


@dataclass(frozen=True)
class PlanBacktest:
    """A draft beside the plans in force, amounts in minor units.

    Attributes:
        rows: A row a rep and period that both pay: `rep_id, period, role, quota, credited, attainment, plan_now,
            plan_draft, paid_now, paid_draft, difference`.
        unpaid: Reps and periods that only one of them pays: `rep_id, period, plan_now, plan_draft`, empty = no plan.
        currency: ISO 4217 code.
    """

    rows: pd.DataFrame
    unpaid: pd.DataFrame
    currency: str

    def by_period(self) -> pd.DataFrame:
        """Cost of each period and of all: credit, what is paid now and by the draft, and rates.

        The rates are pay as a share of the credit.
        """
        whole = self.rows.assign(period="all")
        return self._summed(pd.concat([self.rows, whole]), "period")

    def by_band(self) -> pd.DataFrame:
        """The same by attainment: whom the draft pays more, those who are far from the quota or those beyond it."""
        number = np.searchsorted(BANDS, self.rows["attainment"], side="right") - 1
        names = [
            *(f"{low:.0%}–{high:.0%}" for low, high in pairwise(BANDS)),
            f"from {BANDS[-1]:.0%}",
        ]
        banded = self.rows.assign(band=pd.Categorical([names[each] for each in number.clip(0)], names, ordered=True))
        return self._summed(banded, "band")

    def by_role(self) -> pd.DataFrame:
        """The same by role."""
        return self._summed(self.rows.assign(role=self.rows["role"].fillna("not stated")), "role")

    def by_rep(self) -> pd.DataFrame:
        """Who gains and who loses over all periods, the largest loss first: `rep_id, periods`, attainment and pay."""
        grouped = self.rows.groupby("rep_id")
        summed = grouped[["quota", "credited", *_PAY]].sum()
        summed.insert(0, "periods", grouped.size())
        summed.insert(1, "attainment", summed["credited"] / summed["quota"])
        return summed.drop(columns=["quota", "credited"]).sort_values(["difference", "rep_id"]).reset_index()

    def _summed(self, rows: pd.DataFrame, by: str) -> pd.DataFrame:
        grouped = rows.groupby(by, sort=False, observed=True)
        summed = grouped[["credited", *_PAY]].sum()
        summed.insert(0, "reps", grouped["rep_id"].nunique())
        for name in ("now", "draft"):
            summed[f"rate_{name}"] = summed[f"paid_{name}"] / summed["credited"].where(summed["credited"] > 0)
        if by == "band":
            summed = summed.sort_index()
        return summed.reset_index()


def last_year(history: SalesHistory) -> str:
    """The finished periods of the last year, as a range of labels.

    Raises:
        DataError: No period is over.
    """
    day = history.as_of_day or history.watermark
    over = [period for period in history.periods() if period.end <= day]
    if not over:
        raise DataError(f"no period is over on {day}: there is nothing to pay by a draft")
    year = over[-history.calendar.periods_a_year :]
    return f"{year[0].label}..{year[-1].label}"


def backtest_plans(
    history: SalesHistory, plans: Sequence[CompensationPlan], draft: Sequence[CompensationPlan], window: Window
) -> PlanBacktest:
    """Pays finished periods by the plans in force and by a draft.

    The deals are what they were: nobody would have sold otherwise under the draft, which is what a plan is for. The
    difference is what the draft changes for the same work. What is settled with leavers is left out.

    Args:
        history: What is known.
        plans: The plans in force.
        draft: As if they had always held: their own days do not count.
        window: Finished periods.

    Raises:
        ConfigurationError: There is no plan in force or in the draft, or the draft holds two versions of a plan.
        DataError: A period of the window is not over, or nobody is paid by both.
    """
    if not plans or not draft:
        raise ConfigurationError(f"there is no plan {'in force' if not plans else 'in the draft'} to compare")
    if not window.finished:
        raise DataError(f"{window.period.label} is not over on {window.as_of}: a back-test pays finished periods")
    always = [plan.model_copy(update={"valid_from": None, "valid_to": None}) for plan in draft]
    check_plans(always)
    now, then = (statements(history, some, window) for some in (plans, always))
    both = now.table.merge(then.table, on=_KEY, how="outer", suffixes=("_now", "_draft"))
    paid = both["attainment_now"].notna() & both["attainment_draft"].notna()
    if not paid.any():
        raise DataError(
            f"nobody is paid by both in {window.period.label}: look at roles and reps of the plans, and at quotas"
        )
    rows = both[paid].rename(
        columns={
            "plan_id_now": "plan_now",
            "plan_id_draft": "plan_draft",
            "amount_now": "paid_now",
            "amount_draft": "paid_draft",
            "quota_now": "quota",
            "credited_now": "credited",
            "attainment_now": "attainment",
        }
    )
    rows["difference"] = rows["paid_draft"] - rows["paid_now"]
    roles = profiles_at(profile_spans(history), window)["role"]
    rows["role"] = rows["rep_id"].map(roles)
    columns = [*_KEY, "role", "quota", "credited", "attainment", "plan_now", "plan_draft", *_PAY]
    whole = dict.fromkeys(("quota", "credited", *_PAY), "int64")
    unpaid = both[~paid].rename(columns={"plan_id_now": "plan_now", "plan_id_draft": "plan_draft"})
    unpaid = unpaid[[*_KEY, "plan_now", "plan_draft"]].astype(object)
    one_sided = unpaid["plan_now"].isna() != unpaid["plan_draft"].isna()
    return PlanBacktest(
        rows=rows[columns].astype(whole).reset_index(drop=True),
        unpaid=unpaid.where(unpaid.notna(), None).loc[one_sided].reset_index(drop=True),
        currency=history.organisation.currency,
    )
