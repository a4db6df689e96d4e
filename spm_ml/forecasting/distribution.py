"""A distribution written as quantiles: chances, draws and means, tails included, for many rows at once.

Between two quantiles the distribution is uniform. Beyond the outermost ones it is exponential, with the scale at which
the last step between two quantiles would have been made: a tail that loses half its mass over that last step. The lower
tail is cut at a floor (what is booked already), whose mass stays on the floor. Tied quantiles are a point mass.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spm_ml.settings import QUANTILE_LEVELS

Array: TypeAlias = NDArray[np.float64]

LEVELS: Array = np.array(QUANTILE_LEVELS)
TAIL = QUANTILE_LEVELS[0]
LAST_STEP = float(np.log((QUANTILE_LEVELS[1]) / QUANTILE_LEVELS[0]))
"""Scales of the tail in the last step between two quantiles."""


def probability_at_least(quantiles: Array, floor: Array, threshold: ArrayLike) -> Array:
    """Gives the chance that each row reaches its threshold.

    Args:
        quantiles: (n, 19) non-decreasing quantiles at `QUANTILE_LEVELS`.
        floor: (n,) values below which a row cannot fall; minus infinity for none.
        threshold: one value for all rows or (n,).

    Returns:
        (n,) probabilities of a value ≥ the threshold; NaN where a quantile or the threshold is.
    """
    goal = np.broadcast_to(np.asarray(threshold, dtype=float), floor.shape)
    row = np.arange(floor.size)
    below = (quantiles < goal[:, None]).sum(axis=1)
    left = quantiles[row, np.maximum(below - 1, 0)]
    right = quantiles[row, np.minimum(below, LEVELS.size - 1)]
    step = np.divide(goal - left, right - left, out=np.zeros(goal.shape), where=right > left)
    inside = LEVELS[np.maximum(below - 1, 0)] + step * (LEVELS[1] - LEVELS[0])
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        above = 1 - TAIL * np.exp(-(goal - quantiles[:, -1]) / _upper_scale(quantiles))
        under = TAIL * np.exp((goal - quantiles[:, 0]) / _lower_scale(quantiles))
    under = np.where(goal <= floor, 0.0, np.where(goal == quantiles[:, 0], TAIL, under))
    fell_short = np.where(below == 0, under, np.where(below == LEVELS.size, above, inside))
    unknown = np.isnan(quantiles).any(axis=1) | np.isnan(goal)
    return np.where(unknown, np.nan, 1 - fell_short)


def inverse(quantiles: Array, floor: Array, level: Array) -> Array:
    """Gives the value at a level of each row.

    Args:
        quantiles: (n, 19) non-decreasing quantiles at `QUANTILE_LEVELS`.
        floor: (n,) values below which a row cannot fall; minus infinity for none.
        level: (n, k) levels strictly between 0 and 1.

    Returns:
        (n, k) values.
    """
    position = (level - LEVELS[0]) / (LEVELS[1] - LEVELS[0])
    left = np.clip(np.floor(position).astype(int), 0, LEVELS.size - 2)
    low = np.take_along_axis(quantiles, left, axis=1)
    high = np.take_along_axis(quantiles, left + 1, axis=1)
    inside = low + (position - left) * (high - low)
    above = quantiles[:, -1:] - _upper_scale(quantiles)[:, None] * np.log(np.minimum((1 - level) / TAIL, 1))
    under = quantiles[:, :1] + _lower_scale(quantiles)[:, None] * np.log(np.minimum(level / TAIL, 1))
    value = np.where(level < LEVELS[0], under, np.where(level > LEVELS[-1], above, inside))
    return np.asarray(np.maximum(value, floor[:, None]))


def at_levels(quantiles: Array, floor: Array, levels: Array) -> Array:
    """Gives the values of every row at the same levels.

    Args:
        quantiles: (n, 19) non-decreasing quantiles at `QUANTILE_LEVELS`.
        floor: (n,) values below which a row cannot fall; minus infinity for none.
        levels: (k,) levels strictly between 0 and 1.

    Returns:
        (n, k) values.
    """
    position = (levels - LEVELS[0]) / (LEVELS[1] - LEVELS[0])
    left = np.clip(np.floor(position).astype(int), 0, LEVELS.size - 2)
    low = quantiles[:, left]
    value = low + (position - left) * (quantiles[:, left + 1] - low)
    above, under = levels > LEVELS[-1], levels < LEVELS[0]
    value[:, above] = quantiles[:, -1:] - _upper_scale(quantiles)[:, None] * np.log((1 - levels[above]) / TAIL)
    value[:, under] = quantiles[:, :1] + _lower_scale(quantiles)[:, None] * np.log(levels[under] / TAIL)
    return np.asarray(np.maximum(value, floor[:, None]))


def mean(quantiles: Array, floor: Array) -> Array:
    """Gives the mean of each row's distribution, tails included; (n,)."""
    middle = ((quantiles[:, 1:] + quantiles[:, :-1]) / 2).sum(axis=1) * (LEVELS[1] - LEVELS[0])
    upper = TAIL * (quantiles[:, -1] + _upper_scale(quantiles))
    scale = _lower_scale(quantiles)
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = np.where(scale > 0, (quantiles[:, 0] - floor) / scale, np.inf)
    # The integral of max(floor, q + scale × ln(u ÷ TAIL)) over u from 0 to TAIL.
    lower = TAIL * (quantiles[:, 0] - scale * -np.expm1(-depth))
    return np.asarray(lower + middle + upper)


def _upper_scale(quantiles: Array) -> Array:
    return np.asarray((quantiles[:, -1] - quantiles[:, -2]) / LAST_STEP)


def _lower_scale(quantiles: Array) -> Array:
    return np.asarray((quantiles[:, 1] - quantiles[:, 0]) / LAST_STEP)
