"""RepPeriodDataset as a container: declared columns, selection, Parquet, hash."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spm_ml.dataset import COLUMNS, RepPeriodDataset, SchemaError, as_of_grid, build_dataset
from spm_ml.errors import DataError
from spm_ml.features import FEATURES, Feature
from spm_ml.history import SalesHistory
from tests.feature_world import STAGES, World, organisation

SOME = tuple(feature for feature in FEATURES if feature.name in ("open_amount_stage_{stage}", "bookings_last_1"))


@pytest.fixture(scope="module")
def history() -> Iterator[SalesHistory]:
    world = World(21, reps=3, deals=6, days=200)
    with SalesHistory.from_frames(world.frames(), world.settings) as opened:
        yield opened


@pytest.fixture(scope="module")
def dataset(history: SalesHistory) -> RepPeriodDataset:
    return build_dataset(history, features=SOME)


def test_columns_are_declared_in_order_and_typed(dataset: RepPeriodDataset) -> None:
    names = [column.name for column in COLUMNS]
    labels = [f"label_won_stage_{position}" for position in (1, 2, 3)]
    features = ["bookings_last_1", *(f"open_amount_stage_{position}" for position in (1, 2, 3))]
    assert list(dataset.frame.columns) == names + labels + features
    assert list(dataset.feature_names) == features
    assert dataset.label_names == tuple(labels)
    assert dataset.stages == STAGES
    assert dataset.frame["as_of"].dtype == np.dtype("datetime64[s]")
    assert dataset.frame["booked_to_date"].dtype == np.int64
    assert (dataset.features.dtypes == np.float64).all()
    assert dataset.features.shape == (len(dataset), 4)


def test_rows_are_sorted_by_period_rep_and_day(dataset: RepPeriodDataset) -> None:
    order = ["period_start", "rep_id", "as_of"]
    shuffled = dataset.frame.sample(frac=1, random_state=1)
    again = replace(dataset, frame=shuffled)
    pd.testing.assert_frame_equal(again.frame, dataset.frame)
    assert dataset.frame[order].equals(dataset.frame[order].sort_values(order, ignore_index=True))


def test_finished_rows_have_a_target_and_no_leaver(dataset: RepPeriodDataset) -> None:
    finished = dataset.finished()
    assert 0 < len(finished) < len(dataset)
    assert finished.frame["actual_bookings"].notna().all()
    assert not finished.frame["censored"].any()
    assert list(finished.frame.index) == list(range(len(finished)))
    assert finished.watermark == dataset.watermark


def test_where_takes_one_boolean_a_row(dataset: RepPeriodDataset) -> None:
    week0 = dataset.where(dataset.frame["week"] == 0)
    assert set(week0.frame["week"]) == {0}
    assert len(dataset.where(np.zeros(len(dataset), dtype=bool))) == 0
    with pytest.raises(SchemaError, match="but the dataset has"):
        dataset.where(np.array([True]))


def test_parquet_gives_everything_back(dataset: RepPeriodDataset, tmp_path: Path) -> None:
    dataset.write(tmp_path / "deep" / "dataset.parquet")
    again = RepPeriodDataset.read(tmp_path / "deep" / "dataset.parquet")
    pd.testing.assert_frame_equal(again.frame, dataset.frame)
    assert again.content_hash == dataset.content_hash
    assert again.stages == dataset.stages
    assert again.watermark == dataset.watermark
    files = {path.name for path in (tmp_path / "deep").iterdir()}
    assert files == {"dataset.parquet", "dataset.parts"}
    periods = dataset.frame["period_start"].dt.strftime("%Y-%m-%d").unique()
    parts = [path.name.split(".")[:2] for path in (tmp_path / "deep" / "dataset.parts").iterdir()]
    assert {period for period, kind in parts if kind == "rows"} == set(periods)


def test_other_files_are_refused(dataset: RepPeriodDataset, tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="cannot be read"):
        RepPeriodDataset.read(tmp_path / "nowhere.parquet")
    (tmp_path / "text.parquet").write_text("a,b\n1,2\n")
    with pytest.raises(SchemaError, match="cannot be read"):
        RepPeriodDataset.read(tmp_path / "text.parquet")
    dataset.frame.to_parquet(tmp_path / "plain.parquet")
    with pytest.raises(SchemaError, match="no rep-period dataset"):
        RepPeriodDataset.read(tmp_path / "plain.parquet")


def test_the_hash_follows_the_content(history: SalesHistory, dataset: RepPeriodDataset) -> None:
    assert build_dataset(history, features=SOME).content_hash == dataset.content_hash
    frame = dataset.frame.copy()
    frame.loc[3, "open_amount_stage_1"] += 1.0
    assert replace(dataset, frame=frame).content_hash != dataset.content_hash
    assert replace(dataset, watermark=date(2030, 1, 1)).content_hash != dataset.content_hash
    frame = dataset.frame.copy()
    frame["bookings_last_1"] = np.where(frame["bookings_last_1"].isna(), -np.float64("nan"), frame["bookings_last_1"])
    assert replace(dataset, frame=frame).content_hash == dataset.content_hash


def test_a_wrong_frame_is_refused_with_what_is_wrong(dataset: RepPeriodDataset) -> None:
    with pytest.raises(SchemaError, match=r"missing columns \['quota'\], unknown columns \['extra'\]"):
        replace(dataset, frame=dataset.frame.drop(columns="quota").assign(extra=1))
    with pytest.raises(SchemaError, match="week is float64, not int64"):
        replace(dataset, frame=dataset.frame.assign(week=dataset.frame["week"].astype(float)))
    with pytest.raises(SchemaError, match="declared order"):
        replace(dataset, frame=dataset.frame[list(reversed(dataset.frame.columns))])
    with pytest.raises(SchemaError, match="1 rows occur twice"):
        replace(dataset, frame=pd.concat([dataset.frame, dataset.frame.iloc[[0]]]))


def test_feature_names_must_be_new(history: SalesHistory) -> None:
    twice = Feature("quota", "custom", "money", "Taken.", lambda at: at.row.quota)
    with pytest.raises(DataError, match=r"\['quota'\] occur twice or are columns of every dataset"):
        build_dataset(history, features=(twice,))


def test_nothing_to_build_is_an_error(history: SalesHistory) -> None:
    with pytest.raises(DataError, match="the first period starts after the last record"):
        build_dataset(history, first_period="2031Q1")
    with pytest.raises(DataError, match="give at least one day"):
        build_dataset(history, as_of_days=[], features=())


def test_a_history_without_any_deal_has_the_running_period(history: SalesHistory) -> None:
    frames = {
        "reps": pd.DataFrame({"rep_id": ["a"], "hired_on": ["2025-01-15"]}),
        "quotas": pd.DataFrame({"rep_id": ["a"], "period": ["2025Q1"], "amount": [10], "set_on": ["2025-01-20"]}),
        "opportunities": pd.DataFrame(columns=["opportunity_id", "rep_id", "created_on", "stage"]),
    }
    with SalesHistory.from_frames(frames, organisation()) as empty:
        assert as_of_grid(empty)[-1] == date(2025, 1, 20)
        built = build_dataset(empty, features=SOME).frame
    assert list(built["as_of"].dt.strftime("%m-%d")) == ["01-20"]
    assert built["quota"].tolist() == [1000.0]
    assert built["booked_to_date"].tolist() == [0]
    assert built[["bookings_last_1", "open_amount_stage_1"]].isna().all(axis=None)
