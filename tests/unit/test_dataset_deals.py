"""The open deals and bookings behind the rows."""

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spm_ml.dataset import RepPeriodDataset, SchemaError, build_dataset, writer
from spm_ml.dataset.deals import DEAL_COLUMNS, states_of
from spm_ml.dataset.parts import METADATA, parts_folder
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


def test_states_lie_in_one_period_each(dataset: RepPeriodDataset) -> None:
    states, periods = dataset.states, dataset.frame.drop_duplicates("period_start")
    starts = periods["period_start"].sort_values().to_numpy()
    place = np.searchsorted(starts - np.timedelta64(1, "D"), states["visible_from"].to_numpy(), side="right") - 1
    ends = periods.sort_values("period_start")["period_end"].to_numpy()
    assert (states["visible_until"].to_numpy() <= ends[place]).all()
    assert (np.diff(place) >= 0).all()
    assert len(np.unique(place)) > 1


def test_torn_and_missing_parts_are_refused(dataset: RepPeriodDataset, tmp_path: Path) -> None:
    file = tmp_path / "rows.parquet"
    dataset.write(file)
    part = next(parts_folder(file).glob("*.deals.*"))
    other = next(each for each in parts_folder(file).glob("*.deals.*") if each != part)
    kept = part.read_bytes()
    part.write_bytes(kept[:100])
    with pytest.raises(SchemaError, match="cannot be read"):
        RepPeriodDataset.read(file)
    part.write_bytes(other.read_bytes())
    with pytest.raises(SchemaError, match="rows, not"):
        RepPeriodDataset.read(file)
    part.unlink()
    with pytest.raises(SchemaError, match="No such file"):
        RepPeriodDataset.read(file)


def test_rows_of_an_older_format_are_refused_but_a_row_format_is_read(
    dataset: RepPeriodDataset, tmp_path: Path
) -> None:
    file = tmp_path / "rows.parquet"
    said = {**dataset.description, "format": 3}
    rows = pa.Table.from_pandas(dataset.frame, preserve_index=False).replace_schema_metadata(
        {METADATA: json.dumps(said).encode()}
    )
    pq.write_table(rows, file)
    with pytest.raises(SchemaError, match="has dataset format 3"):
        RepPeriodDataset.read(file)
    pq.write_table(rows.slice(0, 0), file)
    assert RepPeriodDataset.read(file).feature_names == dataset.feature_names


def test_a_build_that_is_killed_leaves_the_dataset_that_was_there(dataset: RepPeriodDataset, tmp_path: Path) -> None:
    dataset.write(tmp_path / "rows.parquet")
    some = dataset.where(dataset.frame["rep_id"] == dataset.frame["rep_id"].max())
    with suppress(KeyboardInterrupt), DatasetWriter(tmp_path / "rows.parquet") as writer:
        writer.add(some)
        raise KeyboardInterrupt
    assert RepPeriodDataset.read(tmp_path / "rows.parquet").content_hash == dataset.content_hash
    assert len(list(tmp_path.iterdir())) == 2
    assert not list(parts_folder(tmp_path / "rows.parquet").glob("*.pending"))


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
    bare = RepPeriodDataset.read(file, periods=periods, deals=False)
    pd.testing.assert_frame_equal(bare.frame, dataset.where(frame["period"].isin(periods)).frame)
    assert not len(bare.states)
    assert not len(bare.bookings)
    with pytest.raises(SchemaError, match=r"lacks columns \['team_name'\]"):
        stored_columns(file, ("team_name",))
