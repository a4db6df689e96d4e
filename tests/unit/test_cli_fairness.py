"""`spm fairness` on a published batch: tables, JSON, files, and rows that stay where they are."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from spm_ml.cli import demo
from spm_ml.cli.console import Console, ConsoleProgress
from spm_ml.cli.fairness import fairness, warn_of_groups
from spm_ml.errors import ConfigurationError, NotReadyError
from spm_ml.fairness import ProtectedGroups
from spm_ml.fairness.audit import COLUMNS
from spm_ml.predictions import FairnessAudit, Person, PredictionStore, Scope
from spm_ml.settings import FairnessSettings, Organisation, Workspace
from spm_ml.sources import ingest
from tests.ingest_world import GOOD, write
from tests.prediction_world import PEOPLE, make_world

MANY = 40
REPS = [person.rep_id for person in PEOPLE if person.role == "account executive"]


def run(workspace: Workspace, *options: object) -> Result:
    return CliRunner().invoke(
        fairness, ["--workspace", str(workspace.root), *map(str, options)], catch_exceptions=False
    )


@pytest.fixture
def make(tmp_path: Path, harbour_file: Path) -> Callable[[FairnessSettings], Workspace]:
    """A workspace with the published batch, half of its reps of each gender."""

    def workspace_of(settings: FairnessSettings) -> Workspace:
        workspace = Workspace(tmp_path / "ws")
        Organisation(fairness=settings).write(workspace.organisation_file)
        reps = GOOD["reps"] + "".join(f"{rep},X,,2020-01-01\n" for rep in REPS)
        values = "".join(f"{rep},gender,{'f' if place % 2 else 'm'}\n" for place, rep in enumerate(REPS))
        ingest(workspace, write(tmp_path / "in", reps=reps, protected_groups="rep_id,attribute,value\n" + values))
        shutil.copy(harbour_file, workspace.predictions_database)
        return workspace

    return workspace_of


def test_tables_are_printed_and_written(make: Callable[[FairnessSettings], Workspace], tmp_path: Path) -> None:
    workspace = make(FairnessSettings(minimum_group=3, aggregation_only=False))
    done = run(workspace, "--out", tmp_path / "audit.csv", "--rows", tmp_path / "rows.csv")
    assert "Burden and benefit by protected group" in done.stdout
    for measure in ("high_risk", "offered", "offered_of_gaining"):
        assert measure in done.stdout
    written = pd.read_csv(tmp_path / "audit.csv")
    assert list(written) == list(COLUMNS)
    rows = pd.read_csv(tmp_path / "rows.csv")
    assert set(rows["rep_id"]) == set(REPS)
    answer = json.loads(run(workspace, "--json").stdout)
    assert {row["group"] for row in answer} == {"f", "m"}


def test_in_aggregation_only_mode_rows_are_refused(
    make: Callable[[FairnessSettings], Workspace], tmp_path: Path
) -> None:
    workspace = make(FairnessSettings())
    with pytest.raises(ConfigurationError, match="rows about single persons stay"):
        run(workspace, "--rows", tmp_path / "rows.csv")
    assert not (tmp_path / "rows.csv").exists()
    printed = run(workspace, "--json")
    assert not any(rep in printed.output for rep in REPS)


def test_nothing_published_and_nobody_on_record_are_answers(
    tmp_path: Path, harbour_file: Path, make: Callable[[FairnessSettings], Workspace]
) -> None:
    empty = Workspace(tmp_path / "empty")
    Organisation().write(empty.organisation_file)
    with pytest.raises(NotReadyError, match="run 'spm score' first"):
        run(empty)
    shutil.copy(harbour_file, empty.predictions_database)
    done = run(empty)
    assert "No protected group of these people is on record." in done.stderr
    assert "(no rows)" in done.stdout
    assert json.loads(run(empty, "--json").stdout) == []


def test_the_plan_is_published_with_a_warning(
    tmp_path: Path, make: Callable[[FairnessSettings], Workspace], capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = make(FairnessSettings())
    people = (
        *PEOPLE[:3],
        *(Person(f"r{place:02d}", "X", PEOPLE[1].rep_id, "account executive") for place in range(MANY)),
    )
    world = make_world(weeks=1, batch_id="b-0002", people=people)
    offers = {offer.rep_id: offer.abstention is None for offer in world.recommendations}
    reps = GOOD["reps"] + "".join(f"{rep},X,,2020-01-01\n" for rep in offers)
    values = "".join(f"{rep},gender,{'m' if offered else 'f'}\n" for rep, offered in offers.items())
    ingest(workspace, write(tmp_path / "more", reps=reps, protected_groups="rep_id,attribute,value\n" + values))
    with PredictionStore.open(workspace.predictions_database) as store:
        world.publish_into(store)
    warn_of_groups(Console(workspace, False, ConsoleProgress()))
    assert "clearly beyond four fifths: Offered a program: gender f 0% beside 100% of m" in capsys.readouterr().err
    warn_of_groups(Console(Workspace(tmp_path / "no store"), False, ConsoleProgress()))


def audit_of(workspace: Workspace) -> FairnessAudit | None:
    with PredictionStore.open(workspace.predictions_database) as store, store.read(Scope("hr")) as batch:
        return batch.fairness()


def test_the_demo_ends_with_an_audit_of_what_it_published(
    make: Callable[[FairnessSettings], Workspace], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = make(FairnessSettings(minimum_group=3))
    for step in ("_simulate", "_ingest", "_dataset", "_backtest", "_train", "_score", "_serve"):
        monkeypatch.setattr(demo, step, lambda *_: None)  # the batch is published already
    for step in ("publish_offers", "print_logins"):
        monkeypatch.setattr(demo, step, lambda *_: None)
    done = CliRunner().invoke(demo.demo, ["--workspace", str(workspace.root)], catch_exceptions=False)
    assert "fairness: " in done.stderr
    found = audit_of(workspace)
    assert found is not None
    assert {row.attribute for row in found.rows if row.measure == "high_risk"} == {"gender"}


def test_where_the_settings_keep_it_to_the_command_nothing_else_reads_the_groups(
    make: Callable[[FairnessSettings], Workspace], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = make(FairnessSettings(audit_published=False))
    with monkeypatch.context() as patched:
        patched.setattr(ProtectedGroups, "read", lambda *_: pytest.fail("the groups were read"))
        warn_of_groups(Console(workspace, False, ConsoleProgress()))
    assert audit_of(workspace) is None
    run(workspace)
    assert audit_of(workspace) is not None
