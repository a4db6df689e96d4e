"""Spend that names groups: CAC and payback of each, sums to the cent, and tables stored before spend could name any."""

import shutil
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from spm_ml.history import SalesHistory
from spm_ml.history.frames import arrow_tables, frames_hash
from spm_ml.metrics import Level
from spm_ml.metrics.deal_states import closed_before, deal_states, ledger_since, window_grid
from spm_ml.metrics.evaluate import evaluate_metrics
from spm_ml.metrics.inputs_acquisition import new_customers
from spm_ml.metrics.window import Window
from spm_ml.settings import Organisation, Workspace
from spm_ml.sources import ingest
from spm_ml.tables import TABLES
from tests.ingest_world import rows, write
from tests.metric_world import deal, history_of, random_tables, rep, together

JAN, FEB = date(2026, 1, 5), date(2026, 2, 2)
SPEND = "sales_and_marketing_spend"


def spent(amount: float, **groups: str) -> dict[str, Any]:
    return {"spent_on": "2026-01-20", "category": "sales", "amount": amount} | groups


def won(name: str, by: str) -> dict[str, Any]:
    step = {"rep_id": by, "amount": 1200, "outcome": "open"}
    return dict(deal(name, (JAN, step), (FEB, {"outcome": "won", "stage": "Won"})))


TABLES_OF = together(
    {
        "reps": [
            rep("boss"),
            rep("m1", "boss", team="red", region="North"),
            rep("m2", "boss", region="South"),
            rep("ann", "m1", team="red", region="North", segment="SMB"),
            rep("bob", "m1", team="both", region="North"),
            rep("cyd", "m2", team="both", region="South"),
            rep("dan", "m2", team="blue", region="East"),
            rep("old", "m1", team="blue", region="North", left_on="2025-06-30"),
        ],
        "spend": [
            spent(100.01, region="North", team="red"),
            spent(0.02, region="South", team="both"),
            spent(5.55, team="blue", segment="SMB"),
            spent(7.03),
            spent(2.04, region="Atlantis", team="nobody"),
            {"spent_on": "2025-09-30", "category": "sales", "amount": 9_999, "region": "North"},
        ],
        "quotas": [{"rep_id": "ann", "period": "2026Q1", "amount": 100}],
    },
    won("one", "ann"),
    won("two", "ann"),
    won("three", "dan"),
)


@pytest.fixture(scope="module")
def everything() -> pd.DataFrame:
    with history_of(TABLES_OF) as history:
        return evaluate_metrics(
            history, period=("2025Q4", "2026Q1"), level=("team", "region", "segment", "organisation")
        )


@pytest.fixture(scope="module")
def frame(everything: pd.DataFrame) -> pd.DataFrame:
    return everything[everything["period"] == "2026Q1"].set_index(["level", "key", "slug"])


def test_groups_and_what_names_none_add_up_to_the_company_to_the_cent(frame: pd.DataFrame) -> None:
    spend = frame["value"].xs(SPEND, level="slug")
    whole = spend["organisation", "organisation"]
    assert whole == 114_65
    for level in ("region", "segment"):
        none = frame["value"]["organisation", "organisation", f"spend_without_{level}"]
        assert spend[level].sum() + none == whole
    # Teams lie in each other: the boss's holds all that names one.
    assert spend["team"].to_dict() == {"boss": 105_58, "m1": 100_01, "m2": 5_55}
    assert spend["team", "boss"] == spend["team", "m1"] + spend["team", "m2"] + 2, "'both' has people of two managers"
    assert frame["value"]["organisation", "organisation", "spend_without_team"] == 9_07
    assert spend["region"].dropna().to_dict() == {"North": 100_01, "South": 2}
    assert spend["segment"].dropna().to_dict() == {"SMB": 5_55}


def test_each_group_pays_for_its_own_customers_or_says_why_not(frame: pd.DataFrame) -> None:
    def of(level: Level, key: str, slug: str = "customer_acquisition_cost") -> object:
        found = frame.loc[(level, key, slug)]
        return found["reason"] if pd.isna(found["value"]) else found["value"]

    assert of("region", "North") == pytest.approx(100_01 / 2)
    assert of("team", "m1") == pytest.approx(100_01 / 2)
    assert of("team", "boss") == pytest.approx(105_58 / 3)
    assert of("organisation", "organisation") == pytest.approx(114_65 / 3)
    assert of("region", "North", "cac_payback_months") == pytest.approx(100_01 / (2 * 1200_00 / 12 * 0.8))
    assert of("region", "South") == "no_new_customers"
    assert of("region", "East") == "no_spend_of_group"
    assert of("region", "not stated", SPEND) == "no_spend_of_group", (
        "what names no region is not spent on those without"
    )
    assert of("region", "East", "cac_payback_months") == "no_spend_of_group"


def test_without_any_spend_nobody_is_said_to_be_left_out(everything: pd.DataFrame) -> None:
    found = everything[(everything["period"] == "2025Q4") & everything["slug"].str.contains("spend|cac")]
    assert set(found["reason"]) == {"no_spend_data"}


def test_customers_are_the_same_where_old_deals_are_not_read() -> None:
    with history_of(random_tables(38, deals=40)) as history:
        window = Window.of(history.calendar, history.periods(), history.watermark, "2025Q4")
        grid, since = window_grid([window]), ledger_since(history.ledger, window.eve)
        whole = new_customers(history, deal_states(history), grid, None)
        short = new_customers(history, deal_states(history, since), grid, closed_before(history.ledger, since))
    assert len(whole) > 1
    pd.testing.assert_frame_equal(whole, short)


def test_tables_stored_before_spend_named_groups_stay_readable_and_as_they_are(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "ws")
    lines = "spent_on,category,amount\n2024-01-31,sales,10.50\n2024-01-31,sales,10.50\n2024-01-31,marketing,7\n"
    folder = write(tmp_path / "in", spend=lines)
    ingest(workspace, folder)
    _without_added_columns(workspace, 1)
    as_before = [(date(2024, 1, 31), "marketing", 700), *[(date(2024, 1, 31), "sales", 1050)] * 2]
    assert rows(workspace, "spend") == [(*row, None, None, None) for row in as_before]
    with SalesHistory.open(workspace) as history:
        assert history.table("spend").count().execute() == 3
        before = history.data_hash
    assert ingest(workspace, folder).version is None
    ingest(workspace, write(tmp_path / "more", {"spend": lines + "2024-02-29,sales,1\n"}))
    _without_added_columns(workspace, 2)
    assert len(rows(workspace, "spend")) == 4
    named = "spent_on,category,amount,region\n2024-01-31,sales,10.50,North\n2024-01-31,sales,10.50,\n"
    report = ingest(workspace, write(tmp_path / "named", {"spend": named}))
    assert (report.version, report.table("spend").changed, report.table("spend").new) == (3, 1, 0)
    assert [row[4] for row in rows(workspace, "spend") if row[2] == 1050] == ["North", None]
    assert rows(workspace, "spend", 1) == [(*row, None, None, None) for row in as_before]
    with SalesHistory.open(workspace, version=1) as history:
        assert history.data_hash == before


def _without_added_columns(workspace: Workspace, version: int) -> None:
    """The part as it was written before the columns joined the contract."""
    part = workspace.tables / "spend" / f"{version:06d}.parquet"
    old = part.with_suffix(".old")
    with duckdb.connect() as connection:
        rows_before = connection.sql(f"SELECT * EXCLUDE (team, region, segment) FROM '{part}'")
        rows_before.write_parquet(str(old))
    shutil.move(old, part)


def test_a_table_that_states_no_group_has_the_hash_that_it_had() -> None:
    stated = {"spent_on": ["2026-01-31"] * 2, "category": ["sales", "marketing"], "amount": [10.5, 7]}

    def digest(**more: list[str | None]) -> str:
        return frames_hash(arrow_tables({"spend": pd.DataFrame(stated | more)}, Organisation()))

    assert digest() == "752f540e91aeaed0e68e9b874888fab381a348a485156da4e133b54d034cef13"
    assert digest(region=[None, None]) == digest()
    assert digest(region=["North", None]) != digest()


def test_whatever_joined_the_contract_says_so() -> None:
    released = {
        "reps": "rep_id name role team region segment manager_id hired_on left_on fte territory territory_potential "
        "effective_from",
        "quotas": "rep_id period amount currency set_on",
        "opportunities": "opportunity_id rep_id account_id product kind source amount currency created_on closed_on "
        "expected_close_on stage outcome recorded_at",
        "opportunity_events": "opportunity_id recorded_at rep_id stage amount expected_close_on outcome",
        "credits": "opportunity_id rep_id share kind",
        "activities": "rep_id occurred_at kind opportunity_id minutes recorded_at",
        "programs": "program_id name skill cost seats days",
        "enrolments": "rep_id program_id started_on completed_on score assigned_by reason",
        "assessments": "rep_id skill assessed_on score assessor",
        "spend": "spent_on category amount",
        "submissions": "rep_id period submitted_at kind amount submitted_by",
        "fx_rates": "currency rate_on rate",
        "protected_groups": "rep_id attribute value",
    }
    first = {table.name: " ".join(one.name for one in table.columns if not one.added) for table in TABLES}
    assert first == released, "tables that were stored before lack a new column: mark it as added"
    assert not [one.name for table in TABLES for one in table.columns if one.added and (one.required or one.default)]
