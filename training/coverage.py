"""Do the 80 % intervals hold 80 % of the outcomes, for reps, teams, regions and the company?"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from spm_ml.backtest import Backtest
from spm_ml.backtest.groups import LEVELS, covered
from spm_ml.backtest.intervals import coverage_interval
from training.verdict import GateTest

COVERAGE: Final = (0.75, 0.85)
"""What the confidence interval of the 80 % interval's coverage must touch."""

COVERAGE_OUTER: Final = (0.65, 0.95)
"""Where the coverage of reps itself must lie, however wide its interval is. Sums of a few tested periods may all lie
inside by luck (four of four do with a chance of .41), so for groups the interval alone decides."""


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
