"""Real CRM exports, read where `SPM_REAL_DATA` points; none of them is part of the project."""

import os
from pathlib import Path

import duckdb
import pytest

from spm_ml.history.store import TableStore
from spm_ml.settings import Workspace
from spm_ml.sources import IngestReport, ingest

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(
        not os.environ.get("SPM_REAL_DATA"), reason="SPM_REAL_DATA does not name a folder of real CRM exports"
    ),
]


def real(name: str) -> Path:
    return Path(os.environ["SPM_REAL_DATA"]) / name


@pytest.fixture(scope="module")
def maven(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, IngestReport]:
    workspace = Workspace(tmp_path_factory.mktemp("maven"))
    return workspace, ingest(workspace, real("maven_crm"), mapping="maven")


def test_maven_is_imported_whole(maven: tuple[Workspace, IngestReport]) -> None:
    workspace, report = maven
    deals = report.table("opportunities")
    assert (deals.rows_in, deals.accepted, deals.quarantined, deals.filtered) == (8800, 8800, 0, 0)
    assert (report.table("reps").accepted, report.table("quotas").absent) == (35 + 6, True)
    assert [(made.column, made.rows) for made in deals.assumptions] == [("created_on", 500)]
    assert workspace.organisation().fiscal.period == "month"
    assert [stage.name for stage in workspace.organisation().stages] == ["Prospecting", "Engaging"]


def test_maven_facts_are_reproduced(maven: tuple[Workspace, IngestReport]) -> None:
    sql = TableStore(maven[0]).relation_sql("opportunities", 1)

    def fact(what: str, where: str = "true") -> tuple[object, ...]:
        with duckdb.connect() as connection:
            return connection.execute(f"SELECT {what} FROM ({sql}) WHERE {where}").fetchall()[0]

    assert [fact("count(*)", f"outcome = '{outcome}'")[0] for outcome in ("won", "lost", "open")] == [4238, 2473, 2089]
    assert fact("sum(amount)", "outcome = 'won'") == (1000553400,)
    assert fact("min(closed_on)::VARCHAR, max(closed_on)::VARCHAR") == ("2017-03-01", "2017-12-31")
    cycle = "round(avg(closed_on - created_on), 1), median(closed_on - created_on)"
    assert fact(cycle, "outcome = 'won'") == (51.8, 57)
    assert fact(cycle, "outcome <> 'open'") == (48.0, 45)
    assert fact("count(*)", "account_id IS NULL") == (1425,)
    months = "count(DISTINCT (rep_id, date_trunc('month', closed_on))), count(DISTINCT rep_id)"
    assert fact(months, "outcome = 'won'") == (300, 30)
    assert fact("count(*)", "product = 'GTXPro' OR (outcome <> 'won' AND amount IS NOT NULL)") == (0,)


def test_maven_takes_quotas_later(maven: tuple[Workspace, IngestReport], tmp_path: Path) -> None:
    workspace, _ = maven
    (tmp_path / "quotas.csv").write_text("rep_id,period,amount\nAnna Snelling,2017-03,30000\n")
    report = ingest(workspace, tmp_path)
    assert (report.version, report.table("quotas").new) == (2, 1)
    assert ingest(workspace, real("maven_crm"), mapping="maven").version is None


SEEDS = {
    "salesforce": {"reps": (10, 5), "opportunities": (10, 0), "opportunity_events": (10, 0), "activities": (20, 0)},
    "hubspot": {"reps": (100, 100), "opportunities": (44, 22), "opportunity_events": (14, 0), "activities": (106, 0)},
}
"""Rows in and rows accepted: the seeds are hashed, so most of their references dangle."""


@pytest.mark.parametrize("name", list(SEEDS))
def test_connector_seeds_are_counted_to_the_row(name: str, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "workspace")
    report = ingest(workspace, real(f"fivetran_{name}"), mapping=name)
    assert {each.table: (each.rows_in, each.accepted) for each in report.tables if not each.absent} == SEEDS[name]
    assert all(each.rows_in == each.accepted + each.quarantined for each in report.tables)
    rows = {(each.table, each.file, each.line) for each in report.findings if each.kind == "row"}
    assert len(rows) == sum(each.quarantined for each in report.tables)
    assert ingest(workspace, real(f"fivetran_{name}"), mapping=name).version is None
