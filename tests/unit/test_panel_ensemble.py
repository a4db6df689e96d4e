"""The panel ensemble: it finds what series hold, says so when they hold nothing, and is calibrated."""

import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spm_ml import accuracy
from spm_ml.backtest import run_backtest
from spm_ml.backtest.result import BOOKINGS
from spm_ml.dataset import RepPeriodDataset
from spm_ml.forecasting import FitSettings, HistoricalMean, PanelEnsemble, load_forecaster
from spm_ml.forecasting.distribution import LEVELS
from spm_ml.forecasting.panel.histories import Panel
from spm_ml.forecasting.panel.members import BOOSTED, MEMBERS, PLAIN, Members
from spm_ml.forecasting.panel.selection import Selection
from spm_ml.forecasting.panel.unfolding import Unfolding
from spm_ml.forecasting.protocol import readable_rows

WORLD = runpy.run_path(str(Path(__file__).parents[1] / "panel_world.py"))
make_months, noise, quarterly_rush = WORLD["make_months"], WORLD["noise"], WORLD["quarterly_rush"]


def running(dataset: RepPeriodDataset) -> RepPeriodDataset:
    return dataset.where(dataset.frame["actual_bookings"].isna())


def eve_of(dataset: RepPeriodDataset) -> RepPeriodDataset:
    return dataset.where(dataset.frame["week"] == 0)


@pytest.fixture(scope="module")
def rush() -> RepPeriodDataset:
    return make_months(quarterly_rush(12, 12, 3))


@pytest.fixture(scope="module")
def fitted(rush: RepPeriodDataset) -> PanelEnsemble:
    return PanelEnsemble().fit(rush)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_series_without_a_signal_get_the_mean_and_a_sentence_that_says_so(seed: int) -> None:
    dataset = make_months(noise(12, 10, seed))
    fitted = PanelEnsemble().fit(dataset)
    assert not fitted.signal
    assert fitted.selection is not None
    assert fitted.selection.weights == {PLAIN: 1.0}
    assert "no signal beyond each rep's mean" in fitted.findings[0]
    eve = eve_of(running(dataset))
    mean = eve.frame["bookings_mean"].to_numpy()
    assert fitted.predict(eve).bookings[:, 9] == pytest.approx(mean, rel=0.25)


def test_a_pattern_that_all_reps_share_is_found_and_beats_the_mean(rush: RepPeriodDataset) -> None:
    fitted = PanelEnsemble().fit(rush)
    assert fitted.signal
    assert "more than each rep's mean" in fitted.findings[0]
    backtest = run_backtest(rush, forecasters=(HistoricalMean, PanelEnsemble), periods=3)
    frame = backtest.frame[backtest.frame["week"] == 0]
    crps = {
        name: accuracy.crps(own["actual_bookings"], own[list(BOOKINGS)], LEVELS)
        for name, own in frame.groupby("forecaster")
    }
    assert crps["panel_ensemble"] < 0.8 * crps["historical_mean"]


def test_intervals_cover_as_they_should() -> None:
    dataset = make_months(noise(40, 9, 5), running=False)
    backtest = run_backtest(dataset, forecasters=(HistoricalMean, PanelEnsemble), periods=2)
    own = backtest.frame[(backtest.frame["forecaster"] == "panel_ensemble") & (backtest.frame["week"] == 0)]
    covered = accuracy.coverage(own["actual_bookings"], own[BOOKINGS[1]], own[BOOKINGS[17]])
    assert covered == pytest.approx(0.8, abs=0.1)


def test_a_row_is_forecast_the_same_whoever_is_forecast_beside_it(
    fitted: PanelEnsemble, rush: RepPeriodDataset
) -> None:
    rows = running(rush)
    alone = rows.where(rows.frame["rep_id"] == "R03")
    together = fitted.predict(rows).bookings[(rows.frame["rep_id"] == "R03").to_numpy()]
    assert fitted.predict(alone).bookings == pytest.approx(together, rel=1e-12)


def test_what_is_booked_moves_the_forecast_and_narrows_it(fitted: PanelEnsemble, rush: RepPeriodDataset) -> None:
    rows = running(rush)
    forecast, week = fitted.predict(rows), rows.frame["week"].to_numpy()
    width = forecast.bookings[:, 17] - forecast.bookings[:, 1]
    assert width[week == 2].mean() < 0.8 * width[week == 0].mean()
    more = replace(rows, frame=rows.frame.assign(booked_to_date=rows.frame["booked_to_date"] * 2))
    assert (fitted.predict(more).bookings[week == 2, 9] > forecast.bookings[week == 2, 9]).all()


def test_findings_and_forecasts_survive_being_kept(
    fitted: PanelEnsemble, rush: RepPeriodDataset, tmp_path: Path
) -> None:
    fitted.save(tmp_path)
    again = load_forecaster(tmp_path)
    assert isinstance(again, PanelEnsemble)
    assert again.findings == fitted.findings
    assert np.array_equal(again.predict(rush).bookings, fitted.predict(rush).bookings, equal_nan=True)


@pytest.mark.parametrize(
    ("reps", "months", "why"), [(9, 12, "ten reps"), (40, 3, "three periods"), (12, 4, "sixty rep-periods")]
)
def test_below_each_floor_it_abstains(reps: int, months: int, why: str) -> None:
    dataset = make_months(noise(reps, months, 1))
    fitted = PanelEnsemble(FitSettings()).fit(dataset)
    assert fitted.findings == ()
    assert fitted.selection is None
    assert not fitted.signal
    reasons = {given.reason for given in fitted.predict(running(dataset)).abstentions if given}
    assert reasons == {"thin_history"}, why


def test_periods_that_lie_after_a_gap_are_forecast(fitted: PanelEnsemble) -> None:
    later = make_months(quarterly_rush(12, 15, 3))
    assert not np.isnan(fitted.predict(eve_of(running(later))).bookings).any()


def test_selection_takes_the_member_that_knows_and_none_where_none_knows() -> None:
    rng = np.random.default_rng(0)
    actual = rng.normal(0, 1, 200)
    series = np.repeat(np.arange(20), 10)
    blind = np.tile(LEVELS * 4 - 2, (200, 1))
    knows = actual[:, None] + np.tile(LEVELS - 0.5, (200, 1))
    chosen = Selection.choose({"plain": blind, "knows": knows}, actual, series, 10, plain="plain")
    assert chosen.signal
    assert chosen.weights == {"knows": 1.0}
    assert chosen.gain > 0.5
    same = Selection.choose({"plain": blind, "other": blind + 0.01}, actual, series, 1, plain="plain")
    assert same.weights == {"plain": 1.0}
    assert "the newest finished period" in same.sentence()


def test_boosters_are_members_only_where_there_is_enough_to_learn_from() -> None:
    small, large = Panel(noise(12, 12, 1), 12, 12), Panel(noise(40, 12, 1), 12, 12)
    assert BOOSTED not in Members.fit(MEMBERS, small, FitSettings()).forecast(small)
    made = Members.fit(MEMBERS, large, FitSettings()).forecast(large)
    assert (np.diff(made[BOOSTED], axis=1) >= 0).all()


def test_a_period_unfolds_from_the_eve_to_what_is_booked(rush: RepPeriodDataset) -> None:
    frame = readable_rows(rush)
    eve = np.tile(LEVELS * 2e6, (len(frame), 1))
    unfolding = Unfolding({}, 2.0)
    before = frame["week"].to_numpy() == 0
    assert unfolding.quantiles(frame, eve)[before] == pytest.approx(eve[before])
    over = frame.assign(elapsed_share=1.0)
    assert unfolding.quantiles(over, eve) == pytest.approx(
        np.repeat(frame["booked_to_date"].to_numpy(dtype=float)[:, None], 19, axis=1)
    )


@pytest.mark.parametrize("kind", ["nothing booked", "always the same", "refunds", "one whale"])
def test_odd_series_have_a_defined_answer(kind: str) -> None:
    values = noise(40, 10, 2)
    values = {
        "nothing booked": np.zeros_like(values),
        "always the same": np.full_like(values, 1e6),
        "refunds": np.where(np.arange(10) % 3 == 1, -values, values),
        "one whale": np.where((np.arange(40) == 7)[:, None] & (np.arange(10) == 5), 1e12, values),
    }[kind]
    dataset = make_months(values)
    eve = eve_of(running(dataset))
    forecast = PanelEnsemble().fit(dataset).predict(eve)
    assert np.isfinite(forecast.bookings).all()
    if kind in ("nothing booked", "always the same"):
        assert forecast.bookings[:, 9] == pytest.approx(values[:, 0], rel=0.01, abs=1.0)
