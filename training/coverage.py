"""Do the 80 % intervals hold 80 % of the outcomes, for reps, teams, regions and the company?"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import beta
from scipy.stats import t as student

from spm_ml.backtest import Backtest
from spm_ml.backtest.groups import LEVELS, covered
from training.verdict import GateTest

COVERAGE: Final = (0.75, 0.85)
"""What the confidence interval of the 80 % interval's coverage must touch."""

COVERAGE_OUTER: Final = (0.65, 0.95)
"""Where the coverage of reps itself must lie, however wide its interval is. Sums of a few tested periods may all lie
inside by luck (four of four do with a chance of .41), so for groups the interval alone decides."""

_LEVEL: Final = 0.95


def coverage_tests(backtest: Backtest, candidate: str) -> list[GateTest]:
    """Gives a test for reps and one for each level of groups that was forecast.

    Args:
        backtest: Rolling-origin rows of every forecaster.
        candidate: Slug of the forecaster to judge.
    """
    frame, groups = backtest.frame, backtest.groups
    tests = [_of_reps(frame[frame["forecaster"] == candidate])]
    own = groups[groups["forecaster"] == candidate]
    for level in LEVELS:
        rows = own[own["level"] == level]
        if len(rows):
            tests.append(_of_groups(level, rows))
    return tests


def _of_reps(rows: pd.DataFrame) -> GateTest:
    mean, low, high, count = _measured(rows, ("rep_id", "period"))
    return GateTest(
        "coverage_80",
        count > 0 and _touches(low, high) and COVERAGE_OUTER[0] <= mean <= COVERAGE_OUTER[1],
        mean if count else None,
        0.80,
        f"80 % intervals held {mean:.1%} of outcomes (95 % interval {low:.1%} to {high:.1%}, by reps or by periods, "
        f"the wider); it must touch {COVERAGE[0]:.0%} to {COVERAGE[1]:.0%}, and the share lie in "
        f"{COVERAGE_OUTER[0]:.0%} to {COVERAGE_OUTER[1]:.0%}",
    )


def _of_groups(level: str, rows: pd.DataFrame) -> GateTest:
    count, periods = rows["group"].nunique(), rows["period"].nunique()
    mean, low, high, _ = _measured(rows, ("period",))
    return GateTest(
        f"coverage_80_{level}",
        _touches(low, high),
        mean,
        0.80,
        f"80 % intervals of {level} sums held {mean:.1%} of outcomes (95 % interval {low:.1%} to {high:.1%}, {count} "
        f"of them in {periods} periods, whose sums are alike); it must touch {COVERAGE[0]:.0%} to {COVERAGE[1]:.0%}",
    )


def _measured(rows: pd.DataFrame, clusters: Sequence[str]) -> tuple[float, float, float, int]:
    """Coverage and the widest of its intervals, and of how many rows."""
    held = covered(rows)
    known = ~np.isnan(held)
    ends = [coverage_interval(held[known], rows.loc[known, name]) for name in clusters]
    return (*max(ends, key=lambda found: found[2] - found[1]), int(known.sum()))


def _touches(low: float, high: float) -> bool:
    return low <= COVERAGE[1] and high >= COVERAGE[0]


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
