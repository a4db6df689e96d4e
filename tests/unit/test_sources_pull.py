"""`spm_ml.sources.pulling`: watched folders and databases that hold up nothing, lose nothing and take nothing twice."""

import json
import os
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from spm_ml.errors import BusyError, ConfigurationError
from spm_ml.history.store import TableStore
from spm_ml.settings import Workspace
from spm_ml.sources import Pulled, declared_sources, pull, pulling
from spm_ml.sources.database import Value, Watermark
from tests.databases import PostgresServer
from tests.ingest_world import GOOD, OPPORTUNITIES, REPS, rows, write

EVENTS = "opportunity_id,recorded_at,stage\no1,2024-01-05 10:00:00,Qualify\n"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "work").mkdir()
    return Workspace(tmp_path / "work")


def declare(workspace: Workspace, content: str) -> None:
    (workspace.root / "sources.yaml").write_text(content)


def watch(workspace: Workspace, *, settle: float = 0) -> Path:
    """Declares one folder beside the workspace; what is written there has rested unless a test says otherwise."""
    declare(workspace, f"sources:\n  drop:\n    folder: ../drop\n    settle_seconds: {settle}\n")
    folder = workspace.root.parent / "drop"
    folder.mkdir()
    return folder


def one(workspace: Workspace, *, full: bool = False) -> Pulled:
    (pulled,) = pull(workspace, full=full)
    return pulled


# Folders


def test_only_what_is_new_or_changed_is_taken(workspace: Workspace) -> None:
    folder = watch(workspace)
    write(folder)
    assert one(workspace).versions == (1,)
    assert one(workspace).reports == ()
    write(folder, {"opportunity_events": EVENTS})
    (report,) = one(workspace).reports
    assert [table.table for table in report.tables] == ["opportunity_events"]
    write(folder, {"reps": REPS.replace("Ann Lee", "Ann Ray")})
    assert one(workspace).versions == (3,)
    assert ("Ann Ray",) in rows(workspace, "reps", columns="name")
    assert TableStore(workspace).versions()[0].source == str(folder)


def test_a_file_is_taken_once_it_has_rested(workspace: Workspace) -> None:
    folder = watch(workspace, settle=3600)
    write(folder)
    assert one(workspace).reports == ()  # begun a moment ago
    with (folder / "reps.csv").open("a") as handle:
        handle.write("r3,Cy Fox,m1,2021-04-01\n")  # still written to
    assert one(workspace).problem is None
    assert one(workspace).versions  # nothing has changed since the round before
    assert len(rows(workspace, "reps")) == 4


def test_a_file_from_a_clock_that_is_ahead_is_taken_too(workspace: Workspace) -> None:
    folder = watch(workspace, settle=5)
    write(folder)
    for path in folder.iterdir():
        os.utime(path, (time.time() + 1e6,) * 2)
    assert one(workspace).reports == ()
    assert one(workspace).versions == (1,)


def test_a_file_that_nobody_can_read_holds_up_no_other(workspace: Workspace) -> None:
    folder = watch(workspace)
    write(folder, activities="rep_id,when\nr1,yesterday\n")
    pulled = one(workspace)
    assert {name for name, _ in pulled.refused} >= {"activities.csv"}
    assert "occurred_at" in dict(pulled.refused)["activities.csv"]
    assert "drop: activities.csv was refused" in pulled.text()
    assert one(workspace).reports == ()  # not tried again for nothing
    write(folder, {"activities": "rep_id,occurred_at,kind\nr1,2024-01-09 09:00:00,call\n"})
    mended = one(workspace)
    assert mended.refused == ()
    assert len(rows(workspace, "activities")) == 1
    assert len(rows(workspace, "reps")) == 3


def test_a_link_out_of_the_folder_is_not_followed(workspace: Workspace, tmp_path: Path) -> None:
    folder = watch(workspace)
    write(folder)
    of_others = write(tmp_path / "others", {"activities": "rep_id,occurred_at,kind\nr1,2024-01-09 09:00:00,call\n"})
    (folder / "activities.csv").symlink_to(of_others / "activities.csv")
    (folder / "more").symlink_to(of_others)
    pulled = one(workspace)
    assert pulled.versions == (1,)
    assert {name for name, why in pulled.refused if "a link out of the folder" in why} >= {"activities.csv"}
    assert all(name == "activities.csv" or name.startswith("more/") for name, _ in pulled.refused)
    (folder / "activities.csv").unlink()
    (folder / "more").unlink()
    (folder / "quotas.csv").rename(folder / "whole.csv")
    (folder / "quotas.csv").symlink_to("whole.csv")  # within the folder a link is as good as a file
    assert "quotas.csv" not in dict(one(workspace).refused)


def test_tables_that_arrive_one_after_the_other_wait_for_each_other(workspace: Workspace) -> None:
    folder = watch(workspace)
    for name, content in GOOD.items():
        write(folder, {name: content})
        last = one(workspace)
    assert last.refused == ()
    assert [len(rows(workspace, name)) for name in GOOD] == [3, 2, 3]


def test_everything_anew_removes_what_is_no_longer_there(workspace: Workspace) -> None:
    folder = watch(workspace)
    write(folder)
    one(workspace)
    write(folder, {"opportunities": OPPORTUNITIES.replace("o3,r2,300.5,2024-01-07,,Qualify,\n", "")})
    one(workspace)
    assert len(rows(workspace, "opportunities")) == 3
    one(workspace, full=True)
    assert len(rows(workspace, "opportunities")) == 2


def test_a_kill_between_the_tables_and_the_state_takes_nothing_twice(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(watch(workspace))

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pulling, "_write_state", killed)
        with pytest.raises(KeyboardInterrupt):
            one(workspace)
    assert TableStore(workspace).latest == 1
    again = one(workspace)
    assert again.versions == ()
    assert sum(table.unchanged for table in again.reports[0].tables) == 8
    assert not list((workspace.pulled / ".landing").iterdir())


def test_one_pull_at_a_time_and_a_busy_ingest_is_waited_for(workspace: Workspace) -> None:
    write(watch(workspace))
    with TableStore(workspace).exclusive(), pytest.raises(BusyError, match="another ingest"):
        pull(workspace)
    assert one(workspace).versions == (1,)


def test_older_tables_that_were_put_back_are_filled_up_again(workspace: Workspace) -> None:
    folder = watch(workspace)
    write(folder)
    one(workspace)
    (workspace.tables / "versions.json").unlink()
    assert one(workspace).versions == (1,)


# Databases


def database(path: Path) -> str:
    url = f"sqlite:///{path}"
    engine = create_engine(url)
    with engine.begin() as connection:
        for name, content in GOOD.items():
            header, *lines = content.strip().split("\n")
            connection.execute(text(f"CREATE TABLE {name} ({header}, changed TEXT)"))
            for line in lines:
                cells = ", ".join("NULL" if not cell else f"'{cell}'" for cell in line.split(","))
                connection.execute(text(f"INSERT INTO {name} VALUES ({cells}, '2024-03-01T00:00:00')"))
    engine.dispose()
    return url


def sqlite_source(workspace: Workspace) -> str:
    url = database(workspace.root.parent / "crm.db")
    declare(
        workspace,
        f"sources:\n  crm:\n    url: {url}\n    tables:\n"
        "      reps: {table: reps, watermark: changed}\n"
        "      quotas: {table: quotas, watermark: changed}\n"
        "      opportunities: {query: 'SELECT * FROM opportunities', watermark: changed}\n",
    )
    return url


def run(url: str, statement: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


def test_a_database_is_read_beyond_its_watermark(workspace: Workspace) -> None:
    url = sqlite_source(workspace)
    assert one(workspace).versions == (1,)
    assert one(workspace).versions == ()
    won = "outcome = 'won', closed_on = '2024-03-02', changed = '2024-03-02'"
    run(url, f"UPDATE opportunities SET {won} WHERE opportunity_id = 'o2'")
    run(url, "UPDATE quotas SET amount = 5 WHERE rep_id = 'r1'")  # nobody stamped it
    (report,) = one(workspace).reports
    assert {table.table: table.changed for table in report.tables}["opportunities"] == 1
    state = json.loads((workspace.pulled / "crm.json").read_text())["state"]
    assert state["opportunities"]["value"] == "2024-03-02"
    one(workspace, full=True)
    assert ("r1", 500) in rows(workspace, "quotas", columns="rep_id, amount")


def test_rows_at_the_watermark_and_without_one_are_not_lost(workspace: Workspace) -> None:
    url = sqlite_source(workspace)
    one(workspace)
    run(url, "INSERT INTO reps VALUES ('r3', 'Cy Fox', 'm1', '2022-01-01', '2024-03-01T00:00:00')")  # a tie
    run(url, "INSERT INTO reps VALUES ('r4', 'Di Orr', 'm1', '2022-01-01', NULL)")
    one(workspace)
    assert len(rows(workspace, "reps")) == 5


@pytest.mark.parametrize(("kind", "stored"), [("DATE", "5.1.2026"), ("DATETIME", "soon"), ("NUMERIC", "many")])
def test_a_value_that_is_none_of_its_column_holds_up_no_other_source(
    workspace: Workspace, kind: str, stored: str
) -> None:
    url = database(workspace.root.parent / "crm.db")
    run(url, f"CREATE TABLE odd (id TEXT, changed {kind})")
    run(url, f"INSERT INTO odd VALUES ('a', '{stored}')")
    declare(
        workspace,
        f"sources:\n  odd:\n    url: {url}\n    tables: {{odd: {{table: odd, watermark: changed}}}}\n"
        f"  gone:\n    url: {url}.gone\n    tables: {{reps: {{table: reps}}}}\n"
        f"  crm:\n    url: {url}\n    tables: {{reps: {{table: reps}}, quotas: {{table: quotas}}, "
        "opportunities: {table: opportunities}}\n",
    )
    odd, gone, crm = pull(workspace)
    assert "a value is none of its column's type" in str(odd.problem)
    assert "there is no such file" in str(gone.problem)
    assert not Path(f"{url.removeprefix('sqlite:///')}.gone").exists()
    assert (crm.problem, crm.versions) == (None, (1,))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("ALTER TABLE quotas RENAME TO quota", "has no table quotas"),
        ("ALTER TABLE quotas RENAME COLUMN changed TO changes", "no column 'changed' (did you mean 'changes'?)"),
        ("UPDATE quotas SET changed = x'00'", "a watermark is a time, a date, a number or a text"),
    ],
)
def test_a_database_that_cannot_be_read_says_why_and_nothing_is_stored(
    workspace: Workspace, change: str, said: str
) -> None:
    run(sqlite_source(workspace), change)
    problem = one(workspace).problem
    assert said in str(problem)
    assert TableStore(workspace).latest == 0


@pytest.mark.parametrize(
    ("value", "overlap", "since"),
    [
        (datetime(2024, 3, 1, 12, tzinfo=UTC), None, datetime(2024, 3, 1, 11, 50, tzinfo=UTC)),
        (datetime(2024, 3, 1, 12, tzinfo=UTC), 5, datetime(2024, 3, 1, 11, 59, 55, tzinfo=UTC)),
        (date(2024, 3, 1), None, date(2024, 2, 29)),
        (Decimal(5000), None, Decimal(4000)),
        (Decimal(5000), 0, Decimal(5000)),
        ("0007", None, "0007"),
    ],
)
def test_reading_begins_again_a_little_before_the_watermark(value: Value, overlap: float | None, since: Value) -> None:
    assert Watermark.of(value).since(overlap) == since


def test_postgresql_is_read_in_one_state_with_times_and_cents(workspace: Workspace, postgresql: PostgresServer) -> None:
    name = postgresql.new_database()
    url = postgresql.address(name)
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE SCHEMA crm"))
        connection.execute(text("CREATE TABLE crm.reps (rep_id text, name text, hired_on date, changed timestamptz)"))
        connection.execute(text("CREATE TABLE crm.quotas (rep_id text, period text, amount numeric(12,2), id bigint)"))
        connection.execute(
            text(
                "CREATE TABLE crm.deals (opportunity_id text, rep_id text, amount numeric(12,2), created_on date, "
                "stage text, outcome text, recorded_at timestamptz)"
            )
        )
        connection.execute(text("INSERT INTO crm.reps VALUES ('r1', 'Änn', '2021-02-01', now())"))
        connection.execute(text("INSERT INTO crm.reps VALUES ('r2', 'Bob', '2021-02-01', now() + interval '9 years')"))
        connection.execute(text("INSERT INTO crm.quotas VALUES ('r1', '2024Q1', 1000.10, 7)"))
        connection.execute(
            text("INSERT INTO crm.deals VALUES ('o1', 'r1', 10.05, '2024-01-05', 'Q', 'open', '2024-01-05T23:30-02')")
        )
    declare(
        workspace,
        f"sources:\n  crm:\n    url: {url}\n    tables:\n"
        "      reps: {table: crm.reps, watermark: changed}\n"
        "      quotas: {table: crm.quotas, watermark: id}\n"
        "      opportunities: {query: 'SELECT * FROM crm.deals', watermark: recorded_at}\n",
    )
    assert one(workspace).problem is None
    assert rows(workspace, "opportunities", columns="amount, recorded_at") == [
        (1005, datetime.fromisoformat("2024-01-06T01:30"))
    ]
    assert rows(workspace, "quotas", columns="amount") == [(100010,)]
    state = json.loads((workspace.pulled / "crm.json").read_text())["state"]
    assert state["quotas"] == {"kind": "number", "value": "7"}
    assert datetime.fromisoformat(state["reps"]["value"]) <= datetime.now(UTC) + timedelta(seconds=1)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO crm.quotas VALUES ('r2', '2024Q1', 5, 3)"))  # an id that was late
    engine.dispose()
    assert one(workspace).versions == (2,)


# What is declared


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("drop: {folder: a}", "must hold 'sources:'"),
        ("sources:\n  Drop: {folder: a}", "line 2: 'Drop' cannot name a source"),
        ("sources:\n  drop: {foldr: a}", "did you mean 'folder'?"),
        ("sources:\n  drop:\n    folder: a\n    setle_seconds: 3", "line 4, setle_seconds"),
        (
            "sources:\n  crm:\n    url: postgresql://me:secret@host/crm\n    tables: {reps: {table: reps}}",
            "line 3, url",
        ),
        (
            "sources:\n  crm:\n    url: sqlite:///a\n    tables:\n      reps: {table: a, query: b}",
            "line 5, tables.reps",
        ),
        ("sources:\n  crm:\n    url: sqlite:///a\n    tables:\n      ../reps: {table: a}", "cannot name a file"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(workspace: Workspace, content: str, said: str) -> None:
    declare(workspace, content)
    with pytest.raises(ConfigurationError) as error:
        declared_sources(workspace)
    assert said in str(error.value)
    assert "secret" not in str(error.value)


def test_passwords_come_from_outside_and_are_never_said(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    (workspace.root / "password").write_text("hush\n")
    declare(
        workspace,
        "sources:\n  crm:\n    url: postgresql+psycopg://me@127.0.0.1:1/crm?connect_timeout=2\n"
        "    password_file: password\n    tables: {reps: {table: reps}}",
    )
    source = declared_sources(workspace)["crm"]
    assert not hasattr(source, "folder")
    assert source.address("crm", workspace).password == "hush"
    problem = one(workspace).problem
    assert "cannot be read" in str(problem)
    assert "hush" not in str(problem)
    monkeypatch.setenv("SPM_SOURCE_CRM_PASSWORD", "other")
    assert source.address("crm", workspace).password == "other"
    (workspace.root / "tenant.yaml").write_text("tenant: acme")
    with pytest.raises(ConfigurationError, match="SPM_SOURCE_CRM_PASSWORD"):
        source.address("crm", workspace)


def test_a_name_that_is_not_declared_is_refused(workspace: Workspace) -> None:
    assert pull(workspace) == ()
    watch(workspace)
    with pytest.raises(ConfigurationError, match="did you mean 'drop'"):
        pull(workspace, ["dorp"])
    assert not (workspace.root.parent / "drop.json").exists()
