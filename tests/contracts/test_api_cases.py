"""Cases over the socket: the API and the forms, from opening to the answer; and expired offers in words."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from spm_ml.predictions import CoachingBatch, PredictionStore, Principal, Scope
from tests.prediction_world import World, issue_tokens
from tests.web import log_in, parsed, send_form, served


@pytest.fixture
def path(harbour_file: Path, harbour_tokens: dict[str, str], tmp_path: Path) -> Path:
    shutil.copy(harbour_file, tmp_path / "a.db")
    return tmp_path / "a.db"


@pytest.fixture
def client(path: Path) -> Iterator[httpx.Client]:
    with served(path) as opened:
        yield opened


Ask = Callable[..., httpx.Response]


def asking(client: httpx.Client, tokens: dict[str, str]) -> Ask:
    def send(who: str, method: str, address: str, body: dict[str, Any] | None = None, key: str = "") -> httpx.Response:
        headers = {"Authorization": f"Bearer {tokens[who]}"} | ({"Idempotency-Key": key} if key else {})
        return client.request(method, address, json=body, headers=headers)

    return send


@pytest.fixture
def ask(client: httpx.Client, harbour_tokens: dict[str, str]) -> Ask:
    return asking(client, harbour_tokens)


def test_from_opening_to_the_answer(harbour_target: str) -> None:
    """On each database, with keys."""
    tokens = issue_tokens(harbour_target)
    with served(harbour_target) as client:
        opens_and_answers(asking(client, tokens))


def opens_and_answers(ask: Ask) -> None:
    body = {"kind": "correction", "item": "OPP-17", "text": "It closed on 3 June."}
    opened = ask("rep", "POST", "/v1/cases", body, key="k")
    assert opened.status_code == 201
    case = opened.json()["case"]
    assert (case["rep_id"], case["about"], case["item"], case["status"], case["events"]) == (
        "r-201", "data", "OPP-17", "open", []
    )  # fmt: skip
    assert ask("rep", "POST", "/v1/cases", body, key="k").content == opened.content
    assert ask("rep", "POST", "/v1/cases", body | {"text": "other"}, key="k").status_code == 422
    address = f"/v1/cases/{case['case_id']}"
    assert [ask(who, "GET", address).status_code for who in ("rep", "south", "vp", "hr", "north", "analyst")] == [
        200, 200, 200, 200, 404, 403
    ]  # fmt: skip
    waiting = ask("south", "GET", "/v1/cases?status=waiting").json()
    assert (waiting["total"], [one["case_id"] for one in waiting["items"]]) == (1, [case["case_id"]])
    answer = {"status": "upheld", "text": "Corrected in the CRM; the next forecast has it."}
    for who, expected in (("rep", 403), ("north", 404), ("south", 201), ("vp", 409)):
        assert ask(who, "POST", f"{address}/answers", answer).status_code == expected, who
    shown = ask("rep", "GET", address).json()["case"]
    assert (shown["status"], shown["events"][0]["answered_by"], shown["events"][0]["role"]) == (
        "upheld", "test south", "manager"
    )  # fmt: skip
    late = ask("rep", "POST", f"{address}/withdrawal", {})
    assert (late.status_code, late.json()["detail"]) == (
        409, "The case is closed, or at a step that this does not follow."
    )  # fmt: skip
    assert ask("south", "GET", "/v1/cases?status=waiting").json()["total"] == 0


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "wish"},
        {"about": "data"},
        {"text": " "},
        {"text": "x" * 4_001},
        {"text": "a\x00b"},
        {"item": "OPP-1"},
        {"rep_id": "r-202"},
    ],
    ids=str,
)
def test_what_cannot_be_said(ask: Ask, change: dict[str, str]) -> None:
    body = {"kind": "contest", "about": "forecast", "text": "so"} | change
    answer = ask("rep", "POST", "/v1/cases", body)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")


def test_a_rep_says_it_on_the_own_page_and_is_answered(
    client: httpx.Client, harbour_tokens: dict[str, str], path: Path
) -> None:
    log_in(client, harbour_tokens["rep"])
    page = parsed(client.get("/reps/r-201"))
    form = page.select_one('#cases form[action="/cases"]')
    assert form is not None
    fields = {"topic": "contest:diagnosis", "item": "", "text": "I was <b>on leave</b>.", "key": form.input["value"]}
    for _ in range(2):
        assert send_form(client, "/cases", **fields).headers["location"] == "/reps/r-201#cases"
    assert send_form(client, "/cases", **fields | {"topic": "correction:data"}).status_code == 422, "of which record?"
    text = parsed(client.get("/reps/r-201")).select_one("#cases").get_text()
    assert text.count("I was <b>on leave</b>.") == 1
    assert "Open: nobody has answered yet." in text

    log_in(client, harbour_tokens["hr"])
    page = parsed(client.get("/cases"))
    assert "Contest of the diagnosis" in page.get_text()
    (form,) = page.select('form[action="/cases/1/answers"]')
    assert [button["value"] for button in form.select("button")] == ["in_review", "upheld", "partly_upheld", "rejected"]
    sent = {"status": "in_review", "text": "We look.", "key": form.input["value"]}
    assert send_form(client, "/cases/1/answers", **sent).headers["location"] == "/cases"

    log_in(client, harbour_tokens["south"])
    assert [button["value"] for button in parsed(client.get("/reps/r-201")).select("#cases button[name=status]")] == [
        "upheld", "partly_upheld", "rejected"
    ]  # fmt: skip
    sent = {"status": "partly_upheld", "text": "Two of four weeks."}
    assert send_form(client, "/cases/1/answers", **sent).headers["location"] == "/reps/r-201#cases"
    assert "Nobody waits" in parsed(client.get("/cases")).get_text()
    log_in(client, harbour_tokens["rep"])
    assert "Partly upheld by test south" in parsed(client.get("/reps/r-201")).select_one("#cases").get_text()
    with PredictionStore.open(path) as store:
        assert store.audit.check().intact


def test_the_history_of_decisions(ask: Ask, harbour: World) -> None:
    program = next(row.program_id for row in harbour.recommendations if row.rep_id == "r-101")
    for who, verdict in (("north", "accepted"), ("vp", "overridden"), ("vp", "reversed"), ("north", "accepted")):
        body = {"rep_id": "r-101", "program_id": program, "verdict": verdict, "reason": "so"}
        assert ask(who, "POST", "/v1/decisions", body).status_code == 201
    found = ask("hr", "GET", "/v1/decisions?limit=3").json()
    assert found["total"] == 4
    assert [(one["verdict"], one["status"], one["decided_by"]) for one in found["items"]] == [
        ("accepted", "standing", "test north"),
        ("reversed", "superseded", "test vp"),
        ("overridden", "reversed", "test vp"),
    ]
    assert (found["items"][0]["batch_id"], found["items"][0]["period"]) == ("b-0001", "2026Q2")
    assert ask("hr", "GET", "/v1/decisions?limit=3&offset=3").json()["items"][0]["status"] == "superseded"
    assert ask("south", "GET", "/v1/decisions").json()["total"] == 0
    assert ask("south", "GET", "/v1/decisions?rep_id=r-101").json()["total"] == 0


def test_an_offer_that_nobody_decided_about_reads_expired(
    client: httpx.Client, ask: Ask, harbour: World, harbour_tokens: dict[str, str], path: Path
) -> None:
    offer = next(row for row in harbour.recommendations if row.rep_id == "r-101")
    address = "/v1/recommendations?rep_id=r-101"
    assert ask("north", "GET", address).json()["items"][0]["status"] == "open"
    lapsed = replace(offer, expires_on=harbour.batch.as_of - timedelta(days=1))
    with PredictionStore.open(path) as store:
        store.publish_coaching(CoachingBatch((lapsed,), (), (), (), (), None))
        (line,) = store.assignments.lines()
        assert line.event == "offered", "publishing enrols nobody"
    assert ask("north", "GET", address).json()["items"][0]["status"] == "expired"
    log_in(client, harbour_tokens["north"])
    for place in ("/reps/r-101", "/planner", "/"):
        page = parsed(client.get(place))
        assert "Expired: nobody decided by" in page.get_text(), place
        assert page.select('form[action="/decisions"]') == [], place


def test_an_admin_reads_the_audit_with_its_head(client: httpx.Client, ask: Ask, path: Path) -> None:
    ask("rep", "POST", "/v1/cases", {"kind": "view", "about": "forecast", "text": "Too low."})
    with PredictionStore.open(path) as store:
        token = store.credentials.issue("admin", label="admin", valid_for=timedelta(hours=1))
        head = store.audit.check().head
    headers = {"Authorization": f"Bearer {token}"}
    answer = client.get("/v1/audit?limit=4", headers=headers).json()
    assert answer["head"] == {"sequence": head.sequence, "hash": head.hash}
    lines = answer["items"]
    assert [line["action"] for line in lines[:3]] == ["token issued", "account added", "case opened"]
    assert [line["previous_hash"] for line in lines[:3]] == [line["hash"] for line in lines[1:]]
    assert (lines[2]["subject"], lines[2]["model_version"]) == ("r-201", "7")
    assert client.get("/v1/audit?limit=1&offset=3", headers=headers).json()["items"] == lines[3:]
    assert "Too low." not in str(answer), "the trail vouches for words that it does not repeat"
    assert ask("hr", "GET", "/v1/audit").status_code == 403


def test_a_decision_enrols_nobody(path: Path, harbour: World) -> None:
    offer = next(row for row in harbour.recommendations if row.rep_id == "r-101")
    hr, key = Principal("a", "HR", Scope("hr")), {"rep_id": "r-101", "program_id": offer.program_id}
    with PredictionStore.open(path) as store:
        store.publish_coaching(CoachingBatch((offer,), (), (), (), (), None))
        before = store.assignments.lines()
        store.decide(hr, **key, verdict="accepted")
        store.decide(hr, **key, verdict="overridden", reason="so")
        assert store.assignments.lines() == before
        assert {line.event for line in before} == {"offered"}
