"""Recalibration on probability integral transforms (PITs) of rolling origins, by week of the period."""

from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from scipy.stats import t as student

from spm_ml.forecasting import distribution
from spm_ml.forecasting.distribution import Array

FORGETTING: Final = 0.9
"""Weight of a period against the one after it: what was off lately counts more (drift)."""

PRIOR_ROWS: Final = 200.0
"""Rep-periods of a week at which its measured spread counts as much as no correction."""

PRIOR_SPREAD: Final = 0.2
"""Standard deviation of a period's mean score that is assumed like a period's worth of evidence."""

CLEAR: Final = 0.995
"""Level of Student's t beyond which a shift must lie before any of it is believed: early origins know less than the
forecaster that is corrected, and a shift believed too soon did more harm than good."""

_CLIP: Final = 3.0
_NEIGHBOUR: Final = 0.5


def scores_of(pit: Array) -> Array:
    """Normal scores of PITs, cut at ±3: standard normal if the forecasts were calibrated.

    Source: Berkowitz (2001), Journal of Business & Economic Statistics 19(4).
    """
    return np.asarray(np.clip(norm.ppf(np.clip(pit, 1e-6, 1 - 1e-6)), -_CLIP, _CLIP))


def scores_within(quantiles: Array, floor: Array, actual: Array) -> Array:
    """(n,) normal scores of outcomes within forecasts that are written as quantiles; NaN where either is missing.

    Args:
        quantiles: (n, 19) at `QUANTILE_LEVELS`.
        floor: (n,) values below which a row cannot fall.
        actual: (n,) outcomes. One that equals a point mass counts as its middle.
    """
    scale = np.maximum(np.abs(actual), 1.0)
    under = 1 - distribution.probability_at_least(quantiles, floor, actual - 1e-9 * scale)
    upto = 1 - distribution.probability_at_least(quantiles, floor, actual + 1e-9 * scale)
    return scores_of((under + upto) / 2)


@dataclass(frozen=True)
class WeeklyRecalibration:
    """Moves and widens forecasts by week, as far as past periods say so clearly.

    The normal score of an outcome within its forecast has mean `shift` and standard deviation `spread` where forecasts
    were off. A quantile at level τ is read from the forecast at Φ(shift + spread × Φ⁻¹(τ)) instead, so it stays within
    the forecast's own range: below what is booked it cannot go, and quantiles cannot cross. Reps of one period share
    its luck, so a shift is believed only as far as periods agree on it, and both shrink to no change (0 and 1).

    Attributes:
        weeks: Weeks that were learnt, ascending; empty = no change.
        shift: (weeks,) in normal scores.
        spread: (weeks,) positive.

    Source: Gneiting, Balabdaoui & Raftery (2007), JRSS B 69(2) (PITs); Gneiting et al. (2005), Monthly Weather Review
    133(5) (location and spread corrected from past errors); Vovk et al. (2005), ch. 4.5 (Mondrian groups).
    """

    weeks: tuple[int, ...]
    shift: Array
    spread: Array

    @classmethod
    def none(cls) -> Self:
        """Changes nothing."""
        return cls((), np.zeros(0), np.zeros(0))

    @classmethod
    def fit(cls, week: Array, period: NDArray[np.int64], score: Array) -> Self:
        """Learns from rows that were forecast before their period began.

        Args:
            week: (n,) week of each row.
            period: (n,) number of its period, ascending in time.
            score: (n,) from `scores_of`.
        """
        if not len(score):
            return cls.none()
        weeks = np.unique(week.astype(int))
        recency = FORGETTING ** (period.max() - period).astype(float)
        moments = [_moments(week, period, score, recency, own) for own in weeks]
        return cls(tuple(int(own) for own in weeks), *(np.array(part) for part in zip(*moments, strict=True)))

    def levels(self, week: Array, wanted: Array) -> Array:
        """(n, k) levels of the forecast at which to read, for the k levels that are wanted."""
        if not self.weeks:
            return np.broadcast_to(wanted, (len(week), len(wanted))).copy()
        known = np.array(self.weeks, dtype=float)
        shift, spread = np.interp(week, known, self.shift), np.interp(week, known, self.spread)
        return np.asarray(norm.cdf(shift[:, None] + spread[:, None] * norm.ppf(wanted)[None, :]))

    def corrected(self, week: Array, score: Array) -> Array:
        """(n,) scores as they would have been after the correction."""
        if not self.weeks:
            return score
        known = np.array(self.weeks, dtype=float)
        return np.asarray((score - np.interp(week, known, self.shift)) / np.interp(week, known, self.spread))

    def to_state(self) -> dict[str, Any]:
        """Gives the JSON form."""
        return {"weeks": list(self.weeks), "shift": self.shift.tolist(), "spread": self.spread.tolist()}

    @classmethod
    def of_state(cls, state: dict[str, Any]) -> Self:
        """Reads the JSON form."""
        return cls(tuple(state["weeks"]), *(np.array(state[name], dtype=float) for name in ("shift", "spread")))


def _moments(week: Array, period: NDArray[np.int64], score: Array, recency: Array, own: int) -> tuple[float, float]:
    """Shift and spread of one week, read from it and with less weight from its neighbours."""
    weight = recency * np.select([week == own, np.abs(week - own) == 1], [1.0, _NEIGHBOUR], 0.0)
    near = weight > 0
    weight, score = weight[near], score[near]
    _, group = np.unique(period[near], return_inverse=True)
    mass = np.bincount(group, weight)
    means = np.bincount(group, weight * score) / mass
    # every period counts once, however many reps it had, older ones less
    each = np.bincount(group, weight) / np.bincount(group)
    count = each.sum() ** 2 / (each**2).sum()
    mean = float((each * means).sum() / each.sum())
    between = float((each * (means - mean) ** 2).sum() / each.sum()) * count
    uncertainty = (between + PRIOR_SPREAD**2) / (count + 1) / count
    clear = float(student.ppf(CLEAR, max(count - 1, 1e-3))) ** 2 if count > 1 else np.inf
    shift = mean * max(0.0, 1.0 - clear * uncertainty / mean**2) if mean else 0.0
    rows = weight.sum() ** 2 / (weight**2).sum() / (1 + 2 * _NEIGHBOUR)
    variance = float((weight * (score - shift) ** 2).sum() / weight.sum())
    return shift, float(np.sqrt((rows * variance + PRIOR_ROWS) / (rows + PRIOR_ROWS)))
