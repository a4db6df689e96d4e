"""Whether something that people say makes a forecaster better: it is moved by what they said, and once without.

The forecast distribution keeps its shape and is moved along, by as much as results of earlier tested periods were off
where people said as much: a regression of (result − median) ÷ width of the 80 % interval on what was said. Held against
it is the same forecast moved by the mean of those errors, so that a bias which needs no word to be seen counts for
neither. Each period is moved by what earlier periods have shown (rolling origin), and the two are compared in pairs.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from spm_ml import accuracy
from spm_ml.accuracy import Array
from spm_ml.backtest.comparison import Comparison, compare_rows
from spm_ml.backtest.result import Backtest
from spm_ml.settings import QUANTILE_LEVELS

LEAST: Final = 60
"""Reps and periods in which something was said and the result is known, below which nothing is compared."""

LEAST_TO_LEARN: Final = 20
"""The same in the earlier periods, below which a period is not moved."""

_PRIOR: Final = 10.0
"""Reps and periods in which nothing follows from what is said, added to those that are seen (ridge)."""

_FAR: Final = 3.0
"""Errors, in widths, and words, in standard deviations, count up to here."""

_P10, _P50, _P90 = (QUANTILE_LEVELS.index(level) for level in (0.1, 0.5, 0.9))


@dataclass(frozen=True)
class SignalValue:
    """What words added to a forecast.

    Attributes:
        comparison: CRPS of the forecast moved by them − CRPS of the one moved without; below 0 they help. None where
            `known` is below `LEAST`, or there is no earlier period to learn from.
        slope: How far words one standard deviation higher moved the forecast, in widths of its 80 % interval, mean over
            the compared periods; None likewise.
        known: Reps and periods in which something was said, the forecaster spoke and the result is known.
    """

    comparison: Comparison | None
    slope: float | None
    known: int


def value_of_signal(
    backtest: Backtest, forecaster: str, signal: Array, *, draws: int = 2_000, seed: int = 0
) -> SignalValue:
    """Compares a forecaster moved by what people said with the same moved without it.

    Args:
        backtest: Of the forecaster.
        forecaster: Slug.
        signal: (n,) what was known of it on the day of each of `Backtest.tested_rows`, any unit; NaN: nothing.
        draws: Bootstrap draws of the interval.
        seed: Of the draws.

    Raises:
        ConfigurationError: The forecaster is not in the backtest.

    Source: Gneiting & Raftery (2007), JASA 102 (CRPS); Hoerl & Kennard (1970), Technometrics 12 (ridge).
    """
    keys = backtest.tested_rows()
    actual, quantiles = backtest.answers(forecaster)
    width = quantiles[:, _P90] - quantiles[:, _P10]
    known = np.isfinite(actual) & np.isfinite(quantiles).all(axis=1) & np.isfinite(signal) & (width > 0)
    pairs = keys["rep_id"].astype(str) + "\t" + keys["period"].astype(str)
    count = int(pairs[known].nunique())
    if count < LEAST:
        return SignalValue(None, None, count)
    weight = np.where(known, 1 / pairs[known].value_counts().reindex(pairs).to_numpy(dtype=float), 0.0)
    error = np.zeros(len(keys))
    error[known] = np.clip((actual - quantiles[:, _P50])[known] / width[known], -_FAR, _FAR)
    began = keys.groupby("period")["as_of"].transform("min").to_numpy()
    moved, unmoved, slopes = np.full(len(keys), np.nan), np.full(len(keys), np.nan), []
    for start in np.unique(began):
        before, now = known & (began < start), known & (began == start)
        if not now.any() or pairs[before].nunique() < LEAST_TO_LEARN:
            continue
        bias, slope, said = _learn(error[before], signal[before], weight[before], signal[now])
        moved[now] = accuracy.crps_of_rows(
            actual[now], quantiles[now] + (width[now] * (bias + slope * said))[:, None], QUANTILE_LEVELS
        )
        unmoved[now] = accuracy.crps_of_rows(
            actual[now], quantiles[now] + (width[now] * bias)[:, None], QUANTILE_LEVELS
        )
        slopes.append(slope)
    if not slopes:
        return SignalValue(None, None, count)
    reps, periods = (np.asarray(pd.factorize(keys[name])[0], dtype=np.int64) for name in ("rep_id", "period"))
    return SignalValue(
        compare_rows(moved, unmoved, reps, periods, draws=draws, seed=seed), float(np.mean(slopes)), count
    )


def _learn(error: Array, signal: Array, weight: Array, now: Array) -> tuple[float, float, Array]:
    """Mean error, what follows from words one standard deviation higher, and the words of now in that unit."""
    total = weight.sum()
    center = float(weight @ signal / total)
    spread = float(np.sqrt(weight @ (signal - center) ** 2 / total))
    bias = float(weight @ error / total)
    if spread <= 1e-9 * max(1.0, abs(center)):  # everybody said the same
        return bias, 0.0, np.zeros(len(now))
    said = np.clip((signal - center) / spread, -_FAR, _FAR)
    slope = float(weight @ (said * (error - bias)) / (weight @ said**2 + _PRIOR))
    return bias, slope, np.clip((now - center) / spread, -_FAR, _FAR)
