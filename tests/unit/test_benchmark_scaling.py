"""The benchmark of how training grows."""

import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.scaling.training import FIT, MEASURES, READ, PeakMemory, changes, copied, learn, store_copies
from spm_ml.dataset import RepPeriodDataset
from spm_ml.dataset.deals import DEAL_COLUMNS
from spm_ml.forecasting import FitSettings

WORLD = runpy.run_path(str(Path(__file__).parents[1] / "rep_period_world.py"))


@pytest.fixture(scope="module")
def world() -> RepPeriodDataset:
    made: RepPeriodDataset = WORLD["make_dataset"](6, 4, 5)
    return made


def test_every_copy_is_a_rep_of_its_own_with_the_same_deals(world: RepPeriodDataset) -> None:
    twice = copied(world, range(2))
    assert len(twice) == 2 * len(world)
    assert twice.frame["rep_id"].nunique() == 2 * world.frame["rep_id"].nunique()
    assert twice.frame["team"].nunique() == 2 * world.frame["team"].nunique()
    assert (np.diff(twice.deal_rows) >= 0).all()
    second = twice.where(twice.frame["rep_id"].str.startswith("001-"))
    assert second.content_hash == copied(world, [1]).content_hash
    numbers = [column.name for column in DEAL_COLUMNS if column.kind != "text"]
    pd.testing.assert_frame_equal(second.deals[numbers], world.deals[numbers])


def test_a_line_tells_size_time_and_memory_of_each_step(world: RepPeriodDataset, tmp_path: Path) -> None:
    world.write(tmp_path / "dataset.parquet")
    stored = tmp_path / "copies.parquet"
    store_copies(tmp_path / "dataset.parquet", 3, stored)
    reps = world.frame["rep_id"].nunique()
    for step in (READ, FIT, "last_period"):
        line = learn(stored, step, FitSettings(min_training_rows=1, most_reps=reps))
        assert (line["reps"], line["learnt from"]) == (3 * reps, reps)
        assert (line["rows read"], line["step"]) == (len(world), step)
        assert line["seconds"] > 0
        assert line["peak GiB"] > 0


def test_the_peak_is_noticed() -> None:
    with PeakMemory() as memory:
        held = np.ones(30_000_000)
        for _ in range(20):
            held *= 1.0
    assert memory.peak - memory.start > 150_000_000


def test_drawing_is_compared_within_each_world() -> None:
    def line(seed: int, most: int | str, value: float) -> dict[str, object]:
        return {"seed": seed, "learnt from at most": most} | dict.fromkeys(MEASURES, value)

    drawn = pd.DataFrame([line(1, "all", 0.2), line(1, 50, 0.3), line(2, "all", 0.8), line(2, 50, 0.9)])
    (found,) = changes(drawn).to_dict("records")
    assert (found["learnt from at most"], found["worlds"], found["ece"]) == (50, 2, "+0.1000 ± 0.0000")
    (alone,) = changes(drawn[drawn["seed"] == 1]).to_dict("records")
    assert alone["coverage_80"] == "+0.1000"
