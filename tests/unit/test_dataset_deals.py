"""The open deals and bookings behind the rows."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spm_ml.dataset import RepPeriodDataset, SchemaError, build_dataset, writer
from spm_ml.dataset.deals import DEAL_COLUMNS, states_of
from spm_ml.dataset.selection import stored_columns
from spm_ml.dataset.writer import DatasetWriter
from spm_ml.history import SalesHistory
from tests.feature_world import World


@pytest.fixture(scope="module")
def dataset() -> RepPeriodDataset:
    world = World(7, reps=4, deals=40, days=400)
    with SalesHistory.from_frames(world.frames(), world.settings) as history:
        return build_dataset(history)


def test_deals_add_up_to_the_open_amounts_by_stage(dataset: RepPeriodDataset) -> None:
    frame = dataset.frame
    for stage in range(1, len(dataset.stages) + 1):
        here = dataset.deals["stage"] == stage
        row = dataset.deal_rows[here.to_numpy()]
        amount = np.bincount(row, dataset.deals.loc[here, "amount"], len(frame))
        count = np.bincount(row, minlength=len(frame))
        assert np.array_equal(amount, frame[f"open_amount_stage_{stage}"].fillna(0))
        assert np.array_equal(count, frame[f"open_count_stage_{stage}"].fillna(0))


def test_deals_are_made_of_states_and_states_of_deals(dataset: RepPeriodDataset) -> None:
    assert len(dataset.states) < len(dataset.deals)
    of_days = replace(dataset, states=states_of(dataset.deals))
    pd.testing.assert_frame_equal(of_days.deals, dataset.deals)
    assert np.array_equal(of_days.deal_rows, dataset.deal_rows)


def test_labels_of_deals_add_up_to_those_of_rows(dataset: RepPeriodDataset) -> None:
    finished = dataset.frame["actual_bookings"].notna()
    booked = np.bincount(dataset.deal_rows, dataset.deals["booked_later"].fillna(0), len(dataset))
    labels = dataset.frame[list(dataset.label_names)].sum(axis=1)
    assert np.array_equal(booked[finished], labels[finished])
    unknown = dataset.deals["booked_later"].isna().to_numpy()
    assert np.array_equal(unknown, ~finished.to_numpy()[dataset.deal_rows])


def test_bookings_add_up_to_what_was_booked(dataset: RepPeriodDataset) -> None:
    finished = dataset.frame.dropna(subset="actual_bookings").drop_duplicates(["rep_id", "period_start"])
    total = dataset.bookings.groupby(["rep_id", "period_start"])["amount"].sum()
    keys = pd.MultiIndex.from_frame(finished[["rep_id", "period_start"]])
    assert np.array_equal(total.reindex(keys).fillna(0).to_numpy(), finished["actual_bookings"])


def test_every_deal_belongs_to_a_row_also_after_a_choice(dataset: RepPeriodDataset) -> None:
    assert (dataset.deal_rows >= 0).all()
    assert (np.diff(dataset.deal_rows) >= 0).all()
    chosen = dataset.where(dataset.frame["week"] % 3 == 0)
    assert (chosen.deal_rows >= 0).all()
    assert set(chosen.deals["as_of"]) <= set(chosen.frame["as_of"])
    nothing = dataset.where(np.zeros(len(dataset), dtype=bool))
    assert not len(nothing.deals)
    assert not len(nothing.bookings)


def test_ages_and_days_are_of_the_as_of_day(dataset: RepPeriodDataset) -> None:
    deals = dataset.deals
    assert (deals["age_days"] >= deals["stage_days"]).all()
    assert (deals["stage_days"] >= deals["idle_days"]).all()
    assert (deals["idle_days"] >= 0).all()


def test_what_was_written_is_read(dataset: RepPeriodDataset, tmp_path: Path) -> None:
    dataset.write(tmp_path / "rows.parquet")
    read = RepPeriodDataset.read(tmp_path / "rows.parquet")
    assert read.content_hash == dataset.content_hash
    assert list(read.deals.columns) == [column.name for column in DEAL_COLUMNS]


def test_parts_of_two_datasets_are_refused(dataset: RepPeriodDataset, tmp_path: Path) -> None:
    dataset.write(tmp_path / "rows.parquet")
    other = replace(dataset, states=dataset.states.iloc[:-1])
    other.write(tmp_path / "other.parquet")
    (tmp_path / "other.deals.parquet").rename(tmp_path / "rows.deals.parquet")
    with pytest.raises(SchemaError, match="different datasets"):
        RepPeriodDataset.read(tmp_path / "rows.parquet")
    (tmp_path / "rows.deals.parquet").unlink()
    with pytest.raises(SchemaError, match="cannot be read"):
        RepPeriodDataset.read(tmp_path / "rows.parquet")


def test_a_build_that_is_killed_leaves_the_dataset_that_was_there(dataset: RepPeriodDataset, tmp_path: Path) -> None:
    dataset.write(tmp_path / "rows.parquet")
    some = dataset.where(dataset.frame["rep_id"] == dataset.frame["rep_id"].max())
    with suppress(KeyboardInterrupt), DatasetWriter(tmp_path / "rows.parquet") as writer:
        writer.add(some)
        raise KeyboardInterrupt
    assert RepPeriodDataset.read(tmp_path / "rows.parquet").content_hash == dataset.content_hash
    assert len(list(tmp_path.iterdir())) == 3


def test_blocks_are_of_one_dataset_and_of_later_reps(dataset: RepPeriodDataset, tmp_path: Path) -> None:
    with DatasetWriter(tmp_path / "rows.parquet") as writer:
        writer.add(dataset)
        with pytest.raises(SchemaError, match="add reps in order"):
            writer.add(dataset)
        with pytest.raises(SchemaError, match="of another dataset"):
            writer.add(replace(dataset, currency="EUR"))
    assert writer.content_hash == dataset.content_hash


def test_the_hash_names_deals_too(dataset: RepPeriodDataset) -> None:
    states = dataset.states.assign(amount=dataset.states["amount"] + 1)
    assert replace(dataset, states=states).content_hash != dataset.content_hash


def test_some_periods_and_reps_are_read_as_they_would_be_chosen(
    dataset: RepPeriodDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "rows.parquet"
    monkeypatch.setattr(writer, "_ROW_GROUP", 7)
    dataset.write(file)
    frame = dataset.frame
    periods, reps = set(frame["period"].unique()[1:3]), set(frame["rep_id"].unique()[::2])
    for asked in ({}, {"periods": periods}, {"reps": reps}, {"periods": periods, "reps": reps}, {"reps": {"nobody"}}):
        mask = frame["period"].isin(asked.get("periods", frame["period"]))
        mask &= frame["rep_id"].isin(asked.get("reps", frame["rep_id"]))
        chosen, read = dataset.where(mask), RepPeriodDataset.read(file, **asked)
        assert read.content_hash == chosen.content_hash, asked
        pd.testing.assert_frame_equal(read.deals, chosen.deals)
    assert stored_columns(file, ("rep_id", "as_of")).equals(
        frame[["rep_id", "as_of"]].astype({"rep_id": "str", "as_of": "datetime64[ms]"})
    )
    with pytest.raises(SchemaError, match=r"lacks columns \['team_name'\]"):
        stored_columns(file, ("team_name",))
