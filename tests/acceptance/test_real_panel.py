"""Agent-months of a real CRM export: the panel ensemble is not worse than each agent's mean, and is calibrated."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spm_ml import accuracy
from spm_ml.backtest import run_backtest
from spm_ml.backtest.result import BOOKINGS
from spm_ml.dataset import RepPeriodDataset
from spm_ml.forecasting import HistoricalMean, PanelEnsemble
from spm_ml.forecasting.distribution import LEVELS

REAL_DATA = os.environ.get("SPM_REAL_DATA")
pytestmark = [
    pytest.mark.real_data,
    pytest.mark.slow,
    pytest.mark.skipif(REAL_DATA is None, reason="SPM_REAL_DATA names no folder with real CRM exports"),
]
MEDIAN, LOW, HIGH = BOOKINGS[9], BOOKINGS[1], BOOKINGS[17]


@pytest.fixture(scope="module")
def dataset(maven: Path) -> RepPeriodDataset:
    return RepPeriodDataset.read(maven / "dataset.parquet")


@pytest.fixture(scope="module")
def july_to_december(dataset: RepPeriodDataset) -> pd.DataFrame:
    frame = run_backtest(dataset, forecasters=(HistoricalMean, PanelEnsemble), periods=6).frame
    assert sorted(frame["period"].unique()) == [f"2017-{month:02d}" for month in range(7, 13)]
    return frame


def of(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    return frame[frame["forecaster"] == name]


def crps(frame: pd.DataFrame, name: str) -> float:
    own = of(frame, name)
    score = accuracy.crps(own["actual_bookings"], own[list(BOOKINGS)], LEVELS)
    assert score is not None
    return score


def wape(frame: pd.DataFrame, name: str) -> float:
    own = of(frame, name)
    error = accuracy.wape(own["actual_bookings"], own[MEDIAN])
    assert error is not None
    return error


def test_on_the_eve_of_a_month_it_is_not_worse_than_the_agents_mean(july_to_december: pd.DataFrame) -> None:
    eve = july_to_december[july_to_december["week"] == 0]
    assert len(of(eve, "panel_ensemble")) == 6 * 35
    assert wape(eve, "historical_mean") == pytest.approx(0.38, abs=0.01)
    assert wape(eve, "panel_ensemble") <= wape(eve, "historical_mean")
    assert crps(eve, "panel_ensemble") < 0.96 * crps(eve, "historical_mean")


def test_over_all_weeks_it_is_better_by_a_quarter(july_to_december: pd.DataFrame) -> None:
    assert wape(july_to_december, "panel_ensemble") < 0.75 * wape(july_to_december, "historical_mean")
    assert crps(july_to_december, "panel_ensemble") < 0.75 * crps(july_to_december, "historical_mean")


def test_its_intervals_cover(july_to_december: pd.DataFrame) -> None:
    own = of(july_to_december, "panel_ensemble")
    for week, rows in own.groupby("week"):
        covered = accuracy.coverage(rows["actual_bookings"], rows[LOW], rows[HIGH])
        assert covered == pytest.approx(0.85, abs=0.07), week


def test_it_says_what_the_series_hold(dataset: RepPeriodDataset) -> None:
    before_july = dataset.where(dataset.frame["period_end"] < np.datetime64("2017-07-01"))
    early = PanelEnsemble().fit(before_july)
    assert not early.signal
    assert "no signal beyond each rep's mean" in early.findings[0]
    whole = PanelEnsemble().fit(dataset)
    assert whole.signal
    assert whole.selection is not None
    assert whole.selection.weights["seasonal_mean"] > 0.5
