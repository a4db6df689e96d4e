"""Quota proposals: every rep's quota equally hard by the forecast, adding up to the company's goal."""

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spm_ml.dataset import build_dataset
from spm_ml.errors import ConfigurationError, NotReadyError
from spm_ml.forecasting import AttainmentForecast, Forecaster, distribution
from spm_ml.forecasting.roll_up import roll_up
from spm_ml.history import SalesHistory
from spm_ml.metrics.inputs_bookings import quota_versions, quotas_in_force
from spm_ml.planning.quotas import Allocation, UnallocatableError, at_share, to_goal
from spm_ml.progress import Progress, silent
from spm_ml.scoring.compute import Known
from spm_ml.scoring.pay import rows_of_day
from spm_ml.tables import minor_digits

_LEVELS: Final = np.arange(1, 200) / 200
SHARES: Final = (0.5, 0.6, 0.7, 0.8)
"""Shares of reps at quota that the scenarios show."""
CHANGES: Final = (-0.2, -0.1, 0.0, 0.1, 0.2)
"""By how much everybody books more or less than forecast in the sensitivity table."""
TENURES: Final = {"under a quarter": 0, "under a year": 91, "a year and more": 365}
"""Days of tenure from which each band of the fairness table starts."""


@dataclass(frozen=True)
class QuotaLimits:
    """What a proposal keeps to.

    Attributes:
        goal: What the quotas add up to, minor units; None: `share` alone decides.
        share: Share of reps that is expected to reach the quota, where there is no goal.
        most_change: Most change against a rep's quota before, as a share of it; None: any.
        step: Quotas are rounded to it, minor units.
    """

    goal: int | None = None
    share: float = 0.6
    most_change: float | None = None
    step: int = 100_00

    def __post_init__(self) -> None:
        if not 0.01 <= self.share <= 0.99:
            raise ConfigurationError(f"a share of {self.share} of reps at quota cannot be planned: choose .01 to .99")
        if self.goal is not None and self.goal <= 0:
            raise ConfigurationError(f"a goal of {self.goal} is no goal: choose one above 0")
        if self.most_change is not None and not 0 < self.most_change < 1:
            raise ConfigurationError(
                f"a largest change of {self.most_change} makes no sense: choose one between 0 and 1"
            )


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
        progress: Told while it runs.

    Raises:
        NotReadyError: Nothing is forecast for anybody.
        ConfigurationError: The limits leave no quotas that add up to the goal.
    """
    known = Known.on(history, as_of)
    dataset = build_dataset(known.history, as_of_days=[known.target.as_of], progress=progress)
    progress("quotas", 0, 2)
    forecast = forecaster.predict(dataset)
    rows = rows_of_day(forecast, known.target)
    if not len(rows):
        raise NotReadyError(f"nothing is forecast for anybody in {known.target.period.label}: look at 'spm score'")
    progress("quotas", 1, 2)
    frame = dataset.frame.iloc[rows]
    before = _before(known, frame["rep_id"])
    plan = _Planner(forecast, rows, before, limits)
    allocation = plan.allocate(limits)
    chance = plan.chances(allocation.quotas.astype(float))
    chance_before = plan.chances(before)
    tenure = (pd.Timestamp(known.target.as_of) - _hired_on(known, frame["rep_id"])).dt.days
    progress("quotas", 2, 2)
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
                "share": float(plan.chances(allocation.quotas / (1 + change)).mean()),
                "share_before": float(np.nanmean(plan.chances(before / (1 + change))))
                if (before > 0).any()
                else float("nan"),
            }
            for change in CHANGES
        ),
    )


class _Planner:
    """The forecast of some rows, and what quotas make of it."""

    def __init__(
        self, forecast: AttainmentForecast, rows: NDArray[np.int64], before: NDArray[np.float64], limits: QuotaLimits
    ) -> None:
        self._quantiles, self._floor = forecast.bookings[rows], forecast.floor[rows]
        self._values = distribution.inverse(
            self._quantiles, self._floor, np.broadcast_to(_LEVELS, (len(rows), _LEVELS.size))
        )
        groups = np.full(len(forecast), "", dtype=object)
        groups[rows] = "company"
        self._company = roll_up(forecast, groups.tolist())
        change, free = limits.most_change, ~(before > 0)
        self._lower = np.where(free, 0.0, 0.0 if change is None else before * (1 - change))
        self._upper = np.where(free, np.inf, np.inf if change is None else before * (1 + change))
        self._step = limits.step

    def allocate(self, limits: QuotaLimits) -> Allocation:
        try:
            if limits.goal is None:
                return self._at(limits.share)
            return to_goal(self._values, _LEVELS, limits.goal, self._lower, self._upper, self._step)
        except UnallocatableError as error:
            raise ConfigurationError(str(error)) from error

    def chances(self, quotas: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n,) chance to reach a quota; NaN where there is none."""
        goal = np.where(quotas > 0, quotas, np.nan)
        return distribution.probability_at_least(self._quantiles, self._floor, goal)

    def company_chance(self, total: float) -> float:
        return float(self._company.probability_at_least([total])[0])

    def scenarios(self, proposed: Allocation) -> pd.DataFrame:
        totals = [(share, self._at(share).total) for share in SHARES]
        return pd.DataFrame(
            {
                "share": share,
                "total": total,
                "change": total / proposed.total - 1,
                "company_chance": self.company_chance(total),
            }
            for share, total in totals
        )

    def _at(self, share: float) -> Allocation:
        return at_share(self._values, _LEVELS, share, self._lower, self._upper, self._step)


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
