"""Large organisations: some reps are learnt from, all are forecast."""

import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spm_ml.dataset import RepPeriodDataset
from spm_ml.forecasting import DealLevel, FitSettings, LightGbmQuantiles
from spm_ml.forecasting.deal_level.pipeline import Pipeline
from spm_ml.forecasting.deal_level.rep_records import RepRecords
from spm_ml.forecasting.many_reps import blocks_of_reps
from spm_ml.forecasting.protocol import may_be_learnt_from

WORLD = runpy.run_path(str(Path(__file__).parents[1] / "rep_period_world.py"))
SOME = FitSettings(most_reps=30, min_training_rows=20)


@pytest.fixture(scope="module")
def world() -> RepPeriodDataset:
    made: RepPeriodDataset = WORLD["make_dataset"](50, 6, 5)
    return made


def test_few_reps_are_one_block() -> None:
    assert blocks_of_reps(pd.Series(["a", "b", "a"]), most=2, seed=0).tolist() == [0, 0, 0]


def test_blocks_hold_whole_reps_are_of_one_size_and_drawn_by_the_seed() -> None:
    reps = pd.Series([f"rep {number % 25}" for number in range(100)])
    block = blocks_of_reps(reps, most=10, seed=0)
    by_rep = pd.Series(block).groupby(reps)
    assert (by_rep.nunique() == 1).all()
    assert by_rep.first().value_counts().tolist() in ([9, 8, 8], [8, 9, 8])
    assert not np.array_equal(block, blocks_of_reps(reps, most=10, seed=1))
    shuffled = reps.sample(frac=1.0, random_state=0)
    assert np.array_equal(blocks_of_reps(shuffled, most=10, seed=0)[np.argsort(shuffled.index)], block)


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
