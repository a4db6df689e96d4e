"""The same training on two Dask workers: near the local trees, equal when repeated, and nothing kept of what fails."""

import os
import runpy
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from spm_ml.backtest import run_backtest
from spm_ml.dataset import RepPeriodDataset
from spm_ml.errors import ClusterError, ConfigurationError
from spm_ml.forecasting import DealLevel, FitSettings, HistoricalMean, LightGbmQuantiles
from spm_ml.forecasting.dask_learner import DaskLearner, boosting_on
from spm_ml.forecasting.tree_learner import HERE, TreeData, TreeLearner

WORLD = runpy.run_path(str(Path(__file__).parents[1] / "rep_period_world.py"))
TREES = {"objective": "binary", "num_leaves": 15, "learning_rate": 0.05, "max_bin": 63, "seed": 0}

pytest.importorskip("distributed", reason="the extra dask is not installed")


@pytest.fixture(scope="module")
def workers() -> Iterator[TreeLearner]:
    with boosting_on("2") as learner:
        yield learner


@pytest.fixture(scope="module")
def world() -> RepPeriodDataset:
    made: RepPeriodDataset = WORLD["make_dataset"](30, 5, 4)
    return made


def _data(rows: int = 6_000) -> TreeData:
    random = np.random.default_rng(0)
    matrix = random.normal(size=(rows, 12))
    matrix[random.random(matrix.shape) < 0.1] = np.nan
    start = 0.3 * np.nan_to_num(matrix[:, 1])
    odds = start + np.nan_to_num(matrix[:, 0]) - 0.5
    return TreeData(matrix, (random.random(rows) < 1 / (1 + np.exp(-odds))).astype(float), np.ones(rows), start)


def test_trees_of_two_workers_are_repeatable_and_near_the_local_ones(workers: TreeLearner) -> None:
    data = _data()
    (first,), (again,) = (workers.boost(data, TREES, 60) for _ in range(2))
    (local,) = HERE.boost(data, TREES, 60)
    assert first.model_to_string() == again.model_to_string()
    assert "127.0.0.1" not in first.model_to_string()
    two, one = (1 / (1 + np.exp(-(each.predict(data.matrix, raw_score=True) + data.start))) for each in (first, local))
    assert np.abs(two - one).mean() < 0.02
    loss = [-(data.target * np.log(p) + (1 - data.target) * np.log(1 - p)).mean() for p in (two, one)]
    assert loss[0] == pytest.approx(loss[1], abs=0.005)


def test_one_worker_gives_the_local_trees(workers: TreeLearner) -> None:
    """What is left is LightGBM's interface to Dask, which must not change anything."""
    assert isinstance(workers, DaskLearner)
    alone, data = DaskLearner(workers._client), _data()
    alone._workers = workers._workers[:1]
    levels = [{"alpha": 0.1}, {"alpha": 0.9}]
    found = [each.boost(data, TREES | {"objective": "quantile"}, 20, levels) for each in (alone, HERE)]
    for one, local in zip(*found, strict=True):
        np.testing.assert_array_equal(one.predict(data.matrix), local.predict(data.matrix))
    few = TreeData(np.arange(6.0).reshape(3, 2), np.arange(3.0))
    assert workers.boost(few, {"objective": "regression"}, 2)[0].predict(few.matrix) == pytest.approx([1.0] * 3)


@pytest.mark.parametrize("made", [DealLevel, LightGbmQuantiles])
def test_forecasters_at_rolling_origins_are_as_accurate(
    workers: TreeLearner,
    world: RepPeriodDataset,
    made: type[DealLevel | LightGbmQuantiles],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("spm_ml.forecasting.quantile_boosting.FOLDS", 2)
    monkeypatch.setattr("spm_ml.forecasting.boosters.ROUNDS", 40)
    crps, medians = [], []
    for learner in (HERE, workers):
        settings = FitSettings(min_training_rows=20, threads=2, learner=learner)
        backtest = run_backtest(world, forecasters=(HistoricalMean, made), periods=1, settings=settings)
        own = backtest.frame[backtest.frame["forecaster"] == made.name]
        crps.append(float(backtest.value_added().set_index("forecaster").loc[made.name, "crps"]))
        medians.append((own["b50"] / own["usual_bookings"]).to_numpy())
    assert crps[1] == pytest.approx(crps[0], rel=0.05)
    assert np.nanmean(np.abs(medians[1] - medians[0])) < 0.1
    assert not np.array_equal(*medians), "the trees were not boosted on the workers"


def test_settings_that_are_saved_say_nothing_of_workers(workers: TreeLearner) -> None:
    settings = FitSettings(seed=3, learner=workers)
    assert FitSettings(**settings.to_state()) == settings
    assert FitSettings(**settings.to_state()).learner is HERE


def test_a_cluster_that_cannot_be_used_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spm_ml.forecasting.dask_learner._ANSWERS_WITHIN", 1)
    with (
        pytest.raises(ConfigurationError, match=r"no Dask scheduler can be reached at tcp://127\.0"),
        boosting_on("tcp://127.0.0.1:1"),
    ):
        pass
    with pytest.raises(ConfigurationError, match="above 0"), boosting_on("0"):
        pass
    monkeypatch.setattr("spm_ml.forecasting.dask_learner.find_spec", lambda _: None)
    with pytest.raises(ConfigurationError, match=r"pip install 'spm-ml\[dask\]'"), boosting_on("2"):
        pass


def test_a_worker_that_dies_is_said(workers: TreeLearner) -> None:
    """The last test: the cluster is of no use afterwards."""
    assert isinstance(workers, DaskLearner)
    victim = next(iter(workers._client.run(os.getpid).values()))
    timer = threading.Timer(3, os.kill, (victim, signal.SIGKILL))
    timer.start()
    with pytest.raises(ClusterError, match="Dask failed while trees were fitted"):
        workers.boost(_data(20_000), TREES, 100_000)
    timer.join()
    with pytest.raises(ClusterError):
        workers.boost(_data(100), TREES, 1)
