"""Teams, regions and the company in a backtest: sums of members who stayed, kept beside the rows, measured by level."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spm_ml import accuracy
from spm_ml.backtest import Backtest, run_backtest
from spm_ml.backtest.columns import BOOKINGS, GROUP_ROWS
from spm_ml.backtest.groups import covered
from spm_ml.dataset import RepPeriodDataset
from spm_ml.errors import DataError
from spm_ml.forecasting import HistoricalMean, WeightedPipeline
from spm_ml.settings import QUANTILE_LEVELS
from tests.rep_period_world import make_dataset

RULES = (HistoricalMean, WeightedPipeline)
KEYS = ["period", "as_of"]


@pytest.fixture(scope="module")
def world() -> RepPeriodDataset:
    """Twelve reps of three teams, of whom one left in the last finished period and one has no team."""
    made = make_dataset(12, 5, 4)
    last = made.finished().frame["period"].max()
    frame = made.frame.copy()
    frame["censored"] |= (frame["rep_id"] == "R001") & (frame["period"] == last)
    frame.loc[frame["rep_id"] == "R002", "team"] = np.nan
    return replace(made, frame=frame)


@pytest.fixture(scope="module")
def backtest(world: RepPeriodDataset) -> Backtest:
    return run_backtest(world, forecasters=RULES, periods=2)


def test_there_is_a_row_a_forecaster_group_and_day(backtest: Backtest) -> None:
    groups = backtest.groups
    assert list(groups) == list(GROUP_ROWS)
    assert not groups.duplicated(["forecaster", "level", "group", "period", "as_of"]).any()
    counts = groups.groupby("level").size()
    assert counts.to_dict() == {"team": 3 * 2 * 13 * 2, "region": 3 * 2 * 13 * 2, "company": 2 * 13 * 2}
    assert set(groups.loc[groups["level"] == "company", "group"]) == {"company"}


def test_a_group_is_the_sum_of_its_members_who_stayed(backtest: Backtest) -> None:
    rows = backtest.frame[~backtest.frame["censored"]]
    for level in ("team", "region", "company"):
        own = backtest.groups[backtest.groups["level"] == level]
        by = ["forecaster", *KEYS] + ([] if level == "company" else [level])
        sums = rows.dropna(subset=by).groupby(by)[["actual_bookings", "booked_to_date", "mean_bookings"]].sum()
        sums["members"] = rows.dropna(subset=by).groupby(by).size()
        keys = own[["forecaster", *KEYS] + ([] if level == "company" else ["group"])]
        expected = sums.loc[pd.MultiIndex.from_frame(keys)]
        for column, of in (
            ("actual_bookings", "actual_bookings"),
            ("booked", "booked_to_date"),
            ("members", "members"),
        ):
            np.testing.assert_array_equal(own[column], expected[of])
        np.testing.assert_allclose(own["mean"], expected["mean_bookings"])
    last = backtest.groups["period"].max()
    company = backtest.groups[backtest.groups["level"] == "company"]
    assert set(company.loc[company["period"] == last, "members"]) == {11}
    assert set(company.loc[company["period"] != last, "members"]) == {12}


def test_quantiles_of_groups_are_ordered_and_narrower_than_sums_of_quantiles(backtest: Backtest) -> None:
    quantiles = backtest.groups[list(BOOKINGS)].to_numpy()
    assert (np.diff(quantiles, axis=1) >= 0).all()
    company = backtest.groups[backtest.groups["level"] == "company"].set_index(["forecaster", *KEYS])
    summed = backtest.frame[~backtest.frame["censored"]].groupby(["forecaster", *KEYS])[list(BOOKINGS)].sum()
    summed = summed.loc[company.index]
    assert ((company["b90"] - company["b10"]) < (summed["b90"] - summed["b10"])).mean() > 0.95


def test_a_rep_who_is_not_forecast_is_in_no_sum(world: RepPeriodDataset) -> None:
    lags = [name for name in world.feature_names if name.startswith("bookings_")]
    new = world.frame["rep_id"] == "R004"
    frame = world.frame.assign(**{lag: world.frame[lag].mask(new) for lag in lags})
    tested = run_backtest(replace(world, frame=frame), forecasters=RULES, periods=1)
    company = tested.groups[tested.groups["level"] == "company"]
    assert set(company.loc[company["forecaster"] == "historical_mean", "members"]) == {10}
    assert set(company.loc[company["forecaster"] == "weighted_pipeline", "members"]) == {11}


def test_without_teams_and_forecasts_there_are_no_groups(world: RepPeriodDataset) -> None:
    nowhere = replace(world, frame=world.frame.assign(team="", region=np.nan).astype(world.frame.dtypes.to_dict()))
    tested = run_backtest(nowhere, forecasters=RULES, periods=1)
    assert set(tested.groups["level"]) == {"company"}
    gone = replace(world, frame=world.frame.assign(abstention="left").astype(world.frame.dtypes.to_dict()))
    silent = run_backtest(gone, forecasters=RULES, periods=1)
    assert silent.groups.empty
    assert silent.by_level().empty


def test_levels_are_measured_on_their_own_rows(backtest: Backtest) -> None:
    table = backtest.by_level().set_index(["forecaster", "level"])
    assert list(table.index.get_level_values("level").unique()) == ["rep", "team", "region", "company"]
    for (name, level), row in table.iterrows():
        source = backtest.frame.assign(mean=backtest.frame["mean_bookings"]) if level == "rep" else backtest.groups
        rows = source[source["forecaster"] == name]
        rows = (rows if level == "rep" else rows[rows["level"] == level]).dropna(subset=["actual_bookings"])
        actual, size = rows["actual_bookings"].to_numpy(), rows["actual_bookings"].mean()
        assert row["n"] == len(rows)
        crps = accuracy.crps(actual, rows[list(BOOKINGS)], QUANTILE_LEVELS)
        assert crps is not None
        assert row["crps_of_mean"] == pytest.approx(crps / size)
        assert row["width_of_mean"] == pytest.approx((rows["b90"] - rows["b10"]).mean() / size)
        assert row["coverage_80"] == pytest.approx(accuracy.coverage(actual, rows["b10"], rows["b90"]), abs=0.01)
        assert row["bias"] == pytest.approx(accuracy.bias(actual, rows["mean"]))


def test_an_outcome_on_the_edge_of_a_sum_of_floats_is_inside() -> None:
    rows = pd.DataFrame(
        {"actual_bookings": [3.0, 3.0, np.nan], "b10": [3.0000000001, 4.0, 0.0], "b90": [3.1, 5.0, 9.0]}
    )
    assert covered(rows).tolist()[:2] == [1.0, 0.0]
    assert np.isnan(covered(rows)[2])


def test_groups_are_written_into_the_same_file_and_read_back(backtest: Backtest, tmp_path: Path) -> None:
    backtest.write(tmp_path / "backtest.parquet")
    again = Backtest.read(tmp_path / "backtest.parquet")
    pd.testing.assert_frame_equal(again.groups, backtest.groups, rtol=1e-12)
    pd.testing.assert_frame_equal(again.frame, backtest.frame, rtol=1e-12)
    assert list(tmp_path.iterdir()) == [tmp_path / "backtest.parquet"]
    backtest.write(tmp_path / "backtest.csv")
    assert len(pd.read_csv(tmp_path / "backtest.csv")) == len(backtest.frame)


def test_a_file_of_another_format_is_refused(
    backtest: Backtest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spm_ml.backtest.result._FORMAT", 1)
    backtest.write(tmp_path / "backtest.parquet")
    monkeypatch.undo()
    with pytest.raises(DataError, match="another version of spm-ml: run 'spm backtest'"):
        Backtest.read(tmp_path / "backtest.parquet")


def test_groups_are_the_same_in_every_run(world: RepPeriodDataset, backtest: Backtest) -> None:
    again = run_backtest(world, forecasters=RULES, periods=2)
    pd.testing.assert_frame_equal(again.groups, backtest.groups, check_exact=True)
