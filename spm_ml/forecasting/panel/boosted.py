"""Boosted: the member that learns over all series what their lags say, by LightGBM quantiles."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from spm_ml.forecasting.boosters import QuantileBoosters
from spm_ml.forecasting.distribution import Array
from spm_ml.forecasting.panel.histories import Panel
from spm_ml.forecasting.panel.smoothed import LARGEST_ERROR, Smoothed

LAGS_SEEN: Final = 4
"""Single past values that are seen, besides that of a year ago."""


@dataclass(frozen=True)
class Boosted:
    """Quantiles of the next value around its smoothed forecast, from lags and the place in the year.

    Attributes:
        smoothed: Gives the forecast that is learnt upon.
        boosters: Quantiles of (value − that forecast) ÷ size.
    """

    smoothed: Smoothed
    boosters: QuantileBoosters

    @classmethod
    def fit(cls, panel: Panel, smoothed: Smoothed, *, seed: int) -> Self:
        """Learns from every value of a panel that has one before it."""
        rows, targets = [], []
        length = panel.values.shape[1]
        one_step = smoothed.one_step(panel)
        for column in range(2, length):
            past = panel.before(panel.target - length + column)
            value = panel.values[:, column]
            base = one_step[:, column]
            known = ~np.isnan(value) & ~np.isnan(base)
            rows.append(_inputs(past, base, smoothed.usual)[known])
            targets.append(np.clip((value - base) / past.sizes(smoothed.usual), -LARGEST_ERROR, LARGEST_ERROR)[known])
        matrix, target = np.concatenate(rows), np.concatenate(targets)
        boosters = QuantileBoosters.fit(matrix, target, np.ones(target.size), seed=seed)
        return cls(smoothed, boosters)

    def forecast(self, panel: Panel) -> Array:
        """Gives (n, 19) quantiles of each series' next value; NaN for a series without any value."""
        base = self.smoothed.one_step(panel)[:, -1]
        size = panel.sizes(self.smoothed.usual)
        around = self.boosters.predict(_inputs(panel, base, self.smoothed.usual))
        return np.asarray(np.maximum(base[:, None] + around * size[:, None], 0.0))


def _inputs(panel: Panel, base: Array, usual: float) -> Array:
    """Gives (n, 12) inputs, amounts ÷ usual size."""
    values, size = panel.values, panel.sizes(usual)
    scaled = np.full((len(values), max(LAGS_SEEN, panel.season)), np.nan)
    width = min(scaled.shape[1], values.shape[1])
    scaled[:, scaled.shape[1] - width :] = values[:, values.shape[1] - width :]
    scaled /= size[:, None]
    known = ~np.isnan(values)
    counted = known.sum(axis=1)
    mean = np.where(known, values, 0.0).sum(axis=1) / np.maximum(counted, 1) / size
    squared = (np.where(known, values, 0.0) ** 2).sum(axis=1) / np.maximum(counted, 1) / size**2
    recent = scaled[:, -LAGS_SEEN:]
    return np.column_stack(
        [
            recent,
            scaled[:, -panel.season],
            np.nan_to_num(recent).mean(axis=1),
            base / size,
            np.sqrt(np.maximum(squared - mean**2, 0.0)),
            (values == 0).sum(axis=1) / np.maximum(counted, 1),
            counted,
            np.full(len(values), panel.target % max(panel.season, 1)),
            np.full(len(values), panel.target % 3),
        ]
    )
