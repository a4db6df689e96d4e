"""Files for spreadsheets: the same rows and fields as the lists, and nothing that runs."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.routes.exports import csv_of, safe
from spm_ml.predictions import PredictionStore
from tests.prediction_world import World, issue_tokens
from tests.web import log_in, parsed, send_form, served

EVIL = (
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    "  =1",
    "＝1",
    "\u200b=1",
    "a;=1",
    'a;"=1',
    "a\n=1",
)


@pytest.mark.parametrize("text", EVIL)
def test_no_cell_runs(text: str) -> None:
    body = csv_of(["a"], [[text]])
    assert body.startswith(b"\xef\xbb\xbf")
    _, (cell,) = csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""))
    # Whatever a spreadsheet takes for the separator, no part of it begins with a formula.
    for part in re.split("[;\t\r\n]", cell):
        assert not re.match('[\\s\u200b\ufeff"]*[=+\\-@＝＋－＠]', part), repr(cell)


@settings(max_examples=40, derandomize=True, database=None, deadline=None)
@given(st.text(st.sampled_from("a=+-@;'\"\t\r\n ＝\x00\u200b9,"), max_size=9))
def test_text_comes_back_but_for_apostrophes_and_control_characters(text: str) -> None:
    _, (cell, number) = csv.reader(io.StringIO(csv_of(["a", "b"], [[text, -1.5]]).decode("utf-8-sig"), newline=""))
    assert number == "-1.5", "numbers stay numbers"
    kept = re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", "", text)
    assert cell.replace("'", "") == kept.replace("'", "")
    assert safe(safe(text)).replace("'", "") == safe(text).replace("'", "")


@pytest.fixture(scope="module")
def evil_file(harbour: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("exports") / "predictions.db"
    names = dict(zip((row.rep_id for row in harbour.predictions), EVIL * 99, strict=False))
    people = tuple(replace(one, name=names.get(one.rep_id, one.name)) for one in harbour.people)
    rows = tuple(replace(row, name=names[row.rep_id]) for row in harbour.predictions)
    with PredictionStore.open(path) as store:
        replace(harbour, people=people, predictions=rows).publish_into(store)
    return path


@pytest.fixture(scope="module")
def client(evil_file: Path) -> Iterator[httpx.Client]:
    tokens = issue_tokens(evil_file)
    with served(evil_file) as opened:
        opened.headers["Authorization"] = f"Bearer {tokens['vp']}"
        opened.headers["X-Token"] = tokens["vp"]
        yield opened


@pytest.mark.parametrize("name", ["reps", "forecasts", "recommendations"])
def test_an_export_holds_what_the_list_holds(client: httpx.Client, name: str) -> None:
    for query in ({}, {"manager_id": "m-north", "sort": "name", "descending": "true"}, {"band": "high"}):
        answer = client.get(f"/v1/exports/{name}.csv", params=query)
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert answer.headers["content-disposition"] == f'attachment; filename="spm-{name}.csv"'
        assert answer.headers["cache-control"] == "no-store"
        listed = client.get(f"/v1/{name}", params=query | {"limit": "200"}).json()["items"]
        rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
        assert [row["rep_id"] for row in rows] == [item["rep_id"] for item in listed]
        for row, item in zip(rows, listed, strict=True):
            for field in {"quota", "booked", "p_hit", "cost", "effect"} & set(row):
                assert (float(row[field]) if row[field] else None) == item[field]
            assert row["risk_band"] == (item["risk_band"] or "")
            assert not re.match("\\s*[=+\\-@＝]", row["name"])


def test_decisions_are_exported_with_their_reasons(client: httpx.Client) -> None:
    body = {"rep_id": "r-101", "program_id": "p-disco", "verdict": "overridden", "reason": "=1+1"}
    assert client.post("/v1/decisions", json=body).status_code == 201
    answer = client.get("/v1/exports/decisions.csv")
    (row,) = csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline=""))
    assert (row["rep_id"], row["verdict"], row["reason"], row["status"]) == (
        "r-101",
        "overridden",
        "'=1+1",
        "standing",
    )


def test_pages_link_to_the_rows_they_show(client: httpx.Client) -> None:
    log_in(client, client.headers["X-Token"])
    for path in ("/?team=m-north&sort=quota&band=high", "/planner?q=1"):
        (link,) = [link["href"] for link in parsed(client.get(path)).find_all("a") if "Download" in link.get_text()]
        answer = client.get(link)
        assert answer.status_code == 200
        assert len(list(csv.reader(io.StringIO(answer.text, newline="")))) >= 1
    assert "manager_id=m-north" in client.get("/?team=m-north").text
    send_form(client, "/logout")
    assert client.get("/exports/forecasts.csv").headers["location"] == "/login"


def test_the_file_of_a_plan_holds_the_lines_that_are_shown(client: httpx.Client) -> None:
    token = client.headers.pop("Authorization").removeprefix("Bearer ")
    log_in(client, token)

    def shown(path: str) -> tuple[int, list[str]]:
        page = parsed(client.get(path))
        table = page.find("table", class_="planned")
        if table is None:
            return 0, []
        (link,) = [link["href"] for link in page.find_all("a") if "Download" in link.get_text()]
        rows = csv.DictReader(io.StringIO(client.get(link).content.decode("utf-8-sig"), newline=""))
        return len(table.find("tbody").find_all("tr")), [row["rep_id"] for row in rows]

    listed, everybody = shown("/planner")
    assert listed == len(everybody) > 1
    parts = {kind: shown(f"/planner?show={kind}") for kind in ("open", "decided", "waiting", "none")}
    assert all(lines == len(written) for lines, written in parts.values())
    assert sorted(rep for _, written in parts.values() for rep in written) == sorted(everybody)
    assert len(parts["open"][1]) > 1
    assert parts["decided"][1] == ["r-101"], "as the test above decided"
    send_form(client, "/logout")
