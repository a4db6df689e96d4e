"""Scoring forecasts against an oracle: everybody on the same rows, in bookings ÷ final quota.

Excess CRPS = (CRPS − oracle's) ÷ (historical mean's − oracle's), all three on the rows that both have answered: 0 is as
good as can be, 1 is no skill. The oracle is a sample of m futures, whose CRPS is too high by a term in 1 ÷ m; twice the
score of all of them minus the mean score of its halves is free of it (Richardson's extrapolation).

Coverage is that of the randomised probability integral transform: where a row's outcome carries a point mass (nothing
more may come of a quarter's last weeks), the share of the mass inside the interval counts. A closed interval takes in
all of it: that of the true distribution covers .87 in the last weeks.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas as pd

from spm_ml import accuracy
from spm_ml.accuracy import Array
from spm_ml.settings import QUANTILE_LEVELS
from spm_ml.simulation.world import Bools

REFERENCE: Final = "historical_mean"
"""Forecaster whose excess CRPS is 1."""
SHOWN_WEEKS: Final = (0, 4, 8, 11)
TENURE_BANDS: Final = {"<180 d": (-np.inf, 180.0), "180–720 d": (180.0, 720.5), ">720 d": (720.5, np.inf)}
"""Days since a rep was hired, from and below."""
GROUP_LEVELS: Final = ("team", "region", "company")
GROUP_COLUMNS: Final = ("level", "group", "as_of", "actual", "low", "high")
INTERVAL: Final = (0.1, 0.9)
P10, P90 = (QUANTILE_LEVELS.index(level) for level in INTERVAL)
_SAME: Final = 1e-5
"""Difference in bookings ÷ quota below which two amounts are one: shares of deals are rounded."""


@dataclass(frozen=True)
class Cost:
    """What a forecaster took: seconds of the newest origin, which has the longest history, and the process's peak.

    Attributes:
        fit, predict, roll_up: Seconds.
        peak: GiB of resident memory, the dataset included.
    """

    fit: float = np.nan
    predict: float = np.nan
    roll_up: float = np.nan
    peak: float = np.nan


@dataclass(frozen=True)
class Answers:
    """What one forecaster said about the m measured rows and about the groups that they add up to.

    Attributes:
        name: Slug.
        quantiles: (m, 19) of bookings ÷ final quota; NaN rows where it abstained.
        p_hit: (m,) chance that bookings reach the final quota.
        crps: (m,) in the same unit.
        groups: `GROUP_COLUMNS`: 80 % interval and outcome of each group and as-of day, minor units.
        cost: What it took.
    """

    name: str
    quantiles: Array
    p_hit: Array
    crps: Array
    groups: pd.DataFrame
    cost: Cost = field(default_factory=Cost)


def actual_of(rows: pd.DataFrame) -> Array:
    """(m,) outcomes: bookings ÷ final quota."""
    return (rows["actual_bookings"] / rows["quota_final"]).to_numpy(dtype=np.float64)


def answers_of_draws(name: str, rows: pd.DataFrame, draws: Mapping[pd.Timestamp, Array]) -> Answers:
    """Turns futures into answers.

    Args:
        name: Slug.
        rows: The measured rows.
        draws: By as-of day, (futures, rows of the day) final bookings in minor units, in the order of the rows.
    """
    quantiles = np.full((len(rows), len(QUANTILE_LEVELS)), np.nan)
    p_hit, crps = np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    actual, groups = actual_of(rows), []
    for as_of, drawn in draws.items():
        own = np.flatnonzero(rows["as_of"] == as_of)
        reached = drawn / rows["quota_final"].to_numpy(dtype=np.float64)[own]
        quantiles[own] = quantiles_of(reached)
        p_hit[own] = (reached >= 1).mean(axis=0)
        whole, *halves = (_crps(actual[own], part) for part in (reached, reached[::2], reached[1::2]))
        crps[own] = 2 * whole - sum(halves) / 2
        groups.append(_groups_of_draws(rows.iloc[own], drawn))
    return Answers(name, quantiles, p_hit, crps, pd.concat(groups, ignore_index=True))


def quantiles_of(drawn: Array) -> Array:
    """(n, 19) quantiles of (futures, n); by Weibull's positions k ÷ (m + 1), at which intervals cover what they say."""
    return np.asarray(np.quantile(drawn, QUANTILE_LEVELS, axis=0, method="weibull").T)


def share_inside(actual: Array, quantiles: Array) -> Array:
    """Gives (n,) the share of each outcome's randomised PIT that lies inside the central 80 %; NaN without quantiles.

    It is 1 or 0 but for outcomes on a quantile: their PIT is uniform from half a step below the lowest level that is
    tied with them (0 for the lowest of all) to half a step above the highest one.

    Source: Czado, Gneiting & Held (2009), Biometrics 65(4).
    """
    levels = np.array(QUANTILE_LEVELS)
    below = (quantiles < actual[:, None] - _SAME).sum(axis=1)
    upto = (quantiles <= actual[:, None] + _SAME).sum(axis=1)
    half = (levels[1] - levels[0]) / 2
    edges = np.concatenate([[0.0], levels + half])
    first = np.where(below == 0, 0.0, edges[below])
    last = np.where(upto == levels.size, 1.0, edges[upto])
    low, high = INTERVAL
    shared = np.clip(np.minimum(last, high) - np.maximum(first, low), 0.0, None)
    tied = upto > below
    between = (below > P10) & (below <= P90)
    share = np.where(tied, shared / np.where(tied, last - first, 1.0), between)
    return np.where(np.isnan(quantiles).any(axis=1), np.nan, share)


def group_names(rows: pd.DataFrame, level: str) -> "pd.Series[str]":
    """The group of each row at a level of `GROUP_LEVELS`; '' = none."""
    return rows[level].fillna("").astype(str) if level != "company" else pd.Series("company", index=rows.index)


def group_outcomes(rows: pd.DataFrame, level: str) -> pd.DataFrame:
    """Bookings of each group and as-of day: `level, group, as_of, actual`, by group and day."""
    named = rows.assign(group=group_names(rows, level))
    named = named[named["group"] != ""]
    total = named.groupby(["group", "as_of"])["actual_bookings"].sum()
    return total.rename("actual").reset_index().assign(level=level)


def score(answers: Answers, oracle: Answers, reference: Answers, rows: pd.DataFrame) -> dict[str, float]:
    """Gives one line of the table: every measure of a forecaster, NaN where there was nothing to measure.

    Args:
        answers: The forecaster's.
        oracle: The oracle's who knows the shocks.
        reference: The historical mean's.
        rows: The m measured rows.
    """
    actual = actual_of(rows)
    hit = (actual >= 1).astype(np.float64)
    asked = ~np.isnan(reference.crps) & ~np.isnan(oracle.crps)
    answered = asked & ~np.isnan(answers.crps)
    inside = share_inside(actual, answers.quantiles)
    closed = (answers.quantiles[:, P10] <= actual + _SAME) & (actual <= answers.quantiles[:, P90] + _SAME)
    weeks = {f"w{week}": (rows["week"] == week).to_numpy() for week in SHOWN_WEEKS}
    tenure = rows["tenure_days"].to_numpy(dtype=np.float64)
    bands = {name: (tenure >= least) & (tenure < below) for name, (least, below) in TENURE_BANDS.items()}
    ranked = accuracy.auc(hit[answered], answers.p_hit[answered])
    best = accuracy.auc(hit[answered], oracle.p_hit[answered])
    ece = accuracy.expected_calibration_error(hit[answered], answers.p_hit[answered])

    def excess(mask: Bools) -> float:
        own, least, most = (_mean(each.crps, answered & mask) for each in (answers, oracle, reference))
        return (own - least) / (most - least) if most != least else np.nan

    return {
        "rows": float(answered.sum()),
        "answered": _mean(answered, asked),
        "CRPS": _mean(answers.crps, answered),
        "excess": excess(answered),
        **{f"excess {name}": excess(mask) for name, mask in weeks.items()},
        "ECE": np.nan if ece is None else ece,
        "AUC": np.nan if ranked is None else ranked,
        "AUC short": np.nan if ranked is None or best is None else best - ranked,
        **{f"80 % {name}": _mean(inside, answered & mask) for name, mask in (weeks | bands).items()},
        "80 % rep": _mean(inside, answered),
        "80 % rep, closed": _mean(closed, answered),
        **{f"80 % {level}": _group_coverage(answers.groups, level) for level in GROUP_LEVELS},
        "fit s": answers.cost.fit,
        "predict s": answers.cost.predict,
        "roll-up s": answers.cost.roll_up,
        "peak GiB": answers.cost.peak,
    }


def _groups_of_draws(rows: pd.DataFrame, drawn: Array) -> pd.DataFrame:
    parts = []
    for level in GROUP_LEVELS:
        outcomes = group_outcomes(rows, level)
        names = group_names(rows, level).to_numpy()
        total = [drawn[:, names == group].sum(axis=1) for group in outcomes["group"]]
        ends = quantiles_of(np.array(total).reshape(len(total), len(drawn)).T)
        parts.append(outcomes.assign(low=ends[:, P10], high=ends[:, P90]))
    return pd.concat(parts, ignore_index=True)[list(GROUP_COLUMNS)]


def _crps(actual: Array, drawn: Array) -> Array:
    return accuracy.crps_of_rows(actual, quantiles_of(drawn), QUANTILE_LEVELS)


def _group_coverage(groups: pd.DataFrame, level: str) -> float:
    own = groups[groups["level"] == level]
    covered = accuracy.coverage(own["actual"], own["low"], own["high"])
    return np.nan if covered is None else covered


def _mean(values: Array | Bools, mask: Bools) -> float:
    chosen = np.asarray(values, dtype=np.float64)[mask]
    return float(chosen.mean()) if len(chosen) else np.nan
