"""Scoring the rows of a backtest: every forecaster on the same rows, in one unit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spm_ml import accuracy
from spm_ml.accuracy import Array
from spm_ml.backtest.columns import CONTEXT
from spm_ml.settings import QUANTILE_LEVELS

ANSWERS_ENOUGH: Final = 0.5
"""Share of the most answered rows that a baseline must answer to be the one that others are held against."""

MEASURES: Final = (
    "crps",
    "pinball",
    "mae",
    "wape",
    "bias",
    "brier",
    "ece",
    "auc",
    "coverage_80",
    "width_80",
    "value_added",
)
"""Names of the measures of a row of the table."""

_MEDIAN, _P10, _P90 = (QUANTILE_LEVELS.index(level) for level in (0.5, 0.1, 0.9))


@dataclass(frozen=True)
class Scores:
    """The m tested rows, and each forecaster's answers to them, in the same order.

    Attributes:
        keys: (m rows) `rep_id`, `period`, `as_of`, `week`, `censored`, and the rep's context.
        unit: `attainment`, or `bookings_of_usual` where less than half of the rows have a quota.
        actual: (m,) outcomes in the unit; NaN where censored or unknown.
        actual_bookings: (m,) minor units, NaN where censored.
        hit: (m,) 1 where attainment reached 1, else 0; NaN where unknown.
        quantiles: (m, 19) in the unit, for each forecaster.
        median_bookings: (m,) minor units, for each forecaster.
        p_hit: (m,) for each forecaster.
        crps: (m,) in the unit, for each forecaster; NaN where it abstained.
        best_baseline: The simple rule with the lowest CRPS on the rows that all of them answered; None without any.
    """

    keys: pd.DataFrame
    unit: str
    actual: Array
    actual_bookings: Array
    hit: Array
    quantiles: Mapping[str, Array]
    median_bookings: Mapping[str, Array]
    p_hit: Mapping[str, Array]
    crps: Mapping[str, Array]
    best_baseline: str | None

    @property
    def forecasters(self) -> tuple[str, ...]:
        """Slugs, in the order of the backtest."""
        return tuple(self.crps)

    @property
    def reps(self) -> NDArray[np.int64]:
        """(m,) number of each row's rep."""
        return np.asarray(pd.factorize(self.keys["rep_id"])[0], dtype=np.int64)

    @property
    def periods(self) -> NDArray[np.int64]:
        """(m,) number of each row's period."""
        return np.asarray(pd.factorize(self.keys["period"])[0], dtype=np.int64)

    @classmethod
    def of(
        cls, frame: pd.DataFrame, baselines: Sequence[str], attainment: Sequence[str], bookings: Sequence[str]
    ) -> Self:
        """Takes a backtest's frame apart; `attainment` and `bookings` name its quantile columns."""
        order = ["period", "rep_id", "as_of"]
        by_name = {str(name): rows.sort_values(order) for name, rows in frame.groupby("forecaster", sort=False)}
        first = next(iter(by_name.values()))
        reached = first["actual_attainment"].to_numpy(dtype=float)
        booked = first["actual_bookings"].to_numpy(dtype=float)
        with_quota = np.isfinite(reached).sum() * 2 >= np.isfinite(booked).sum()
        usual = first["usual_bookings"].to_numpy(dtype=float)
        actual = reached if with_quota else booked / usual
        columns = list(attainment if with_quota else bookings)
        quantiles = {
            name: rows[columns].to_numpy(dtype=float) / (1.0 if with_quota else usual[:, None])
            for name, rows in by_name.items()
        }
        crps = {name: accuracy.crps_of_rows(actual, ends, QUANTILE_LEVELS) for name, ends in quantiles.items()}
        return cls(
            keys=first[["rep_id", "period", "as_of", "week", "censored", *CONTEXT]].reset_index(drop=True),
            unit="attainment" if with_quota else "bookings_of_usual",
            actual=actual,
            actual_bookings=booked,
            hit=np.where(np.isnan(reached), np.nan, reached >= 1),
            quantiles=quantiles,
            median_bookings={name: rows[bookings[_MEDIAN]].to_numpy(dtype=float) for name, rows in by_name.items()},
            p_hit={name: rows["p_hit"].to_numpy(dtype=float) for name, rows in by_name.items()},
            crps=crps,
            best_baseline=_best({name: crps[name] for name in baselines if name in crps}),
        )


def measure(scores: Scores, name: str, mask: "pd.Series[bool] | None" = None) -> dict[str, Any]:
    """Gives one forecaster's row of the forecast-value-added table; see `Backtest.value_added`.

    Args:
        scores: The tested rows.
        name: Slug of the forecaster.
        mask: Rows to measure on; default all.
    """
    rows = np.ones(len(scores.keys), dtype=bool) if mask is None else mask.to_numpy(dtype=bool)
    actual, hit, crps = scores.actual[rows], scores.hit[rows], scores.crps[name][rows]
    quantiles, chance = scores.quantiles[name][rows], scores.p_hit[name][rows]
    booked, median = scores.actual_bookings[rows], scores.median_bookings[name][rows]
    low, high = quantiles[:, _P10], quantiles[:, _P90]
    known = ~np.isnan(actual)
    answered = ~np.isnan(crps)
    best = scores.crps[scores.best_baseline][rows] if scores.best_baseline is not None else np.full(crps.shape, np.nan)
    both = answered & ~np.isnan(best)
    return {
        "forecaster": name,
        "unit": scores.unit,
        "n": int(answered.sum()),
        "censored": int(scores.keys["censored"].to_numpy(dtype=bool)[rows].sum()),
        "abstained": int((known & ~answered).sum()),
        "crps": float(crps[answered].mean()) if answered.any() else None,
        "pinball": accuracy.mean_pinball(actual, quantiles, QUANTILE_LEVELS),
        "mae": accuracy.mean_absolute_error(actual, quantiles[:, _MEDIAN]),
        "wape": accuracy.wape(booked, median),
        "bias": accuracy.bias(booked, median),
        "brier": accuracy.brier_score(hit, chance),
        "ece": accuracy.expected_calibration_error(hit, chance),
        "auc": accuracy.auc(hit, chance),
        "coverage_80": accuracy.coverage(actual, low, high),
        "width_80": accuracy.interval_width(low[known], high[known]),
        "value_added": float((best - crps)[both].mean()) if both.any() else None,
    }


def _best(crps: Mapping[str, Array]) -> str | None:
    """Names the lowest mean CRPS on the rows that all who answer enough have answered; the first of equals."""
    answered = {name: int((~np.isnan(rows)).sum()) for name, rows in crps.items()}
    most = max(answered.values(), default=0)
    able = [name for name, count in answered.items() if count > 0 and count >= ANSWERS_ENOUGH * most]
    if not able:
        return None
    common = ~np.isnan(np.column_stack([crps[name] for name in able])).any(axis=1)
    rows = common if common.any() else np.ones_like(common)
    return min(able, key=lambda name: float(np.nanmean(crps[name][rows])))
