"""Large organisations: some reps are learnt from, all are forecast."""

import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spm_ml.dataset import RepPeriodDataset
from spm_ml.forecasting import DealLevel, FitSettings, Forecaster, LightGbmQuantiles, PanelEnsemble
from spm_ml.forecasting.deal_level.pipeline import Pipeline
from spm_ml.forecasting.deal_level.rep_records import RepRecords
from spm_ml.forecasting.learning_rows import LearningRows
from spm_ml.forecasting.many_reps import blocks_of_reps
from spm_ml.forecasting.protocol import may_be_learnt_from

WORLD = runpy.run_path(str(Path(__file__).parents[1] / "rep_period_world.py"))
SOME = FitSettings(most_reps=30, min_training_rows=20)


@pytest.fixture(scope="module")
def world() -> RepPeriodDataset:
    made: RepPeriodDataset = WORLD["make_dataset"](50, 6, 5)
    return made


def test_few_reps_are_one_block() -> None:
    reps = pd.Series(["a", "b", "a"])
    assert blocks_of_reps(reps, reps, most=2, seed=0).tolist() == [0, 0, 0]


def test_blocks_hold_whole_reps_are_of_one_size_and_drawn_by_the_seed() -> None:
    reps = pd.Series([f"rep {number % 25}" for number in range(100)])
    alone = pd.Series([None] * 100, dtype=reps.dtype)
    block = blocks_of_reps(reps, alone, most=10, seed=0)
    by_rep = pd.Series(block).groupby(reps)
    assert (by_rep.nunique() == 1).all()
    assert by_rep.first().value_counts().tolist() in ([9, 8, 8], [8, 9, 8])
    assert not np.array_equal(block, blocks_of_reps(reps, alone, most=10, seed=1))
    shuffled = reps.sample(frac=1.0, random_state=0)
    assert np.array_equal(blocks_of_reps(shuffled, alone, most=10, seed=0)[np.argsort(shuffled.index)], block)


def test_teams_stay_together_but_for_one_at_each_end_of_a_block() -> None:
    reps = pd.Series([f"rep {number}" for number in range(90)])
    teams = "team " + (reps.index.to_series() // 7).astype(str)
    moved = reps == "rep 3"
    twice = pd.concat([reps, reps[moved]], ignore_index=True), pd.concat([teams, teams[:1] + "!"], ignore_index=True)
    for seed in range(5):
        block = pd.Series(blocks_of_reps(reps, teams, most=30, seed=seed))
        split = block.groupby(teams).nunique() > 1
        assert split.sum() <= 2, seed
        assert block.value_counts().tolist() == [30, 30, 30]
        alone = blocks_of_reps(*twice, most=30, seed=seed)
        assert alone[3] == alone[-1]


@pytest.mark.parametrize("made", [DealLevel, PanelEnsemble, LightGbmQuantiles])
def test_what_is_read_block_by_block_is_learnt_as_from_everybody_at_once(
    world: RepPeriodDataset, made: type[Forecaster], tmp_path: Path
) -> None:
    world.write(tmp_path / "rows.parquet")
    learning = LearningRows.read(tmp_path / "rows.parquet", SOME)
    known = learning.rows.frame["rep_id"].nunique()
    assert (known, len(learning.other_reps)) == (25, 25)
    assert "25 of 50 reps, whole teams" in learning.text()
    running = world.where(world.frame["actual_bookings"].isna())
    blocks = learning.fitted(made(SOME)).predict(running)
    assert not np.isnan(blocks.bookings).any()
    if made is not PanelEnsemble:  # which learns from everybody where it is given everybody
        once = made(SOME).fit(world).predict(running)
        assert np.array_equal(blocks.bookings, once.bookings, equal_nan=True)
    else:
        alone = made(SOME).fit(learning.rows.finished()).predict(running)
        own = running.frame["rep_id"].isin(learning.other_reps).to_numpy()
        assert np.array_equal(blocks.bookings[~own], alone.bookings[~own])
        assert not np.array_equal(blocks.bookings[own], alone.bookings[own])


def test_of_few_reps_all_are_learnt_from(world: RepPeriodDataset, tmp_path: Path) -> None:
    world.write(tmp_path / "rows.parquet")
    learning = LearningRows.read(tmp_path / "rows.parquet", FitSettings())
    assert learning.rows.content_hash == world.content_hash
    assert not learning.others
    assert learning.text() == "All 50 reps are learnt from and tested on."


@pytest.mark.parametrize("made", [DealLevel, LightGbmQuantiles])
def test_reps_that_were_not_drawn_are_forecast_nearly_as_if_they_were(
    world: RepPeriodDataset, made: type[DealLevel | LightGbmQuantiles]
) -> None:
    past, running = world.finished(), world.where(world.frame["actual_bookings"].isna())
    some, whole = (made(settings).fit(past).predict(running) for settings in (SOME, FitSettings()))
    answered = ~np.isnan(whole.mean_bookings)
    assert np.array_equal(np.isnan(some.mean_bookings), ~answered)
    still = whole.mean_bookings[answered] - whole.booked[answered]
    assert np.corrcoef(some.mean_bookings[answered] - some.booked[answered], still)[0, 1] > 0.9


def test_every_rep_keeps_a_record_of_its_own(world: RepPeriodDataset) -> None:
    model = DealLevel(SOME).fit(world)
    assert model._parts is not None
    records = model._parts.records
    assert sorted(records.reps) == sorted(world.finished().frame["rep_id"].unique())
    assert (records.expected.sum(axis=1) > 0).any(axis=0).all()


def test_records_of_other_reps_join_by_period(world: RepPeriodDataset) -> None:
    past = Pipeline.of(world.where(may_be_learnt_from(world)))
    newest = past.frame["period_start"].max()
    records = RepRecords.fit(past)
    older = RepRecords.fit(past.where(past.frame["period_start"].to_numpy() < newest))
    joined = older.joined(records)
    assert joined.periods == records.periods
    assert joined.reps == older.reps + records.reps
    assert np.array_equal(joined.observed[:, :, len(older.reps) :], records.observed)
    assert np.array_equal(joined.expected[:, :-1, : len(older.reps)], older.expected)
    assert (joined.observed[:, -1, : len(older.reps)] == 0).all()
    assert joined.prior == older.prior
