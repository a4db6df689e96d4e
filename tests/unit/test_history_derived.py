"""Derived tables that are kept in a workspace."""

import json
import shutil
from pathlib import Path

import pytest

from spm_ml.history import SalesHistory, derived
from spm_ml.history.derived import NAMES
from spm_ml.settings import Workspace
from spm_ml.sources import ingest


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    export = tmp_path / "export"
    export.mkdir()
    (export / "organisation.yaml").write_text("currency: USD\ntimezone: UTC\nstages: [{name: Open}]\n")
    (export / "reps.csv").write_text("rep_id,hired_on\na,2025-01-01\n")
    (export / "opportunities.csv").write_text(
        "opportunity_id,rep_id,created_on,stage,amount,outcome,closed_on\nd,a,2025-02-03,Open,10,won,2025-03-04\n"
    )
    (export / "quotas.csv").write_text("rep_id,period,amount\na,2025Q1,100\n")
    workspace = Workspace(tmp_path / "workspace")
    ingest(workspace, export, organisation=export / "organisation.yaml")
    return workspace


def rows_of(workspace: Workspace) -> list[list[dict[str, object]]]:
    with SalesHistory.open(workspace) as history:
        return [rows.to_pyarrow().to_pylist() for rows in (history.ledger, history.bookings, history.activity_days)]


def test_what_was_derived_once_is_read_again(workspace: Workspace) -> None:
    rows = rows_of(workspace)
    files = sorted(workspace.derived.rglob("*"))
    assert {file.name.split("-")[0] for file in files if file.suffix == ".parquet"} == set(NAMES)
    said = {file.name for file in files if file.suffix == ".json"}
    assert said == {"facts.json", *(f"{name}.json" for name in NAMES)}
    written = [file.stat().st_mtime_ns for file in files]
    assert rows_of(workspace) == rows
    assert [file.stat().st_mtime_ns for file in files] == written


def test_other_settings_are_derived_anew(workspace: Workspace) -> None:
    assert rows_of(workspace)[0][0]["stage"] == "Open"
    for name in ("Qualify", "Meet", "Propose"):
        stages = f"stages: [{{name: {name}, aliases: [{{name: Open}}]}}]"
        workspace.organisation_file.write_text(f"currency: USD\ntimezone: UTC\n{stages}\n", encoding="utf-8")
        assert rows_of(workspace)[0][0]["stage"] == name
    assert len(list(workspace.derived.iterdir())) == 2


def test_a_workspace_that_may_only_be_read_is_read(workspace: Workspace) -> None:
    workspace.derived.write_text("a file where the folder would be")
    with SalesHistory.open(workspace) as history:
        assert history.bookings.to_pyarrow()["amount"].to_pylist() == [1_000]


def test_what_came_lies_in_a_small_file_beside_a_link_until_it_is_no_longer_small(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows_of(workspace)
    (first,) = workspace.derived.glob("*/ledger-*.parquet")
    export = tmp_path / "export"
    deals = export / "opportunities.csv"
    expected = []
    for share, day in ((10.0, 5), (0.0, 6)):
        with deals.open("a", encoding="utf-8") as file:
            file.write(f"e{day},a,2025-03-0{day},Open,30,won,2025-03-20\n")
        ingest(workspace, export)
        monkeypatch.setattr(derived, "MERGED_FROM", share)
        expected = rows_of(workspace)
        newest = max(workspace.derived.iterdir(), key=lambda path: path.stat().st_mtime)
        said = json.loads((newest / "ledger.json").read_text(encoding="utf-8"))
        assert (said["base"] == first.name, said["newer"] is not None) == (share > 0, share > 0)
        assert [len(rows) for rows in expected] == [2 * (day - 3), day - 3, 0]
    with SalesHistory.open(workspace) as history:
        history.derive()
    shutil.rmtree(workspace.derived)
    key = ("opportunity_id", "recorded_on")
    for then, now in zip(expected, rows_of(workspace), strict=True):
        assert sorted(then, key=lambda row: [row[name] for name in key]) == sorted(
            now, key=lambda row: [row[name] for name in key]
        )
