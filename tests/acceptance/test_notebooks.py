"""Every notebook runs from top to bottom on a small simulated workspace, and is committed without outputs."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from spm_ml.registry import Registry
from spm_ml.settings import Workspace
from spm_ml.simulation import simulate
from spm_ml.sources import ingest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory, migrated_mlflow_database: Path) -> Workspace:
    """Sixteen reps over six finished quarters: enough for LightGBM."""
    root = tmp_path_factory.mktemp("notebooks")
    simulate(root / "export", reps=16, periods=6, seed=3)
    workspace = Workspace(root / "ws")
    ingest(workspace, root / "export")
    workspace.organisation().model_copy(update={"threads": 1}).write(workspace.organisation_file)
    workspace.mlflow_database.write_bytes(migrated_mlflow_database.read_bytes())
    return workspace


def execute(path: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> str:
    """Runs a notebook in a kernel of its own and gives everything that it printed."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("SPM_WORKSPACE", str(workspace.root))
    monkeypatch.setenv("SPM_TRUTH", str(workspace.root.parent / "export" / "truth"))
    monkeypatch.setenv("SPM_TEST_PERIODS", "2")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("IPYTHONDIR", str(workspace.root.parent / "ipython"))
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return "\n".join(output.get("text", "") for output in outputs)


def test_there_are_notebooks() -> None:
    assert {path.name for path in NOTEBOOKS} == {
        "did_the_program_work.ipynb",
        "explore_dataset.ipynb",
        "plans_and_quotas.ipynb",
        "retrain_and_promote.ipynb",
    }


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_without_outputs(path: Path) -> None:
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


def test_the_dataset_can_be_explored(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    printed = execute(ROOT / "notebooks" / "explore_dataset.ipynb", workspace, monkeypatch)
    assert "rows of" in printed
    assert workspace.dataset_file.exists()


def test_the_question_whether_a_program_worked_ends_in_a_decision(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    printed = execute(ROOT / "notebooks" / "did_the_program_work.ipynb", workspace, monkeypatch)
    answers = ("It has worked so far", "There is no evidence", "Attainment fell", "The data cannot tell")
    assert sum(f"work? {answer}" in printed for answer in answers) == 1
    assert "Plan: " in printed
    assert "estimate" in printed, "the simulated truth stands beside it"


def test_a_model_can_be_retrained_and_promoted(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    printed = execute(ROOT / "notebooks" / "retrain_and_promote.ipynb", workspace, monkeypatch)
    assert "is the challenger" in printed
    champion = Registry(workspace).champion()
    assert ("is champion" in printed) == (champion is not None)
    assert champion is not None or "was not promoted; it failed" in printed


def test_plans_and_quotas_are_held_against_what_came(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    printed = execute(ROOT / "notebooks" / "plans_and_quotas.ipynb", workspace, monkeypatch)
    assert "for the same deals" in printed
    assert "of the reps are expected at quota" in printed
    assert "by the quotas in force" in printed
