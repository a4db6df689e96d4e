"""spm submissions: what people entered is data again after the next ingest."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from spm_ml.cli.main import spm
from spm_ml.errors import NotReadyError
from spm_ml.history import SalesHistory
from spm_ml.predictions import NewSubmission, PredictionStore, Principal, Scope
from spm_ml.settings import Organisation, Workspace
from spm_ml.sources import ingest
from tests.ingest_world import rows, write
from tests.prediction_world import NORTH, make_world

INES = Principal("t-1", "Ines Moreau", Scope("rep", "r-101"))
ANNA = Principal("t-3", "Anna Keller", Scope("manager", NORTH))

EXPORT = {
    "reps": "rep_id,name,manager_id,hired_on\nm-north,Anna Keller,,2020-01-01\nr-101,Ines Moreau,m-north,2021-02-01\n",
    "quotas": "rep_id,period,amount\nr-101,2026Q2,300000\n",
    "opportunities": "opportunity_id,rep_id,amount,created_on,closed_on,stage,outcome\n"
    "o1,r-101,100.10,2026-04-05,2026-05-02,Won,won\n",
}
FROM_THE_CRM = (
    "rep_id,period,submitted_at,kind,amount,submitted_by\nr-101,2026Q2,2026-04-03T09:00:00Z,commit,250000,r-101\n"
)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path / "w")
    Organisation(currency="EUR").write(workspace.organisation_file)
    return workspace


def run(workspace: Workspace, *words: str) -> Result:
    return CliRunner().invoke(spm, ["submissions", *words, "--workspace", str(workspace.root)])


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_what_is_entered_is_read_by_the_next_ingest(workspace: Workspace, tmp_path: Path, ending: str) -> None:
    with PredictionStore.open(workspace.predictions_database) as store:
        make_world(weeks=2).publish_into(store)
        commit = store.submissions.enter(INES, NewSubmission("r-101", "commit", 31_000_055))
        override = store.submissions.enter(ANNA, NewSubmission("r-101", "manager_override", 28_000_000, "one slipped"))
    assert commit is not None
    assert override is not None
    export = write(tmp_path / "export", EXPORT)
    write(export / "submissions", {"crm": FROM_THE_CRM} if ending == "csv" else {})
    done = run(workspace, "--out", str(export / "submissions" / f"entered.{ending}"))
    assert done.exit_code == 0, done.output
    assert "2 numbers entered" in done.output

    report = ingest(workspace, export)
    assert all(table.quarantined == 0 for table in report.tables)
    said = rows(workspace, "submissions", columns="kind, amount, submitted_by, submitted_at")
    entered = [("commit", 31_000_055, "r-101"), ("manager_override", 28_000_000, "m-north")]
    assert [row[:3] for row in said][-2:] == entered
    assert len(said) == (3 if ending == "csv" else 2)
    assert said[-2][3].replace(tzinfo=UTC) == commit.submitted_at
    with SalesHistory.open(workspace) as history:
        assert history.watermark < datetime.now(UTC).date() - timedelta(days=30), "the deals are no newer for it"
        told = history.submissions.to_pandas()
        assert sorted(told["amount"])[-2:] == [28_000_000, 31_000_055]
        assert set(told["period"]) == {"2026Q2"}


def test_amounts_of_another_currency_stay_behind_and_nothing_is_said_without_a_store(
    workspace: Workspace, tmp_path: Path
) -> None:
    assert isinstance(run(workspace).exception, NotReadyError)
    with PredictionStore.open(workspace.predictions_database) as store:
        make_world(weeks=2).publish_into(store)
        assert store.submissions.enter(INES, NewSubmission("r-101", "commit", 31_000_000))
    Organisation(currency="USD").write(workspace.organisation_file)
    done = run(workspace, "--out", str(tmp_path / "a.csv"))
    assert "1 left out: they are not in USD" in done.output
    assert list(pd.read_csv(tmp_path / "a.csv").columns) == [
        "rep_id", "period", "submitted_at", "kind", "amount", "submitted_by"
    ]  # fmt: skip
