"""The registry: what is recorded comes back, aliases move, and what is missing names the command that makes it."""

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from spm_ml import __version__
from spm_ml.errors import ConfigurationError, NotReadyError
from spm_ml.registry import CHALLENGER, CHAMPION, Registry, TrainingRun, compatible
from spm_ml.settings import Workspace


@pytest.fixture
def workspace(tmp_path: Path, with_mlflow: Callable[[Workspace], Workspace]) -> Workspace:
    return with_mlflow(Workspace(tmp_path / "ws"))


@pytest.fixture
def run(tmp_path: Path) -> TrainingRun:
    evidence = tmp_path / "evidence"
    (evidence / "plots").mkdir(parents=True)
    (evidence / "card.md").write_text("# Card", encoding="utf-8")
    (evidence / "plots" / "a.png").write_bytes(b"png")
    forecaster = tmp_path / "saved"
    (forecaster / "deep").mkdir(parents=True)
    (forecaster / "forecaster.json").write_text(json.dumps({"name": "tiny"}), encoding="utf-8")
    (forecaster / "deep" / "booster.txt").write_text("tree", encoding="utf-8")
    return TrainingRun(
        name="tiny on 2 periods",
        parameters={"periods": 2, "forecaster": "tiny"},
        metrics={"crps": 0.1, "auc": float("nan")},
        tags={"forecaster": "tiny", "data_hash": "abc"},
        evidence=evidence,
        forecaster=forecaster,
        loader_module="json",
    )


def test_what_is_recorded_comes_back(workspace: Workspace, run: TrainingRun) -> None:
    registry = Registry(workspace)
    version = registry.record(run)
    assert (version.version, version.forecaster, version.data_hash) == (1, "tiny", "abc")
    assert version.spm_version == __version__
    assert version.aliases == (CHALLENGER,)
    folder = registry.load(version)
    assert json.loads((folder / "forecaster.json").read_text()) == {"name": "tiny"}
    assert (folder / "deep" / "booster.txt").read_text() == "tree"
    assert registry.artifact(version, "card.md").read_text() == "# Card"
    assert registry.artifact(version, "plots/a.png").read_bytes() == b"png"


def test_the_run_keeps_parameters_finite_metrics_and_no_git(workspace: Workspace, run: TrainingRun) -> None:
    version = Registry(workspace).record(run)
    kept = Registry(workspace)._client().get_run(version.run_id)
    assert kept.info.status == "FINISHED"
    assert kept.data.params == {"periods": "2", "forecaster": "tiny"}
    assert kept.data.metrics == {"crps": 0.1}
    assert not [tag for tag in kept.data.tags if "git" in tag or "user" in tag]


def test_no_pickle_is_written(workspace: Workspace, run: TrainingRun) -> None:
    Registry(workspace).record(run)
    suffixes = {path.suffix for path in workspace.mlflow_artifacts.rglob("*") if path.is_file()}
    assert suffixes <= {".md", ".png", ".json", ".txt", ".yaml", ""}


def test_aliases_move_in_one_call(workspace: Workspace, run: TrainingRun) -> None:
    registry = Registry(workspace)
    first = registry.point(CHAMPION, registry.record(run))
    assert set(first.aliases) == {CHALLENGER, CHAMPION}
    second = registry.record(run)
    assert registry.version(1).aliases == (CHAMPION,)
    registry.point(CHAMPION, second)
    folder, champion = registry.load_champion()
    assert champion.version == 2
    assert folder.is_dir()
    assert registry.version(1).aliases == ()
    assert [one.version for one in registry.versions()] == [1, 2]


def test_tags_are_added_to_a_version(workspace: Workspace, run: TrainingRun) -> None:
    registry = Registry(workspace)
    version = registry.annotate(registry.record(run), {"gate": "[]"})
    assert version.tags["gate"] == "[]"
    assert version.tags["forecaster"] == "tiny"


def test_what_is_missing_names_the_command(workspace: Workspace, run: TrainingRun) -> None:
    registry = Registry(workspace)
    assert registry.versions() == ()
    assert registry.by_alias(CHAMPION) is None
    with pytest.raises(NotReadyError, match="spm train"):
        registry.required(CHALLENGER)
    with pytest.raises(NotReadyError, match="spm promote"):
        registry.load_champion()
    registry.record(run)
    with pytest.raises(NotReadyError, match=r"no version 7 .*there are: 1"):
        registry.version(7)


def test_a_model_of_another_minor_version_is_refused(workspace: Workspace, run: TrainingRun) -> None:
    registry = Registry(workspace)
    version = registry.record(run)
    old = dataclasses.replace(version, tags={**version.tags, "spm_version": "9.4.0"})
    with pytest.raises(NotReadyError, match=r"written by spm-ml 9\.4\.0"):
        registry.load(old)
    with pytest.raises(NotReadyError, match="an unknown version"):
        registry.load(dataclasses.replace(version, tags={}))
    assert compatible("1.2.3", "1.2.0")
    assert not compatible("1.2.3", "2.2.3")


def test_a_file_that_is_gone_says_what_to_do(workspace: Workspace, run: TrainingRun) -> None:
    registry = Registry(workspace)
    version = registry.record(run)
    with pytest.raises(NotReadyError, match=r"no readable missing\.txt.*spm train"):
        registry.artifact(version, "missing.txt")


def test_a_run_that_breaks_is_marked_failed_and_registers_nothing(
    workspace: Workspace, run: TrainingRun, tmp_path: Path
) -> None:
    registry = Registry(workspace)
    with pytest.raises(FileNotFoundError):
        registry.record(dataclasses.replace(run, forecaster=tmp_path / "nowhere"))
    client = registry._client()
    experiment = client.get_experiment_by_name("spm-ml")
    assert [one.info.status for one in client.search_runs([experiment.experiment_id])] == ["FAILED"]
    assert registry.versions() == ()


def test_the_environment_names_the_shared_server(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    registry = Registry(workspace)
    assert registry.tracking_uri == "http://127.0.0.1:9"
    with pytest.raises(ConfigurationError, match="MLFLOW_TRACKING_URI"):
        registry.versions()


def test_a_shared_server_s_artifacts_are_copied_once(
    workspace: Workspace, run: TrainingRun, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{workspace.mlflow_database}")
    monkeypatch.chdir(tmp_path)
    other = Registry(Workspace(tmp_path / "other"))
    version = other.record(run)
    folder = other.load(version)
    assert (tmp_path / "other") in folder.parents
    assert (folder / "forecaster.json").exists()
    assert other.load(version) == folder


def test_a_broken_database_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    workspace = Workspace(tmp_path)
    workspace.mlflow_database.write_text("this is no database", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"mlflow\.db"):
        Registry(workspace).versions()


def test_the_first_preparation_is_announced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    said: list[tuple[str, int, int]] = []
    Registry(Workspace(tmp_path / "new"), progress=lambda *what: said.append(what)).versions()
    assert said == [
        ("Preparing MLflow's database (first use only)", 0, 1),
        ("Preparing MLflow's database (first use only)", 1, 1),
    ]


def test_importing_the_registry_leaves_mlflow_alone() -> None:
    code = "import sys, spm_ml.registry; assert 'mlflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
