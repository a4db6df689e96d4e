"""What a second ingest does: the same file changes nothing, a corrected one restates, and old answers stay."""

import os
from pathlib import Path

import pytest

from spm_ml.errors import ConfigurationError, DataError
from spm_ml.history.store import TableStore
from spm_ml.settings import Organisation, Workspace
from spm_ml.sources import ingest
from tests.ingest_world import OPPORTUNITIES, QUOTAS, REPS, rows, write

PLAN = "plan_id: everyone\ntiers:\n  - {from: 0, rate: 0.1}\n"
EVENTS = """opportunity_id,recorded_at,stage,amount,outcome
o1,2024-01-05T10:00:00Z,Qualify,100,open
o1,2024-01-05T10:00:00Z,Propose,100,
o1,2024-01-05T10:00:00Z,Propose,100,
o1,2024-02-01T10:00:00Z,Won,,won
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace")


def test_the_same_files_again_change_nothing(workspace: Workspace, tmp_path: Path) -> None:
    source = write(tmp_path / "in", quotas=QUOTAS + "x,2024Q1,1\n", opportunity_events=EVENTS)
    first = ingest(workspace, source)
    before = sorted((path, path.stat().st_mtime_ns) for path in workspace.root.rglob("*.parquet"))
    second = ingest(workspace, source)
    assert (first.version, second.version) == (1, None)
    assert second.text().startswith("nothing changed")
    assert all(each.unchanged == each.accepted for each in second.tables)
    assert second.quarantine_file == first.quarantine_file
    after = sorted((path, path.stat().st_mtime_ns) for path in workspace.root.rglob("*.parquet"))
    assert [path for path, _ in after] == [path for path, _ in before]
    assert len(TableStore(workspace).versions()) == 1


def test_a_correction_restates_and_the_old_answer_stays(workspace: Workspace, tmp_path: Path) -> None:
    ingest(workspace, write(tmp_path / "in"))
    corrected = OPPORTUNITIES.replace("100.10", "110.10") + "o4,r1,5,2024-03-01,,Qualify,open\n"
    report = ingest(workspace, write(tmp_path / "corrected", {"opportunities": corrected}))
    counts = report.table("opportunities")
    assert (report.version, counts.new, counts.changed, counts.unchanged) == (2, 1, 1, 2)
    amounts = {version: dict(rows(workspace, "opportunities", version, "opportunity_id, amount")) for version in (1, 2)}
    assert amounts == {
        1: {"o1": 10010, "o2": 20000, "o3": 30050},
        2: {"o1": 11010, "o2": 20000, "o3": 30050, "o4": 500},
    }
    assert TableStore(workspace).versions()[1].parts.keys() == {"opportunities"}


def test_rows_that_are_gone_are_removed_only_when_asked(workspace: Workspace, tmp_path: Path) -> None:
    ingest(workspace, write(tmp_path / "in"))
    fewer = write(tmp_path / "fewer", quotas="rep_id,period,amount\nr1,2024Q1,1000\n")
    assert ingest(workspace, fewer).version is None
    report = ingest(workspace, fewer, replace=True)
    assert (report.version, report.table("quotas").removed, report.table("reps").removed) == (2, 1, 0)
    assert [row[0] for row in rows(workspace, "quotas")] == ["r1"]
    assert [row[0] for row in rows(workspace, "quotas", 1)] == ["r1", "r2"]
    assert ingest(workspace, fewer, replace=True).version is None


def test_a_quarantined_row_does_not_remove_the_one_in_force(workspace: Workspace, tmp_path: Path) -> None:
    ingest(workspace, write(tmp_path / "in"))
    bad = write(tmp_path / "bad", quotas=QUOTAS.replace("2000", "lots"))
    report = ingest(workspace, bad, replace=True)
    assert report.version is None
    assert rows(workspace, "quotas", columns="rep_id, amount") == [("r1", 100000), ("r2", 200000)]


def test_identical_events_are_events_and_a_longer_ledger_adds_only_its_end(
    workspace: Workspace, tmp_path: Path
) -> None:
    ingest(workspace, write(tmp_path / "in", opportunity_events=EVENTS))
    assert len(rows(workspace, "opportunity_events")) == 4
    longer = EVENTS + "o1,2024-02-01T10:00:00Z,,50,\no2,2024-02-03T10:00:00Z,Propose,,\n"
    report = ingest(workspace, write(tmp_path / "longer", {"opportunity_events": longer}))
    assert (report.table("opportunity_events").new, report.table("opportunity_events").unchanged) == (2, 4)
    store = TableStore(workspace)
    sql = store.relation_sql("opportunity_events", 2, occurrence=True)
    assert sql is not None
    assert len(rows(workspace, "opportunity_events")) == 6


@pytest.mark.parametrize("victim", ["versions.json", "opportunities.parquet", "versions.pending"])
def test_a_killed_ingest_leaves_the_state_before(
    workspace: Workspace, tmp_path: Path, victim: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest(workspace, write(tmp_path / "in"))
    before = rows(workspace, "opportunities")
    organisation = workspace.organisation_file.read_text()
    corrected = write(tmp_path / "corrected", {"opportunities": OPPORTUNITIES.replace("100.10", "7")})
    replace = os.replace

    def killed(source: str | Path, target: str | Path) -> None:
        if victim in {Path(source).name, Path(target).name}:
            raise KeyboardInterrupt
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            ingest(workspace, corrected)
    assert rows(workspace, "opportunities") == before
    assert workspace.organisation_file.read_text() == organisation
    assert not (workspace.tables / ".staging").exists()
    assert ingest(workspace, corrected).version == 2


@pytest.mark.parametrize("victim", ["versions.json", "organisation.yaml"])
def test_a_killed_first_ingest_is_made_good_by_the_next(
    workspace: Workspace, tmp_path: Path, victim: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, replace = write(tmp_path / "in"), os.replace

    def killed(source: str | Path, target: str | Path) -> None:
        if Path(target).name == victim:
            raise KeyboardInterrupt
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            ingest(workspace, source)
    assert not workspace.organisation_file.exists()
    ingest(workspace, source)
    assert TableStore(workspace).latest == 1
    assert [stage.name for stage in workspace.organisation().stages] == ["Qualify", "Propose"]


def test_what_a_killed_process_left_is_cleared(workspace: Workspace, tmp_path: Path) -> None:
    left = workspace.tables / ".staging" / "left.parquet"
    left.parent.mkdir(parents=True)
    left.write_text("half written")
    assert ingest(workspace, write(tmp_path / "in")).version == 1
    assert not left.parent.exists()


def test_the_workspace_keeps_its_organisation(workspace: Workspace, tmp_path: Path) -> None:
    source = write(tmp_path / "in")
    Organisation(name="First", currency="EUR").write(source / "organisation.yaml")
    other = tmp_path / "other.yaml"
    Organisation(name="Second", currency="JPY").write(other)
    ingest(workspace, source, organisation=other)
    assert workspace.organisation().name == "Second", "what is given comes before what lies beside the tables"
    report = ingest(workspace, source)
    assert workspace.organisation().name == "Second"
    assert any("keeps its own" in note for note in report.notes)


def test_compensation_plans_are_checked_and_taken_over(workspace: Workspace, tmp_path: Path) -> None:
    source = write(tmp_path / "in")
    (source / "comp_plans.yaml").write_text("plan_id: [")
    with pytest.raises(ConfigurationError, match=r"comp_plans\.yaml"):
        ingest(workspace, source)
    assert not (workspace.tables / "versions.json").exists()
    (source / "comp_plans.yaml").write_text(PLAN)
    assert "1 compensation plans taken over from comp_plans.yaml" in ingest(workspace, source).notes
    assert (workspace.comp_plans / "comp_plans.yaml").read_text() == PLAN


def test_a_running_ingest_keeps_another_one_out(workspace: Workspace, tmp_path: Path) -> None:
    source = write(tmp_path / "in")
    with TableStore(workspace).exclusive(), pytest.raises(DataError, match="another ingest"):
        ingest(workspace, source)
    assert ingest(workspace, source).version == 1


def test_progress_names_every_table(workspace: Workspace, tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    ingest(
        workspace,
        write(tmp_path / "in", reps=REPS),
        progress=lambda label, done, total: seen.append((label, done, total)),
    )
    assert "ingest reps" in [label for label, _, _ in seen]
    assert all(done <= total for _, done, total in seen)
    assert seen[-1][1] == seen[-1][2]
