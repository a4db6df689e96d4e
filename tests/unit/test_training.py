"""Training and promotion on a small world, and what MLflow keeps of it."""

import dataclasses
import json
import shutil
from collections.abc import Callable
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from lightgbm import Booster

from spm_ml.backtest import Backtest, current_backtest, run_backtest
from spm_ml.dataset import RepPeriodDataset
from spm_ml.errors import ClusterError, ConfigurationError, GateRefusedError, NotReadyError
from spm_ml.forecasting import FitSettings, load_forecaster
from spm_ml.forecasting.tree_learner import SerialLearner
from spm_ml.registry import CHALLENGER, Registry
from spm_ml.settings import Organisation, Workspace
from tests.rep_period_world import make_dataset
from training import TrainedModel, promote, train

MIN_ROWS = 200
"""So many that LightGBM abstains here and costs nothing; the notebooks' test trains it."""


@pytest.fixture(scope="module")
def dataset() -> RepPeriodDataset:
    return make_dataset(12, 5, seed=2)


@pytest.fixture(scope="module")
def backtest_file(dataset: RepPeriodDataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("backtest") / "backtest.parquet"
    run_backtest(dataset, periods=2, settings=FitSettings(min_training_rows=MIN_ROWS)).write(path)
    return path


@pytest.fixture(scope="module")
def made(
    dataset: RepPeriodDataset,
    backtest_file: Path,
    migrated_mlflow_database: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Workspace, TrainedModel]:
    """A workspace in which `auto` was trained once; tests work on copies of it."""
    workspace = Workspace(tmp_path_factory.mktemp("made") / "ws")
    Organisation(name="Harbour", min_training_rows=MIN_ROWS, threads=1).write(workspace.organisation_file)
    shutil.copy(migrated_mlflow_database, workspace.mlflow_database)
    shutil.copy(backtest_file, workspace.backtest_file)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        return workspace, train(workspace, dataset=dataset)


@pytest.fixture
def workspace(made: tuple[Workspace, TrainedModel], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """One with a challenger."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return Workspace(Path(shutil.copytree(made[0].root, tmp_path / "ws")))


@pytest.fixture
def untrained(workspace: Workspace, with_mlflow: Callable[[Workspace], Workspace]) -> Workspace:
    """One whose registry is empty."""
    return with_mlflow(workspace)


@pytest.fixture
def trained(made: tuple[Workspace, TrainedModel]) -> TrainedModel:
    """What was said of that challenger."""
    return made[1]


def test_where_the_learner_cannot_win_a_baseline_is_trained_and_says_so(trained: TrainedModel) -> None:
    assert trained.choice.forecaster in {"weighted_pipeline", "historical_mean", "run_rate_linear"}
    assert trained.choice.verdict.passed
    assert "lightgbm_quantiles failed" in trained.choice.because or trained.value_added["crps"].isna().any()
    assert "is the challenger" in trained.text()
    assert trained.version.aliases == (CHALLENGER,)


def test_mlflow_keeps_numbers_tables_pictures_and_the_card(
    workspace: Workspace, trained: TrainedModel, dataset: RepPeriodDataset
) -> None:
    registry = Registry(workspace)
    run = registry._client().get_run(trained.version.run_id)
    assert run.data.params["forecaster"] == trained.choice.forecaster
    assert run.data.params["asked_for"] == "auto"
    row = trained.value_added.set_index("forecaster").loc[trained.choice.forecaster]
    assert run.data.metrics["crps"] == pytest.approx(row["crps"])
    assert run.data.metrics["n"] == row["n"]
    assert run.data.metrics["crps_last_period"] > 0
    assert run.data.tags["data_hash"] == dataset.data_hash
    assert run.data.tags["dataset_hash"] == dataset.content_hash
    for picture in ("calibration.png", "value_added.png", "reliability_by_week.png", "pit_by_week.png"):
        assert registry.artifact(trained.version, f"plots/{picture}").read_bytes().startswith(b"\x89PNG")
    card = registry.artifact(trained.version, "card.md").read_text()
    assert "Not for**: pay" in card
    assert "Not audited." in card
    assert "Harbour" in card
    assert "| company |" in card
    levels = pd.read_csv(registry.artifact(trained.version, "by_level.csv"))
    assert set(levels["level"]) == {"rep", "team", "region", "company"}
    table = pd.read_csv(registry.artifact(trained.version, "value_added.csv"))
    assert set(table["forecaster"]) == set(trained.value_added["forecaster"])
    assert Backtest.read(registry.artifact(trained.version, "backtest.parquet")).periods == 2


def test_the_registered_model_forecasts_as_the_fitted_one(
    workspace: Workspace, trained: TrainedModel, dataset: RepPeriodDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow.pyfunc  # here, as importing it warns unless the registry did it first

    registry = Registry(workspace)
    folder = registry.load(trained.version)
    running = dataset.where(dataset.frame["actual_bookings"].isna())
    expected = load_forecaster(folder).predict(running)
    model = mlflow.pyfunc.load_model(str(registry.artifact(trained.version, "model")))
    shuffled = running.frame.sample(frac=1, random_state=0).drop(columns=["actual_bookings", "censored"])
    got = model.predict(shuffled)
    np.testing.assert_array_equal(got["b50"], expected.bookings[shuffled.index, 9])
    np.testing.assert_array_equal(got["p_hit"], expected.p_hit[shuffled.index])
    assert got["rep_id"].to_list() == shuffled["rep_id"].to_list()
    with pytest.raises(Exception, match=r"missing inputs.*quota"):
        model.predict(running.frame.drop(columns="quota"))


def test_json_of_the_run_is_plain(trained: TrainedModel) -> None:
    answer = json.loads(json.dumps(trained.to_json(), allow_nan=False))
    assert answer["version"] == 1
    assert answer["passes_gate"] is True
    assert {row["forecaster"] for row in answer["value_added"]} >= {"last_period", "lightgbm_quantiles"}
    assert set(answer["seconds"]) == {"dataset", "backtest", "fit", "register"}


def test_a_passing_challenger_is_promoted_and_keeps_the_gate(workspace: Workspace, trained: TrainedModel) -> None:
    promotion = promote(workspace)
    champion = Registry(workspace).champion()
    assert champion is not None
    assert champion.version == promotion.version.version == trained.version.version
    gate = json.loads(champion.tags["gate"])
    assert all(row["passed"] for row in gate)
    assert {"enough_evidence", "answers", "coverage_80", "coverage_80_company", "no_group_worse"} <= {
        row["test"] for row in gate
    }
    assert champion.tags["gate_passed"] == "true"
    assert "is champion." in promotion.text()
    assert json.loads(json.dumps(promotion.to_json()))["replaced"] is None


def test_the_gate_refuses_and_names_each_failed_test(workspace: Workspace, dataset: RepPeriodDataset) -> None:
    model = train(workspace, forecaster="last_period", dataset=dataset)
    assert "the gate would refuse it" in model.text()
    with pytest.raises(GateRefusedError, match=r"last_period\) was not promoted") as refusal:
        promote(workspace)
    for test in model.choice.verdict.failures:
        assert test.test in str(refusal.value)
    registry = Registry(workspace)
    assert registry.champion() is None
    assert registry.version(model.version.version).tags["gate_passed"] == "false"


def test_force_needs_a_reason_and_keeps_it(workspace: Workspace, dataset: RepPeriodDataset) -> None:
    train(workspace, forecaster="last_period", dataset=dataset)
    with pytest.raises(ConfigurationError, match="reason in words"):
        promote(workspace, force_reason="  ")
    promotion = promote(workspace, force_reason="first week of the pilot")
    assert promotion.version.tags["force_reason"] == "first week of the pilot"
    assert promotion.version.tags["gate_passed"] == "false"
    assert "Forced against the gate: first week of the pilot" in promotion.text()


def test_a_clearly_worse_model_does_not_replace_the_champion(
    workspace: Workspace, trained: TrainedModel, dataset: RepPeriodDataset
) -> None:
    promote(workspace)
    train(workspace, forecaster="last_period", dataset=dataset)
    with pytest.raises(GateRefusedError, match="no_worse_than_champion"):
        promote(workspace)
    champion = Registry(workspace).champion()
    assert champion is not None
    assert champion.version == trained.version.version


def test_the_same_method_on_newer_data_replaces_the_champion(
    workspace: Workspace, trained: TrainedModel, dataset: RepPeriodDataset
) -> None:
    promote(workspace)
    train(workspace, forecaster=trained.choice.forecaster, dataset=dataset)
    promotion = promote(workspace)
    assert promotion.version.version == 2
    assert promotion.replaced is not None
    assert promotion.replaced.version == 1
    assert "in place of version 1" in promotion.text()


def test_a_version_can_be_named(workspace: Workspace, trained: TrainedModel, dataset: RepPeriodDataset) -> None:
    train(workspace, forecaster="last_period", dataset=dataset)
    assert promote(workspace, version=1).version.version == 1
    with pytest.raises(NotReadyError, match="no version 9"):
        promote(workspace, version=9)


def test_nothing_to_promote_names_the_command(untrained: Workspace) -> None:
    with pytest.raises(NotReadyError, match="spm train"):
        promote(untrained)


def test_a_misspelt_forecaster_costs_no_backtest(workspace: Workspace) -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'last_period'"):
        train(workspace, forecaster="last_periode")


def test_where_a_worker_dies_nothing_is_registered(
    untrained: Workspace, dataset: RepPeriodDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Dying(SerialLearner):
        def boost(self, *_: object, **__: object) -> tuple[Booster, ...]:
            raise ClusterError("a worker died")

    Organisation(name="Harbour", min_training_rows=20, threads=1).write(untrained.organisation_file)
    monkeypatch.setattr(import_module("training.train"), "boosting_on", lambda _: nullcontext(Dying()))
    with pytest.raises(ClusterError, match="a worker died"):
        train(untrained, forecaster="lightgbm_quantiles", dataset=dataset, dask="2")
    assert Registry(untrained).versions() == ()


def test_nothing_ingested_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(NotReadyError, match="spm ingest"):
        train(Workspace(tmp_path / "empty"))


def test_without_quotas_bookings_are_measured(workspace: Workspace) -> None:
    model = train(workspace, dataset=make_dataset(12, 4, seed=3, quotas=False), periods=2)
    assert set(model.value_added["unit"]) == {"bookings_of_usual"}
    card = Registry(workspace).artifact(model.version, "card.md").read_text()
    assert "quota_missing" in card
    assert "bookings_of_usual" in card


def test_a_moved_workspace_still_loads_promotes_and_trains(
    made: tuple[Workspace, TrainedModel], workspace: Workspace, dataset: RepPeriodDataset
) -> None:
    home, trained = made
    promote(workspace)
    folder, _ = Registry(workspace).load_champion()
    assert load_forecaster(folder).name == trained.choice.forecaster
    assert workspace.root in folder.parents
    for number in (2, 3):
        again = train(workspace, forecaster="historical_mean", dataset=dataset)
        assert again.version.version == number
        assert (workspace.mlflow_artifacts / again.version.run_id).is_dir()
        assert not (home.mlflow_artifacts / again.version.run_id).exists()


def test_the_stored_backtest_is_used_only_for_its_own_dataset(
    workspace: Workspace, dataset: RepPeriodDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = FitSettings(min_training_rows=MIN_ROWS)
    calls: list[int | None] = []

    def counted(given: RepPeriodDataset, *, periods: int | None = None, **_: object) -> Backtest:
        calls.append(periods)
        return dataclasses.replace(Backtest.read(workspace.backtest_file), dataset_hash=given.content_hash)

    monkeypatch.setattr("spm_ml.backtest.stored.run_backtest", counted)
    current_backtest(workspace, dataset, settings=settings)
    current_backtest(workspace, dataset, settings=settings, periods=2)
    assert calls == []
    current_backtest(workspace, dataset, settings=settings, periods=1)
    other = dataclasses.replace(dataset, data_hash="other")
    current_backtest(workspace, other, settings=settings)
    assert calls == [1, None]
    current_backtest(workspace, other, settings=settings)
    assert calls == [1, None]
    workspace.backtest_file.write_bytes(b"broken")
    monkeypatch.setattr("spm_ml.backtest.stored.run_backtest", lambda *_, **__: run_small(dataset))
    current_backtest(workspace, dataset, settings=settings)


def run_small(dataset: RepPeriodDataset) -> Backtest:
    from spm_ml.forecasting import HistoricalMean

    return run_backtest(dataset, forecasters=(HistoricalMean,), periods=1)
