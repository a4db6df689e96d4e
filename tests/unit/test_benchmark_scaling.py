"""The benchmark of how training grows."""

import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.scaling.training import MEASURES, PeakMemory, changes, copied, fit_once, slopes
from spm_ml.dataset import RepPeriodDataset
from spm_ml.forecasting import FitSettings

WORLD = runpy.run_path(str(Path(__file__).parents[1] / "rep_period_world.py"))


@pytest.fixture(scope="module")
def world() -> RepPeriodDataset:
    made: RepPeriodDataset = WORLD["make_dataset"](6, 4, 5)
    return made


def test_every_copy_is_a_rep_of_its_own_with_the_same_deals(world: RepPeriodDataset) -> None:
    twice = copied(world, 2)
    assert len(twice) == 2 * len(world)
    assert twice.frame["rep_id"].nunique() == 2 * world.frame["rep_id"].nunique()
    assert (np.diff(twice.deal_rows) >= 0).all()
    assert (twice.deal_rows >= 0).all()
    first = twice.where(~twice.frame["rep_id"].str.endswith("~1"))
    assert first.content_hash == world.content_hash


def test_a_line_tells_size_time_and_memory(world: RepPeriodDataset, tmp_path: Path) -> None:
    world.write(tmp_path / "dataset.parquet")
    line = fit_once(tmp_path / "dataset.parquet", 2, FitSettings(min_training_rows=1))
    assert line["reps"] == 2 * world.frame["rep_id"].nunique()
    assert line["deal-weeks"] == 2 * len(world.deals)
    assert line["seconds"] > 0
    assert line["dataset GiB"] > 0
    assert line["fit adds GiB"] >= 0


def test_the_peak_is_noticed() -> None:
    with PeakMemory() as memory:
        held = np.ones(30_000_000)
        for _ in range(20):
            held *= 1.0
    assert memory.peak - memory.start > 150_000_000


def test_a_size_that_was_not_measured_is_said_to_be_so() -> None:
    line = dict.fromkeys(("CPU seconds", "dataset GiB", "fit adds GiB"), 1.0)
    said = slopes([line | {"reps": 100}, dict.fromkeys(line, 2.0) | {"reps": 200}], 10_000)
    assert "not measured" in said
    assert "CPU seconds 100.0" in said
    assert slopes([line | {"reps": 100}], 10_000) == ""


def test_drawing_is_compared_within_each_world() -> None:
    def line(seed: int, most: int | str, value: float) -> dict[str, object]:
        return {"seed": seed, "learnt from at most": most} | dict.fromkeys(MEASURES, value)

    drawn = pd.DataFrame([line(1, "all", 0.2), line(1, 50, 0.3), line(2, "all", 0.8), line(2, 50, 0.9)])
    (found,) = changes(drawn).to_dict("records")
    assert (found["learnt from at most"], found["worlds"], found["ece"]) == (50, 2, "+0.1000 ± 0.0000")
    (alone,) = changes(drawn[drawn["seed"] == 1]).to_dict("records")
    assert alone["coverage_80"] == "+0.1000"
