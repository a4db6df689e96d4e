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
THETA: Final = 0.5
"""Half the slope: simple exponential smoothing with that drift is the Theta method."""

SEASON_GAINS: Final = (MEAN, 0.3)

NONE, ADDED, MULTIPLIED = 0.0, 1.0, 2.0

_LARGEST_FACTOR: Final = 6.0
_SMALLEST_DIVISOR: Final = 0.05


@dataclass(frozen=True)
class Grid:
    """p models of exponential smoothing, a column each: (1, p) arrays.

    Attributes:
        level: Gain of the level.
        drift: Share of the slope of the straight line through the past by which the level moves on.
        season: Gain of the series' own season.
        kind: Whether that season is none, added or multiplied.
    """

    level: Array
    drift: Array
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
    """Gives the plain mean alone, or with it the Theta method under every combination of gains and seasons."""
    seasons = [(NONE, 0.0)]
    if seasonal:
        seasons += list(product((ADDED, MULTIPLIED), SEASON_GAINS))
    levels = [(MEAN, 0.0)]
    if not mean_only:
        levels += [(gain, THETA) for gain in LEVEL_GAINS]
    rows = [(*level, season, kind) for level, (kind, season) in product(levels, seasons)]
    columns = np.array(rows, dtype=float).T[:, None, :]
    return Grid(*columns)


def smooth(values: Array, grid: Grid, season: int) -> Array:
    """Forecasts every value from those before it, by every model of the grid.

    The first year of a series starts its season, so that a seasonal model forecasts from its second year on. Gains are
    never below 1 ÷ (values seen), so that the start does not linger.

    Args:
        values: (n, T) series of about size 1, NaN before the start and where nothing was known.
        grid: p models.
        season: Periods of a year.

    Returns:
        (n, p, T + 1) forecasts, NaN where a model has too little to forecast from; the last is that of the next value.

    Source: Hyndman, Koehler, Ord & Snyder (2008), Forecasting with Exponential Smoothing, table 2.1; Hyndman & Billah
    (2003), Unmasking the Theta method, International Journal of Forecasting 19(2), for the drift.
    """
    count, length = values.shape
    shape = (count, grid.models)
    level, drift = np.zeros(shape), np.zeros(shape)
    added, multiplied = grid.kind == ADDED, grid.kind == MULTIPLIED
    neutral = np.where(multiplied, 1.0, 0.0)
    seasons = np.broadcast_to(neutral, (season, *shape)).copy()
    line = _Line(count)
    started, seen = np.zeros(count, dtype=bool), np.zeros(count)
    forecasts = np.full((count, grid.models, length + 1), np.nan)
    for now in range(length + 1):
        starting = ~started & (seen == season) & (season > 1)
        if starting.any() and grid.seasonal.any():
            _start(values[starting, :now], starting, grid, level, seasons, now)
            started |= starting
        own = seasons[now % season]
        base = level + drift
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
        line.add(values[:, now], now)
        drift = np.where(learn, grid.drift * line.slope(season)[:, None], drift)
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


class _Line:
    """The straight line through each series so far, by running sums."""

    def __init__(self, count: int) -> None:
        self._sums = np.zeros((5, count))

    def add(self, value: Array, now: int) -> None:
        """Adds a value of each series; NaN adds nothing."""
        known = ~np.isnan(value)
        given, at = np.where(known, value, 0.0), np.where(known, float(now), 0.0)
        self._sums += np.array([known, at, given, at * at, at * given], dtype=float)

    def slope(self, season: int) -> Array:
        """Gives (n,) slopes, shrunk towards 0 while few years are seen."""
        count, at, value, squared, product = self._sums
        spread = count * squared - at * at
        slope = np.divide(count * product - at * value, spread, out=np.zeros(count.size), where=spread > 0)
        return np.asarray(slope * count / (count + 2 * season))
