"""Salesforce: fetched, ingested, fetched again; limits, ended sessions, cut answers, deletes, missing permissions."""

import csv
import json
import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spm_ml.connectors import FetchReport, fetch
from spm_ml.connectors.mirror import Mirror
from spm_ml.errors import ConfigurationError, DataError, RemoteError
from spm_ml.settings import Workspace
from spm_ml.sources import ingest
from tests.command import spm
from tests.crm_servers import CLIENT_ID, CLIENT_SECRET, Crm, salesforce
from tests.ingest_world import rows

DAY = "2026-01-{:02}T09:00:00.000+0000"


def user(number: int, **more: Any) -> dict[str, Any]:
    said = {"Id": f"005{number:03}", "Name": f"Rep {number}", "Title": "AE", "UserRole": {"Name": "Sales"}}
    said |= {"UserRoleId": "00E1", "ManagerId": None, "Department": "West", "Division": None, "IsActive": True}
    said |= {"CreatedDate": DAY.format(1), "LastLoginDate": DAY.format(20), "SystemModstamp": DAY.format(2)}
    return said | more


def deal(number: int, day: int = 5, **more: Any) -> dict[str, Any]:
    said = {
        "Id": f"006{number:03}",
        "OwnerId": "005001",
        "AccountId": "001A",
        "Type": "New Business",
        "LeadSource": "Web",
    }
    said |= {
        "Amount": 1000.1 + number,
        "CloseDate": "2026-03-01",
        "CreatedDate": DAY.format(3),
        "StageName": "Proposal",
    }
    said |= {"IsClosed": False, "IsWon": False, "IsDeleted": False, "SystemModstamp": DAY.format(day)}
    return said | more


def change(number: int, of: int, day: int, **more: Any) -> dict[str, Any]:
    said = {"Id": f"008{number:03}", "OpportunityId": f"006{of:03}", "CreatedDate": DAY.format(day), "IsDeleted": False}
    said |= {"StageName": "Proposal", "Amount": 900, "CloseDate": "2026-03-01", "SystemModstamp": DAY.format(day)}
    return said | more


@pytest.fixture
def crm() -> Iterator[Crm]:
    found = Crm()
    found.put("User", user(1), user(2, IsActive=False), user(3))
    found.put("Opportunity", *(deal(number, 4 + number % 3) for number in range(1, 9)))
    found.put("Opportunity", deal(9, 9, StageName="Signed", IsClosed=True, IsWon=True, CloseDate="2026-01-09"))
    found.put("OpportunityHistory", *(change(number, number, 4) for number in range(1, 9)))
    found.put("OpportunityHistory", change(9, 9, 4), change(10, 9, 9, StageName="Signed", Amount=1009.1))
    stage = {
        "MasterLabel": "Signed",
        "ApiName": "Signed",
        "IsClosed": True,
        "IsWon": True,
        "SystemModstamp": DAY.format(1),
    }
    found.put("OpportunityStage", {"Id": "01J1", **stage})
    moved = {
        "Field": "Owner",
        "OldValue": "005001",
        "NewValue": "005003",
        "IsDeleted": False,
        "CreatedDate": DAY.format(6),
    }
    found.put("OpportunityFieldHistory", {"Id": "017001", "OpportunityId": "006002", **moved})
    quota = {"QuotaOwnerId": "005001", "StartDate": "2026-01-01", "QuotaAmount": 5000.0, "CreatedDate": DAY.format(1)}
    found.put("ForecastingQuota", {"Id": "0J9001", "SystemModstamp": DAY.format(1), **quota})
    task = {"OwnerId": "005001", "WhatId": "006001", "TaskSubtype": "Call", "Type": None, "IsClosed": True}
    task |= {"ActivityDate": "2026-01-07", "CompletedDateTime": DAY.format(7), "CallDurationInSeconds": 120}
    task |= {"IsDeleted": False, "CreatedDate": DAY.format(7), "SystemModstamp": DAY.format(7)}
    found.put("Task", {"Id": "00T001", **task})
    with salesforce(found):
        yield found


@pytest.fixture
def workspace(tmp_path: Path, crm: Crm) -> Workspace:
    found = Workspace(tmp_path / "workspace")
    found.root.mkdir()
    (tmp_path / "secret").write_text(CLIENT_SECRET)
    settings = (
        f"url: '{crm.url}', client_id: {CLIENT_ID}, client_secret_file: {tmp_path / 'secret'}, retry_seconds: 0.01"
    )
    (found.root / "connectors.yaml").write_text(f"salesforce: {{{settings}}}\n")
    return found


def run(workspace: Workspace, **more: Any) -> FetchReport:
    return fetch("salesforce", workspace, workspace.root.parent / "export", **more)


def exported(workspace: Workspace, name: str) -> dict[str, dict[str, str]]:
    with (workspace.root.parent / "export" / f"{name}.csv").open(newline="") as file:
        return {row["Id"]: row for row in csv.DictReader(file)}


def files(workspace: Workspace) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (workspace.root.parent / "export").glob("*.csv")}


def take(workspace: Workspace) -> dict[str, tuple[Any, ...]]:
    ingest(workspace, workspace.root.parent / "export", mapping="salesforce", replace=True)
    return {
        row[0]: row[1:] for row in rows(workspace, "opportunities", columns="opportunity_id, rep_id, amount, outcome")
    }


def test_what_is_held_is_what_salesforce_holds(crm: Crm, workspace: Workspace) -> None:
    report = run(workspace)
    assert report.warnings == ["the user may not read Event: meetings are not known"]
    deals = take(workspace)
    assert {key: (row[0], row[1] / 100) for key, row in deals.items()} == {
        key: (row["OwnerId"], row["Amount"]) for key, row in crm.records["Opportunity"].items()
    }
    assert deals["006009"][2] == "won"
    events = rows(workspace, "opportunity_events", columns="opportunity_id, stage, outcome, rep_id")
    assert ("006009", "Signed", "won", None) in events  # a stage of their own is known as won by OpportunityStage
    assert ("006002", None, None, "005003") in events
    assert rows(workspace, "quotas", columns="rep_id, amount") == [("005001", 500000)]
    assert rows(workspace, "activities", columns="rep_id, kind, minutes, opportunity_id") == [
        ("005001", "call", 2.0, "006001")
    ]
    assert rows(workspace, "reps", columns="rep_id, role, left_on::VARCHAR")[1] == ("005002", "AE", "2026-01-20")
    folder = workspace.root.parent / "export"
    for path in (folder, folder / ".mirror", *folder.glob("*.csv"), folder / ".mirror" / "salesforce.db"):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path


def test_a_second_fetch_asks_for_what_changed_alone(crm: Crm, workspace: Workspace) -> None:
    run(workspace)
    before = files(workspace)
    crm.asked.clear()
    again = run(workspace)
    assert files(workspace) == before
    assert {each.name: each.full for each in again.objects if each.full} == {
        "OpportunityStage": True,
        "ForecastingQuota": True,
    }
    (asked,) = [soql for soql in crm.asked if "FROM Opportunity " in soql]
    assert (
        "WHERE SystemModstamp >= 2026-01-09T08:50:00.000Z" in asked
    )  # ten minutes for what was stamped and not yet seen
    crm.put("Opportunity", deal(2, 12, Amount=7.5, OwnerId="005003"), deal(10, 12))
    report = run(workspace)
    assert {each.name: each.received for each in report.objects}["Opportunity"] == 3
    deals = take(workspace)
    assert deals["006002"][:2] == ("005003", 750)
    assert len(deals) == 10


def test_what_is_deleted_goes_and_comes_back(crm: Crm, workspace: Workspace) -> None:
    run(workspace)
    take(workspace)
    crm.put("Opportunity", deal(1, 13, IsDeleted=True))
    crm.records["ForecastingQuota"].clear()
    crm.put(
        "ForecastingQuota",
        {"Id": "0J9002", "SystemModstamp": DAY.format(1), "QuotaOwnerId": "005003"}
        | {"StartDate": "2026-01-01", "QuotaAmount": 4000, "CreatedDate": DAY.format(1)},
    )
    run(workspace)
    assert "006001" not in take(workspace)
    assert "006001" not in {row[0] for row in rows(workspace, "opportunity_events", columns="opportunity_id")}
    assert rows(workspace, "quotas", columns="rep_id") == [("005003",)]
    assert "006001" in {row[0] for row in rows(workspace, "opportunities", version=1)}
    database = sqlite3.connect(workspace.root.parent / "export" / ".mirror" / "salesforce.db")
    assert database.execute("SELECT content FROM records WHERE id = '006001'").fetchall() == [("{}",)]
    database.close()
    crm.put("Opportunity", deal(1, 14))
    run(workspace)
    assert "006001" in exported(workspace, "Opportunity")
    assert "008001" in exported(workspace, "OpportunityHistory")
    crm.records["Opportunity"].pop("006001")  # out of the recycle bin, without a trace
    run(workspace)
    assert "006001" in exported(workspace, "Opportunity")
    run(workspace, full=True)
    assert "006001" not in exported(workspace, "Opportunity")
    assert "008001" not in exported(workspace, "OpportunityHistory")


@pytest.mark.parametrize("fault", ["429", "503", "cut", "expired", "locator"])
def test_what_passes_is_waited_for(crm: Crm, workspace: Workspace, tmp_path: Path, fault: str) -> None:
    run(workspace)
    before, requests = files(workspace), len(crm.asked)
    for place in (2, requests // 2):
        (tmp_path / "export").rename(tmp_path / f"export-{place}")
        crm.faults[:] = [""] * place + [fault]
        run(workspace)
        assert not crm.faults
        assert files(workspace) == before
    assert crm.logins == 1 + 2 * (2 if fault == "expired" else 1)


def test_a_killed_fetch_goes_on_and_comes_to_the_same(
    crm: Crm, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_several_currencies(crm)
    run(workspace)
    before = files(workspace)
    assert "fx_rates.csv" in before
    real = Mirror.take
    pages = len(crm.asked)
    for killed in (1, 3, pages // 2, pages - 1, pages):
        (tmp_path / "export").rename(tmp_path / f"export-{killed}")
        taken = 0

        def dying(self: Mirror, *args: Any, killed: int = killed, **named: Any) -> int:
            nonlocal taken
            taken += 1
            if taken == killed:
                raise KeyboardInterrupt
            return real(self, *args, **named)

        monkeypatch.setattr(Mirror, "take", dying)
        crm.asked.clear()
        try:
            run(workspace)
        except KeyboardInterrupt:
            assert not files(workspace)
        monkeypatch.setattr(Mirror, "take", real)
        done = len(crm.asked)
        crm.asked.clear()
        run(workspace)
        assert files(workspace) == before
        assert len(crm.asked) <= pages - done + 10  # whole pages are not asked for again


def test_it_stops_before_the_calls_of_the_day_are_used_up(crm: Crm, workspace: Workspace) -> None:
    crm.used[:] = [11_990, 15_000]
    with pytest.raises(RemoteError, match=r"stopped at 12,000 of the 15,000 calls .* fetch again later"):
        run(workspace)
    crm.used[:] = [10, 15_000]
    run(workspace)
    assert len(exported(workspace, "Opportunity")) == 9
    crm.faults[:] = ["limit"]
    with pytest.raises(RemoteError, match=r"REQUEST_LIMIT_EXCEEDED.*24 hours are used up"):
        run(workspace)


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


def test_fields_that_may_not_be_read_are_named(crm: Crm, workspace: Workspace) -> None:
    crm.hidden |= {"Opportunity.Amount", "ForecastingQuota"}
    report = run(workspace)
    said = "\n".join(report.warnings)
    assert "no field of Opportunity that may be read gives opportunities.amount (Amount): it stays empty" in said
    assert "the user may not read ForecastingQuota: attainment abstains" in said
    assert "Amount" not in exported(workspace, "Opportunity")["006001"]
    crm.hidden -= {"Opportunity.Amount"}
    again = run(workspace)  # a field that was not read before: everything anew, as no stamp tells of it
    assert {each.name for each in again.objects if each.full} == {"Opportunity", "OpportunityStage"}
    assert exported(workspace, "Opportunity")["006001"]["Amount"] == "1001.1"
    crm.hidden |= {"Opportunity.OwnerId"}
    with pytest.raises(RemoteError, match=r"opportunities.rep_id \(OwnerId\)"):
        run(workspace)
    crm.hidden = {"Opportunity"}
    with pytest.raises(RemoteError, match="may not read Opportunity: there are no deals"):
        run(workspace)


def test_a_mapping_of_their_own_decides_what_is_fetched(crm: Crm, workspace: Workspace, tmp_path: Path) -> None:
    crm.put("Opportunity", *(deal(number, ARR__c=number, Secret__c="no") for number in range(1, 10)))
    mapping = tmp_path / "own.yaml"
    mapping.write_text(
        "name: own\nmay_be_absent: quotas\ntables:\n"
        "  reps:\n    file: User.csv\n    columns: {rep_id: Id, hired_on: CreatedDate}\n"
        "  opportunities:\n    file: Opportunity.csv\n    columns: {opportunity_id: Id, rep_id: OwnerId, "
        "amount: ARR__c, created_on: CreatedDate, stage: StageName}\n"
    )
    run(workspace, mapping=mapping)
    ingest(workspace, tmp_path / "export", mapping=mapping)
    assert rows(workspace, "opportunities", columns="amount")[0] == (100,)
    assert not {"Secret__c", "Amount"} & exported(workspace, "Opportunity")["006001"].keys()


def in_several_currencies(crm: Crm) -> None:
    """Four deals in dollars, as before, two in euros and one each in yen and francs."""
    for number, each in enumerate(crm.records["Opportunity"].values()):
        each["CurrencyIsoCode"] = {5: "EUR", 6: "EUR", 7: "JPY", 8: "CHF"}.get(number, "USD")
    for code, units in (("USD", 1), ("EUR", 0.8), ("JPY", 150), ("CHF", 1.0)):
        said = {"IsoCode": code, "ConversionRate": units, "IsCorporate": code == "USD", "DecimalPlaces": 2}
        crm.put("CurrencyType", {"Id": f"01L{code}", "SystemModstamp": DAY.format(1), "IsActive": True, **said})


def in_force(workspace: Workspace) -> set[tuple[Any, ...]]:
    return set(rows(workspace, "fx_rates", columns="currency, rate_on::VARCHAR, rate"))


def test_dated_rates_come_in_the_direction_of_the_contract(crm: Crm, workspace: Workspace, tmp_path: Path) -> None:
    in_several_currencies(crm)
    days = {"0001-01-01": "2026-01-01", "2026-01-01": "2026-02-01", "2026-02-01": "9999-12-31"}
    for number, (first, following) in enumerate(days.items()):
        for code, units in (("EUR", 0.8 + number / 10), ("JPY", 150), ("CHF", 3), ("USD", 1)):
            said = {"IsoCode": code, "ConversionRate": units, "StartDate": first, "NextStartDate": following}
            crm.put("DatedConversionRate", {"Id": f"04w{number}{code}", "SystemModstamp": DAY.format(1), **said})
    report = run(workspace)
    assert report.warnings == ["the user may not read Event: meetings are not known"]
    assert {each.name: each.received for each in report.objects}["DatedConversionRate"] == 12
    text = (tmp_path / "export" / "fx_rates.csv").read_text().splitlines()
    assert text[0] == "currency,rate_on,rate"
    assert {"EUR,2000-01-01,1.25", "CHF,2026-01-01,0.33333333333333333"} <= set(text)
    assert len(text) == 10
    take(workspace)
    found = in_force(workspace)
    assert ("EUR", "2026-02-01", 1.0) in found  # 1 / (0.8 + 0.2)
    assert ("JPY", "2026-02-01", 1 / 150) in found
    before = files(workspace)
    crm.asked.clear()
    run(workspace)
    for without in ("400", "DatedConversionRate"):  # a query that is refused, an object that may not be read any more
        crm.faults[:] = [""] * (len(crm.asked) - 1) + [without] if without == "400" else []
        crm.hidden = {without}
        assert "stay as they were" in run(workspace).warnings[-1]
        assert files(workspace) == before
    crm.hidden.clear()
    crm.records["DatedConversionRate"].pop("04w2JPY")
    run(workspace)
    assert ("JPY,2026-02-01" in before["fx_rates.csv"].decode()) > (
        b"JPY,2026-02-01" in files(workspace)["fx_rates.csv"]
    )


def test_undated_rates_hold_until_they_are_changed(crm: Crm, workspace: Workspace) -> None:
    in_several_currencies(crm)
    crm.records["CurrencyType"]["01LJPY"]["ConversionRate"] = 0
    said = "\n".join(run(workspace).warnings)
    assert "gives its exchange rates no dates" in said
    assert "the exchange rate of JPY from 2000-01-01 is 0: it is left out" in said
    assert len(take(workspace)) == 8  # the deal in yen is set aside by ingest
    assert in_force(workspace) == {("EUR", "2000-01-01", 1.25), ("CHF", "2000-01-01", 1.0)}
    crm.records["CurrencyType"]["01LEUR"] |= {"ConversionRate": 0.5, "SystemModstamp": DAY.format(12)}
    crm.records["CurrencyType"]["01LCHF"] |= {"IsActive": False, "SystemModstamp": DAY.format(12)}
    run(workspace)
    run(workspace, full=True)
    take(workspace)
    assert in_force(workspace) == {
        ("EUR", "2000-01-01", 1.25),
        ("EUR", "2026-01-12", 2.0),
        ("CHF", "2000-01-01", 1.0),
    }


def test_rates_are_fetched_where_amounts_need_them_and_they_are_wanted(
    crm: Crm, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_several_currencies(crm)
    for each in crm.records["Opportunity"].values():
        each["CurrencyIsoCode"] = "USD"
    run(workspace)
    in_several_currencies(crm)
    monkeypatch.setenv("SPM_CONNECTORS__SALESFORCE__RATES", "false")
    assert len(run(workspace, full=True).warnings) == 1
    monkeypatch.delenv("SPM_CONNECTORS__SALESFORCE__RATES")
    assert not [soql for soql in crm.asked if "Currency" in soql and "FROM Opportunity" not in soql]
    crm.records["CurrencyType"]["01LUSD"]["IsCorporate"] = False
    crm.records["CurrencyType"]["01LEUR"]["IsCorporate"] = True
    assert "exchange rates of salesforce are to EUR, but the organisation counts in USD" in run(workspace).warnings[-1]
    crm.hidden.add("CurrencyType")
    assert run(workspace).warnings[-1].startswith("the user may not read CurrencyType: amounts in other currencies")
    assert "fx_rates.csv" not in files(workspace)
    found = ingest(workspace, workspace.root.parent / "export", mapping="salesforce")
    assert {(each.rule, each.value) for each in found.findings if each.table == "opportunities"} == {
        ("must have an exchange rate from that day or before", code) for code in ("CHF", "EUR", "JPY")
    }


def test_who_is_let_in_and_how(crm: Crm, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text("wrong-secret")
    with pytest.raises(RemoteError, match="lets nobody in") as refused:
        run(workspace)
    assert "wrong-secret" not in str(refused.value)
    (workspace.root / "connectors.yaml").write_text(f"salesforce: {{url: '{crm.url}', session: 00D!x}}\n")
    with pytest.raises(ConfigurationError, match="holds a secret: set SPM_CONNECTORS__SALESFORCE__SESSION"):
        run(workspace)
    (workspace.root / "connectors.yaml").write_text(f"salesforce: {{url: '{crm.url}'}}\n")
    with pytest.raises(ConfigurationError, match="give exactly one of"):
        run(workspace)
    monkeypatch.setenv("SPM_CONNECTORS__SALESFORCE__SESSION", "00D!old")
    with pytest.raises(RemoteError, match=r"INVALID_SESSION_ID.*get a new token") as ended:
        run(workspace)
    assert "00D!old" not in str(ended.value)
    crm.tokens.add("00D!old")
    run(workspace)
    assert crm.logins == 0
    monkeypatch.setenv("SPM_CONNECTORS__SALESFORCE__URL", "http://example.com")
    with pytest.raises(ConfigurationError, match="must begin with https://"):
        run(workspace)
    monkeypatch.setenv("SPM_CONNECTORS__SALESFORCE__URL", "https://other.my.salesforce.com")
    with pytest.raises(DataError, match=r"holds what was fetched from salesforce at http://127.0.0.1"):
        run(workspace)


def test_a_signed_assertion_opens_a_session(crm: Crm, workspace: Workspace, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = rsa.generate_private_key(65_537, 2_048)
    pem = tmp_path / "key.pem"
    settings = f"url: '{crm.url}', client_id: {CLIENT_ID}, username: spm@example.com, private_key_file: {pem}"
    (workspace.root / "connectors.yaml").write_text(f"salesforce: {{{settings}}}\n")
    pem.write_text("no key")
    with pytest.raises(RemoteError, match="no PEM of an RSA key"):
        run(workspace)
    pem.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    run(workspace)
    assert crm.logins == 1


def test_the_command_fetches_and_says_what_it_did(crm: Crm, workspace: Workspace, tmp_path: Path) -> None:
    said = spm("fetch", "salesforce", "--to", tmp_path / "export", "--workspace", workspace.root, "--json")
    assert {each["name"]: each["held"] for each in json.loads(said.stdout)["objects"]}["Opportunity"] == 9
    assert CLIENT_SECRET not in said.stdout + said.stderr
    refused = spm("fetch", "hubspot", "--to", tmp_path / "other", "--workspace", workspace.root, expect=1)
    assert "nothing says how hubspot is reached" in refused.stderr
    assert not os.path.exists(tmp_path / "other")
