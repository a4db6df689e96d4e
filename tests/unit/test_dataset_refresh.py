"""Refreshing the stored dataset: when it is done, what is said, and what a killed one leaves."""

from pathlib import Path

import pytest

from spm_ml.dataset import Refreshed, RepPeriodDataset, build_dataset, refresh, refresh_dataset
from spm_ml.dataset.parts import parts_folder
from spm_ml.dataset.writer import DatasetWriter
from spm_ml.history import SalesHistory
from spm_ml.settings import Organisation, Workspace
from tests.refresh_world import ExportedWorld

DAY = 150


def refreshed(workspace: Workspace) -> Refreshed:
    with SalesHistory.open(workspace) as history:
        return refresh_dataset(workspace, history)


def test_one_more_day_leaves_finished_periods_as_they_are_and_a_killed_refresh_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refresh, "FEW", 0)
    world, workspace = ExportedWorld(5), Workspace(tmp_path / "workspace")
    file = workspace.dataset_file
    world.ingest(workspace, tmp_path / "first", DAY)
    assert refreshed(workspace).because == "none was stored"
    before = RepPeriodDataset.read(file)
    parts = {part.name for part in parts_folder(file).iterdir()}
    world.ingest(workspace, tmp_path / "second", DAY + 1)

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(DatasetWriter, "add", killed)
        with pytest.raises(KeyboardInterrupt):
            refreshed(workspace)
    assert RepPeriodDataset.read(file).content_hash == before.content_hash

    made = refreshed(workspace)
    assert made.because is None
    assert 0 < made.computed < made.rows
    assert made.text() == f"refreshed: {made.computed:,} of {made.rows:,} rows computed"
    running = before.frame["period_start"].max().strftime("%Y-%m-%d")
    assert {name for name in parts if not name.startswith(running)} <= {
        part.name for part in parts_folder(file).iterdir()
    }
    assert refreshed(workspace).text().startswith("nothing new")

    world.ingest(workspace, tmp_path / "third", DAY + 2)
    for part in parts_folder(file).glob(f"{running}.rows.*"):
        part.write_bytes(part.read_bytes()[:100])
    monkeypatch.setattr(refresh, "write_dataset", lambda *_, **__: "")
    assert "cannot be read as a dataset" in str(refreshed(workspace).because)
    organisation = Organisation.read(workspace.organisation_file)
    organisation.model_copy(update={"zombie_after_days": 61}).write(workspace.organisation_file)
    assert "of other settings" in str(refreshed(workspace).because)
    monkeypatch.setattr(refresh, "made_by", lambda: "of other code")
    assert "another version of the code" in refreshed(workspace).text()


def test_a_deal_that_is_said_to_be_in_another_currency_changes_its_hazard_on_earlier_days(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for bound, value in {"FEW": 0, "MOST": 10.0}.items():
        monkeypatch.setattr(refresh, bound, value)
    world, workspace = ExportedWorld(5), Workspace(tmp_path / "workspace")
    world.trade_in_euros()
    world.ingest(workspace, tmp_path / "first", DAY)
    refreshed(workspace)
    before = RepPeriodDataset.read(workspace.dataset_file).frame["hazards"].str.contains("H10").sum()

    world.change("relabelled_deal")
    world.ingest(workspace, tmp_path / "second", DAY)
    assert refreshed(workspace).because is None
    made = RepPeriodDataset.read(workspace.dataset_file)
    assert made.frame["hazards"].str.contains("H10").sum() > before
    with SalesHistory.open(workspace) as history:
        assert made.content_hash == build_dataset(history).content_hash
