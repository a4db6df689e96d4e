"""The gate before the champion: tests with numbers, each of which a person can check."""

from collections.abc import Collection
from typing import Final

import pandas as pd

from spm_ml.backtest import Backtest, Comparison
from spm_ml.errors import ConfigurationError, did_you_mean
from training.coverage import coverage_tests
from training.subgroups import group_test
from training.verdict import GateTest, GateVerdict

MIN_PERIODS: Final = 2
"""Test periods below which nothing is known about change from period to period."""

MIN_REP_PERIODS: Final = 20
"""Tested rep-periods below which the tests could not tell a good forecaster from a bad one."""

MIN_ANSWERED: Final = 0.90
"""Share of the rows that any forecaster answers; keeps out forecasters that shine by abstaining."""

_ANSWER: Final = "b50"


def judge(backtest: Backtest, candidate: str, *, champion: str | None = None) -> GateVerdict:
    """Tests a forecaster on the rows of a backtest.

    A learner must beat every baseline clear of chance; a baseline, which is what is left when nothing beats the
    baselines, must not be clearly worse than any other. Both must answer, be calibrated at every level of the
    organisation, not be clearly worse than the champion, and leave no group of reps clearly worse off. Every test must
    pass, so no correction for their number is needed (intersection-union test).

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
        *coverage_tests(backtest, candidate),
        *(against_baseline(backtest, candidate, other) for other in others),
        group_test(backtest, candidate, champion),
    ]
    if champion is not None:
        tests.append(_no_worse_than_champion(backtest, candidate, champion, known))
    return GateVerdict(candidate, tuple(tests))


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
    answered = frame[_ANSWER].notna().groupby(frame["forecaster"]).sum()
    most = int(answered.max()) if len(answered) else 0
    share = int(answered.get(candidate, 0)) / most if most else 0.0
    return GateTest(
        "answers",
        share >= MIN_ANSWERED,
        share,
        MIN_ANSWERED,
        f"answers {share:.0%} of the rows that the forecaster with most answers does; {MIN_ANSWERED:.0%} are needed",
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
        f"{found.rows:,} rows of {found.reps:,} reps in {found.periods} periods)"
    )
