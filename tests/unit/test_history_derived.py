"""Derived tables that are kept in a workspace."""

from pathlib import Path

import pytest

from spm_ml.history import SalesHistory
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
    derived = rows_of(workspace)
    files = sorted(workspace.derived.rglob("*"))
    assert [file.name for file in files if file.is_file()] == [
        "activity_days.parquet",
        "bookings.parquet",
        "facts.json",
        "ledger.parquet",
    ]
    written = [file.stat().st_mtime_ns for file in files]
    assert rows_of(workspace) == derived
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
