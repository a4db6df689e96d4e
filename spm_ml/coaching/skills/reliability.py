"""How much of a rating is the skill, from how ratings of the same skill agree: between assessors, and over time.

One latent skill with persistence φ a period and readings z_a = λ_a·skill + noise gives cor(z_a(t), z_b(t + l)) =
λ_a·λ_b·φ^l. Sources: Spearman (1904), The Proof and Measurement of Association between Two Things, for disattenuation;
Jöreskog (1971), Psychometrika 36, for congeneric readings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from scipy.optimize import least_squares

USUAL_LOADING: Final = 0.7
"""Correlation of a rating with the skill where nothing is known: half of the variance is skill."""

USUAL_KPI_LOADING: Final = 0.5
"""Of a behaviour, where no rating says how much of it is the skill."""

USUAL_PERSISTENCE: Final = 0.98
"""Of a skill from one period to the next."""

_PRIOR_WEIGHT: Final = 30.0
"""Pairs of ratings that the usual values count for."""

_MOST_LAGS: Final = 6
_BOUNDS: Final = (0.15, 0.97)
_PERSISTENCE_BOUNDS: Final = (0.80, 0.999)


@dataclass(frozen=True)
class Reliability:
    """Loadings of the assessors and the persistence of skills.

    Attributes:
        loadings: Correlation of each assessor's ratings with the skill.
        persistence: Correlation of a skill with itself a period later.
        pairs: Pairs of ratings that this rests on.
    """

    loadings: dict[str, float]
    persistence: float
    pairs: int


def fit_reliability(ratings: pd.DataFrame) -> Reliability:
    """Fits loadings and persistence to the correlations of ratings, by least squares weighted with their number.

    Args:
        ratings: From `readings.standardised_ratings`; skills are pooled.
    """
    assessors = sorted(ratings["assessor"].unique())
    found = [pair for pair in _agreements(ratings) if pair[4] > 1]
    index = {name: place for place, name in enumerate(assessors)}
    first = np.array([index[pair[0]] for pair in found], dtype=int)
    second = np.array([index[pair[1]] for pair in found], dtype=int)
    lag, agreement, count = (np.array([pair[place] for pair in found], dtype=float) for place in (2, 3, 4))
    weight = np.sqrt(count)

    def misfit(values: np.ndarray) -> np.ndarray:
        loadings, persistence = values[:-1], values[-1]
        data = weight * (loadings[first] * loadings[second] * persistence**lag - agreement)
        prior = np.sqrt(_PRIOR_WEIGHT) * (loadings - USUAL_LOADING)
        steady = 10 * np.sqrt(_PRIOR_WEIGHT) * (persistence - USUAL_PERSISTENCE)
        return np.concatenate([data, prior, [steady]])

    start = np.append(np.full(len(assessors), USUAL_LOADING), USUAL_PERSISTENCE)
    low = np.append(np.full(len(assessors), _BOUNDS[0]), _PERSISTENCE_BOUNDS[0])
    high = np.append(np.full(len(assessors), _BOUNDS[1]), _PERSISTENCE_BOUNDS[1])
    best = least_squares(misfit, start, bounds=(low, high)).x
    loadings = dict(zip(assessors, (float(value) for value in best[:-1]), strict=True))
    return Reliability(loadings, float(best[-1]), int(count.sum()))


def kpi_loading(behaviour: np.ndarray, skill: np.ndarray, error: np.ndarray) -> float:
    """Correlation of a behaviour with the skill, disattenuated for the error of the skill's estimate.

    Args:
        behaviour: (n,) standardised, NaN where unknown.
        skill: (n,) estimate from ratings alone, in standard deviations of the skill.
        error: (n,) its standard error; 1 where nobody was rated.
    """
    known = np.isfinite(behaviour) & (error < 0.999)
    if known.sum() < 3:
        return USUAL_KPI_LOADING
    # The regression of a behaviour on the estimate has the slope λ, since the error of a posterior mean is not in it.
    moment = float((behaviour[known] * skill[known]).sum())
    spread = float((skill[known] ** 2).sum())
    slope = (moment + _PRIOR_WEIGHT * USUAL_KPI_LOADING) / (spread + _PRIOR_WEIGHT)
    return float(np.clip(slope, 0.0, _BOUNDS[1]))


def _agreements(ratings: pd.DataFrame) -> list[tuple[str, str, int, float, int]]:
    """Assessor, assessor, lag, mean product of standardised ratings of the same rep and skill, and their number."""
    found = []
    rows = ratings[["rep_id", "skill", "assessor", "t", "z"]]
    for lag in range(_MOST_LAGS + 1):
        both = rows.merge(rows.assign(t=rows["t"] - lag), on=["rep_id", "skill", "t"], suffixes=("", "_later"))
        if lag == 0:
            both = both[both["assessor"] < both["assessor_later"]]
        both = both.assign(product=both["z"] * both["z_later"])
        pairs = both.groupby(["assessor", "assessor_later"], as_index=False)["product"].agg(["mean", "count"])
        found += [
            (str(row["assessor"]), str(row["assessor_later"]), lag, float(row["mean"]), int(row["count"]))
            for row in pairs.to_dict("records")
        ]
    return found
