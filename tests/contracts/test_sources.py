"""What every source promises: rows in = accepted + quarantined, nothing lost, the same export twice changes nothing."""

from importlib.resources import files
from pathlib import Path

import duckdb
import pytest

from spm_ml.history.store import TableStore
from spm_ml.settings import Workspace
from spm_ml.sources import SOURCES, IngestReport, ingest, load_mapping
from spm_ml.tables import TABLE_BY_NAME
from tests.ingest_world import GOOD, rows

# Exports as the vendors write them, each with one record that cannot be used.
EXPORTS: dict[str, dict[str, str]] = {
    "files": {
        **{f"{name}.csv": text for name, text in GOOD.items()},
        "credits.csv": "opportunity_id,rep_id,share\no1,x,1\n",
    },
    "maven": {
        "sales_teams.csv": "sales_agent,manager,regional_office\nAnn Lee,Mia Chief,West\nBob Ray,Mia Chief,West\n",
        "sales_pipeline.csv": "opportunity_id,sales_agent,product,account,deal_stage,engage_date,"
        "close_date,close_value\n"
        "A1,Ann Lee,GTXPro,Isdom,Won,2017-01-05,2017-03-01,1054\nA2,Ann Lee,GTXPro,,Lost,2017-01-07,2017-03-02,0\n"
        "A3,Bob Ray,GTK 500,,Engaging,2017-01-06,,\nA4,Bob Ray,GTK 500,,Prospecting,,,\n"
        "A5,No One,GTK 500,,Won,2017-01-06,2017-03-01,5\n",
    },
    "salesforce": {
        "User.csv": '"Id","FirstName","LastName","ManagerId","Title","IsActive","CreatedDate"\n'
        '"005A","Mia","Chief","","VP","true","2019-12-31T23:00:00.000+0000"\n'
        '"005B","Ann","Lee","005A","AE","true","2020-01-05T10:00:00.000Z"\n',
        "Opportunity.csv": '"Id","OwnerId","AccountId","Type","Amount","CloseDate","CreatedDate","StageName",'
        '"IsClosed","IsWon"\n'
        '"006A","005B","001A","New Business","1000.5","2024-03-01","2024-01-05T10:00:00.000Z","Closed Won",'
        '"true","true"\n'
        '"006B","005B","001A","Other","50","2024-04-01","2024-01-06T10:00:00.000Z","Proposal","false","false"\n'
        '"006C","005X","001A","","50","2024-04-01","2024-01-06T10:00:00.000Z","Proposal","false","false"\n',
        "OpportunityHistory.csv": '"Id","OpportunityId","CreatedDate","StageName","Amount","CloseDate"\n'
        '"008A","006A","2024-01-05T10:00:00.000Z","Proposal","900","2024-02-01"\n'
        '"008B","006A","2024-03-01T10:00:00.000Z","Closed Won","1000.5","2024-03-01"\n',
        "OpportunityFieldHistory.csv": '"OpportunityId","CreatedDate","Field","OldValue","NewValue"\n'
        '"006B","2024-01-06T10:00:00.000Z","created","",""\n'
        '"006B","2024-01-09T10:00:00.000Z","Amount","40","50"\n'
        '"006B","2024-01-10T10:00:00.000Z","Owner","Mia Chief","Ann Lee"\n'
        '"006B","2024-01-10T10:00:00.000Z","Owner","005A","005B"\n',
        "ForecastingQuota.csv": '"QuotaOwnerId","StartDate","QuotaAmount","CreatedDate"\n'
        '"005B","2024-01-01","5000","2023-12-15T10:00:00.000Z"\n',
        "Task.csv": '"OwnerId","WhatId","TaskSubtype","Status","IsClosed","ActivityDate","CallDurationInSeconds"\n'
        '"005B","006A","Call","Completed","true","2024-01-07","120"\n"005B","001A","Email","Open","false","2024-01-07",""\n',
        "Event.csv": '"OwnerId","WhatId","Type","StartDateTime","DurationInMinutes"\n'
        '"005B","006A","Meeting","2024-01-08T10:00:00.000Z","30"\n',
    },
    "hubspot": {
        "owners.csv": "id,email,firstName,lastName,createdAt,archived\n"
        "11,a@x.test,Ann,Lee,2020-01-05T10:00:00.000Z,false\n",
        "pipeline_stages.csv": "stage_id,label,is_closed,closed_won\ns1,Proposal,false,false\n"
        "wonstage,Signed,true,true\nloststage,Dropped,true,false\n",
        "deals.csv": "hs_object_id,dealname,dealstage,amount,closedate,createdate,hubspot_owner_id,dealtype\n"
        "d1,Big,wonstage,1000.5,2024-03-01T10:00:00Z,2024-01-05T10:00:00Z,11,newbusiness\n"
        "d2,Small,s1,50,2024-04-01T10:00:00Z,2024-01-06T10:00:00Z,11,\n"
        "d3,Gone,loststage,7,2024-02-01T10:00:00Z,2024-01-06T10:00:00Z,11,\n"
        "d4,Lonely,s1,50,,2024-01-06T10:00:00Z,,\n",
        "deal_property_history.csv": "deal_id,name,timestamp,value,source\n"
        "d1,dealstage,2024-01-05T10:00:00Z,s1,CRM\nd1,amount,2024-01-07T10:00:00Z,900,CRM\n"
        "d1,dealname,2024-01-07T10:00:00Z,Big,CRM\nd1,dealstage,2024-03-01T10:00:00Z,wonstage,CRM\n",
        "calls.csv": "hs_object_id,hs_timestamp,hubspot_owner_id,hs_call_duration\n71,2024-01-07T10:00:00Z,11,120000\n",
        "engagement_deals.csv": "deal_id,engagement_id\nd1,71\n",
    },
}
NAMES = [source.name for source in SOURCES]


@pytest.fixture(scope="module", params=NAMES)
def imported(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, IngestReport, Path]:
    name = str(request.param)
    folder = tmp_path_factory.mktemp(name)
    export = folder / "export"
    export.mkdir()
    for file, text in EXPORTS[name].items():
        (export / file).write_text(text)
    mapping = None if name == "files" else name
    return name, ingest(Workspace(folder / "workspace"), export, mapping=mapping), folder


def test_every_source_is_covered_and_shipped() -> None:
    assert set(EXPORTS) == set(NAMES)
    shipped = {Path(str(each)).stem for each in files("spm_ml.sources").joinpath("mappings").iterdir()}
    assert shipped == {source.name for source in SOURCES if source.built_in}
    assert len(NAMES) == len(set(NAMES))
    assert all(source.label for source in SOURCES)


@pytest.mark.parametrize("name", NAMES)
def test_a_mapping_gives_every_required_column(name: str) -> None:
    mapping = load_mapping(name)
    assert {"reps", "opportunities"} <= mapping.tables.keys()
    assert {"quotas"} <= {*mapping.tables, *mapping.may_be_absent}
    for table, sources in mapping.tables.items():
        for source in sources:
            assert set(TABLE_BY_NAME[table].required_columns) <= source.columns.keys(), (table, source.file)


def test_rows_in_are_accepted_or_quarantined(imported: tuple[str, IngestReport, Path]) -> None:
    _, report, folder = imported
    assert report.version == 1
    workspace = Workspace(folder / "workspace")
    for table in report.tables:
        assert table.rows_in == table.accepted + table.quarantined
        assert table.accepted == table.new + table.changed + table.unchanged
        assert len(rows(workspace, table.table)) == table.accepted
    assert sum(table.quarantined for table in report.tables) == 1
    assert TableStore(workspace).versions()[0].tables.keys() == {table.table for table in report.tables}


def test_what_was_set_aside_is_kept_with_its_reason(imported: tuple[str, IngestReport, Path]) -> None:
    _, report, _ = imported
    (finding,) = [each for each in report.findings if each.kind == "row"]
    assert finding.line > 1
    assert finding.remedy
    with duckdb.connect() as connection:
        kept = connection.execute(f"SELECT file, line, record FROM '{report.quarantine_file}'").fetchall()
    assert (finding.file, finding.line) in {(file, line) for file, line, _ in kept}
    assert all(record for _, _, record in kept)


def test_the_same_export_again_changes_nothing(imported: tuple[str, IngestReport, Path]) -> None:
    name, report, folder = imported
    again = ingest(Workspace(folder / "workspace"), folder / "export", mapping=None if name == "files" else name)
    assert again.version is None
    assert [table.unchanged for table in again.tables] == [
        table.accepted for table in report.tables if not table.absent
    ]


def test_a_won_deal_keeps_its_value_owner_and_days(imported: tuple[str, IngestReport, Path]) -> None:
    name, _, folder = imported
    won = [
        row
        for row in rows(
            Workspace(folder / "workspace"),
            "opportunities",
            columns="outcome, rep_id, amount, created_on::VARCHAR, closed_on::VARCHAR, product",
        )
        if row[0] == "won"
    ]
    expected = {
        "files": ("won", "r1", 10010, "2024-01-05", "2024-02-01", None),
        "maven": ("won", "Ann Lee", 105400, "2017-01-05", "2017-03-01", "GTX Pro"),
        "salesforce": ("won", "005B", 100050, "2024-01-05", "2024-03-01", None),
        "hubspot": ("won", "11", 100050, "2024-01-05", "2024-03-01", None),
    }
    assert won == [expected[name]]


def test_crm_history_becomes_the_ledger(imported: tuple[str, IngestReport, Path]) -> None:
    name, report, folder = imported
    if name not in {"salesforce", "hubspot"}:
        assert "opportunity_events" not in {table.table for table in report.tables}
        return
    events = rows(
        Workspace(folder / "workspace"),
        "opportunity_events",
        columns="opportunity_id, recorded_at::DATE::VARCHAR, rep_id, stage, amount, outcome",
    )
    assert (
        events
        == {
            "salesforce": [
                ("006A", "2024-01-05", None, "Proposal", 90000, "open"),
                ("006A", "2024-03-01", None, "Closed Won", 100050, "won"),
                ("006B", "2024-01-09", None, None, 5000, None),
                ("006B", "2024-01-10", "005B", None, None, None),
                ("006B", "2024-01-10", None, None, None, None),
            ],
            "hubspot": [
                ("d1", "2024-01-05", None, "Proposal", None, "open"),
                ("d1", "2024-01-07", None, None, 90000, None),
                ("d1", "2024-03-01", None, "Signed", None, "won"),
            ],
        }[name]
    )
    activities = rows(Workspace(folder / "workspace"), "activities", columns="kind, opportunity_id, minutes")
    assert (
        activities
        == {
            "salesforce": [("call", "006A", 2), ("meeting", "006A", 30)],
            "hubspot": [("call", "d1", 2)],
        }[name]
    )
