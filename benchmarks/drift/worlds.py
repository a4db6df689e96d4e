"""Columns of reps over periods, with or without a planted shift, and the population stability index."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spm_ml.drift import DriftRows

COLUMNS = 40
PAST_PERIODS = 6
_PERIOD_DAYS = 91
_SMALLEST_SHARE = 1e-4


def make_rows(reps: int, *, seed: int, shift: float = 0.0, columns: int = COLUMNS) -> DriftRows:
    """One row a rep and period; the last column of the last period is shifted.

    A third of the columns is skewed, a sixth are whole numbers; reps differ from each other as much as a rep does from
    period to period, and the columns of a row have something in common.

    Args:
        reps: Rows of the current period.
        seed: Of the numbers.
        shift: In standard deviations of a rep's own values.
        columns: How many.
    """
    random = np.random.default_rng(seed)
    rep, period = np.repeat(np.arange(reps), PAST_PERIODS + 1), np.tile(np.arange(PAST_PERIODS + 1), reps)
    own = 0.5 * random.normal(size=(rep.size, 1)) + np.sqrt(0.75) * random.normal(size=(rep.size, columns))
    values = random.normal(size=(reps, columns))[rep] + own
    values[period == PAST_PERIODS, -1] += shift
    values[:, : columns // 3] = np.exp(values[:, : columns // 3])
    values[:, columns // 3 : columns // 2] = np.round(values[:, columns // 3 : columns // 2])
    names = tuple(f"column_{number}" for number in range(columns))
    frame = pd.DataFrame(values, columns=list(names))
    start = pd.Timestamp("2024-01-01") + pd.to_timedelta(period * _PERIOD_DAYS, "D")
    return DriftRows(frame.assign(rep_id=rep.astype(str), period_start=start), names)


def stability_indices(rows: DriftRows) -> NDArray[np.float64]:
    """The population stability index of each column, in deciles of the past.

    Source: Siddiqi (2006), Credit Risk Scorecards, ch. 9, who calls more than .1 a change.
    """
    current = rows.current
    past = rows.frame.drop(current.index)
    return np.array([_index(current[name].to_numpy(), past[name].to_numpy()) for name in rows.columns])


def _index(current: NDArray[np.float64], past: NDArray[np.float64]) -> float:
    cuts = np.quantile(past, np.arange(1, 10) / 10)
    now, before = (
        np.maximum(np.bincount(np.searchsorted(cuts, part), minlength=10) / part.size, _SMALLEST_SHARE)
        for part in (current, past)
    )
    return float(((now - before) * np.log(now / before)).sum())
