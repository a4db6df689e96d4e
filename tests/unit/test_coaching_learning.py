"""The loop closed: a new ingest with more enrolments changes what is found, and fills the assignment log."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from spm_ml.cli.main import spm
from spm_ml.coaching.effects import estimate_effects
from spm_ml.coaching.evidence import assignment_table, sync_log
from spm_ml.coaching.rep_periods import RepPeriods, rep_periods
from spm_ml.dataset import build_dataset
from spm_ml.history import SalesHistory
from spm_ml.predictions import Assignment, PredictionStore, ProgramFinding
from spm_ml.settings import Workspace
from spm_ml.sources import ingest

QUARTERS = pd.period_range("2023Q1", "2024Q3", freq="Q")
REPS = [f"r{number:02d}" for number in range(40)]
GAIN = 0.4


def export(folder: Path, enrolled: list[tuple[str, str, str]]) -> Path:
    """CSV files of one deal a rep and month; whoever was enrolled books `GAIN` of the quota more a quarter later."""
    folder.mkdir()
    random = np.random.default_rng(7)
    better = {(rep, pd.Period(start, freq="Q") + 1) for rep, start, _ in enrolled}
    deals = []
    for rep in REPS:
        for quarter in QUARTERS:
            usual = random.normal(0.9, 0.15)
            amount = 1000 * (usual + GAIN * ((rep, quarter) in better))
            won = (quarter.start_time + pd.Timedelta(days=60)).date()
            created = (quarter.start_time + pd.Timedelta(days=5)).date()
            deals.append(f"{rep}-{quarter},{rep},{amount:.2f},{created},{won},Won,won")
    files = {
        "reps": ["rep_id,name,hired_on", *(f"{rep},{rep},2020-01-01" for rep in REPS)],
        "quotas": ["rep_id,period,amount", *(f"{rep},{quarter},1000" for rep in REPS for quarter in QUARTERS)],
        "opportunities": ["opportunity_id,rep_id,amount,created_on,closed_on,stage,outcome", *deals],
        "programs": ["program_id,name,skill,cost,seats,days", "P1,Negotiation Clinic,negotiation,100,,2"],
        "enrolments": [
            "rep_id,program_id,started_on,completed_on,assigned_by,reason",
            *(f"{rep},P1,{start},{end},m1,development plan" for rep, start, end in enrolled),
        ],
    }
    for name, lines in files.items():
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
    return folder


def seen(workspace: Workspace) -> RepPeriods:
    with SalesHistory.open(workspace) as history:
        return rep_periods(history, build_dataset(history))


def finding(periods: RepPeriods) -> ProgramFinding:
    (found,) = estimate_effects(periods)
    return found


@pytest.fixture(scope="module")
def enrolments() -> list[tuple[str, str, str]]:
    random = np.random.default_rng(3)
    chosen = [(rep, quarter) for quarter in QUARTERS[1:-1] for rep in random.choice(REPS, 8, replace=False)]
    return [(str(rep), f"{quarter.start_time:%Y-%m}-08", f"{quarter.start_time:%Y-%m}-11") for rep, quarter in chosen]


def test_more_enrolments_change_the_finding_and_fill_the_log(
    tmp_path: Path, enrolments: list[tuple[str, str, str]]
) -> None:
    workspace = Workspace(tmp_path / "workspace")
    few = enrolments[:3]
    ingest(workspace, export(tmp_path / "first", few))
    before = finding(seen(workspace))
    assert (before.enrolled, before.verdict, before.effect) == (3, "cannot tell", None)
    rep, start, end = enrolments[-1]
    offer = Assignment(
        happened_on=date.fromisoformat(start),
        batch_id="b-1",
        period=str(pd.Period(start, freq="Q")),
        rep_id=rep,
        program_id="P1",
        event="offered",
        actor="coaching",
        reason="largest gap",
        propensity=0.8,
        effect=0.05,
    )
    with PredictionStore.open(workspace.predictions_database) as store:
        store.assignments.append([offer])
        sync_log(store, seen(workspace))
        assert "enrolled" not in {line.event for line in store.assignments.lines()}

        ingest(workspace, export(tmp_path / "second", enrolments))
        later = seen(workspace)
        after = finding(later)
        assert after.enrolled == len(enrolments)
        assert after.trained > before.trained
        assert after.effect is not None
        assert after.effect == pytest.approx(GAIN, abs=0.15)
        assert after.verdict != before.verdict

        assert sync_log(store, later) > 0
        assert sync_log(store, later) == 0
        own = [line for line in store.assignments.lines() if line.rep_id == rep]
        assert {"offered", "enrolled", "completed"} <= {line.event for line in own}
        assert {line.happened_on for line in own if line.event == "completed"} == {date.fromisoformat(end)}
        table = assignment_table(store.assignments.lines(), store.decisions(), later)
    assert (table["source"] == "enrolments").sum() > 0
    assert set(table.loc[table["event"] == "enrolled", "actor"]) == {"m1"}

    for command, found in (("assignments", "development plan"), ("plan-value", "before the log: ")):
        answer = CliRunner().invoke(spm, [command, "--workspace", str(workspace.root)], catch_exceptions=False)
        assert answer.exit_code == 0
        assert found in answer.output
