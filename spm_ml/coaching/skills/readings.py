"""Ratings and behaviours as standardised readings: 0 = as peers, 1 = one standard deviation better."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import logit

from spm_ml.coaching.programs import Kpi
from spm_ml.coaching.rep_periods import RepPeriods

Floats = npt.NDArray[np.float64]

MIN_PEERS: Final = 8
"""Ratings of an assessor in a period below which they are compared with those of all periods."""

_LEAST_SPREAD: Final = 1e-9


def standardised_ratings(assessments: pd.DataFrame, periods: RepPeriods) -> pd.DataFrame:
    """Ratings of a skill in standard deviations from the mean that the same kind of assessor gave in the same period.

    Args:
        assessments: `rep_id, skill, assessed_on, score, assessor`.
        periods: For the periods; ratings outside them, of unknown reps or without a finite score are left out.

    Returns:
        `rep_id, skill, assessor, t, assessed_on, score, peers` (mean score of the peers), `z`; one row a rep, skill,
        assessor and period: the mean of what was rated, and the newest day.
    """
    spans = periods.frame[["t", "period_start", "period_end"]].drop_duplicates("t").sort_values("t")
    rows = assessments.assign(assessed_on=pd.to_datetime(assessments["assessed_on"]))
    rows = rows[np.isfinite(rows["score"].astype("float64")) & rows["rep_id"].isin(periods.frame["rep_id"])]
    place = np.searchsorted(spans["period_start"].to_numpy(), rows["assessed_on"].to_numpy(), side="right") - 1
    rows = rows.assign(t=np.append(spans["t"].to_numpy(), -1)[place])[place >= 0]
    rated = rows.groupby(["rep_id", "skill", "assessor", "t"], as_index=False).agg(
        assessed_on=("assessed_on", "max"), score=("score", "mean")
    )
    whole = rated.groupby(["skill", "assessor"])["score"]
    now = rated.groupby(["skill", "assessor", "t"])["score"]
    enough = now.transform("count") >= MIN_PEERS
    mean = now.transform("mean").where(enough, whole.transform("mean"))
    spread = now.transform("std").where(enough, whole.transform("std"))
    rated = rated.assign(peers=mean, z=(rated["score"] - mean) / spread.where(spread > _LEAST_SPREAD))
    return rated[rated["z"].notna()].reset_index(drop=True)


def standardised_behaviour(periods: RepPeriods, kpi: Kpi) -> Floats:
    """(n,) a behaviour as known on each eve beside fair peers, in standard deviations; NaN where it is not known.

    What segment, period, territory, hours and ramp explain is taken out by least squares, so that a poor territory or
    a new hire is no lack of skill.
    """
    frame = periods.frame
    empty = np.full(len(frame), np.nan)
    if kpi.feature not in frame:
        return empty
    raw = frame[kpi.feature].to_numpy(dtype=float)
    value = logit(np.clip(raw, 0.02, 0.98)) if kpi.slug == "win_rate" else _log(raw)
    known = np.isfinite(value)
    if known.sum() < 2 * MIN_PEERS:
        return empty
    design = _conditions(frame)[known]
    coefficients, *_ = np.linalg.lstsq(design, value[known], rcond=None)
    residual: Floats = kpi.sign * (value[known] - design @ coefficients)
    spread = float(residual.std())
    if spread > _LEAST_SPREAD:
        empty[known] = np.clip(residual / spread, -3, 3)
    return empty


def _log(raw: Floats) -> Floats:
    return np.asarray(np.log(np.where(raw > 0, raw, np.nan)))


def _conditions(frame: pd.DataFrame) -> Floats:
    """(n, k) intercept, segment, period, log territory, hours and tenure with its ramp."""

    def number(name: str, default: float) -> Floats:
        column = frame[name].astype("float64") if name in frame else pd.Series(default, frame.index)
        return np.asarray(column.fillna(default), dtype=np.float64)

    tenure = np.maximum(number("tenure_days", 720.0), 0)
    numbers = np.column_stack(
        [
            np.ones(len(frame)),
            np.log(np.clip(number("territory_potential", 1.0), 0.1, 10)),
            np.log(np.clip(number("fte", 1.0), 0.1, 1)),
            np.log1p(tenure / 90),
            np.minimum(tenure, 364) / 364,
        ]
    )
    groups = pd.get_dummies(frame[["segment", "t"]].astype(str), drop_first=True, dtype=float).to_numpy()
    return np.column_stack([numbers, groups])
