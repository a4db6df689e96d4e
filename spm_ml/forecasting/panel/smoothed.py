"""Smoothed: members of the ensemble that weigh models of exponential smoothing by how well they forecast before."""

from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np

from spm_ml.forecasting.distribution import LEVELS, Array
from spm_ml.forecasting.panel.histories import Panel, cycle
from spm_ml.forecasting.panel.smoothing import Grid, make_grid, smooth

MEMORY: Final = 0.98
"""What an error counts a period later, beside the newer ones."""

PRIOR_ERRORS: Final = 4.0
"""Own errors at which a series' spread counts as much as the panel's."""

PRIOR_CYCLES: Final = 1.0
"""Cycles at which a shared pattern counts half."""

LARGEST_ERROR: Final = 5.0
"""Usual sizes at which an error stops counting more: one whale says nothing about a model."""

UNKNOWN: Final = 1e9
"""Error of a model that no series could try."""

_TINY: Final = 0.005

BEND: Final = 3.0


@dataclass(frozen=True)
class Recipe:
    """How a member smooths.

    Attributes:
        mean_only: It knows the plain mean alone.
        shared_season: Values are divided by the pattern that all series share.
        prior: Errors at which a series' own choice of models counts as much as the panel's.
    """

    mean_only: bool
    shared_season: bool
    prior: float = 0.0
    logarithmic: bool = False


RECIPES: Final = {
    "historical_mean": Recipe(mean_only=True, shared_season=False),
    "seasonal_mean": Recipe(mean_only=True, shared_season=True),
    "smoothing": Recipe(mean_only=False, shared_season=False, prior=2.0),
    "logarithmic_smoothing": Recipe(mean_only=False, shared_season=False, prior=2.0, logarithmic=True),
    "pooled_smoothing": Recipe(mean_only=False, shared_season=True, prior=80.0),
}
"""Members by name. The first two are means; the last one chooses its models for all series together."""


@dataclass(frozen=True)
class Smoothed:
    """A weighed mean of smoothing models, with quantiles from their own one-step errors.

    A model's weight is (relative error)^(−n), n the errors that were made: its posterior when errors are Laplace. The
    error is relative to the plain mean's on the same periods, and shrunk towards what it was over the panel, which is
    what makes eight periods of a rep enough.

    Attributes:
        recipe: How it smooths.
        usual: Size of the panel's median series, minor units.
        cycle: After how many periods the shared pattern repeats; 1 for none.
        factors: (cycle,) the pattern, by number of the period modulo the cycle.
        usual_error: (p,) each model's error over the panel, relative to the plain mean's.
        spread: Mean absolute error of the weighed mean over the panel, in usual sizes.
        quantiles: (19,) of errors ÷ the series' spread.
    """

    recipe: Recipe
    usual: float
    cycle: int
    factors: Array
    usual_error: Array
    spread: float
    quantiles: Array

    @classmethod
    def fit(cls, name: str, panel: Panel) -> Self:
        """Learns from all series of a panel, which hold at least two values somewhere."""
        recipe = RECIPES[name]
        repeats = cycle(panel.season, panel.values.shape[1]) if recipe.shared_season else 1
        usual = panel.usual
        factors = _shared_pattern(panel, repeats)
        blank = cls(recipe, usual, repeats, factors, np.zeros(0), 1.0, np.zeros(LEVELS.size))
        tried = blank._try(panel)
        counts, relative = tried.relative_errors()
        told = counts.sum(axis=0)
        by_model = np.where(told > 0, (counts * relative).sum(axis=0) / np.maximum(told, 1e-9), UNKNOWN)
        errors = tried.errors(tried.weigh(by_model, recipe.prior))
        known = ~np.isnan(errors)
        decay = _decay(errors.shape[1])
        magnitude = np.where(known, np.abs(errors), 0.0) * decay
        weight = known * decay
        spread = max(float(magnitude.sum() / max(weight.sum(), 1e-9)), _TINY)
        before = (np.cumsum(magnitude, 1) - magnitude + PRIOR_ERRORS * spread) / (
            np.cumsum(weight, 1) - weight + PRIOR_ERRORS
        )
        return cls(recipe, usual, repeats, factors, by_model, spread, np.quantile((errors / before)[known], LEVELS))

    def forecast(self, panel: Panel) -> Array:
        """Gives (n, 19) quantiles of each series' next value; NaN for a series without any value."""
        tried = self._try(panel)
        weights = tried.weigh(self.usual_error, self.recipe.prior)
        point = tried.mixed(weights)[:, -1]
        errors = tried.errors(weights)
        decay = _decay(errors.shape[1])
        known = ~np.isnan(errors)
        spread = (np.where(known, np.abs(errors), 0.0) * decay).sum(axis=1) + PRIOR_ERRORS * self.spread
        spread /= (known * decay).sum(axis=1) + PRIOR_ERRORS
        scaled = point[:, None] + spread[:, None] * self.quantiles
        factor = self.factors[panel.target % self.cycle]
        return np.asarray(self._straight(np.maximum(scaled, 0.0)) * (tried.size * factor)[:, None])

    def one_step(self, panel: Panel) -> Array:
        """Gives (n, T + 1) forecasts of every value from those before it, the next value's last; NaN where unknown."""
        tried = self._try(panel)
        mixed = tried.mixed(tried.weigh(self.usual_error, self.recipe.prior))
        return np.asarray(self._straight(mixed) * tried.size[:, None] * self.factors[panel.numbers() % self.cycle])

    def to_state(self) -> dict[str, Any]:
        """Gives the JSON form."""
        name = next(name for name, recipe in RECIPES.items() if recipe == self.recipe)
        arrays = {key: getattr(self, key).tolist() for key in ("factors", "usual_error", "quantiles")}
        return {"name": name, "usual": self.usual, "cycle": self.cycle, "spread": self.spread, **arrays}

    @classmethod
    def of_state(cls, state: dict[str, Any]) -> Self:
        """Reads the JSON form."""
        factors, errors, quantiles = (np.array(state[key], float) for key in ("factors", "usual_error", "quantiles"))
        recipe = RECIPES[state["name"]]
        return cls(recipe, state["usual"], state["cycle"], factors, errors, state["spread"], quantiles)

    def _bent(self, values: Array) -> Array:
        return np.asarray(np.log1p(BEND * np.maximum(values, 0.0))) if self.recipe.logarithmic else values

    def _straight(self, values: Array) -> Array:
        return np.asarray(np.expm1(values) / BEND) if self.recipe.logarithmic else values

    def _try(self, panel: Panel) -> "_Tried":
        """Runs every model over every series."""
        pattern = self.factors[panel.numbers() % self.cycle]
        size = panel.sizes(self.usual)
        values = self._bent(panel.values / size[:, None] / pattern[None, :-1])
        seasonal = not self.recipe.mean_only and panel.season > 1
        grid = make_grid(mean_only=self.recipe.mean_only, seasonal=seasonal)
        return _Tried(values, size, grid, smooth(values, grid, panel.season))


@dataclass(frozen=True)
class _Tried:
    """What every model forecast of every value, in usual sizes: `forecasts` is (n, p, T + 1)."""

    values: Array
    size: Array
    grid: Grid
    forecasts: Array

    def relative_errors(self) -> tuple[Array, Array]:
        """Gives (n, p) numbers of errors, newer ones counting more, and mean errors ÷ the plain mean's."""
        error = np.minimum(np.abs(self.values[:, None, :] - self.forecasts[:, :, :-1]), LARGEST_ERROR)
        known = ~np.isnan(error)
        weight = known * _decay(self.values.shape[1])
        error = np.where(known, error, 0.0)
        counts = weight.sum(axis=2)
        own = (error * weight).sum(axis=2)
        plain = (error[:, :1] * weight).sum(axis=2)
        return counts, (own + _TINY * counts) / np.maximum(plain + _TINY * counts, 1e-9)

    def weigh(self, usual: Array, prior: float) -> Array:
        """Gives (n, p) weights that add up to 1, or are all 0 where no model has a forecast."""
        if self.grid.models == 1:
            return np.asarray(~np.isnan(self.forecasts[:, :, -1]), dtype=float)
        counts, relative = self.relative_errors()
        shrunk = (counts * relative + prior * usual) / (counts + prior)
        score = -(counts[:, :1] + prior) * np.log(np.maximum(shrunk, 1e-6))
        score[np.isnan(self.forecasts[:, :, -1])] = -np.inf
        best = score.max(axis=1, keepdims=True)
        weights = np.exp(score - np.where(np.isfinite(best), best, 0.0))
        return np.asarray(weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-300))

    def mixed(self, weights: Array) -> Array:
        """Gives (n, T + 1) weighed means of those models that had a forecast; NaN where none had."""
        known = ~np.isnan(self.forecasts)
        share = np.where(known, weights[:, :, None], 0.0)
        total = share.sum(axis=1)
        mixed = (share * np.nan_to_num(self.forecasts)).sum(axis=1)
        return np.asarray(np.divide(mixed, total, out=np.full(total.shape, np.nan), where=total > 1e-12))

    def errors(self, weights: Array) -> Array:
        """Gives (n, T) errors of the weighed mean; NaN where there was no forecast."""
        return np.asarray(self.values - self.mixed(weights)[:, :-1])


def _decay(periods: int) -> Array:
    return np.asarray(MEMORY ** np.arange(periods)[::-1])


def _shared_pattern(panel: Panel, repeats: int) -> Array:
    """Learns by which factor each place of the cycle lies above its surroundings, over all series, shrunk towards 1.

    Source: the ratio-to-moving-average method of classical decomposition (Makridakis, Wheelwright & Hyndman 1998, ch.
    3), on the panel's mean of the series ÷ their own size.
    """
    if repeats == 1:
        return np.ones(1)
    values = panel.values / panel.sizes(panel.usual)[:, None]
    known = ~np.isnan(values)
    mean = np.where(known, values, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    mean = mean[np.cumsum(known.any(axis=0)) > 0]
    numbers = panel.numbers()[:-1][-mean.size :]
    if mean.size < repeats + 1:
        return np.ones(repeats)
    low = np.clip(np.arange(mean.size) - repeats // 2, 0, mean.size - repeats)
    around = np.array([mean[start : start + repeats].mean() for start in low])
    ratio = np.divide(mean, around, out=np.ones(mean.size), where=around > 0)
    factors = np.ones(repeats)
    for place in range(repeats):
        own = ratio[numbers % repeats == place]
        if own.size:
            factors[place] = 1 + (own.mean() - 1) * own.size / (own.size + PRIOR_CYCLES)
    return np.asarray(np.maximum(factors, 0.1))
