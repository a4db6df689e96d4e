"""Person-period target trials: who could have started a program in a period, who did, and what came next.

Source: Hernán & Robins (2016), "Using Big Data to Emulate a Target Trial When a Randomized Trial Is Not Available".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from spm_ml.dataset import RepPeriodDataset

COVARIATES = (
    "attainment_last_1",
    "attainment_mean",
    "bookings_last_1",
    "bookings_mean",
    "periods_of_history",
    "tenure_days",
    "territory_potential",
    "win_rate_364",
    "programs_taken",
    "exposure",
    "quota",
)
"""What was known when the decision was taken; lagged attainment above all, since managers decide on it."""

WASHOUT_PERIODS = 2
"""A rep who started any program in this many periods before is not eligible."""


@dataclass(frozen=True)
class Trials:
    """All eligible rep-periods of one program.

    Attributes:
        rep_id: Cluster of each row, (n,).
        treated: Whether the rep started the program in the period, (n,).
        outcome: Attainment of the outcome period, (n,).
        covariates: Standardised covariates at the decision, (n, k), without missing values.
    """

    rep_id: np.ndarray
    treated: np.ndarray
    outcome: np.ndarray
    covariates: np.ndarray


def rep_periods(dataset: RepPeriodDataset) -> pd.DataFrame:
    """One row per rep and period as known the day before it began, with the period's place in time and its result.

    Returns:
        `rep_id, t (int), segment, COVARIATES, attainment` (NaN when unfinished or censored).
    """
    frame = dataset.frame
    start = frame.loc[frame["week"] == 0].copy()
    order = {first: place for place, first in enumerate(sorted(frame["period_start"].unique()))}
    start["t"] = start["period_start"].map(order).astype(int)
    start["attainment"] = start["actual_attainment"].where(~start["censored"])
    missing = [name for name in COVARIATES if name not in start]
    start[missing] = np.nan
    columns = ["rep_id", "t", "period_start", "period_end", "segment", *COVARIATES, "attainment"]
    return start.loc[:, columns].reset_index(drop=True)


def starts_by_period(rows: pd.DataFrame, enrolments: pd.DataFrame) -> pd.DataFrame:
    """Enrolments with the period `t` in which they started; those outside every period are left out."""
    periods = rows[["t", "period_start", "period_end"]].drop_duplicates("t").sort_values("period_start")
    started = enrolments.assign(started_on=pd.to_datetime(enrolments["started_on"])).sort_values("started_on")
    firsts = pd.to_datetime(periods["period_start"]).to_numpy()
    place = np.searchsorted(firsts, started["started_on"].to_numpy(), side="right") - 1
    inside = place >= 0
    inside[inside] &= (
        started["started_on"].to_numpy()[inside] <= pd.to_datetime(periods["period_end"]).to_numpy()[place[inside]]
    )
    return started[inside].assign(t=periods["t"].to_numpy()[place[inside]])


def build_trials(
    rows: pd.DataFrame, starts: pd.DataFrame, program_id: str, *, outcome_shift: int = 1, covariate_shift: int = 0
) -> Trials:
    """Builds the trials of one program.

    Args:
        rows: From `rep_periods`.
        starts: From `starts_by_period`, every program.
        program_id: The program.
        outcome_shift: Periods from the decision to the outcome; negative for a placebo.
        covariate_shift: Periods from the decision to the row the covariates are taken from.
    """
    own = starts[starts["program_id"] == program_id][["rep_id", "t"]].drop_duplicates().assign(treated=True)
    busy = starts[["rep_id", "t"]].drop_duplicates()
    decisions = rows[["rep_id", "t"]].merge(own, how="left", on=["rep_id", "t"])
    decisions["treated"] = decisions["treated"].notna()
    other = starts[starts["program_id"] != program_id][["rep_id", "t"]].drop_duplicates()
    excluded = [other] + [busy.assign(t=busy["t"] + back) for back in range(1, WASHOUT_PERIODS + 1)]
    decisions = _without(decisions, pd.concat(excluded))
    covariates = rows.drop(columns=["attainment", "period_start", "period_end"]).assign(t=rows["t"] - covariate_shift)
    outcomes = rows[["rep_id", "t", "attainment"]].assign(t=rows["t"] - outcome_shift)
    table = decisions.merge(covariates, on=["rep_id", "t"]).merge(outcomes, on=["rep_id", "t"])
    table = table[table["attainment"].notna()].sort_values(["rep_id", "t"])
    return Trials(
        rep_id=table["rep_id"].to_numpy(),
        treated=table["treated"].to_numpy(dtype=bool),
        outcome=table["attainment"].to_numpy(dtype=float),
        covariates=_design(table),
    )


def _without(rows: pd.DataFrame, excluded: pd.DataFrame) -> pd.DataFrame:
    marked = rows.merge(excluded.drop_duplicates(), how="left", on=["rep_id", "t"], indicator=True)
    return marked[marked["_merge"] == "left_only"].drop(columns="_merge")


def _design(table: pd.DataFrame) -> np.ndarray:
    """Median-imputed numbers with missing flags, the segment and the period as indicators, all standardised."""
    numbers = table.loc[:, list(COVARIATES)].astype(float)
    flags = numbers.isna().astype(float).add_suffix("_missing")
    filled = numbers.fillna(numbers.median()).fillna(0.0)
    groups = pd.get_dummies(
        table[["segment", "t"]].astype({"segment": str, "t": str}), columns=["segment", "t"], dtype=float
    )
    design = np.column_stack([filled.to_numpy(), flags.to_numpy(), groups.to_numpy()])
    if not len(design):
        return design
    spread = design.std(axis=0)
    kept: np.ndarray = (design[:, spread > 0] - design[:, spread > 0].mean(axis=0)) / spread[spread > 0]
    return kept
