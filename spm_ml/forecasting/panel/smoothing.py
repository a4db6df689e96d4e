"""Exponential smoothing of a whole panel at once, over a grid of models that are weighed by their past errors."""

from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spm_ml.forecasting.distribution import Array

MEAN: Final = -1.0
"""A gain that falls as 1 ÷ (values seen): what it smooths is the plain mean of the past."""

LEVEL_GAINS: Final = (0.05, 0.15, 0.3, 0.5, 0.7, 0.9)
TRENDS: Final = ((0.0, 1.0), (0.2, 0.9), (0.15, 0.98))
"""Gain of the trend beside the level's, and how much of the trend is left after each period."""

SEASON_GAINS: Final = (MEAN, 0.3)

NONE, ADDED, MULTIPLIED = 0.0, 1.0, 2.0

_LARGEST_FACTOR: Final = 6.0
_SMALLEST_DIVISOR: Final = 0.05


@dataclass(frozen=True)
class Grid:
    """p models of exponential smoothing, a column each: (1, p) arrays.

    Attributes:
        level: Gain of the level.
        trend: Gain of the trend, as a share of the level's.
        damping: What is left of the trend after a period.
        season: Gain of the series' own season.
        kind: Whether that season is none, added or multiplied.
    """

    level: Array
    trend: Array
    damping: Array
    season: Array
    kind: Array

    @property
    def models(self) -> int:
        """How many there are."""
        return int(self.level.size)

    @property
    def seasonal(self) -> NDArray[np.bool_]:
        """(p,) which have a season."""
        return np.asarray(self.kind[0] != NONE)


def make_grid(*, mean_only: bool, seasonal: bool) -> Grid:
    """Gives the plain mean alone, or with it every combination of gains, damped trends and seasons."""
    seasons = [(NONE, 0.0)]
    if seasonal:
        seasons += list(product((ADDED, MULTIPLIED), SEASON_GAINS))
    levels = [(MEAN, 0.0, 1.0)]
    if not mean_only:
        levels += [(gain, *trend) for gain, trend in product(LEVEL_GAINS, TRENDS)]
    rows = [(*level, season, kind) for level, (kind, season) in product(levels, seasons)]
    columns = np.array(rows, dtype=float).T[:, None, :]
    return Grid(*columns)


def smooth(values: Array, grid: Grid, season: int) -> Array:
    """Forecasts every value from those before it, by every model of the grid.

    The first year of a series starts its season, so that a seasonal model forecasts from its second year on. Gains are
    never below 1 ÷ (values seen), so that the start does not linger; the first value sets the level and no trend.

    Args:
        values: (n, T) series of about size 1, NaN before the start and where nothing was known.
        grid: p models.
        season: Periods of a year.

    Returns:
        (n, p, T + 1) forecasts, NaN where a model has too little to forecast from; the last is that of the next value.

    Source: Hyndman, Koehler, Ord & Snyder (2008), Forecasting with Exponential Smoothing, table 2.1; Gardner &
    McKenzie (1985), Management Science 31, for the damped trend.
    """
    count, length = values.shape
    shape = (count, grid.models)
    level, trend = np.zeros(shape), np.zeros(shape)
    added, multiplied = grid.kind == ADDED, grid.kind == MULTIPLIED
    neutral = np.where(multiplied, 1.0, 0.0)
    seasons = np.broadcast_to(neutral, (season, *shape)).copy()
    started, seen = np.zeros(count, dtype=bool), np.zeros(count)
    forecasts = np.full((count, grid.models, length + 1), np.nan)
    for now in range(length + 1):
        starting = ~started & (seen == season) & (season > 1)
        if starting.any() and grid.seasonal.any():
            _start(values[starting, :now], starting, grid, level, seasons, now)
            started |= starting
        own = seasons[now % season]
        base = level + grid.damping * trend
        ready = np.where(grid.seasonal[None, :], started[:, None], (seen > 0)[:, None])
        forecasts[:, :, now] = np.where(ready, np.where(multiplied, base * own, base + np.where(added, own, 0)), np.nan)
        if now == length:
            break
        value = values[:, now, None]
        learn = ~np.isnan(value) & (~grid.seasonal[None, :] | started[:, None])
        least = 1.0 / (seen[:, None] + 1)
        gain = np.maximum(grid.level, least)
        plain = np.where(multiplied, value / np.maximum(own, _SMALLEST_DIVISOR), value - np.where(added, own, 0))
        surprise = plain - base
        level = np.where(learn, base + gain * surprise, level)
        moves = learn & (seen[:, None] > 0)
        trend = np.where(moves, grid.damping * trend + gain * grid.trend * surprise, trend)
        years = np.floor(seen / season)[:, None] + 1
        season_gain = np.where(grid.season == MEAN, 1.0 / years, grid.season)
        towards = np.where(multiplied, value / np.maximum(level, _SMALLEST_DIVISOR), value - level)
        moved = own + season_gain * (towards - own)
        moved = np.where(multiplied, np.clip(moved, 0, _LARGEST_FACTOR), moved)
        seasons[now % season] = np.where(learn & grid.seasonal[None, :], moved, own)
        seen += ~np.isnan(values[:, now])
    return forecasts


def _start(past: Array, rows: NDArray[np.bool_], grid: Grid, level: Array, seasons: Array, now: int) -> None:
    """Starts levels and seasons of series whose first year is over, in place."""
    mean = np.nanmean(past, axis=1)[:, None]
    seasonal = grid.seasonal
    level[np.ix_(rows, seasonal)] = mean
    season = len(seasons)
    for back in range(1, min(season, past.shape[1]) + 1):
        value = past[:, -back, None]
        added = np.where(np.isnan(value), 0.0, value - mean)
        factor = np.where(np.isnan(value), 1.0, value / np.maximum(mean, _SMALLEST_DIVISOR))
        both = np.where(grid.kind == ADDED, added, np.clip(factor, 0, _LARGEST_FACTOR))
        seasons[(now - back) % season][np.ix_(rows, seasonal)] = both[:, seasonal]
