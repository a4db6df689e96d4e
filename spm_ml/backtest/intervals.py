"""Exact binomial intervals of shares whose rows are alike within reps or periods."""

from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import beta
from scipy.stats import t as student

_LEVEL: Final = 0.95


def coverage_interval(held: ArrayLike, clusters: ArrayLike, level: float = _LEVEL) -> tuple[float, float, float]:
    """Gives a share of rows that are alike within clusters, and its binomial confidence interval.

    The exact binomial interval of as many independent rows as the clusters are worth: the design effect is that of the
    clustered variance, and few clusters are worth less, as Student's t says, but each is worth a row, since its rows
    cannot be more alike than equal. Where all rows agree, no variance can be measured and each cluster counts once.

    Args:
        held: (n,) 1 or 0.
        clusters: (n,) labels; values of different clusters are independent.
        level: Of the interval.

    Returns:
        Share, lower and upper end; 0 and 1 when there are fewer than two clusters.

    Source: Korn & Graubard (1998), Survey Methodology 24(2), for clustered binomial intervals; Liang & Zeger (1986),
    Biometrika 73(1), for the variance, with G ÷ (G − 1).

    >>> share, low, high = coverage_interval([1, 1, 1, 1], ["a", "a", "b", "b"])
    >>> share, round(low, 2), high
    (1.0, 0.16, 1.0)
    """
    numbers = np.asarray(held, dtype=float)
    _, label = np.unique(np.asarray(clusters), return_inverse=True)
    count = int(label.max()) + 1 if label.size else 0
    share = float(numbers.mean()) if numbers.size else float("nan")
    if count < 2:
        return share, 0.0, 1.0
    worth = float(count)
    if 0 < share < 1:
        sums = np.bincount(label, weights=numbers - share)
        variance = count / (count - 1) * float((sums**2).sum()) / numbers.size**2
        single = share * (1 - share)
        size = numbers.size if variance * numbers.size <= single else single / variance
        tail = (1 + level) / 2
        few = float((student.ppf(tail, numbers.size - 1) / student.ppf(tail, count - 1)) ** 2)
        worth = max(size * few, worth)
    return share, *_clopper_pearson(share * worth, worth, level)


def _clopper_pearson(hits: float, size: float, level: float) -> tuple[float, float]:
    """Source: Clopper & Pearson (1934), Biometrika 26(4); the size need not be whole."""
    rest = (1 - level) / 2
    low = float(beta.ppf(rest, hits, size - hits + 1)) if hits > 0 else 0.0
    high = float(beta.ppf(1 - rest, hits + 1, size - hits)) if hits < size else 1.0
    return low, high
