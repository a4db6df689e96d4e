"""Reliability, coverage and PIT of a backtest: the numbers are those of the rows, and small groups stay out."""

from dataclasses import replace

import pytest

from spm_ml.backtest import Backtest, run_backtest
from spm_ml.backtest.calibration import measure_calibration
from spm_ml.backtest.groups import covered
from spm_ml.forecasting import HistoricalMean, WeightedPipeline
from spm_ml.predictions import Calibration
from tests.rep_period_world import make_dataset

NAME = HistoricalMean.name


@pytest.fixture(scope="module")
def backtest() -> Backtest:
    return run_backtest(make_dataset(12, 6, 4), forecasters=(HistoricalMean, WeightedPipeline), periods=3)


@pytest.fixture(scope="module")
def found(backtest: Backtest) -> Calibration:
    measured = measure_calibration(backtest, NAME)
    assert measured is not None
    return measured


def test_coverage_is_that_of_the_rows(backtest: Backtest, found: Calibration) -> None:
    rows = backtest.frame[backtest.frame["forecaster"] == NAME]
    for nominal in (0.5, 0.8, 0.9):
        one = next(each for each in found.coverage if each.level == "rep" and each.nominal == nominal)
        assert (one.week, one.period) == (None, None)
        assert one.held.share == pytest.approx(covered(rows, nominal).mean())
        assert one.held.low <= one.held.share <= one.held.high
    week = next(each for each in found.coverage if each.level == "rep" and each.week == 5 and each.nominal == 0.8)
    assert week.held.share == pytest.approx(covered(rows[rows["week"] == 5]).mean())
    assert {each.level for each in found.coverage} >= {"rep", "company"}
    assert [each.period for each in found.coverage if each.period and each.nominal == 0.5] == list(found.periods)


def test_chances_are_held_against_what_came_of_them(backtest: Backtest, found: Calibration) -> None:
    rows = backtest.frame[backtest.frame["forecaster"] == NAME].dropna(subset=["p_hit"])
    whole = [one for one in found.reliability if one.part == "all"]
    assert len(whole) == 2, "each bin holds five of the twelve reps at least"
    assert [one.said for one in whole] == sorted(one.said for one in whole)
    hits = sum(one.seen.share * one.seen.rows for one in whole)
    assert hits == pytest.approx((rows["actual_attainment"] >= 1).sum())
    week = next(one for one in found.by_week if one.week == 3)
    own = rows[rows["week"] == 3]
    assert week.brier == pytest.approx(((own["p_hit"] - (own["actual_attainment"] >= 1)) ** 2).mean())


def test_the_histogram_adds_up(found: Calibration) -> None:
    assert sum(one.fell.share for one in found.pit) == pytest.approx(1)


def test_fewer_than_five_reps_are_not_told_of(backtest: Backtest) -> None:
    few = set(backtest.frame["rep_id"].unique()[:4])
    small = replace(backtest, frame=backtest.frame[backtest.frame["rep_id"].isin(few)])
    assert measure_calibration(small, NAME) is None
    teams = backtest.groups.assign(members=4)
    measured = measure_calibration(replace(backtest, groups=teams), NAME)
    assert measured is not None
    assert {one.level for one in measured.coverage} == {"rep"}
