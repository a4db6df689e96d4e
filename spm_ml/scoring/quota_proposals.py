"""Quota proposals: every rep's quota equally hard by the forecast, adding up to the company's goal."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spm_ml.dataset import build_dataset
from spm_ml.errors import NotReadyError
from spm_ml.forecasting import Forecaster
from spm_ml.history import SalesHistory
from spm_ml.metrics.inputs_bookings import quota_versions, quotas_in_force
from spm_ml.predictions import COMPANY, ProposalGroup, QuotaReason
from spm_ml.progress import Progress, silent
from spm_ml.scoring.compute import Known
from spm_ml.scoring.pay import rows_of_day
from spm_ml.scoring.quota_planner import QuotaLimits, QuotaPlanner
from spm_ml.scoring.quota_reasons import reasons_of
from spm_ml.tables import minor_digits

CHANGES: Final = (-0.2, -0.1, 0.0, 0.1, 0.2)
"""By how much everybody books more or less than forecast in the sensitivity table."""
TENURES: Final = {"under a quarter": 0, "under a year": 91, "a year and more": 365}
"""Days of tenure from which each band of the fairness table starts."""


@dataclass(frozen=True)
class EachQuota:
    """More of one rep's quota.

    Attributes:
        name: Of the rep.
        at_share: What the quota would be for each of `SHARES`, minor units.
        chance_at: Chance to reach the proposal for each of `CHANGES`.
        chance_before_at: The same of the quota before; empty without one.
        reasons: What the quota rests on; empty where nobody asked.
    """

    name: str
    at_share: tuple[int, ...]
    chance_at: tuple[float, ...]
    chance_before_at: tuple[float, ...]
    reasons: tuple[QuotaReason, ...]


@dataclass(frozen=True)
class QuotaProposal:
    """Proposed quotas of a period, amounts in minor units.

    Attributes:
        period: Label of the period.
        as_of: Everything is as known on this day.
        currency: ISO 4217 code.
        rows: A row a rep: `rep_id, role, tenure, before` (quota of the period, or else of the last one; NaN = none),
            `quota, change, p50` (of the bookings), `chance_before, chance, bounded` (a limit of change holds it).
        unforecast: Reps for whom nothing is forecast: their quotas are set by hand.
        share: Share of reps that is expected to reach the proposed quota.
        company_chance: Chance that all of them together book the sum of the quotas.
        scenarios: `share, total, change, company_chance`: what quotas of other shares add up to.
        sensitivity: `bookings, share, share_before`: share at quota if everybody books more or less than forecast.
        each: Of each row what the two tables are made of, and why; in the order of `rows`.
        groups: The company, and everybody below each manager.
    """

    period: str
    as_of: date
    currency: str
    rows: pd.DataFrame
    unforecast: tuple[str, ...]
    share: float
    company_chance: float
    scenarios: pd.DataFrame
    sensitivity: pd.DataFrame
    each: tuple[EachQuota, ...]
    groups: tuple[ProposalGroup, ...]

    def fairness(self) -> pd.DataFrame:
        """How hard quotas are before and after, for all and by role and tenure.

        Returns:
            `group, reps, chance_before, chance` (means), `spread_before, spread` (standard deviations of the chance).
        """
        whole = self.rows.assign(group="everybody")
        by = [self.rows.assign(group=name + " " + self.rows[name].fillna("not stated")) for name in ("role", "tenure")]
        grouped = pd.concat([whole, *by]).groupby("group", sort=False)
        return pd.DataFrame(
            {
                "reps": grouped.size(),
                "chance_before": grouped["chance_before"].mean(),
                "chance": grouped["chance"].mean(),
                "spread_before": grouped["chance_before"].std(ddof=0),
                "spread": grouped["chance"].std(ddof=0),
            }
        ).reset_index()

    def as_table(self) -> pd.DataFrame:
        """The proposal as rows of the contract's table `quotas`, amounts in units of the currency."""
        units = 10 ** minor_digits(self.currency)
        return pd.DataFrame(
            {
                "rep_id": self.rows["rep_id"],
                "period": self.period,
                "amount": self.rows["quota"] / units,
                "currency": self.currency,
                "set_on": self.as_of,
            }
        )


def propose_quotas(
    history: SalesHistory,
    forecaster: Forecaster,
    limits: QuotaLimits,
    *,
    as_of: date | None = None,
    with_reasons: bool = False,
    progress: Progress = silent,
) -> QuotaProposal:
    """Proposes a quota for every rep of the forecast period: at the same level of each one's distribution.

    Whoever has a young territory, is new or has a weak season has a forecast that says so, and a quota that is no
    harder than the others'. On the last day of a period, the next one is forecast and planned.

    Args:
        history: What is known.
        forecaster: Fitted; its forecast is planned with.
        limits: Goal or share, changes and steps.
        as_of: Day to plan on; default, and at most, the watermark.
        with_reasons: Whether each quota is explained.
        progress: Told while it runs.

    Raises:
        NotReadyError: Nothing is forecast for anybody.
        ConfigurationError: The limits leave no quotas that add up to the goal.
    """
    known = Known.on(history, as_of)
    dataset = build_dataset(known.history, as_of_days=[known.target.as_of], progress=progress)
    progress("quotas", 0, 3)
    forecast = forecaster.predict(dataset)
    rows = rows_of_day(forecast, known.target)
    if not len(rows):
        raise NotReadyError(f"nothing is forecast for anybody in {known.target.period.label}: look at 'spm score'")
    progress("quotas", 1, 3)
    frame = dataset.frame.iloc[rows]
    before = _before(known, frame["rep_id"])
    plan = QuotaPlanner(forecast, rows, before, limits)
    allocation = plan.allocate(limits)
    chance = plan.chances(allocation.quotas.astype(float))
    chance_before = plan.chances(before)
    tenure = (pd.Timestamp(known.target.as_of) - _hired_on(known, frame["rep_id"])).dt.days
    at_shares = np.array([found.quotas for found in plan.at_shares()])
    chances_at, before_at = (
        np.array([plan.chances(quotas / (1 + change)) for change in CHANGES])
        for quotas in (allocation.quotas.astype(float), before)
    )
    progress("quotas", 2, 3)
    reasons = reasons_of(dataset, forecast, forecaster, known.target) if with_reasons else {}
    groups = plan.groups(_members(known, frame["rep_id"].tolist()), allocation)
    progress("quotas", 3, 3)
    return QuotaProposal(
        period=known.target.period.label,
        as_of=known.target.as_of,
        currency=dataset.currency,
        rows=pd.DataFrame(
            {
                "rep_id": frame["rep_id"].to_numpy(dtype=object),
                "role": frame["role"].to_numpy(dtype=object),
                "tenure": pd.cut(tenure, [*TENURES.values(), np.inf], right=False, labels=list(TENURES)).to_numpy(),
                "before": before,
                "quota": allocation.quotas,
                "change": allocation.quotas / before - 1,
                "p50": forecast.bookings[rows, forecast.levels.index(0.5)],
                "chance_before": chance_before,
                "chance": chance,
                "bounded": allocation.bounded,
            }
        ),
        unforecast=tuple(sorted(set(dataset.frame["rep_id"]) - set(frame["rep_id"]))),
        share=float(chance.mean()),
        company_chance=plan.company_chance(allocation.total),
        scenarios=plan.scenarios(allocation),
        sensitivity=pd.DataFrame(
            {
                "bookings": 1 + change,
                "share": float(chances_at[at].mean()),
                "share_before": float(np.nanmean(before_at[at])) if (before > 0).any() else float("nan"),
            }
            for at, change in enumerate(CHANGES)
        ),
        each=tuple(
            EachQuota(
                name=name if isinstance(name, str) else rep_id,
                at_share=tuple(at_shares[:, place].tolist()),
                chance_at=tuple(chances_at[:, place].tolist()),
                chance_before_at=tuple(before_at[:, place].tolist()) if before[place] > 0 else (),
                reasons=reasons.get(rep_id, ()),
            )
            for place, (rep_id, name) in enumerate(zip(frame["rep_id"], frame["name"], strict=True))
        ),
        groups=groups,
    )


def _members(known: Known, reps: Sequence[str]) -> dict[str, NDArray[np.int64]]:
    """Places of the reps of the company, and of each manager: everybody below, and the manager."""
    tree = known.history.tree(known.target.as_of)
    place = {rep_id: at for at, rep_id in enumerate(reps)}
    leads = set(tree["manager_id"].dropna())
    below: dict[str, list[int]] = {}
    for path in tree["path"]:
        if path[-1] in place:
            for manager in leads.intersection(path):
                below.setdefault(manager, []).append(place[path[-1]])
    members = {COMPANY: np.arange(len(reps))}
    return members | {manager: np.array(sorted(below[manager])) for manager in sorted(below)}


def _before(known: Known, rep_ids: pd.Series) -> NDArray[np.float64]:
    """(n,) each rep's quota of the planned period, or else the last one before it, minor units; NaN = none."""
    in_force = quotas_in_force(quota_versions(known.history), known.target.as_of)
    in_time = in_force[(in_force["period_start"] <= pd.Timestamp(known.target.period.start)) & (in_force["quota"] > 0)]
    last = in_time.sort_values("period_start").drop_duplicates("rep_id", keep="last").set_index("rep_id")["quota"]
    return rep_ids.map(last).to_numpy(dtype=float)


def _hired_on(known: Known, rep_ids: pd.Series) -> pd.Series:
    profiles = known.history.profiles.select("rep_id", "hired_on").distinct().to_pyarrow().to_pandas()
    hired = pd.to_datetime(profiles.drop_duplicates("rep_id").set_index("rep_id")["hired_on"])
    return rep_ids.map(hired)
