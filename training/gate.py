"""The gate before the champion: tests with numbers, each of which a person can check."""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import t as student

from spm_ml.backtest import Backtest, Comparison
from spm_ml.errors import ConfigurationError, did_you_mean

MIN_PERIODS: Final = 2
"""Test periods below which nothing is known about change from period to period."""

MIN_REP_PERIODS: Final = 20
"""Tested rep-periods below which the tests could not tell a good forecaster from a bad one."""

MIN_ANSWERED: Final = 0.90
"""Share of the rows that any forecaster answers; keeps out forecasters that shine by abstaining."""

COVERAGE: Final = (0.75, 0.85)
"""What the confidence interval of the 80 % interval's coverage must touch."""

COVERAGE_OUTER: Final = (0.65, 0.95)
"""Where the measured coverage itself must lie, however wide its interval is."""

_LOWER, _UPPER = "b10", "b90"


@dataclass(frozen=True)
class GateTest:
    """One test of the gate.

    Attributes:
        test: Slug.
        passed: Whether the model passed it.
        value: The number that was looked at; None where there was nothing to measure.
        threshold: What it was held against; None likewise.
        detail: The same in words, with the interval.
    """

    test: str
    passed: bool
    value: float | None
    threshold: float | None
    detail: str


@dataclass(frozen=True)
class GateVerdict:
    """All tests of one forecaster."""

    forecaster: str
    tests: tuple[GateTest, ...]

    @property
    def passed(self) -> bool:
        """Whether every test was passed."""
        return all(test.passed for test in self.tests)

    @property
    def failures(self) -> tuple[GateTest, ...]:
        """The tests that were not passed."""
        return tuple(test for test in self.tests if not test.passed)

    def rows(self) -> tuple[dict[str, Any], ...]:
        """One mapping a test, for storing."""
        return tuple(asdict(test) for test in self.tests)

    def text(self) -> str:
        """One line a test."""
        return "\n".join(f"{'passed' if test.passed else 'FAILED'}  {test.test}: {test.detail}" for test in self.tests)


def judge(backtest: Backtest, candidate: str, *, champion: str | None = None) -> GateVerdict:
    """Tests a forecaster on the rows of a backtest.

    A learner must beat every baseline clear of chance; a baseline, which is what is left when nothing beats the
    baselines, must not be clearly worse than any other. Both must be calibrated, answer, and not be clearly worse than
    the champion. Every test must pass, so no correction for their number is needed (intersection-union test).

    Args:
        backtest: Rolling-origin rows of every forecaster.
        candidate: Slug of the forecaster to judge.
        champion: Slug of the forecaster in use, if any.

    Raises:
        ConfigurationError: The backtest does not hold the candidate.

    Source: Berger (1982), Technometrics 24(4), for the intersection-union test.
    """
    known = set(backtest.frame["forecaster"].unique())
    if candidate not in known:
        raise ConfigurationError(
            f"the backtest holds no forecaster {candidate!r}{did_you_mean(candidate, known)}: run the backtest again"
        )
    others = [name for name in backtest.baselines if name != candidate and name in known]
    against_baseline = _not_beaten_by if candidate in backtest.baselines else _beats
    tests = [
        _enough(backtest, candidate),
        _answers(backtest, candidate),
        _covers(backtest, candidate),
        *(against_baseline(backtest, candidate, other) for other in others),
    ]
    if champion is not None:
        tests.append(_no_worse_than_champion(backtest, candidate, champion, known))
    return GateVerdict(candidate, tuple(tests))


def clustered_interval(values: ArrayLike, clusters: ArrayLike, level: float = 0.95) -> tuple[float, float, float]:
    """Gives the mean of values that are alike within clusters, and its confidence interval.

    Args:
        values: (n,) numbers.
        clusters: (n,) labels; values of different clusters are independent.
        level: Of the interval.

    Returns:
        Mean, lower and upper end; infinite ends when there are fewer than two clusters.

    Source: Liang & Zeger (1986), Biometrika 73(1), with G ÷ (G − 1) and Student's t of G − 1 degrees of freedom.

    >>> clustered_interval([1, 1, 0, 0], ["a", "a", "b", "b"])[0]
    0.5
    """
    numbers = np.asarray(values, dtype=float)
    _, label = np.unique(np.asarray(clusters), return_inverse=True)
    count = int(label.max()) + 1 if label.size else 0
    mean = float(numbers.mean()) if numbers.size else float("nan")
    if count < 2:
        return mean, -np.inf, np.inf
    sums = np.bincount(label, weights=numbers - mean)
    error = float(np.sqrt(count / (count - 1) * (sums**2).sum())) / numbers.size
    half = float(student.ppf((1 + level) / 2, count - 1)) * error
    return mean, mean - half, mean + half


def _rows_of(backtest: Backtest, forecaster: str) -> pd.DataFrame:
    frame = backtest.frame
    return frame[(frame["forecaster"] == forecaster) & frame["actual_bookings"].notna()]


def _enough(backtest: Backtest, candidate: str) -> GateTest:
    rows = _rows_of(backtest, candidate)
    periods, rep_periods = rows["period"].nunique(), len(rows.drop_duplicates(["rep_id", "period"]))
    return GateTest(
        "enough_evidence",
        periods >= MIN_PERIODS and rep_periods >= MIN_REP_PERIODS,
        float(rep_periods),
        float(MIN_REP_PERIODS),
        f"tested on {rep_periods:,} rep-periods of {periods} periods; at least {MIN_REP_PERIODS} of {MIN_PERIODS} are "
        "needed to tell good from lucky",
    )


def _answers(backtest: Backtest, candidate: str) -> GateTest:
    frame = backtest.frame[backtest.frame["actual_bookings"].notna()]
    answered = frame[_LOWER].notna().groupby(frame["forecaster"]).sum()
    most = int(answered.max()) if len(answered) else 0
    share = int(answered.get(candidate, 0)) / most if most else 0.0
    return GateTest(
        "answers",
        share >= MIN_ANSWERED,
        share,
        MIN_ANSWERED,
        f"answers {share:.0%} of the rows that the forecaster with most answers does; {MIN_ANSWERED:.0%} are needed",
    )


def _covers(backtest: Backtest, candidate: str) -> GateTest:
    rows = _rows_of(backtest, candidate).dropna(subset=[_LOWER, _UPPER])
    inside = rows["actual_bookings"].between(rows[_LOWER], rows[_UPPER]).to_numpy(dtype=float)
    intervals = [clustered_interval(inside, rows[cluster]) for cluster in ("rep_id", "period")]
    mean, low, high = max(intervals, key=lambda interval: interval[2] - interval[1])
    touches = low <= COVERAGE[1] and high >= COVERAGE[0]
    return GateTest(
        "coverage_80",
        bool(rows.size) and touches and COVERAGE_OUTER[0] <= mean <= COVERAGE_OUTER[1],
        mean if rows.size else None,
        0.80,
        f"80 % intervals held {mean:.1%} of outcomes (95 % interval {max(low, 0):.1%} to {min(high, 1):.1%}, by reps"
        f" or by periods, the wider); it must touch {COVERAGE[0]:.0%} to {COVERAGE[1]:.0%}, and the share lie in "
        f"{COVERAGE_OUTER[0]:.0%} to {COVERAGE_OUTER[1]:.0%}",
    )


def _beats(backtest: Backtest, candidate: str, baseline: str) -> GateTest:
    found = backtest.compare(candidate, baseline)
    name = f"beats_{baseline}"
    if not found.rows:
        return GateTest(name, True, None, 0.0, f"{baseline} made no forecast that could be compared")
    return GateTest(name, found.better, found.mean_difference, 0.0, _difference(found) + "; it must lie below 0")


def _not_beaten_by(backtest: Backtest, candidate: str, other: str) -> GateTest:
    return _not_worse(f"not_beaten_by_{other}", other, backtest.compare(candidate, other))


def _no_worse_than_champion(backtest: Backtest, candidate: str, champion: str, known: Collection[str]) -> GateTest:
    name = "no_worse_than_champion"
    if champion == candidate:
        return GateTest(name, True, None, 0.0, f"the champion is {champion} too, fitted on other data")
    if champion not in known:
        return GateTest(name, True, None, 0.0, f"the champion {champion} is not in this backtest any more")
    return _not_worse(name, champion, backtest.compare(candidate, champion))


def _not_worse(name: str, other: str, found: Comparison) -> GateTest:
    if not found.rows:
        return GateTest(name, True, None, 0.0, f"{other} made no forecast that could be compared")
    clearly_worse = found.low > 0
    detail = _difference(found) + "; it must not lie above 0"
    return GateTest(name, not clearly_worse, found.mean_difference, 0.0, detail)


def _difference(found: Comparison) -> str:
    return (
        f"difference in CRPS {found.mean_difference:+.4f} (95 % interval {found.low:+.4f} to {found.high:+.4f}, "
        f"{found.rows:,} rows of {found.reps:,} reps)"
    )
