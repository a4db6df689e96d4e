"""The gate: who passes, who is refused and with which number, and which forecaster `auto` takes."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from spm_ml.backtest import Backtest, run_backtest
from spm_ml.backtest.intervals import coverage_interval
from spm_ml.errors import ConfigurationError
from spm_ml.forecasting import HistoricalMean, LastPeriod, RunRateLinear
from spm_ml.settings import QUANTILE_LEVELS
from tests.rep_period_world import make_dataset
from training.choice import choose
from training.gate import judge
from training.subgroups import compare_groups, groups_of
from training.verdict import GateTest, GateVerdict

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


def with_groups(backtest: Backtest, level: str, held: float, groups: int = 6, periods: int = 12) -> Backtest:
    """Gives the learner sums of a level, of which a share lies in their 80 % intervals, at random."""
    random = np.random.default_rng(0)
    inside = random.uniform(size=(periods, groups)) < held
    rows = [
        {"forecaster": LEARNER, "level": level, "group": f"g{group}", "period": f"p{period}", "week": 0, "members": 3}
        | {
            "as_of": pd.Timestamp("2025-01-01"),
            "booked": 0.0,
            "actual_bookings": 50.0 if inside[period, group] else 99.0,
        }
        | dict(zip(BOOKINGS, 100 * LEVELS, strict=True))
        | {"mean": 50.0}
        for period in range(periods)
        for group in range(groups)
    ]
    table = pd.DataFrame(rows)[list(backtest.groups)].astype(backtest.groups.dtypes.to_dict())
    return dataclasses.replace(backtest, groups=pd.concat([backtest.groups, table], ignore_index=True))


@pytest.mark.parametrize(("level", "groups"), [("team", 6), ("region", 3), ("company", 1)])
def test_sums_that_are_overconfident_are_refused_at_their_level(backtest: Backtest, level: str, groups: int) -> None:
    learner = with_learner(backtest, near_the_truth)
    verdict = judge(with_groups(learner, level, 0.35, groups), LEARNER)
    assert [test.test for test in verdict.failures] == [f"coverage_80_{level}"]
    found = the_test(verdict, f"coverage_80_{level}")
    assert found.value is not None
    assert found.value < 0.65
    assert f"intervals of {level} sums held {found.value:.1%}" in found.detail
    assert judge(with_groups(learner, level, 0.8, groups), LEARNER).passed


def test_few_periods_do_not_refuse_sums_that_were_lucky(backtest: Backtest) -> None:
    lucky = with_groups(with_learner(backtest, near_the_truth), "company", 1.0, groups=1, periods=3)
    assert the_test(judge(lucky, LEARNER), "coverage_80_company").passed
    assert the_test(judge(lucky, LEARNER), "coverage_80_company").value == 1.0


def test_a_group_that_is_served_worse_is_named_with_its_number(backtest: Backtest) -> None:
    def unfair(rows: pd.DataFrame) -> np.ndarray:
        quantiles = near_the_truth(rows)
        quantiles[rows["team"] == "team 1"] += 3 * rows["usual_bookings"].max()
        return quantiles

    verdict = judge(with_learner(backtest, unfair), LEARNER)
    found = the_test(verdict, "no_group_worse")
    assert not found.passed
    assert found.threshold == 0.05
    assert found.value is not None
    assert found.value > 1
    assert f"team team 1 ({found.value:+.1%}" in found.detail
    assert "team 2" not in found.detail
    fair = the_test(judge(with_learner(backtest, near_the_truth), LEARNER), "no_group_worse")
    assert fair.passed
    assert fair.value is not None
    assert fair.value < 0


def test_groups_are_held_against_the_champion_where_there_is_one(backtest: Backtest) -> None:
    both = with_learner(backtest, near_the_truth)
    best = str(backtest.best_baseline())
    assert f"beside {LEARNER}" in the_test(judge(both, best, champion=LEARNER), "no_group_worse").detail
    assert not the_test(judge(both, best, champion=LEARNER), "no_group_worse").passed
    assert "no other forecaster" in the_test(judge(both, best), "no_group_worse").detail
    assert f"beside {best}" in the_test(judge(both, LEARNER, champion="gone"), "no_group_worse").detail


def test_groups_of_few_rows_or_reps_are_not_looked_at(backtest: Backtest) -> None:
    rows = backtest.tested_rows()
    found = {(kind, name): mask for kind, name, mask in groups_of(rows)}
    assert {kind for kind, _ in found} == {"team", "region", "segment", "tenure"}
    assert found["team", "team 0"].sum() == (rows["team"] == "team 0").sum()
    four = rows.assign(team=np.where(rows["rep_id"].isin(["R000", "R001", "R002", "R003"]), "small", "large"))
    assert ("team", "small") not in {(kind, name) for kind, name, _ in groups_of(four)}
    assert list(groups_of(rows.iloc[:50])) == []
    table = compare_groups(backtest, LastPeriod.name, HistoricalMean.name)
    assert table["worse_by"].is_monotonic_decreasing
    assert set(table["kind"]) == {kind for kind, _ in found}


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
    held = np.repeat([1.0, 0.0, 1.0, 0.0, 1.0, 1.0], 50)
    share, low, high = coverage_interval(held, np.repeat(np.arange(6), 50))
    _, row_low, row_high = coverage_interval(held, np.arange(300))
    assert share == pytest.approx(held.mean())
    assert high - low > 5 * (row_high - row_low)


def test_the_interval_of_single_rows_is_the_exact_binomial() -> None:
    held = np.repeat([1.0, 0.0], [81, 19])
    share, low, high = coverage_interval(held, np.arange(100))
    exact = binomtest(81, 100).proportion_ci(method="exact")
    assert share == 0.81
    assert (low, high) == (pytest.approx(exact.low, abs=1e-3), pytest.approx(exact.high, abs=1e-3))


def test_few_clusters_are_worth_little_however_alike() -> None:
    """Four periods that all held every outcome are four outcomes; two that held nine of ten each say little."""
    share, low, high = coverage_interval(np.ones(56), np.repeat(np.arange(4), 14))
    assert (share, high) == (1.0, 1.0)
    assert low == pytest.approx(0.398, abs=0.001)
    _, low, high = coverage_interval(np.tile(np.repeat([1.0, 0.0], [9, 1]), 2), np.repeat([0, 1], 10))
    assert low < 0.3
    assert high > 0.95


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    """Twelve periods whose outcomes are alike: in about 95 % of the worlds the interval holds the true .8."""
    random = np.random.default_rng(0)
    periods = np.repeat(np.arange(12), 30)
    holds = 0
    for _ in range(400):
        score = 0.5 * random.normal(size=12)[periods] + np.sqrt(0.75) * random.normal(size=360)
        _, low, high = coverage_interval(np.abs(score) < 1.2815515655, periods)
        holds += low <= 0.8 <= high
    assert 0.92 <= holds / 400 <= 0.995


def test_one_cluster_says_nothing() -> None:
    assert coverage_interval([1.0, 0.0], ["a", "a"]) == (0.5, 0.0, 1.0)
    assert np.isnan(coverage_interval([], [])[0])


def test_rows_of_the_verdict_are_plain() -> None:
    verdict = GateVerdict("x", (GateTest("a", True, 1.0, 0.5, "fine"),))
    assert verdict.rows() == ({"test": "a", "passed": True, "value": 1.0, "threshold": 0.5, "detail": "fine"},)
