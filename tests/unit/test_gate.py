"""The gate: who passes, who is refused and with which number, and which forecaster `auto` takes."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from spm_ml.backtest import Backtest, run_backtest
from spm_ml.errors import ConfigurationError
from spm_ml.forecasting import HistoricalMean, LastPeriod, RunRateLinear
from spm_ml.settings import QUANTILE_LEVELS
from tests.rep_period_world import make_dataset
from training.choice import choose
from training.gate import GateTest, GateVerdict, clustered_interval, judge

LEVELS = np.array(QUANTILE_LEVELS)
QUANTILES = [f"q{round(100 * level):02d}" for level in LEVELS]
BOOKINGS = [f"b{round(100 * level):02d}" for level in LEVELS]
LEARNER = "lightgbm_quantiles"


@pytest.fixture(scope="module")
def backtest() -> Backtest:
    """Three rules on 20 reps and three tested periods."""
    rules = (RunRateLinear, LastPeriod, HistoricalMean)
    return run_backtest(make_dataset(20, 6, seed=1), forecasters=rules, periods=3)


def with_learner(backtest: Backtest, forecast: Callable[[pd.DataFrame], np.ndarray]) -> Backtest:
    """Adds a learner whose booking quantiles are what `forecast` gives for the tested rows."""
    rows = backtest.frame[backtest.frame["forecaster"] == HistoricalMean.name].copy()
    bookings = forecast(rows)
    rows["forecaster"] = LEARNER
    rows[BOOKINGS] = bookings
    rows[QUANTILES] = bookings / rows["quota"].to_numpy()[:, None]
    rows["p_hit"] = (rows[QUANTILES] >= 1).mean(axis=1)
    return dataclasses.replace(backtest, frame=pd.concat([backtest.frame, rows], ignore_index=True))


def near_the_truth(rows: pd.DataFrame, spread: float = 0.05, covered: float = 0.8) -> np.ndarray:
    """Quantiles around outcomes that lie at random levels; `covered` of them inside the 80 % interval."""
    random = np.random.default_rng(0)
    actual, size = rows["actual_bookings"].to_numpy(), rows["usual_bookings"].to_numpy()
    inside = random.uniform(size=len(rows)) < covered
    level = np.where(inside, random.uniform(0.1, 0.9, len(rows)), random.choice([0.02, 0.98], len(rows)))
    return actual[:, None] + spread * size[:, None] * (LEVELS[None, :] - level[:, None])


def the_test(verdict: GateVerdict, name: str) -> GateTest:
    return {test.test: test for test in verdict.tests}[name]


def test_a_learner_that_beats_everyone_passes(backtest: Backtest) -> None:
    verdict = judge(with_learner(backtest, near_the_truth), LEARNER)
    assert verdict.passed, verdict.text()
    beaten = {test.test for test in verdict.tests if test.test.startswith("beats_")}
    assert beaten == {"beats_run_rate_linear", "beats_last_period", "beats_historical_mean"}
    found = the_test(verdict, "beats_historical_mean")
    assert found.value is not None
    assert found.value < 0 == found.threshold


def test_a_learner_as_good_as_a_baseline_is_refused_with_the_number(backtest: Backtest) -> None:
    same = with_learner(backtest, lambda rows: rows[BOOKINGS].to_numpy())
    verdict = judge(same, LEARNER)
    assert "beats_historical_mean" in {test.test for test in verdict.failures}
    assert "+0.0000" in the_test(verdict, "beats_historical_mean").detail
    assert "FAILED  beats_historical_mean" in verdict.text()


def test_overconfident_intervals_are_refused(backtest: Backtest) -> None:
    verdict = judge(with_learner(backtest, lambda rows: near_the_truth(rows, covered=0.4)), LEARNER)
    found = the_test(verdict, "coverage_80")
    assert not found.passed
    assert found.value == pytest.approx(0.4, abs=0.08)
    assert found.threshold == 0.80


def test_a_learner_that_shines_by_abstaining_is_refused(backtest: Backtest) -> None:
    def choosy(rows: pd.DataFrame) -> np.ndarray:
        quantiles = near_the_truth(rows)
        quantiles[::3] = np.nan
        return quantiles

    verdict = judge(with_learner(backtest, choosy), LEARNER)
    assert [test.test for test in verdict.failures] == ["answers"]
    assert the_test(verdict, "answers").value == pytest.approx(2 / 3, abs=0.02)


def test_a_learner_that_never_answers_beats_nobody(backtest: Backtest) -> None:
    verdict = judge(with_learner(backtest, lambda rows: np.full((len(rows), 19), np.nan)), LEARNER)
    assert not verdict.passed
    assert {"answers", "coverage_80"} <= {test.test for test in verdict.failures}


def test_one_tested_period_is_not_enough() -> None:
    rules = (LastPeriod, HistoricalMean)
    short = run_backtest(make_dataset(20, 4, seed=1), forecasters=rules, periods=1)
    found = the_test(judge(short, HistoricalMean.name), "enough_evidence")
    assert not found.passed
    assert "1 periods" in found.detail


def test_a_baseline_passes_when_no_other_is_clearly_better(backtest: Backtest) -> None:
    best = str(backtest.value_added()["forecaster"].iloc[0])
    verdict = judge(backtest, best)
    assert all(test.passed for test in verdict.tests if test.test.startswith("not_beaten_by_"))
    worst = str(backtest.value_added()["forecaster"].iloc[-1])
    refused = judge(backtest, worst)
    assert not the_test(refused, f"not_beaten_by_{best}").passed


def test_a_baseline_is_not_held_against_the_learner(backtest: Backtest) -> None:
    names = {test.test for test in judge(with_learner(backtest, near_the_truth), HistoricalMean.name).tests}
    assert not [name for name in names if LEARNER in name]


def test_the_champion_is_only_replaced_by_what_is_not_clearly_worse(backtest: Backtest) -> None:
    both = with_learner(backtest, near_the_truth)
    worse = the_test(judge(both, HistoricalMean.name, champion=LEARNER), "no_worse_than_champion")
    assert not worse.passed
    assert worse.value is not None
    assert worse.value > 0
    assert the_test(judge(both, LEARNER, champion=HistoricalMean.name), "no_worse_than_champion").passed
    again = the_test(judge(both, LEARNER, champion=LEARNER), "no_worse_than_champion")
    assert again.passed
    assert "fitted on other data" in again.detail
    assert the_test(judge(both, LEARNER, champion="gone"), "no_worse_than_champion").passed


def test_an_unknown_forecaster_is_named(backtest: Backtest) -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'historical_mean'"):
        judge(backtest, "historicl_mean")


def test_auto_takes_the_learner_where_it_beats_everyone(backtest: Backtest) -> None:
    choice = choose(with_learner(backtest, near_the_truth))
    assert choice.forecaster == LEARNER
    assert choice.verdict.passed


def test_auto_takes_the_best_rule_where_the_learner_does_not(backtest: Backtest) -> None:
    choice = choose(with_learner(backtest, lambda rows: rows[BOOKINGS].to_numpy()))
    rules = backtest.value_added()["forecaster"].to_list()
    assert choice.forecaster in rules
    assert choice.verdict.passed, choice.verdict.text()
    assert LEARNER in choice.because


def test_auto_says_so_when_nobody_passes() -> None:
    short = run_backtest(make_dataset(20, 4, seed=1), forecasters=(LastPeriod, HistoricalMean), periods=1)
    choice = choose(short)
    assert not choice.verdict.passed
    assert "no forecaster passes the gate" in choice.because
    assert choice.forecaster == short.value_added()["forecaster"].iloc[0]


def test_a_named_forecaster_is_taken_as_it_is(backtest: Backtest) -> None:
    assert choose(backtest, LastPeriod.name).forecaster == LastPeriod.name
    with pytest.raises(ConfigurationError, match=r"name one of .* or auto"):
        choose(backtest, "prophet")


def test_the_interval_of_clusters_is_wider_than_that_of_rows() -> None:
    values = np.repeat([1.0, 0.0, 1.0, 0.0, 1.0, 1.0], 50)
    mean, low, high = clustered_interval(values, np.repeat(np.arange(6), 50))
    _, row_low, row_high = clustered_interval(values, np.arange(300))
    assert mean == pytest.approx(values.mean())
    assert high - low > 5 * (row_high - row_low)


def test_the_interval_of_clusters_equals_the_textbook_for_single_rows() -> None:
    values = np.array([0.2, 0.5, 0.9, 0.4])
    mean, low, high = clustered_interval(values, ["a", "b", "c", "d"])
    half = 3.182446305 * values.std(ddof=1) / 2  # t(0.975, 3) from a table
    assert (low, high) == (pytest.approx(mean - half), pytest.approx(mean + half))


def test_one_cluster_says_nothing() -> None:
    assert clustered_interval([1.0, 0.0], ["a", "a"]) == (0.5, -np.inf, np.inf)
    assert np.isnan(clustered_interval([], [])[0])


def test_rows_of_the_verdict_are_plain() -> None:
    verdict = GateVerdict("x", (GateTest("a", True, 1.0, 0.5, "fine"),))
    assert verdict.rows() == ({"test": "a", "passed": True, "value": 1.0, "threshold": 0.5, "detail": "fine"},)
