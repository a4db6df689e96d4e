"""Mapping files: each thing that they can declare, and what is told when one is wrong."""

from datetime import date
from pathlib import Path

import pytest

from spm_ml.errors import ConfigurationError
from spm_ml.settings import Workspace
from spm_ml.sources import ingest, load_mapping
from tests.ingest_world import rows

MAPPING = """
description: a German CRM
may_be_absent: quotas
format: {separator: ";", decimal: ",", thousands: ".", encoding: cp1252}
organisation: {currency: EUR, timezone: Europe/Berlin}
tables:
  reps:
    file: leute.csv
    distinct: kuerzel
    columns:
      rep_id: {from: kuerzel, lower: true}
      name: {template: "{Vorname} {nach name}"}
      team: {from: kuerzel, lookup: {file: teams.csv, key: wer, value: team, take: last}}
      hired_on: {from: eintritt, date_formats: ["%d.%m.%Y", "%d.%m.%y"], default: 2020-01-01, note: seit jeher}
      left_on: {from: austritt, date_formats: "%d.%m.%Y", only_with: {from: status, map: {weg: "1"}, other: ""}}
  opportunities:
    - file: "chancen*.csv"
      filter: {art: {none_of: [intern]}, nr: {present: true}}
      set_aside:
        - {when: {status: storno}, reason: was cancelled, remedy: nothing to do}
      columns:
        opportunity_id: {from: nr, strip_prefix: "CH-", length: 3}
        rep_id: {from: wer, lower: true}
        amount: [wert, schaetzung]
        created_on: {from: angelegt, date_formats: "%d.%m.%Y"}
        expected_close_on: {from: ziel, starts_with: "2"}
        stage: {from: status, map: {neu: Qualify}, other: Propose}
        outcome: {first_of: [{constant: won, when: {status: gewonnen}}, {constant: open}]}
  activities:
    file: anrufe.csv
    columns:
      rep_id: {from: wer, lower: true}
      occurred_at: wann
      kind: {constant: call}
      minutes: {from: sekunden, divide_by: 60}
"""
FILES = {
    "leute": "kuerzel;Vorname;Nach_Name;eintritt;austritt;status\n"
    "AB;Änne;Bär;03.02.2021;01.02.2024;weg\nCD;Cem;Demir;;05.05.2024;da\nAB;Zweimal;Gelistet;;;\nEF;Eva;;1.3.22;;\n",
    "teams": "wer;team\nAB;Alt\nAB;Neu\nCD;Süd\n",
    "chancen_2024": "nr;wer;wert;schaetzung;angelegt;ziel;status;art\n"
    "CH-0011;AB;1.234,50;;05.01.2024;2024-03-01;neu;extern\n"
    "CH-002;cd;;99,9;06.01.2024;bald;gewonnen;extern\n"
    "CH-003;ab;1.5;;06.01.2024;;neu;\n"
    "CH-004;ab;1;;06.01.2024;;storno;\n"
    "CH-005;ab;1;;06.01.2024;;neu;Intern\n"
    ";ab;1;;06.01.2024;;neu;\n",
    "anrufe": "wer;wann;sekunden\nab;2024-01-05T10:00:00Z;90\n",
}


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    root = tmp_path_factory.mktemp("crm")
    for name, text in FILES.items():
        (root / f"{name}.csv").write_bytes(text.encode("cp1252"))
    (root / "deutsch.yaml").write_text(MAPPING)
    workspace = Workspace(root / "workspace")
    report = ingest(workspace, root, mapping=root / "deutsch.yaml")
    deals = report.table("opportunities")
    assert (deals.rows_in, deals.accepted, deals.quarantined, deals.filtered) == (4, 2, 2, 2)
    told = {(each.line, each.column, each.value, each.rule) for each in report.findings}
    assert told == {(4, "amount", "1.5 (not as declared)", "must be an amount"), (5, "", None, "was cancelled")}
    (assumed,) = report.table("reps").assumptions
    assert (assumed.column, assumed.rows, assumed.note) == ("hired_on", 1, "seit jeher")
    assert report.table("reps").filtered == 1
    assert report.table("quotas").absent
    assert ingest(workspace, root, mapping=root / "deutsch.yaml").version is None
    return workspace


def test_people_come_out_as_declared(imported: Workspace) -> None:
    assert rows(imported, "reps", columns="rep_id, name, team, hired_on, left_on") == [
        ("ab", "Änne Bär", "Neu", date(2021, 2, 3), date(2024, 2, 1)),
        ("cd", "Cem Demir", "Süd", date(2020, 1, 1), None),
        ("ef", None, None, date(2022, 3, 1), None),
    ]


def test_deals_come_out_as_declared(imported: Workspace) -> None:
    columns = "opportunity_id, rep_id, amount, currency, created_on, expected_close_on, stage, outcome"
    assert rows(imported, "opportunities", columns=columns) == [
        ("001", "ab", 123450, "EUR", date(2024, 1, 5), date(2024, 3, 1), "Qualify", "open"),
        ("002", "cd", 9990, "EUR", date(2024, 1, 6), None, "Propose", "won"),
    ]
    assert rows(imported, "activities", columns="rep_id, minutes") == [("ab", 1.5)]
    assert imported.organisation().timezone == "Europe/Berlin"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("tables: {rep: []}", "'rep' is no table of the contract (did you mean 'reps'?)"),
        ("tables: {reps: [{file: a.csv, columns: {rep: x}}]}", "reps has no column 'rep' (did you mean 'rep_id'?)"),
        ("tables: {reps: [{file: a.csv, columns: {rep_id: {from: x, constant: y}}}]}", "exactly one of from"),
        ("tables: {reps: [{file: a.csv, columns: {rep_id: {from: x, default: y}}}]}", "a default needs a note"),
        ("tables: {reps: [{file: a.csv, columns: {}, filters: {}}]}", "filters"),
        ("tables: {}\nformat: {decimal: ',', thousands: ','}", "both ','"),
        ("tables: {}\nformat: {encoding: utf-9}", "'utf-9' is not an encoding"),
        ("tables: {}\norganisation: {currency: euro}", "currency"),
        ("tables: [", "cannot be read as YAML"),
        ("- reps", "must hold 'tables:'"),
    ],
)
def test_a_wrong_mapping_is_told(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        load_mapping(path)
    assert told in str(caught.value)
    assert "mine.yaml" in str(caught.value)


def test_an_unknown_mapping_is_told_with_the_closest_name() -> None:
    with pytest.raises(ConfigurationError, match=r"no mapping 'salesfroce' \(did you mean 'salesforce'\?\)"):
        load_mapping("salesfroce")
