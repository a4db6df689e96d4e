"""MetricFacts: the inputs of every rep, and their sums for a level."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import pandas as pd

from spm_ml.metrics import METRICS, Level
from spm_ml.metrics.inputs_acquisition import Acquisition
from spm_ml.metrics.inputs_closing import cycle_medians
from spm_ml.metrics.inputs_people import members_of
from spm_ml.metrics.metric import Scalar
from spm_ml.metrics.waterfall import WATERFALL_PARTS
from spm_ml.metrics.window import Window

_UNKNOWN_WHERE_ABSENT: Final = frozenset(
    {"quota", "quota_original", "payout", "quota_on_plan", "on_target_earnings", "exposure"}
    | {"commit_forecast", "commit_actual", "commit_error"}
    | {"naive_error_of_commits", "commit_error_with_naive", "actual_with_naive"}
    | {"commit_error_with_override", "override_error", "actual_with_override"}
)
"""Inputs that are not known for a rep without a row; every other one is 0 then."""

_VALUED: Final = {
    "open_amount": ("open_deals", "open_valued"),
    "open_amount_in_period": ("in_period_deals", "in_period_valued"),
    "won_amount": ("won_deals", "won_valued"),
    "lost_amount": ("lost_deals", "lost_valued"),
    "created_amount": ("created_entered", "created_valued"),
} | {f"waterfall_{part}": ("waterfall_deals", "waterfall_valued") for part in WATERFALL_PARTS}
"""Amount: deals in it, and those of them that carry one. Deals of which none does make the amount unknown, not 0."""

_BOOKED: Final = {
    "booked": "booked",
    "booked_in_last_month": "last_month",
    "booked_prior": "prior",
    "booked_year_before": "year_before",
}
"""Input: name in `booking_inputs`, where revenue and overlay credit are apart."""

_ACTIVE: Final = (
    *("quotas_known", "booked_revenue", "booked_overlay"),
    *("open_deals", "created_entered", "closed_deals", "waterfall_deals"),
)
"""Inputs of which any but 0 means that something of the period belongs to the rep."""

_INPUTS: Final = tuple(dict.fromkeys(name for metric in METRICS for name in metric.inputs))


@dataclass(frozen=True)
class MetricFacts:
    """Inputs before they are summed.

    Attributes:
        window: Period and day.
        profiles: Every rep, from `profiles_at`.
        by_rep: Additive inputs, indexed by rep_id, every profile's among them; a column that is not defined for the
            window, or of which the data say nothing, is missing.
        closed: Closed deals, from `closed_deals`, for medians.
        everywhere: Inputs that are the same for every key.
        acquired: Spend and new customers, if they are wanted.
        rates: Of the window, from `stage_win_rates`.
    """

    window: Window
    profiles: pd.DataFrame
    by_rep: pd.DataFrame
    closed: pd.DataFrame
    everywhere: dict[str, Scalar]
    acquired: Acquisition | None
    rates: pd.DataFrame

    @cached_property
    def _of_reps(self) -> tuple[pd.DataFrame, pd.Index]:
        """What is summed over members, and the reps to whom something of the period belongs."""
        facts = self.by_rep.copy()
        zeros = [name for name in facts.columns if name not in _UNKNOWN_WHERE_ABSENT]
        facts[zeros] = facts[zeros].fillna(0.0)
        with_quota = facts["quota"] > 0
        facts["reps_with_quota"] = with_quota.astype(float)
        reached = facts["booked_revenue"] + facts["booked_overlay"] >= facts["quota"]
        facts["reps_at_quota"] = (with_quota & reached).astype(float)
        return facts, facts.index[(facts[list(_ACTIVE)] != 0).any(axis=1)]

    def inputs(self, level: Level) -> pd.DataFrame:
        """Inputs of every metric of the level: a row a key, NaN where not known."""
        facts, active = self._of_reps
        members = members_of(self.profiles, level, self.window, active)
        sums = members.merge(facts, left_on="rep_id", right_index=True).drop(columns="rep_id")
        sums = sums.groupby("key").sum(min_count=1)
        for name, source in _BOOKED.items():
            if f"{source}_revenue" in sums:
                overlay = sums[f"{source}_overlay"] if level == "rep" else 0.0
                sums[name] = sums[f"{source}_revenue"] + overlay
        if "booked_in_last_month" in sums:
            sums["booked_in_quarter"] = sums["booked"]
        for amount, (deals, valued) in _VALUED.items():
            sums[amount] = sums[amount].mask((sums[deals] > 0) & (sums[valued] == 0))
        sums["stage_weighted_amount"] = sums["stage_weighted_amount"].mask(sums["unrated_deals"] > 0)
        sums = sums.join(cycle_medians(self.closed, members))
        if not self.window.finished:
            sums["forecast_not_won"] = float("nan")
        sums = sums.assign(**self.everywhere)
        if self.acquired is not None:
            sums = self.acquired.beside(sums, members, level, self.window, self.profiles)
        return sums.reindex(columns=list(_INPUTS)).astype("float64").sort_index()
