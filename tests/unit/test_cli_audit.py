"""spm audit: verify, export and prune, as typed."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from spm_ml.cli.main import spm
from spm_ml.errors import SpmError
from spm_ml.predictions import PredictionStore
from spm_ml.predictions.engine import connect, writing
from spm_ml.settings import Organisation, RetentionSettings, Workspace


@pytest.fixture
def workspace(harbour_file: Path, harbour_tokens: dict[str, str], tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path / "w")
    Organisation(retention=RetentionSettings(audit_days=400)).write(workspace.organisation_file)
    shutil.copy(harbour_file, workspace.predictions_database)
    return workspace


def run(workspace: Workspace, *words: str) -> Result:
    return CliRunner().invoke(spm, ["audit", *words, "--workspace", str(workspace.root)])


def test_verify_prints_the_head_to_remember_and_fails_on_a_changed_line(workspace: Workspace) -> None:
    done = run(workspace, "verify")
    assert done.exit_code == 0, done.output
    head = done.output.strip().rpartition(" ")[2]
    assert run(workspace, "verify", "--head", head).exit_code == 0
    assert json.loads(run(workspace, "verify", "--json").output)["intact"] is True
    digits, _, sequence = head.partition("@")
    beyond = run(workspace, "verify", "--head", f"{digits}@{int(sequence) + 1}")
    assert isinstance(beyond.exception, SpmError)
    assert "the trail ends before the remembered line" in beyond.output
    assert run(workspace, "verify", "--head", "x@1").exit_code == 2
    engine = connect(workspace.predictions_database)
    with writing(engine) as connection:
        connection.execute(text("DROP TRIGGER audit_no_update"))
        connection.execute(text("UPDATE audit SET actor = 'x' WHERE sequence = 2"))
    engine.dispose()
    broken = run(workspace, "verify")
    assert isinstance(broken.exception, SpmError)
    assert "line 2: it was changed" in str(broken.exception)
    assert json.loads(run(workspace, "verify", "--json").output)["problems"][0]["sequence"] == 2


def test_export_and_prune(workspace: Workspace, tmp_path: Path) -> None:
    assert run(workspace, "export", "--out", str(tmp_path / "a.jsonl")).exit_code == 0
    with PredictionStore.open(workspace.predictions_database) as store:
        lines = len(tuple(store.audit.entries()))
    assert len((tmp_path / "a.jsonl").read_text(encoding="utf-8").splitlines()) == lines
    assert run(workspace, "export", "--out", str(tmp_path / "b.csv"), "--since", "2100-01-01").exit_code == 0
    assert len((tmp_path / "b.csv").read_text(encoding="utf-8").splitlines()) == 1
    assert run(workspace, "prune").exit_code == 2, "it must be said"
    assert "Would remove: nothing" in run(workspace, "prune", "--dry-run").output
    assert "Removed: nothing" in run(workspace, "prune", "--yes").output
