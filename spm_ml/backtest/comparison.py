"""Is one forecaster better than another, beyond the chance of which reps there happened to be?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spm_ml.accuracy import Array


@dataclass(frozen=True)
class Comparison:
    """Difference in mean CRPS, challenger − baseline, over the rows both answered; negative is better.

    Attributes:
        mean_difference: In the unit of the backtest; NaN when no row was answered by both.
        low: 2.5 % point of the bootstrap; NaN likewise, or with fewer than two reps.
        high: 97.5 % point.
        better: The interval lies below 0.
        rows: Rows compared.
        reps: Reps they belong to.
    """

    mean_difference: float
    low: float
    high: float
    better: bool
    rows: int
    reps: int


def compare_rows(challenger: Array, baseline: Array, reps: NDArray[np.int64], *, draws: int, seed: int) -> Comparison:
    """Compares two forecasters row by row, drawing whole reps with replacement.

    All rows of a rep stay together, because they share the rep's luck: weeks of a period and periods of a rep are not
    independent. What reps of one period share is not drawn anew, so the interval speaks of other reps in these periods.

    Args:
        challenger: (m,) CRPS; NaN where it abstained.
        baseline: (m,) CRPS on the same rows.
        reps: (m,) number of the rep.
        draws: Bootstrap draws.
        seed: Of the draws.

    Source: Efron & Tibshirani (1993), An Introduction to the Bootstrap, ch. 13 (percentile interval) and 8.6 (blocks).
    """
    difference = challenger - baseline
    known = ~np.isnan(difference)
    if not known.any():
        return Comparison(np.nan, np.nan, np.nan, better=False, rows=0, reps=0)
    _, block = np.unique(reps[known], return_inverse=True)
    total = np.bincount(block, weights=difference[known])
    size = np.bincount(block).astype(float)
    mean = float(total.sum() / size.sum())
    count = total.size
    if count < 2:
        return Comparison(mean, np.nan, np.nan, better=False, rows=int(known.sum()), reps=count)
    random = np.random.default_rng(seed)
    drawn = np.empty(draws)
    for draw in range(draws):
        chosen = random.integers(0, count, count)
        drawn[draw] = total[chosen].sum() / size[chosen].sum()
    low, high = (float(end) for end in np.quantile(drawn, (0.025, 0.975)))
    return Comparison(mean, low, high, better=high < 0, rows=int(known.sum()), reps=count)
