"""The stored dataset: taken where a build would give the same, built where tables, settings or code are others."""

import os
import shutil
from pathlib import Path

import pytest

from spm_ml import definition
from spm_ml.dataset import RepPeriodDataset, current_dataset, is_stored, stored
from spm_ml.dataset.writer import MADE_BY
from spm_ml.history import SalesHistory
from spm_ml.settings import Workspace
from tests.command import spm
from tests.feature_world import World


def test_a_dataset_stays_until_tables_settings_or_code_are_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, export, workspace = World(5, reps=2, deals=3, days=120), tmp_path / "export", Workspace(tmp_path / "made")
    world.settings.write(export / "organisation.yaml")
    for name, frame in world.frames().items():
        frame.to_csv(export / f"{name}.csv", index=False)
    spm("ingest", export, "--workspace", workspace.root)
    built = current_dataset(workspace)
    written = workspace.dataset_file.stat().st_mtime_ns

    again = spm("dataset", "--workspace", workspace.root)
    assert "nothing new: the stored dataset is of these tables, settings and code" in again.stderr
    assert workspace.dataset_file.stat().st_mtime_ns == written

    def kept() -> bool:
        with SalesHistory.open(workspace) as history:
            found = is_stored(workspace, history)
        return found and RepPeriodDataset.read(workspace.dataset_file).content_hash == built.content_hash

    assert kept()
    with monkeypatch.context() as patch:
        patch.setattr(stored, "made_by", lambda: "of other code")
        assert not kept()
    world.settings.model_copy(update={"zombie_after_days": 61}).write(workspace.organisation_file)
    assert not kept()
    world.settings.write(workspace.organisation_file)
    assert kept()
    os.truncate(workspace.dataset_file, 100)
    assert not kept()


def test_code_that_computes_the_features_is_part_of_the_definition(tmp_path: Path) -> None:
    copy = tmp_path / "spm_ml"
    shutil.copytree(Path(definition.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    assert definition.hash_of(copy, *MADE_BY) == definition.definition_hash(*MADE_BY)
    (copy / "cli" / "data.py").write_text("changed = True\n", encoding="utf-8")
    assert definition.hash_of(copy, *MADE_BY) == definition.definition_hash(*MADE_BY)
    (copy / "features" / "flow.py").write_text("changed = True\n", encoding="utf-8")
    assert definition.hash_of(copy, *MADE_BY) != definition.definition_hash(*MADE_BY)
