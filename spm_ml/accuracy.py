"""How good forecasts were: pure functions of arrays, each with its source.

One rule for what is missing: a row in which any value used is NaN is left out, and a measure of nothing is None,
never 0. Losses are in the unit of `actual`; probabilities and levels lie in 0–1.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array: TypeAlias = NDArray[np.float64]


def pinball(actual: ArrayLike, quantiles: ArrayLike, levels: ArrayLike) -> Array:
    """Gives the pinball loss of each quantile of each row.

    Args:
        actual: (n,) outcomes.
        quantiles: (n, k) forecasts, a column a level.
        levels: (k,) levels in 0–1.

    Returns:
        (n, k) losses, NaN where the outcome or the quantile is.

    Source: Koenker & Bassett (1978), Regression Quantiles, Econometrica 46(1).

    >>> pinball([10.0], [[8.0, 12.0]], [0.25, 0.75]).tolist()
    [[0.5, 0.5]]
    """
    error = np.asarray(actual, dtype=float)[:, None] - np.asarray(quantiles, dtype=float)
    level = np.asarray(levels, dtype=float)[None, :]
    return np.asarray(np.maximum(level * error, (level - 1) * error))


def crps_of_rows(actual: ArrayLike, quantiles: ArrayLike, levels: ArrayLike) -> Array:
    """Gives the continuous ranked probability score of each row, as twice its mean pinball loss.

    The CRPS is twice the integral of the pinball loss over all levels; the mean over k evenly spread levels is its
    approximation. At the 19 levels .05 … .95 it leaves out the outermost 2.5 % of each tail, so it compares
    forecasters written at the same levels and is not to be set beside a CRPS from samples.

    Returns:
        (n,) scores in the unit of `actual`; NaN where the outcome or any quantile is.

    Source: Laio & Tamea (2007), HESS 11; Gneiting & Ranjan (2011), JBES 29(3), eq. 10.
    """
    return np.asarray(2 * pinball(actual, quantiles, levels).mean(axis=1))


def crps(actual: ArrayLike, quantiles: ArrayLike, levels: ArrayLike) -> float | None:
    """Gives the mean of `crps_of_rows` over the rows without NaN, or None.

    >>> crps([1.0, 2.0], [[1.0], [1.0]], [0.5])
    0.5
    """
    return _mean(crps_of_rows(actual, quantiles, levels))


def mean_pinball(actual: ArrayLike, quantiles: ArrayLike, levels: ArrayLike) -> float | None:
    """Gives the mean pinball loss over levels and the rows without NaN, or None: half of `crps`."""
    return _mean(pinball(actual, quantiles, levels).mean(axis=1))


def mean_absolute_error(actual: ArrayLike, forecast: ArrayLike) -> float | None:
    """Gives the mean of abs(forecast − actual), or None.

    Source: Hyndman & Koehler (2006), IJF 22(4).

    >>> mean_absolute_error([1, 2, float("nan")], [2, 4, 5])
    1.5
    """
    given, predicted = _complete(actual, forecast)
    return _mean(np.abs(predicted - given))


def wape(actual: ArrayLike, forecast: ArrayLike) -> float | None:
    """Gives Σ abs(forecast − actual) ÷ Σ abs(actual), or None when the outcomes add up to 0.

    Source: Kolassa & Schütz (2007), Foresight 6, there as the ratio of MAE to mean.

    >>> wape([10, 30], [20, 30])
    0.25
    """
    given, predicted = _complete(actual, forecast)
    total = float(np.abs(given).sum())
    return float(np.abs(predicted - given).sum()) / total if total > 0 else None


def bias(actual: ArrayLike, forecast: ArrayLike) -> float | None:
    """Gives Σ (forecast − actual) ÷ Σ actual, positive when forecasts are too high; None unless Σ actual > 0.

    >>> bias([10, 30], [20, 30])
    0.25
    """
    given, predicted = _complete(actual, forecast)
    total = float(given.sum())
    return float((predicted - given).sum()) / total if total > 0 else None


def brier_score(happened: ArrayLike, probability: ArrayLike) -> float | None:
    """Gives the mean squared difference of a probability from what happened (1 or 0), or None.

    Source: Brier (1950), Monthly Weather Review 78(1).

    >>> brier_score([1, 0], [0.8, 0.4])
    0.1
    """
    outcome, chance = _complete(happened, probability)
    return _mean((chance - outcome) ** 2)


def expected_calibration_error(happened: ArrayLike, probability: ArrayLike, bins: int = 10) -> float | None:
    """Gives the mean gap between probability and frequency over bins that hold equally many rows, or None.

    Rows are sorted by probability (ties by position) and cut into at most `bins` bins of as equal size as possible.
    Equal mass keeps the estimate stable where probabilities crowd near 0 and 1. It is biased upwards in small samples.

    Source: Nguyen & O'Connor (2015), EMNLP (adaptive bins); Roelofs et al. (2022), AISTATS.

    >>> expected_calibration_error([0, 1, 1, 1], [0.5, 0.5, 1.0, 1.0], bins=2)
    0.0
    """
    outcome, chance = _complete(happened, probability)
    if chance.size == 0:
        return None
    order = np.argsort(chance, kind="stable")
    gaps = [
        abs(float(chance[part].sum() - outcome[part].sum())) for part in np.array_split(order, min(bins, chance.size))
    ]
    return float(sum(gaps)) / chance.size


def auc(happened: ArrayLike, score: ArrayLike) -> float | None:
    """Gives the chance that a row that happened scores above one that did not (ties count half).

    None when there are not both kinds of rows.

    Source: Hanley & McNeil (1982), Radiology 143(1): the rank sum of the positives.

    >>> auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    """
    outcome, ranked = _complete(happened, score)
    positive = outcome > 0.5
    hits, misses = int(positive.sum()), int((~positive).sum())
    if hits == 0 or misses == 0:
        return None
    _, group, size = np.unique(ranked, return_inverse=True, return_counts=True)
    rank = (np.cumsum(size) - (size - 1) / 2)[group]
    return float(rank[positive].sum() - hits * (hits + 1) / 2) / (hits * misses)


def coverage(actual: ArrayLike, lower: ArrayLike, upper: ArrayLike) -> float | None:
    """Gives the share of outcomes inside the closed interval, or None.

    Source: Gneiting & Raftery (2007), JASA 102(477).

    >>> coverage([1, 5], [0, 0], [2, 2])
    0.5
    """
    given, low, high = _complete(actual, lower, upper)
    return _mean(((low <= given) & (given <= high)).astype(float))


def interval_width(lower: ArrayLike, upper: ArrayLike) -> float | None:
    """Gives the mean width of the intervals (sharpness), in the unit of their ends, or None."""
    low, high = _complete(lower, upper)
    return _mean(high - low)


def probability_integral_transform(actual: ArrayLike, quantiles: ArrayLike, levels: ArrayLike) -> Array:
    """Gives the level at which each outcome fell in its forecast distribution; uniform when that is calibrated.

    Between two quantiles the level is interpolated. Beyond the outermost ones only the range is known, and its middle
    is given. An outcome on tied quantiles (a point mass) gets the middle of the tied levels.

    Returns:
        (n,) levels in 0–1, NaN where the outcome or any quantile is.

    Source: Dawid (1984), JRSS A 147(2); Czado, Gneiting & Held (2009), Biometrics 65(4), for point masses.

    >>> probability_integral_transform([2.0, 9.0], [[1.0, 3.0], [1.0, 3.0]], [0.25, 0.75]).tolist()
    [0.5, 0.875]
    """
    given = np.asarray(actual, dtype=float)
    ends = np.asarray(quantiles, dtype=float)
    level = np.concatenate([[0.0], np.asarray(levels, dtype=float), [1.0]])
    below = (ends < given[:, None]).sum(axis=1)
    upto = (ends <= given[:, None]).sum(axis=1)
    tied = upto > below
    padded = np.column_stack([ends[:, :1], ends, ends[:, -1:]])
    row = np.arange(given.size)
    last = np.minimum(below + 1, level.size - 1)
    left, right = padded[row, below], padded[row, last]
    inside = (below > 0) & (below < ends.shape[1])
    share = np.divide(given - left, right - left, out=np.full(given.size, 0.5), where=inside & (right > left))
    between = level[below] + share * (level[last] - level[below])
    result = np.where(tied, (level[np.minimum(below + 1, level.size - 1)] + level[upto]) / 2, between)
    return np.where(np.isnan(given) | np.isnan(ends).any(axis=1), np.nan, result)


def pit_shares(actual: Array, quantiles: Array, levels: ArrayLike, edges: Array) -> Array:
    """Gives how much of each outcome's level falls between two edges: the histogram of the PIT, row by row.

    An outcome on a point mass (tied quantiles, as when nothing more may come) has no single level: its weight is spread
    evenly over the levels of the mass. Beyond the outermost quantile it is spread over the tail.

    Args:
        actual: (n,) outcomes.
        quantiles: (n, k) forecasts, a column a level.
        levels: (k,) levels in 0–1.
        edges: (b + 1,) from 0 to 1.

    Returns:
        (n, b) weights; each row adds up to 1.

    Source: Czado, Gneiting & Held (2009), Biometrics 65(4), the non-randomised PIT.

    >>> pit_shares(np.array([1.0]), np.array([[1.0] * 3]), [0.25, 0.5, 0.75], np.array([0, 0.5, 1])).tolist()
    [[0.5, 0.5]]
    """
    exact = probability_integral_transform(actual, quantiles, levels)
    level = np.concatenate([[0.0], np.asarray(levels, dtype=float), [1.0]])
    below = (quantiles < actual[:, None]).sum(axis=1)
    upto = (quantiles <= actual[:, None]).sum(axis=1)
    spread = (upto > below + 1) | (upto == 0) | (below == quantiles.shape[1])
    low = np.where(spread, np.where(below == 0, 0.0, level[np.minimum(below + (upto > below), level.size - 1)]), exact)
    high = np.where(
        spread, np.where(upto == 0, level[1], np.where(upto == quantiles.shape[1], 1.0, level[upto])), exact
    )
    width = np.where(spread, high - low, 1.0)
    share = np.where(
        spread[:, None],
        np.clip((edges[None, :] - low[:, None]) / width[:, None], 0.0, 1.0),
        edges[None, :] >= exact[:, None],
    )
    return np.asarray(np.diff(share, axis=1))


def _complete(*columns: ArrayLike) -> tuple[Array, ...]:
    """Gives the columns as floats without the rows in which any of them is NaN."""
    arrays = [np.asarray(column, dtype=float).ravel() for column in columns]
    keep = ~np.isnan(np.column_stack(arrays)).any(axis=1)
    return tuple(array[keep] for array in arrays)


def _mean(values: Array) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else None
