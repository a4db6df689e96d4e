"""Scoring on Spark: MLflow's spark_udf over the registered model gives the scores that the model gives here."""

import runpy
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spm_ml.dataset import RepPeriodDataset
from spm_ml.errors import NotReadyError
from spm_ml.forecasting import DealLevel, FitSettings
from spm_ml.history.engines import engine_named
from spm_ml.registry import ModelVersion, Registry, TrainingRun
from spm_ml.scoring import LOADER_MODULE, ServedForecaster, keep_row_format, rows_with_deals, served_forecaster
from spm_ml.scoring.on_spark import forecast_on_spark, spark_rows
from spm_ml.settings import Workspace
from tests.spark import SMALL_SPARK

WORLD = runpy.run_path(str(Path(__file__).parents[1] / "rep_period_world.py"))
Saved = tuple[ServedForecaster, Path]
Registered = tuple[Registry, ModelVersion]

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def world() -> RepPeriodDataset:
    made: RepPeriodDataset = WORLD["make_dataset"](20, 5, 5)
    return made


@pytest.fixture(scope="module")
def served(world: RepPeriodDataset, tmp_path_factory: pytest.TempPathFactory) -> Saved:
    """A fitted model, and the folder that it is saved in."""
    folder = tmp_path_factory.mktemp("saved")
    DealLevel(FitSettings(min_training_rows=20)).fit(world.finished()).save(folder)
    keep_row_format(folder, world)
    return served_forecaster(folder), folder


@pytest.fixture(scope="module")
def registered(
    served: Saved, migrated_mlflow_database: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Registered]:
    workspace = Workspace(tmp_path_factory.mktemp("workspace"))
    shutil.copy(migrated_mlflow_database, workspace.mlflow_database)
    evidence = tmp_path_factory.mktemp("evidence")
    (evidence / "card.md").write_text("# Card")
    model, folder = served
    run = TrainingRun("deals", {}, {}, {}, evidence, folder, LOADER_MODULE, model.inputs, model.outputs)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        registry = Registry(workspace)
        yield registry, registry.record(run)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    pytest.importorskip("pyspark", reason="the extra spark is not installed")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java 17, which is not installed here")
    folder = tmp_path_factory.mktemp("spark")
    (folder / "spark-defaults.conf").write_text(SMALL_SPARK)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_CONF_DIR", str(folder))
        engine: Any = engine_named("spark", "local[2]")
        yield engine.session
        engine.close()
        engine.session.stop()


@pytest.fixture(scope="module")
def running(world: RepPeriodDataset) -> RepPeriodDataset:
    """The rows of the running period, some of them without a quota."""
    found = world.where(world.frame["actual_bookings"].isna())
    return replace(found, frame=found.frame.assign(quota=found.frame["quota"].where(found.frame.index % 9 > 0)))


def test_spark_gives_the_local_scores_bit_for_bit(
    session: Any,
    running: RepPeriodDataset,
    served: Saved,
    registered: tuple[Registry, ModelVersion],
) -> None:
    rows = spark_rows(session, running).repartition(3)
    keys = ["rep_id", "as_of"]
    found = forecast_on_spark(rows, *registered).toPandas().sort_values(keys)
    expected = served[0].predict(rows_with_deals(running)).sort_values(keys)
    assert list(found) == list(expected)
    assert expected["b50"].notna().any()
    assert expected["abstention"].ne("").any()
    for name in expected:
        np.testing.assert_array_equal(found[name].to_numpy(), expected[name].to_numpy(), err_msg=name)


def test_what_is_not_there_is_said(
    session: Any, running: RepPeriodDataset, registered: tuple[Registry, ModelVersion]
) -> None:
    registry, version = registered
    rows = spark_rows(session, running)
    with pytest.raises(NotReadyError, match="spm promote"):
        forecast_on_spark(rows, registry)
    with pytest.raises(Exception, match="quota"):
        forecast_on_spark(rows.drop("quota"), registry, version)
