"""Every kind of bad row: quarantined with file, line, column, value, rule and remedy; good rows go on."""

import json
import re
from pathlib import Path

import duckdb
import pytest

from spm_ml.errors import DataError
from spm_ml.settings import Organisation, Workspace
from spm_ml.sources import IngestReport, ingest
from tests.ingest_world import QUOTAS, REPS, rows, write

RATES = "currency,rate_on,rate\nEUR,2024-01-01,1.1\n"
HEADERS = {
    "reps": "rep_id,name,manager_id,hired_on,left_on,fte",
    "quotas": "rep_id,period,amount",
    "opportunities": "opportunity_id,rep_id,amount,created_on,closed_on,stage,outcome",
    "opportunity_events": "opportunity_id,recorded_at,stage,amount,outcome",
    "credits": "opportunity_id,rep_id,share",
    "programs": "program_id,name,skill,seats",
    "activities": "rep_id,occurred_at,kind,minutes",
    "fx_rates": "currency,rate_on,rate",
}
GOOD_ROWS = {
    "reps": ["m1,Mia,,2020-01-01,,", "r1,Ann,m1,2021-02-01,,0.5", "r2,Bob,m1,2021-03-01,,1"],
    "quotas": ["r1,2024Q1,1000.00", "r2,2024-01-01,0"],
    "opportunities": ["o1,r1,100.10,2024-01-05,2024-02-01,Won,won", "o2,r2,,2024-01-06,,Propose,"],
    "opportunity_events": ["o1,2024-01-05T10:00:00Z,Qualify,100,open"],
    "credits": ["o1,r1,0.5"],
    "programs": ["p1,A,a,3"],
    "activities": ["r1,2024-01-05,call,5"],
    "fx_rates": ["EUR,2024-01-01,1.1"],
}
BAD_ROWS = [
    ("reps", ",Nobody,,2021-01-01,,", "rep_id", None, "must be filled", "fill in rep_id"),
    ("reps", "a1,N,,01.02.2021,,", "hired_on", "01.02.2021", "must be a date", "YYYY-MM-DD"),
    ("reps", "a2,N,,2021-02-31,,", "hired_on", "2021-02-31", "must be a date", "YYYY-MM-DD"),
    ("reps", "a3,N,,0020-02-01,,", "hired_on", "0020-02-01", "must be a date", "1900"),
    ("reps", "a4,N,,infinity,,", "hired_on", "infinity", "must be a date", "YYYY-MM-DD"),
    ("reps", "r1,Ann,,2021-02-01,,", "rep_id", "r1", "must occur once", "reps.csv, line 3"),
    (
        "reps",
        "a5,N,,2021-01-01,2020-12-31,",
        "left_on",
        "2020-12-31",
        "must not lie before hired_on",
        "correct hired_on",
    ),
    ("reps", "a6,N,,2021-01-01,,0", "fte", "0", "must be above 0", "correct"),
    ("reps", "a7,N,,2021-01-01,,2", "fte", "2", "must be at most 1", "correct"),
    ("quotas", "r1,2024Q2,1.000\u202f000", "amount", "1.000\u202f000", "must be an amount", "decimal"),
    ("quotas", 'r1,2024Q2,"1,000"', "amount", "1,000", "must be an amount", "thousands"),
    ("quotas", "r1,2024Q2,nan", "amount", "nan", "must be an amount", "decimal"),
    ("quotas", "r1,2024Q2,1_000", "amount", "1_000", "must be an amount", "decimal"),
    ("quotas", "r1,2024Q2,1e17", "amount", "1e17", "must be an amount", "decimal"),
    ("quotas", "r1,2024Q2,-1", "amount", "-1", "must be at least 0", "correct"),
    ("quotas", "r1,2024Q5,1", "period", "2024Q5", "must be a period", "2024Q5"),
    ("quotas", "r1,2024-03,1", "period", "2024-03", "must be a period", "quarters"),
    ("quotas", "r1,2024-02-15,1", "period", "2024-02-15", "must be a period", "2024Q1"),
    ("quotas", "R-1,2024Q2,1", "rep_id", "R-1", "must occur in reps", "did you mean 'r1'"),
    ("quotas", "r1,2024Q2", "", "r1,2024Q2", "has 2 cells, the header has 3", "quote"),
    ("quotas", "r1,2024Q2,1,2", "", "r1,2024Q2,1,2", "has 4 cells, the header has 3", "quote"),
    ("quotas", 'r1,"2024Q2,1', "", 'r1,"2024Q2,1', "opens a quote that is never closed", "quote"),
    ("quotas", 'r1,"2024Q2"x,1', "", 'r1,"2024Q2"x,1', "cannot be split into cells", "quote"),
    ("opportunities", "b1,x,1,2024-01-05,,Propose,open", "rep_id", "x", "must occur in reps", "add it to reps"),
    ("opportunities", "b2,r1,1,2024-01-05,,Propose,wonn", "outcome", "wonn", "must be one of", "did you mean 'won'"),
    ("opportunities", "b3,r1,1,2024-01-05,,,open", "stage", None, "must be filled", "fill in stage"),
    (
        "opportunities",
        "b4,r1,1,2024-02-05,2024-01-05,Won,won",
        "closed_on",
        "2024-01-05",
        "must not lie before",
        "correct",
    ),
    ("opportunities", "o1,r2,5,2024-01-05,,Propose,open", "opportunity_id", "o1", "must occur once", "line 2"),
    ("opportunity_events", "o7,2024-01-05T10:00:00Z,Qualify,1,open", "opportunity_id", "o7", "must occur in", "add it"),
    ("opportunity_events", "o1,yesterday,Qualify,1,open", "recorded_at", "yesterday", "must be a time", "UTC"),
    ("credits", "o1,r2,50", "share", "50", "must be at most 1", "0–1"),
    ("programs", "p2,B,b,2.5", "seats", "2.5", "must be a whole number", "digits"),
    ("activities", "r1,2024-01-06,call,inf", "minutes", "inf", "must be a number", "decimal"),
    ("fx_rates", "GBP,2024-01-01,0", "rate", "0", "must be above 0", "correct"),
    ("fx_rates", "pounds,2024-01-01,1", "currency", "POUNDS", "must be an ISO 4217 code", "EUR"),
]


def lines_of(table: str) -> list[str]:
    return [*GOOD_ROWS[table], *(row for name, row, *_ in BAD_ROWS if name == table)]


@pytest.fixture(scope="module")
def dirty(tmp_path_factory: pytest.TempPathFactory) -> tuple[IngestReport, Workspace]:
    root = tmp_path_factory.mktemp("dirty")
    tables = {table: "\n".join([header, *lines_of(table)]) + "\n" for table, header in HEADERS.items()}
    workspace = Workspace(root / "workspace")
    return ingest(workspace, write(root / "in", tables)), workspace


@pytest.mark.parametrize(("table", "row", "column", "value", "rule", "remedy"), BAD_ROWS)
def test_a_bad_row_is_quarantined_with_its_reason(
    dirty: tuple[IngestReport, Workspace],
    table: str,
    row: str,
    column: str,
    value: str | None,
    rule: str,
    remedy: str,
) -> None:
    line = lines_of(table).index(row) + 2
    (finding,) = [each for each in dirty[0].findings if (each.table, each.line) == (table, line)]
    assert (finding.kind, finding.file) == ("row", f"{table}.csv")
    assert (finding.column, finding.value) == (column, value)
    assert rule in finding.rule
    assert remedy in finding.remedy


@pytest.mark.parametrize("table", list(HEADERS))
def test_good_rows_go_on_and_every_row_is_counted(dirty: tuple[IngestReport, Workspace], table: str) -> None:
    counts = dirty[0].table(table)
    good, bad = len(GOOD_ROWS[table]), len(lines_of(table)) - len(GOOD_ROWS[table])
    assert (counts.rows_in, counts.accepted, counts.quarantined) == (good + bad, good, bad)
    assert len(rows(dirty[1], table)) == good


def test_the_quarantine_keeps_the_record_and_every_reason(tmp_path: Path) -> None:
    text = QUOTAS + 'x,"2024\nQ9",many\n'
    report = ingest(Workspace(tmp_path / "workspace"), write(tmp_path / "in", quotas=text))
    assert report.quarantine_file is not None
    assert re.fullmatch(r"000001-[0-9a-f]{8}\.csv", report.quarantine_file.name)
    with duckdb.connect() as connection:
        for path in (report.quarantine_file, report.quarantine_file.with_suffix(".parquet")):
            kept = connection.execute(f'SELECT line, "column", record FROM \'{path}\' ORDER BY "column"').fetchall()
            assert [(line, column) for line, column, _ in kept] == [(4, "amount"), (4, "period"), (4, "rep_id")]
            assert json.loads(kept[0][2]) == {"rep_id": "x", "period": "2024\nQ9", "amount": "many"}
    assert report.findings_total == 3
    assert [each.rows for each in report.broken_rules] == [1, 1, 1]
    assert "many" in report.text()
    assert json.loads(json.dumps(report.to_json()))["tables"][1]["quarantined"] == 1


def test_lines_are_true_although_quoted_cells_hold_line_breaks(tmp_path: Path) -> None:
    reps = 'rep_id,name,hired_on\nm1,"Mia\nthe ""Chief""",2020-01-01\n\nr1,Ann,never\nr2,Bob,2021-01-01\n'
    report = ingest(Workspace(tmp_path / "workspace"), write(tmp_path / "in", reps=reps))
    assert [(each.line, each.value) for each in report.findings if each.table == "reps"] == [(5, "never")]


def test_a_quarantined_parent_takes_its_rows_along(tmp_path: Path) -> None:
    reps = REPS.replace("r2,Bob Ray,m1,2021-03-01", "r2,Bob Ray,m1,soon")
    report = ingest(Workspace(tmp_path / "workspace"), write(tmp_path / "in", reps=reps))
    assert {each.table: each.quarantined for each in report.tables} == {"reps": 1, "quotas": 1, "opportunities": 2}


def test_a_stage_that_is_not_declared_is_quarantined(tmp_path: Path) -> None:
    source = write(tmp_path / "in")
    Organisation.parse(
        {"stages": [{"name": "Qualify"}, {"name": "Proposed", "aliases": [{"name": "Quote"}]}]}, where="test"
    ).write(source / "organisation.yaml")
    report = ingest(Workspace(tmp_path / "workspace"), source)
    (finding,) = report.findings
    assert (finding.column, finding.value) == ("stage", "Propose")
    assert "did you mean 'Proposed'" in finding.remedy
    assert report.table("opportunities").accepted == 2, "the stage of a won deal is not one of the pipeline"


def test_shares_beyond_the_deal_are_quarantined_and_those_known_before_stay(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "workspace")
    header = "opportunity_id,rep_id,share,kind\n"
    first = header + "o1,r1,0.7,\no2,r1,0.6,revenue\no2,r2,0.6,revenue\no2,m1,1,overlay\n"
    report = ingest(workspace, write(tmp_path / "in", credits=first))
    assert [(each.line, each.value, each.rule) for each in report.findings] == [
        (line, "0.6", "must sum to at most 1 with the deal's other revenue shares") for line in (3, 4)
    ]
    later = ingest(workspace, write(tmp_path / "later", {"credits": header + "o1,r2,0.4,\no2,r2,1,\n"}))
    assert [(each.line, each.value) for each in later.findings] == [(2, "0.4")]
    assert "state one that ended as 0" in later.findings[0].remedy
    mended = ingest(workspace, write(tmp_path / "mended", {"credits": header + "o1,r1,0.6,\no1,r2,0.4,\n"}))
    assert mended.findings == ()
    shares = rows(workspace, "credits", columns="opportunity_id, rep_id, share")
    assert sorted(shares) == [("o1", "r1", 0.6), ("o1", "r2", 0.4), ("o2", "m1", 1.0), ("o2", "r2", 1.0)]


def test_mixed_currencies_need_rates_of_their_day(tmp_path: Path) -> None:
    deals = (
        "opportunity_id,rep_id,amount,currency,created_on,stage\n"
        "o1,r1,1.5,,2024-01-05,Propose\no2,r1,1,eur,2024-01-05,Propose\n"
        "o3,r1,1,EUR,2023-12-31,Propose\no4,r1,1,GBP,2024-01-05,Propose\n"
    )
    workspace = Workspace(tmp_path / "workspace")
    report = ingest(workspace, write(tmp_path / "in", opportunities=deals, fx_rates=RATES))
    assert [(each.line, each.value) for each in report.findings] == [(4, "EUR"), (5, "GBP")]
    assert all("add a row to fx_rates" in each.remedy for each in report.findings)
    assert rows(workspace, "opportunities", columns="opportunity_id, currency") == [("o1", "USD"), ("o2", "EUR")]


def test_a_zero_quota_and_a_rep_without_a_manager_are_kept(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "workspace")
    quotas = "rep_id,period,amount\nr1,2024Q1,0\n"
    report = ingest(workspace, write(tmp_path / "in", quotas=quotas))
    assert report.findings == ()
    assert rows(workspace, "quotas", columns="rep_id, amount") == [("r1", 0)]
    assert rows(workspace, "reps", columns="rep_id, manager_id")[0] == ("m1", None)


def test_one_rep_and_one_period_are_enough(tmp_path: Path) -> None:
    tables = {
        "reps": "rep_id,hired_on\nr1,2020-01-01\n",
        "quotas": "rep_id,period,amount\nr1,2024Q1,5\n",
        "opportunities": "opportunity_id,rep_id,created_on,stage\n",
    }
    report = ingest(Workspace(tmp_path / "workspace"), write(tmp_path / "in", tables))
    assert [each.accepted for each in report.tables] == [1, 1, 0]


def test_a_rule_that_no_row_meets_stops_the_ingest(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "workspace")
    reps = REPS.replace("2020-01-01", "01.01.2020").replace("2021-02-01", "01.02.21").replace("2021-03-01", "x")
    quotas = QUOTAS.replace("2024Q1", "2024-01").replace("2024Q2", "2024-02")
    with pytest.raises(DataError) as caught:
        ingest(workspace, write(tmp_path / "in", reps=reps, quotas=quotas))
    message = str(caught.value)
    assert "none of the 3 rows of reps meets the rule that hired_on must be a date" in message
    assert "reps.csv, line 2 holds '01.01.2020'" in message
    assert "none of the 2 rows of quotas meets the rule that period must be a period" in message
    assert "nothing was stored" in message
    assert not (workspace.tables / "versions.json").exists()


def test_protected_values_never_leave_their_store(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "workspace")
    groups = "rep_id,attribute,value\nr1,gender,female\nr77,gender,secret\nr2,,hidden\n"
    report = ingest(workspace, write(tmp_path / "in", protected_groups=groups))
    assert report.table("protected_groups").quarantined == 2
    outside = [path for path in workspace.root.rglob("*") if path.is_file() and workspace.protected not in path.parents]
    assert not any(word in path.read_bytes() for path in outside for word in (b"secret", b"hidden", b"gender"))
    assert "secret" not in report.text() + json.dumps(report.to_json())
    assert len(list((workspace.protected / "quarantine").glob("*.csv"))) == 1
