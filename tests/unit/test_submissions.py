"""What people said as forecasters, their place in the table, and who was right before."""

import runpy
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spm_ml.backtest import Backtest, run_backtest, stored_track_record, track_record
from spm_ml.dataset import RepPeriodDataset
from spm_ml.errors import ConfigurationError, DataError
from spm_ml.forecasting import HistoricalMean, LastPeriod, ManagerOverride, RepBestCase, RepCommit
from spm_ml.metrics.submissions import forecast_bias
from training.choice import AUTO, choose

WORLD = runpy.run_path(str(Path(__file__).parents[1] / "rep_period_world.py"))
PEOPLE = (RepCommit, RepBestCase, ManagerOverride)


@pytest.fixture(scope="module")
def world() -> RepPeriodDataset:
    """Eight reps; before the third week nobody has said anything."""
    dataset: RepPeriodDataset = WORLD["with_submissions"](WORLD["make_dataset"](8, 7, 3), 3)
    early = dataset.frame["week"] < 3
    silent = {kind.column: dataset.frame[kind.column].mask(early) for kind in PEOPLE}
    return replace(dataset, frame=dataset.frame.assign(**silent))


@pytest.fixture(scope="module")
def backtest(world: RepPeriodDataset) -> Backtest:
    return run_backtest(world, forecasters=(LastPeriod, HistoricalMean, *PEOPLE), periods=3)


def test_the_median_is_what_was_said_unless_more_is_booked(world: RepPeriodDataset) -> None:
    forecast = RepCommit().fit(world).predict(world)
    said = np.maximum(world.frame["commit"], world.frame["booked_to_date"])
    spoken = world.frame["commit"].notna().to_numpy()
    assert np.allclose(forecast.bookings[spoken, 9], said[spoken])
    silent = [why for why, heard in zip(forecast.abstentions, spoken, strict=True) if not heard]
    assert {why.reason for why in silent if why} == {"no_submission"}
    assert np.isnan(forecast.bookings[~spoken]).all()


def test_without_enough_past_each_reason_is_named(world: RepPeriodDataset) -> None:
    few = world.where(world.frame["rep_id"] == "R001")
    reasons = [why.reason for why in RepCommit().fit(few).predict(few).abstentions if why]
    assert reasons == ["no_submission" if week < 3 else "thin_history" for week in few.frame["week"]]


def test_intervals_are_as_wide_as_such_numbers_were_off(world: RepPeriodDataset) -> None:
    forecast = ManagerOverride().fit(world).predict(world.finished())
    width = forecast.bookings[:, 17] - forecast.bookings[:, 1]
    week = world.finished().frame["week"].to_numpy()
    assert np.nanmean(width[week == 3]) > np.nanmean(width[week == 12]) > 0


def test_the_table_shows_their_bias_after_the_forecasters(backtest: Backtest) -> None:
    table = backtest.value_added()
    assert list(table["forecaster"].iloc[-3:].sort_values()) == ["manager_override", "rep_best_case", "rep_commit"]
    assert backtest.submissions == ("rep_commit", "rep_best_case", "manager_override")
    assert backtest.baselines == ("last_period", "historical_mean")
    by_name = table.set_index("forecaster")
    assert by_name.loc["rep_best_case", "bias"] > by_name.loc["rep_commit", "bias"] > 0
    assert by_name.loc["rep_commit", "n"] < by_name.loc["last_period", "n"]


def test_value_added_is_over_rows_both_answered(backtest: Backtest) -> None:
    scores = backtest._scores
    said, best = scores.crps["rep_commit"], scores.crps[str(scores.best_baseline)]
    both = ~np.isnan(said) & ~np.isnan(best)
    table = backtest.value_added().set_index("forecaster")
    assert scores.best_baseline in backtest.baselines
    assert table.loc["rep_commit", "value_added"] == pytest.approx((best - said)[both].mean())


def test_an_organisation_that_submits_nothing_has_no_such_rows(world: RepPeriodDataset) -> None:
    silent = replace(world, frame=world.frame.assign(commit=np.nan))
    found = run_backtest(silent, forecasters=(LastPeriod, RepCommit, RepBestCase), periods=2)
    assert found.submissions == ("rep_best_case",)


def test_they_are_never_chosen(backtest: Backtest) -> None:
    frame = backtest.frame.copy()
    perfect = (frame["forecaster"] == "rep_commit") & frame["actual_bookings"].notna()
    quantiles = [name for name in frame if name.startswith("b") and name[1:].isdigit()]
    attainment = [f"q{name[1:]}" for name in quantiles]
    frame.loc[perfect, quantiles] = np.repeat(frame.loc[perfect, ["actual_bookings"]].to_numpy(), 19, axis=1)
    frame.loc[perfect, attainment] = np.repeat(frame.loc[perfect, ["actual_attainment"]].to_numpy(), 19, axis=1)
    clairvoyant = replace(backtest, frame=frame)
    assert clairvoyant.value_added()["crps"].idxmin() == len(clairvoyant.value_added()) - 3
    assert choose(clairvoyant, AUTO).forecaster in backtest.baselines
    with pytest.raises(ConfigurationError, match="no training can repeat"):
        choose(clairvoyant, "rep_commit")


class TestTrackRecord:
    def test_it_is_counted_by_hand(self, backtest: Backtest) -> None:
        record = track_record(backtest, "historical_mean", week=5)
        rows = backtest.frame[(backtest.frame["week"] == 5) & (backtest.frame["rep_id"] == "R002")]
        wide = rows.pivot(index="period", columns="forecaster", values="b50")
        booked = rows.groupby("period")["actual_bookings"].first()
        of_rep = record[record["rep_id"] == "R002"].set_index("kind")
        assert list(of_rep.index) == ["best_case", "commit", "manager_override"]
        for kind, name in (("commit", "rep_commit"), ("best_case", "rep_best_case")):
            closer = (wide["historical_mean"] - booked).abs() < (wide[name] - booked).abs()
            assert of_rep.loc[kind, "model_closer"] == closer.sum()
            assert of_rep.loc[kind, "compared"] == 3
            metric = forecast_bias(float(wide[name].sum()), float(booked.sum()))
            assert of_rep.loc[kind, "typical_bias"] == pytest.approx(metric.value)

    def test_only_periods_that_had_ended_count(self, backtest: Backtest, world: RepPeriodDataset) -> None:
        starts = world.frame.groupby("period")["period_start"].min()
        tested = sorted(starts[backtest.frame["period"].unique()])
        newest = track_record(backtest, "last_period", week=5, before=tested[-1].date())
        assert set(newest["compared"]) == {2}
        assert track_record(backtest, "last_period", before=tested[0].date()).empty
        after = track_record(backtest, "last_period", week=5, before=tested[-1].date() + timedelta(days=91))
        pd.testing.assert_frame_equal(after, track_record(backtest, "last_period", week=5))

    def test_before_anybody_spoke_there_is_no_record(self, backtest: Backtest) -> None:
        assert track_record(backtest, "last_period", week=2).empty
        late = track_record(backtest, "last_period", week=99)
        pd.testing.assert_frame_equal(late, track_record(backtest, "last_period"))

    def test_a_forecaster_that_is_not_there_was_never_closer(self, backtest: Backtest) -> None:
        record = track_record(backtest, "lightgbm_quantiles")
        assert set(record["compared"]) == set(record["model_closer"]) == {0}
        assert record["typical_bias"].notna().all()

    def test_the_stored_backtest_says_the_same(self, backtest: Backtest, tmp_path: Path) -> None:
        backtest.write(tmp_path / "backtest.parquet")
        assert Backtest.read(tmp_path / "backtest.parquet").submissions == backtest.submissions
        stored = stored_track_record(tmp_path / "backtest.parquet", "historical_mean", week=4)
        pd.testing.assert_frame_equal(stored, track_record(backtest, "historical_mean", week=4))
        with pytest.raises(DataError, match="spm backtest"):
            stored_track_record(tmp_path / "other.parquet", "historical_mean")
