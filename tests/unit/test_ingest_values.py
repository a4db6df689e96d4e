"""How cells become values: money to the minor unit, days and times in the right zone, managers, stages."""

from datetime import date
from pathlib import Path

import pytest

from spm_ml.settings import Organisation, Workspace
from spm_ml.sources import ingest
from spm_ml.sources.hierarchy import Reporting, rows_in_circles
from tests.ingest_world import OPPORTUNITIES, REPS, rows, write

DEALS = "opportunity_id,rep_id,amount,currency,created_on,closed_on,stage,outcome\n"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace")


def test_money_is_exact_in_the_minor_unit_of_its_currency(workspace: Workspace, tmp_path: Path) -> None:
    cells = {
        "a": ("0.29,", 29),
        "b": ("1.005,", 101),
        "c": ("-1.005,", -101),
        "d": ("1e3,", 100000),
        "e": ("8999999999999999.99,", 899999999999999999),
        "f": ("1234.5,JPY", 1235),
        "g": ("1.2345,KWD", 1235),
        "h": (" 7 ,usd", 700),
        "i": (",", None),
        "j": ("16777217.01,", 1677721701),
    }
    deals = DEALS + "".join(f"{name},r1,{cell},2024-01-05,,Propose,\n" for name, (cell, _) in cells.items())
    rates = "currency,rate_on,rate\nJPY,2020-01-01,0.007\nKWD,2020-01-01,3.2\n"
    events = "opportunity_id,recorded_at,amount\na,2024-01-06,1.5\nf,2024-01-06,1500\ng,2024-01-06,1\n"
    source = write(tmp_path / "in", opportunities=deals, fx_rates=rates, opportunity_events=events)
    report = ingest(workspace, source)
    assert report.findings == ()
    assert dict(rows(workspace, "opportunities", columns="opportunity_id, amount")) == {
        name: minor for name, (_, minor) in cells.items()
    }
    of_events = dict(rows(workspace, "opportunity_events", columns="opportunity_id, amount"))
    assert of_events == {"a": 150, "f": 1500, "g": 1000}, "an event is in the currency of its deal"


def test_days_and_times_are_cut_off_in_the_organisations_zone(workspace: Workspace, tmp_path: Path) -> None:
    deals = DEALS + (
        "a,r1,1,,2024-01-05,,Propose,\n"
        "b,r1,1,,2024-01-05 00:00:00,,Propose,\n"
        "c,r1,1,,2024-01-06T03:30:00Z,,Propose,\n"
        "d,r1,1,,2024-01-05T23:30:00-05:00,,Propose,\n"
    )
    events = "opportunity_id,recorded_at\n" + "".join(
        f"a,{moment}\n"
        for moment in (
            "2024-07-01",
            "2024-07-02T10:00:00+02:00",
            "2024-07-03 10:00:00.123456",
            "2024-07-04T10:00:00.5Z",
        )
    )
    source = write(tmp_path / "in", opportunities=deals, opportunity_events=events)
    Organisation(timezone="America/New_York").write(source / "organisation.yaml")
    ingest(workspace, source)
    assert {day for (day,) in rows(workspace, "opportunities", columns="created_on")} == {date(2024, 1, 5)}
    assert [moment for (moment,) in rows(workspace, "opportunity_events", columns="recorded_at::VARCHAR")] == [
        "2024-07-01 04:00:00",
        "2024-07-02 08:00:00",
        "2024-07-03 10:00:00.123456",
        "2024-07-04 10:00:00.5",
    ]


def test_empty_cells_take_the_contracts_defaults(workspace: Workspace, tmp_path: Path) -> None:
    ingest(workspace, write(tmp_path / "in", reps=REPS.replace("m1,2021-02-01", " m1 ,2021-02-01")))
    assert {outcome for (outcome,) in rows(workspace, "opportunities", columns="outcome")} == {"won", "open"}
    assert {currency for (currency,) in rows(workspace, "opportunities", columns="currency")} == {"USD"}
    assert rows(workspace, "reps", columns="rep_id, manager_id, fte") == [
        ("m1", None, 1),
        ("r1", "m1", 1),
        ("r2", "m1", 1),
    ]


def test_an_unknown_or_circular_manager_is_set_aside_and_the_rep_kept(workspace: Workspace, tmp_path: Path) -> None:
    reps = (
        "rep_id,manager_id,hired_on\n"
        "a,b,2020-01-01\nb,c,2020-01-01\nc,a,2020-01-01\nd,d,2020-01-01\nr1,a,2020-01-01\nr2,M-1,2020-01-01\nm1,,2020-01-01\n"
    )
    report = ingest(workspace, write(tmp_path / "in", reps=reps))
    counts = report.table("reps")
    assert (counts.accepted, counts.quarantined) == (7, 0)
    assert [(each.kind, each.line, each.value) for each in report.findings] == [
        ("cell", 2, "b"),
        ("cell", 3, "c"),
        ("cell", 4, "a"),
        ("cell", 5, "d"),
        ("cell", 7, "M-1"),
    ]
    assert "did you mean 'm1'" in report.findings[-1].remedy
    assert dict(rows(workspace, "reps", columns="rep_id, manager_id")) == {
        "a": None, "b": None, "c": None, "d": None, "m1": None, "r1": "a", "r2": None,
    }  # fmt: skip
    assert report.table("opportunities").quarantined == 0
    assert ingest(workspace, tmp_path / "in").version is None


def test_managers_who_change_places_are_no_circle() -> None:
    before, after = date(2023, 1, 1), date(2024, 1, 1)
    history = [
        Reporting("a", None, before, 0),
        Reporting("b", "a", before, 1),
        Reporting("b", None, after, 2),
        Reporting("a", "b", after, 3),
    ]
    assert rows_in_circles(history) == set()
    assert rows_in_circles([*history[:2], Reporting("a", "b", after, 2)]) == {1, 2}
    assert rows_in_circles([Reporting("a", "b", None, None), Reporting("b", "a", None, 5)]) == {5}


def test_stages_are_found_in_the_order_of_age(workspace: Workspace, tmp_path: Path) -> None:
    events = (
        "opportunity_id,recorded_at,stage,outcome\n"
        "o1,2024-01-05T12:00:00Z,Zero,open\no1,2024-01-20T12:00:00Z,Late,open\no1,2024-02-01T12:00:00Z,Closed,\n"
        "o2,2024-01-06T12:00:00Z,Zero,\no2,2024-01-09T12:00:00Z,Middle,\n"
    )
    deals = OPPORTUNITIES.replace("Won,won", "Closed,won").replace("Qualify", "Middle").replace("Propose", "Middle")
    source = write(tmp_path / "in", opportunity_events=events, opportunities=deals)
    report = ingest(workspace, source)
    assert [stage.name for stage in workspace.organisation().stages] == ["Zero", "Middle", "Late"]
    assert any("Zero, Middle, Late" in note for note in report.notes)
    assert any("1 deals are won or lost in opportunities, but no event says so" in note for note in report.notes)
    again = ingest(workspace, source)
    assert (again.version, again.findings) == (None, ())


def test_without_events_stages_are_in_the_order_of_their_deals_age(workspace: Workspace, tmp_path: Path) -> None:
    deals = DEALS + ("a,r1,1,,2024-01-01,,Old,\nb,r1,1,,2024-02-01,,Young,\nc,r1,1,,2024-02-10,2024-02-20,Gone,lost\n")
    ingest(workspace, write(tmp_path / "in", opportunities=deals))
    assert [stage.name for stage in workspace.organisation().stages] == ["Young", "Old"]
