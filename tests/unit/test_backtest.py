"""The backtest: rolling origin without a look ahead, what is scored, the value-added table and the comparison."""

import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spm_ml import accuracy
from spm_ml.backtest import Backtest, run_backtest
from spm_ml.backtest.comparison import compare_rows
from spm_ml.backtest.result import BOOKINGS, QUANTILES
from spm_ml.dataset import RepPeriodDataset
from spm_ml.errors import ConfigurationError, DataError, NotReadyError
from spm_ml.forecasting import HistoricalMean, LastPeriod, WeightedPipeline
from spm_ml.settings import QUANTILE_LEVELS

make_dataset = runpy.run_path(str(Path(__file__).parents[1] / "rep_period_world.py"))["make_dataset"]
RULES = (LastPeriod, HistoricalMean, WeightedPipeline)


@pytest.fixture(scope="module")
def world() -> RepPeriodDataset:
    return make_dataset(15, 7, 4)


@pytest.fixture(scope="module")
def backtest(world: RepPeriodDataset) -> Backtest:
    return run_backtest(world, forecasters=RULES, periods=4)


def edited(dataset: RepPeriodDataset, **columns: object) -> RepPeriodDataset:
    return replace(dataset, frame=dataset.frame.assign(**columns).astype(dataset.frame.dtypes.to_dict()))


def test_the_newest_finished_periods_are_tested(world: RepPeriodDataset, backtest: Backtest) -> None:
    finished = sorted(world.finished().frame["period"].unique())
    assert sorted(backtest.frame["period"].unique()) == finished[-4:]
    assert len(backtest.frame) == 4 * 15 * 13 * len(RULES)


@pytest.mark.parametrize(("finished", "tested"), [(2, 1), (3, 2), (5, 2), (7, 3), (8, 4), (12, 4)])
def test_a_short_history_is_halved_by_default(finished: int, tested: int) -> None:
    """Else the first test would have too little to learn from, and the learner would be judged by its silence."""
    periods = run_backtest(make_dataset(2, finished + 1, 4), forecasters=RULES[:1]).frame["period"]
    assert periods.nunique() == tested


def test_asking_for_more_periods_leaves_one_to_learn_from(world: RepPeriodDataset) -> None:
    tested = run_backtest(world, forecasters=RULES[:1], periods=99).frame["period"].unique()
    assert len(tested) == world.finished().frame["period"].nunique() - 1


def test_columns_are_those_of_the_contract_first(backtest: Backtest) -> None:
    keys, known = ["forecaster", "rep_id", "period", "as_of"], ["quota", "booked_to_date"]
    contract = [*keys, *known, "actual_bookings", "actual_attainment"]
    assert list(backtest.frame)[: 8 + 19 + 2] == [*contract, *QUANTILES, "mean", "p_hit"]


def test_a_period_is_forecast_from_periods_before_it_alone(world: RepPeriodDataset, backtest: Backtest) -> None:
    frame = world.frame
    tested = sorted(backtest.frame["period"].unique())
    later = frame["period"] >= tested[2]
    shaken = edited(
        world,
        actual_bookings=frame["actual_bookings"].where(~later, frame["actual_bookings"] * 5 + 7),
        **{label: frame[label].where(~later, 0) for label in world.label_names},
    )
    again = run_backtest(shaken, forecasters=RULES, periods=4).frame
    forecasts = [*QUANTILES, *BOOKINGS, "mean", "p_hit"]
    upto = backtest.frame["period"] <= tested[2]
    pd.testing.assert_frame_equal(again.loc[upto, forecasts], backtest.frame.loc[upto, forecasts], check_exact=True)
    assert not again.loc[~upto, forecasts].equals(backtest.frame.loc[~upto, forecasts])


def test_leavers_are_counted_and_not_scored(world: RepPeriodDataset, backtest: Backtest) -> None:
    last = sorted(backtest.frame["period"].unique())[-1]
    leaves = (world.frame["rep_id"] == "R001") & (world.frame["period"] == last)
    gone = leaves & (world.frame["week"] >= 6)
    left = edited(world, censored=leaves, abstention=world.frame["abstention"].mask(gone, "left"))
    tested = run_backtest(left, forecasters=RULES, periods=4)
    table, before = tested.value_added(), backtest.value_added()
    assert (table["censored"] == 13).all()
    assert (table["n"] == before["n"] - 13).all()
    assert (table["abstained"] == 0).all()
    rows = tested.frame[(tested.frame["rep_id"] == "R001") & (tested.frame["period"] == last)]
    assert rows["censored"].all()
    assert rows[["actual_bookings", "actual_attainment"]].isna().all(axis=None)
    assert set(rows.loc[rows["abstention"] != "", "abstention"]) == {"left"}


def test_the_value_added_table_is_what_the_measures_say_of_the_rows(backtest: Backtest) -> None:
    table = backtest.value_added().set_index("forecaster")
    assert table["crps"].is_monotonic_increasing
    assert set(table["unit"]) == {"attainment"}
    best = table.index[0]
    for name, row in table.iterrows():
        rows = backtest.frame[backtest.frame["forecaster"] == name]
        actual, ends = rows["actual_attainment"].to_numpy(), rows[list(QUANTILES)].to_numpy()
        assert row["n"] == len(rows)
        assert row["crps"] == pytest.approx(accuracy.crps(actual, ends, QUANTILE_LEVELS))
        assert row["pinball"] == pytest.approx(row["crps"] / 2)
        assert row["mae"] == pytest.approx(accuracy.mean_absolute_error(actual, rows["q50"]))
        assert row["wape"] == pytest.approx(accuracy.wape(rows["actual_bookings"], rows["b50"]))
        assert row["brier"] == pytest.approx(accuracy.brier_score(actual >= 1, rows["p_hit"]))
        assert row["auc"] == pytest.approx(accuracy.auc(actual >= 1, rows["p_hit"]))
        assert row["coverage_80"] == pytest.approx(accuracy.coverage(actual, rows["q10"], rows["q90"]))
        assert row["value_added"] == pytest.approx(table.loc[best, "crps"] - row["crps"])


@pytest.mark.parametrize("column", ["week", "period"])
def test_parts_of_the_table_make_up_the_whole(backtest: Backtest, column: str) -> None:
    parts = backtest.by_week() if column == "week" else backtest.by_period()
    whole = backtest.value_added().set_index("forecaster")
    assert parts[column].nunique() == backtest.frame[column].nunique()
    for name, rows in parts.groupby("forecaster"):
        assert rows["n"].sum() == whole.loc[name, "n"]
        assert np.average(rows["crps"], weights=rows["n"]) == pytest.approx(whole.loc[name, "crps"])


def test_without_quotas_bookings_are_measured_in_usual_sizes() -> None:
    world = make_dataset(15, 5, 4, quotas=False)
    backtest = run_backtest(world, forecasters=RULES, periods=4)
    table = backtest.value_added()
    assert set(table["unit"]) == {"bookings_of_usual"}
    assert table[["crps", "wape", "coverage_80", "value_added"]].notna().all(axis=None)
    assert table[["brier", "ece", "auc"]].isna().all(axis=None)
    rows = backtest.frame[backtest.frame["forecaster"] == "last_period"]
    usual = rows["usual_bookings"].to_numpy()
    expected = accuracy.crps(
        rows["actual_bookings"] / usual, rows[list(BOOKINGS)].to_numpy() / usual[:, None], QUANTILE_LEVELS
    )
    assert table.set_index("forecaster").loc["last_period", "crps"] == pytest.approx(expected)


def test_value_is_added_on_rows_that_both_answered(world: RepPeriodDataset) -> None:
    new = world.frame["rep_id"] == "R002"
    lags = [name for name in world.feature_names if name.startswith("bookings_")]
    tested = run_backtest(
        edited(world, **{lag: world.frame[lag].mask(new) for lag in lags}),
        forecasters=(HistoricalMean, WeightedPipeline),
        periods=4,
    )
    table = tested.value_added().set_index("forecaster")
    assert table.loc["historical_mean", "abstained"] == 4 * 13
    both = tested.frame[tested.frame["rep_id"] != "R002"]
    crps = {
        name: accuracy.crps(rows["actual_attainment"], rows[list(QUANTILES)].to_numpy(), QUANTILE_LEVELS)
        for name, rows in both.groupby("forecaster")
    }
    gain = crps["weighted_pipeline"] - crps["historical_mean"]
    assert table.loc["historical_mean", "value_added"] == pytest.approx(gain)


def test_a_forecaster_is_compared_rep_by_rep(backtest: Backtest) -> None:
    verdict = backtest.compare("weighted_pipeline", "last_period", draws=400)
    table = backtest.value_added().set_index("forecaster")
    assert verdict.mean_difference == pytest.approx(
        table.loc["weighted_pipeline", "crps"] - table.loc["last_period", "crps"]
    )
    assert verdict.low < verdict.mean_difference < verdict.high < 0
    assert verdict.better
    assert (verdict.rows, verdict.reps) == (4 * 15 * 13, 15)
    assert verdict == backtest.compare("weighted_pipeline", "last_period", draws=400)
    assert not backtest.compare("last_period", "weighted_pipeline", draws=400).better


def test_a_forecaster_is_not_better_than_itself(backtest: Backtest) -> None:
    same = backtest.compare("last_period", "last_period", draws=50)
    assert (same.mean_difference, same.low, same.high, same.better) == (0, 0, 0, False)


def test_rows_of_a_rep_count_as_one(world: RepPeriodDataset) -> None:
    random = np.random.default_rng(0)
    shared = np.repeat(random.normal(size=30), 50)
    reps = np.repeat(np.arange(30), 50)
    zero, one = np.zeros(shared.size), np.ones(shared.size, dtype=int)
    blocks = compare_rows(shared, zero, reps, one, draws=800, seed=0)
    single = compare_rows(shared, zero, np.arange(shared.size), one, draws=800, seed=0)
    assert blocks.high - blocks.low > 4 * (single.high - single.low)


def test_rows_of_a_period_count_as_one_too() -> None:
    """What a whole period was like says as much of 300 reps as of one."""
    random = np.random.default_rng(0)
    periods, reps = np.tile(np.arange(4), 300), np.repeat(np.arange(300), 4)
    luck = random.normal(size=4)[periods] + 0.1 * random.normal(size=1200)
    zero, one = np.zeros(1200), np.ones(1200, dtype=int)
    both = compare_rows(luck, zero, reps, periods, draws=800, seed=0)
    reps_alone = compare_rows(luck, zero, reps, one, draws=800, seed=0)
    assert both.high - both.low > 10 * (reps_alone.high - reps_alone.low)
    assert (both.periods, reps_alone.periods) == (4, 1)


def test_two_periods_that_agree_are_enough_and_two_that_do_not_are_not() -> None:
    reps, periods = np.repeat(np.arange(30), 2), np.tile([0, 1], 30)
    noise = 0.2 * np.random.default_rng(0).normal(size=60)
    zero = np.zeros(60)
    assert compare_rows(noise - 1, zero, reps, periods, draws=800, seed=0).better
    split = compare_rows(noise - np.where(periods == 0, 2.1, -0.1), zero, reps, periods, draws=800, seed=0)
    assert split.mean_difference == pytest.approx(-1, abs=0.1)
    assert not split.better
    assert split.low > -2.3


def test_a_rep_of_one_period_is_drawn_with_it() -> None:
    """Resamples without a row are drawn again: no interval is NaN however the rows lie."""
    found = compare_rows(np.array([1.0, 2.0]), np.zeros(2), np.array([0, 1]), np.array([0, 1]), draws=200, seed=0)
    assert (found.low, found.high) == (1, 2)


def test_nothing_to_compare_is_no_proof() -> None:
    nothing = compare_rows(np.array([np.nan]), np.array([1.0]), np.array([0]), np.array([0]), draws=10, seed=0)
    assert (nothing.rows, nothing.better) == (0, False)
    one_rep = compare_rows(
        np.array([0.0, 0.0]), np.array([1.0, 1.0]), np.array([0, 0]), np.array([0, 1]), draws=10, seed=0
    )
    assert (one_rep.mean_difference, one_rep.better, one_rep.reps) == (-1, False, 1)


def test_an_unknown_name_is_told_with_the_nearest(backtest: Backtest) -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'last_period'"):
        backtest.compare("last_perod", "historical_mean")


def test_written_as_parquet_it_reads_back(backtest: Backtest, tmp_path: Path) -> None:
    backtest.write(tmp_path / "backtest.parquet")
    again = Backtest.read(tmp_path / "backtest.parquet")
    assert (again.currency, again.baselines) == (backtest.currency, backtest.baselines)
    pd.testing.assert_frame_equal(again.frame, backtest.frame, rtol=1e-12)
    assert list(tmp_path.iterdir()) == [tmp_path / "backtest.parquet"]


def test_written_money_is_decimals_of_the_currency(backtest: Backtest, tmp_path: Path) -> None:
    backtest.write(tmp_path / "backtest.csv")
    written = pd.read_csv(tmp_path / "backtest.csv", dtype={"as_of": str})
    assert written["booked_to_date"].to_numpy() == pytest.approx(backtest.frame["booked_to_date"].to_numpy() / 100)
    assert written["b50"].to_numpy() == pytest.approx((backtest.frame["b50"] / 100).round(2).to_numpy())
    assert written["as_of"].str.fullmatch(r"\d{4}-\d{2}-\d{2}").all()


def test_other_files_are_refused(backtest: Backtest, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"neither in \.csv nor in \.parquet"):
        backtest.write(tmp_path / "backtest.xlsx")
    with pytest.raises(DataError, match="spm backtest"):
        Backtest.read(tmp_path / "backtest.parquet")


def test_one_finished_period_cannot_be_tested(world: RepPeriodDataset) -> None:
    first = world.where(world.frame["period"] == world.frame["period"].min())
    with pytest.raises(NotReadyError, match="holds 1"):
        run_backtest(first)


def test_progress_is_told_after_each_forecaster_and_period(world: RepPeriodDataset) -> None:
    heard: list[tuple[str, int, int]] = []
    run_backtest(world, forecasters=RULES[:2], periods=2, progress=lambda *step: heard.append(step))
    assert [(done, total) for _, done, total in heard] == [(1, 4), (2, 4), (3, 4), (4, 4)]
