"""HubSpot: fetched, ingested, fetched again; history of properties, deletes, limits, cut answers, missing scopes."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spm_ml.connectors import FetchReport, fetch
from spm_ml.connectors.mirror import Mirror
from spm_ml.errors import RemoteError
from spm_ml.settings import Workspace
from spm_ml.sources import ingest
from tests.command import spm
from tests.crm_servers import HUBSPOT_TOKEN, Crm, hubspot
from tests.ingest_world import rows

DAY = "2026-01-{:02}T09:00:00.000Z"


def owner(number: int, *, archived: bool = False) -> dict[str, Any]:
    said = {"id": str(number), "email": f"rep{number}@example.com", "firstName": "Rep", "lastName": str(number)}
    teams = [{"id": "1", "name": "East", "primary": False}, {"id": "2", "name": "West", "primary": True}]
    return said | {"createdAt": DAY.format(1), "updatedAt": DAY.format(20), "archived": archived, "teams": teams}


def deal(number: int, day: int = 5, **more: Any) -> dict[str, Any]:
    said = {"hs_object_id": str(number), "dealname": "no need to know", "hubspot_owner_id": "11", "dealstage": "s1"}
    said |= {
        "amount": f"{number}.5",
        "closedate": DAY.format(28),
        "createdate": DAY.format(3),
        "dealtype": "newbusiness",
    }
    said |= {"hs_lastmodifieddate": DAY.format(day), **more}
    past = {"dealstage": [{"value": said["dealstage"], "timestamp": DAY.format(day), "sourceType": "CRM_UI"}]}
    if said["dealstage"] != "s1":
        past["dealstage"].append({"value": "s1", "timestamp": DAY.format(3), "sourceType": "CRM_UI"})
    past["amount"] = [{"value": said["amount"], "timestamp": DAY.format(3), "sourceType": "CRM_UI"}]
    return {"id": str(number), "properties": said, "history": past}


def call(number: int, day: int, *deals: str) -> dict[str, Any]:
    said = {"hs_object_id": str(number), "hs_timestamp": DAY.format(day), "hubspot_owner_id": "11"}
    said |= {"hs_call_duration": "120000", "hs_createdate": DAY.format(day), "hs_lastmodifieddate": DAY.format(day)}
    return {"id": str(number), "properties": said | {"hs_call_body": "secret"}, "deals": list(deals)}


def exchange_rate(number: int, code: str, rate: float, since: str, *, to: str = "USD") -> dict[str, Any]:
    said = {"id": str(number), "fromCurrencyCode": code, "toCurrencyCode": to, "conversionRate": rate}
    return said | {"effectiveAt": since, "createdAt": since, "updatedAt": since, "visibleInUI": True}


@pytest.fixture
def crm() -> Iterator[Crm]:
    found = Crm()
    found.put("owners", owner(11), owner(12, archived=True))
    found.put("stages", {"id": "s1", "label": "Proposal", "metadata": {"isClosed": "false", "probability": "0.4"}})
    found.put("stages", {"id": "s9", "label": "Signed", "metadata": {"isClosed": "true", "probability": "1.0"}})
    found.put("deals", *(deal(number, 4 + number % 3) for number in range(1, 8)), deal(9, 9, dealstage="s9"))
    found.put("calls", call(71, 7, "1"), call(72, 8))
    for kind in ("emails", "meetings", "tasks", "notes", "communications"):
        found.records[kind] = {}
    found.hidden.add("notes")
    with hubspot(found):
        yield found


@pytest.fixture
def workspace(tmp_path: Path, crm: Crm) -> Workspace:
    found = Workspace(tmp_path / "workspace")
    found.root.mkdir()
    (tmp_path / "token").write_text(HUBSPOT_TOKEN + "\n")
    (found.root / "connectors.yaml").write_text(
        f"hubspot: {{url: '{crm.url}', token_file: {tmp_path / 'token'}, retry_seconds: 0.01}}\n"
    )
    return found


def run(workspace: Workspace, **more: Any) -> FetchReport:
    return fetch("hubspot", workspace, workspace.root.parent / "export", **more)


def files(workspace: Workspace) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (workspace.root.parent / "export").glob("*.csv")}


def exported(workspace: Workspace, name: str) -> list[dict[str, str]]:
    with (workspace.root.parent / "export" / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def take(workspace: Workspace) -> dict[str, tuple[Any, ...]]:
    ingest(workspace, workspace.root.parent / "export", mapping="hubspot", replace=True)
    return {
        row[0]: row[1:] for row in rows(workspace, "opportunities", columns="opportunity_id, rep_id, amount, outcome")
    }


def test_what_is_held_is_what_hubspot_holds(crm: Crm, workspace: Workspace) -> None:
    report = run(workspace)
    assert "notes are not known, because the token lacks a scope: crm.objects.notes.read" in report.warnings
    deals = take(workspace)
    assert {key: row[1] / 100 for key, row in deals.items()} == {
        key: float(row["properties"]["amount"]) for key, row in crm.records["deals"].items()
    }
    assert deals["9"] == ("11", 950, "won")
    events = rows(workspace, "opportunity_events", columns="opportunity_id, stage, outcome, amount")
    assert ("9", "Proposal", "open", None) in events
    assert ("9", "Signed", "won", None) in events
    assert ("1", None, None, 150) in events
    assert rows(workspace, "activities", columns="kind, minutes, opportunity_id") == [
        ("call", 2.0, "1"),
        ("call", 2.0, None),
    ]
    assert rows(workspace, "reps", columns="rep_id, team, left_on::VARCHAR") == [
        ("11", "West", None),
        ("12", "West", "2026-01-20"),
    ]
    assert b"secret" not in b"".join(files(workspace).values())
    assert "dealname" not in exported(workspace, "deals")[0]


def test_a_second_fetch_asks_for_what_changed_and_keeps_the_past(crm: Crm, workspace: Workspace) -> None:
    run(workspace)
    before = files(workspace)
    again = run(workspace)
    assert files(workspace) == before
    assert {each.name for each in again.objects if each.full} == {"owners"}
    assert {each.name: each.received for each in again.objects}["deals"] == 0  # the server's clock is far ahead of them
    changed = deal(2, 12, amount="7.5") | {
        "history": {"amount": [{"value": "7.5", "timestamp": "2099-01-01T09:00:00Z"}]}
    }
    changed["properties"]["hs_lastmodifieddate"] = "2099-01-01T09:00:00Z"
    more = [deal(number) for number in range(20, 27)]
    for each in more:
        each["properties"]["hs_lastmodifieddate"] = "2099-01-01T09:00:00Z"  # more in one moment than on a page
    crm.put("deals", changed, *more)
    late = call(73, 8, "2")
    late["properties"]["hs_lastmodifieddate"] = "2099-01-01T09:00:00Z"
    crm.put("calls", late)
    report = run(workspace)
    assert {each.name: each.received for each in report.objects}["deals"] == 3 + 8  # that moment from its beginning
    deals = take(workspace)
    assert deals["2"][1] == 750
    assert len(deals) == 15
    past = [(each["value"]) for each in exported(workspace, "deal_property_history") if each["deal_id"] == "2"]
    assert sorted(past) == ["2.5", "7.5", "s1"]  # the source may forget old values; what was fetched stays
    assert ("call", "2") in rows(workspace, "activities", columns="kind, opportunity_id")


def test_what_is_deleted_goes_and_comes_back(crm: Crm, workspace: Workspace) -> None:
    run(workspace)
    take(workspace)
    crm.archived["deals"] = {"1", "2"}
    run(workspace)
    assert not {"1", "2"} & take(workspace).keys()
    assert "1" not in {row[0] for row in rows(workspace, "opportunity_events", columns="opportunity_id")}
    crm.archived["deals"] = set()
    del crm.records["deals"]["2"]
    run(workspace)
    held = {each["hs_object_id"]: each["amount"] for each in exported(workspace, "deals")}
    assert held["1"] == "1.5"
    assert "2" not in held
    assert "1" in {each["deal_id"] for each in exported(workspace, "deal_property_history")}
    del crm.records["deals"]["3"]  # merged into another: without a trace
    run(workspace, full=True)
    assert "3" not in {each["hs_object_id"] for each in exported(workspace, "deals")}
    assert "3" not in {each["deal_id"] for each in exported(workspace, "deal_property_history")}


@pytest.mark.parametrize("fault", ["429", "502", "cut"])
def test_what_passes_is_waited_for(crm: Crm, workspace: Workspace, tmp_path: Path, fault: str) -> None:
    run(workspace)
    before = files(workspace)
    for place in (2, 7):
        (tmp_path / "export").rename(tmp_path / f"export-{place}")
        crm.faults[:] = [""] * place + [fault]
        run(workspace)
        assert not crm.faults
        assert files(workspace) == before


def test_a_killed_fetch_goes_on_and_comes_to_the_same(
    crm: Crm, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crm.put("exchange-rates", *(exchange_rate(each, "EUR", each, DAY.format(each)) for each in range(1, 5)))
    crm.records["deals"]["1"]["properties"]["deal_currency_code"] = "EUR"
    run(workspace)
    before = files(workspace)
    assert before["fx_rates.csv"].count(b"EUR") == 4
    real = Mirror.take
    for killed in (1, 4, 7, 18):  # the last of them with half of the exchange rates
        (tmp_path / "export").rename(tmp_path / f"export-{killed}")
        taken = 0

        def dying(self: Mirror, *args: Any, killed: int = killed, **named: Any) -> int:
            nonlocal taken
            taken += 1
            if taken == killed:
                raise KeyboardInterrupt
            return real(self, *args, **named)

        monkeypatch.setattr(Mirror, "take", dying)
        with pytest.raises(KeyboardInterrupt):
            run(workspace)
        assert not files(workspace)
        monkeypatch.setattr(Mirror, "take", real)
        run(workspace)
        assert files(workspace) == before


def test_it_stops_before_the_calls_of_the_day_are_used_up(crm: Crm, workspace: Workspace) -> None:
    crm.used[:] = [795, 1000]
    with pytest.raises(RemoteError, match="stopped with 200 of the account's 1,000 calls of the day left"):
        run(workspace)
    crm.used[:] = [0, 1000]
    crm.faults[:] = ["daily"] * 10
    with pytest.raises(RemoteError, match="takes no more calls today"):
        run(workspace)
    crm.faults.clear()
    run(workspace)
    assert len(exported(workspace, "deals")) == 8


@pytest.mark.parametrize("fault", ["html", "other", "again"])
def test_what_is_no_answer_ends_the_fetch_and_not_the_data(crm: Crm, workspace: Workspace, fault: str) -> None:
    run(workspace)
    before = files(workspace)
    crm.faults[:] = ["", "", *[fault] * 4]
    with pytest.raises(RemoteError, match="fetch again"):
        run(workspace, full=True)
    crm.faults.clear()
    run(workspace)
    assert files(workspace) == before


def test_exchange_rates_come_where_deals_need_them(crm: Crm, workspace: Workspace) -> None:
    crm.put("exchange-rates", exchange_rate(1, "EUR", 1.1, "2025-12-31T23:00:00Z"))
    crm.put("exchange-rates", exchange_rate(2, "JPY", 0.000007, "1970-01-01T00:00:00Z"))
    crm.put("exchange-rates", exchange_rate(3, "EUR", 1.3, "2026-01-05T20:00:00.5Z"))
    crm.put("exchange-rates", exchange_rate(4, "EUR", 1.2, "2026-01-05T08:00:00Z"))
    crm.put("exchange-rates", exchange_rate(5, "CHF", 0.9, "2026-01-01T00:00:00Z", to="EUR"))
    crm.put("exchange-rates", exchange_rate(6, "CHF", -1, "2026-01-01T00:00:00Z"))
    for each in crm.records["deals"].values():
        each["properties"]["deal_currency_code"] = "USD"
    run(workspace)
    assert not [each for each in crm.asked if "currencies" in each]
    assert "fx_rates.csv" not in files(workspace)
    crm.records["deals"]["1"]["properties"]["deal_currency_code"] = "eur"
    crm.hidden.add("exchange-rates")
    said = run(workspace, full=True).warnings[-1]
    assert said.startswith("exchange rates are not known, because the token lacks a scope: settings.currencies.read")
    crm.hidden.clear()
    workspace.organisation_file.write_text("timezone: Europe/Berlin\n")
    report = run(workspace)
    assert report.warnings[-1] == "the exchange rate of CHF from 2026-01-01 is -1: it is left out"
    assert not [each for each in report.warnings if "exchange rates" in each]
    assert [(each.received, each.file) for each in report.objects][-1] == (6, "fx_rates.csv")
    assert files(workspace)["fx_rates.csv"].decode().split() == [
        "currency,rate_on,rate",
        "EUR,2026-01-01,1.1",  # the organisation's day
        "EUR,2026-01-05,1.3",  # the last of that day
        "JPY,2000-01-01,0.000007",
    ]
    assert len(take(workspace)) == 8
    assert rows(workspace, "fx_rates", columns="rate") == [(0.000007,), (1.1,), (1.3,)]
    before = files(workspace)
    crm.asked.clear()
    run(workspace)
    crm.faults[:] = [""] * (len(crm.asked) - 1) + ["404"]
    assert run(workspace).warnings[-1].startswith("exchange rates stay as they were: HubSpot refused (404")
    assert files(workspace) == before
    crm.currency = "EUR"
    assert "are to EUR, but the organisation counts in USD" in run(workspace).warnings[-1]


def test_who_is_let_in(crm: Crm, workspace: Workspace, tmp_path: Path) -> None:
    crm.hidden.add("deals")
    with pytest.raises(
        RemoteError, match=r"lacks scopes without which there are no reps or deals: crm.objects.deals.read"
    ):
        run(workspace)
    crm.hidden.clear()
    for each in crm.records["deals"].values():
        del each["properties"]["hubspot_owner_id"]
    with pytest.raises(
        RemoteError, match=r"no property of deals gives what nothing works without: opportunities.rep_id"
    ):
        run(workspace)
    (tmp_path / "token").write_text("pat-another")
    said = spm("fetch", "hubspot", "--to", tmp_path / "export", "--workspace", workspace.root, expect=1)
    assert "HubSpot does not know the token" in said.stderr
    assert "pat-another" not in said.stderr


def test_a_refresh_begins_with_a_fetch(crm: Crm, workspace: Workspace, tmp_path: Path) -> None:
    arguments = ("refresh", tmp_path / "export", "--fetch", "hubspot", "--no-retrain", "--workspace", workspace.root)
    stopped = spm(*arguments, expect=1)
    assert "champion" in stopped.stderr  # there is none in so small a world
    steps = json.loads((workspace.root / "refresh.json").read_text())["steps"]
    assert [(each["name"], each["state"]) for each in steps[:2]] == [("fetch", "done"), ("ingest", "done")]
    assert len(rows(workspace, "opportunities")) == 8
    assert "--fetch needs DIR" in spm("refresh", "--fetch", "hubspot", "--workspace", workspace.root, expect=2).stderr
