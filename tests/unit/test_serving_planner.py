"""The training planner as parsed HTML: previews and what they change, limits, lines, acceptance, and groups."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from serving.pages.fairness_words import fairness_words
from serving.pages.planner_lines import Line
from serving.pages.planner_query import PlannerQuery
from spm_ml.hazards import Abstention
from spm_ml.predictions import FairnessAudit, PredictionStore, RepSummary
from tests.coaching_world import fairness_row, make_coaching, make_fairness
from tests.prediction_world import World, issue_tokens
from tests.web import log_in, parsed, send_form, served

Client = tuple[httpx.Client, Callable[[str], None]]


@pytest.fixture(scope="module")
def planned_file(harbour: World, harbour_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("planned") / "predictions.db"
    shutil.copy(harbour_file, path)
    with PredictionStore.open(path) as store:
        store.publish_coaching(make_coaching(harbour), actor="tests")
        store.publish_fairness(harbour.batch, make_fairness())
    return path


def client_of(path: Path, **settings: object) -> Iterator[Client]:
    tokens = issue_tokens(path)
    with served(path, **settings) as client:
        yield client, lambda principal: log_in(client, tokens[principal]) and None


@pytest.fixture(scope="module")
def reader(planned_file: Path) -> Iterator[Client]:
    yield from client_of(planned_file)


@pytest.fixture
def writer(planned_file: Path, tmp_path: Path) -> Iterator[Client]:
    """A store of one's own."""
    path = tmp_path / "own.db"
    shutil.copy(planned_file, path)
    yield from client_of(path)


def values_of(client: httpx.Client, path: str) -> dict[str, str]:
    table = parsed(client.get(path)).find(id="h-plan").find_parent("section").find("tbody")
    return {row.find("th").find(string=True): row.find_all("td")[2].find(string=True) for row in table.find_all("tr")}


def test_a_preview_stands_beside_the_published_plan_and_the_other_ways(reader: Client) -> None:
    client, log_in_as = reader
    log_in_as("hr")
    values = values_of(client, "/planner/preview?people=3")
    assert list(values)[:2] == ["This preview", "The published plan"]
    assert values["The published plan"] == "+29.1"
    assert values["Worst performers, published limits"] == "+14.1", "under others it would tell HR who they are"
    log_in_as("vp")
    own = values_of(client, "/planner/preview?people=3")
    assert "Worst performers" in own
    assert set(own) > {"Highest risk", "Everyone", "Nobody"}
    log_in_as("north")
    assert "The published plan" not in values_of(client, "/planner/preview?people=3"), "a part is not the whole"


def test_a_preview_says_what_binds_and_how_to_publish_it(reader: Client) -> None:
    client, log_in_as = reader
    log_in_as("hr")
    page = parsed(client.get("/planner/preview?people=2&budget=9000.50&seats.p-disco=0&lot=1&min_share=10"))
    plan = page.find(id="plan").get_text(" ", strip=True)
    assert "more would gain but for the limits." in plan
    assert "Discovery that uncovers need: no seat is there." in plan
    (command,) = [code.get_text() for code in page.find(id="plan").find_all("code")]
    assert command == (
        "spm recommend --budget 9000.50 --people 2 --seats p-disco=0 --min-share 0.1 --hold-out 0.2 "
        "--min-probability 0.9"
    )
    assert page.find(id="plan").find("form", action="/decisions") is None, "nothing of a preview can be accepted"
    log_in_as("north")
    part = parsed(client.get("/planner/preview?people=2")).find(id="plan")
    assert part.find("code") is None
    assert "for the whole organisation, not for one team" in part.get_text()


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("budget=-1", 422),
        ("budget=nan", 422),
        ("people=1.5", 422),
        ("seats=3", 422),
        ("seats.p-disco=x", 422),
        ("hold_out=100&lot=1", 422),
        ("people=1&people=2", 422),
        ("unknown=1", 422),
        ("page=0", 422),
        ("seats.zz-echo-zz=1", 404),
        ("about=zz-echo-zz", 404),
        ("budget=&people=&seats.p-disco=", 200),
    ],
)
def test_limits_that_are_none_are_refused_without_an_echo(reader: Client, query: str, status: int) -> None:
    client, log_in_as = reader
    log_in_as("hr")
    answer = client.get(f"/planner/preview?{query}")
    assert answer.status_code == status
    assert "zz-echo-zz" not in answer.text


def test_lines_are_filtered_and_compared(reader: Client) -> None:
    client, log_in_as = reader
    log_in_as("hr")

    def names(path: str) -> list[str]:
        table = parsed(client.get(path)).find("table", class_="planned")
        return [] if table is None else [row.find("th").find(string=True) for row in table.find("tbody").find_all("tr")]

    every = names("/planner/preview?people=2")
    same = names("/planner/preview?people=2&show=same")
    dropped = names("/planner/preview?people=2&show=dropped")
    assert len(same) == 2
    assert len(dropped) == 8
    assert set(every) > {*same, *dropped}
    assert names("/planner?q=MOREAU&show=open") == ["Ines Moreau"]
    assert names("/planner?show=decided") == []
    assert "Nobody matches this filter" in client.get("/planner?show=decided").text


def test_a_line_is_of_every_kind_that_it_shows() -> None:
    rep = RepSummary("r-1", "Ada", "ae", None, "North", "", "", None, None)
    line = Line(rep, "offered", "p", "P", "", None, None, None, None, None, None, None, "", "", None, change="added")
    assert line.is_shown("added", "ad")
    assert line.is_shown("all", "")
    assert not line.is_shown("dropped", "")
    assert not line.is_shown("added", "bob")


def test_an_address_of_the_planner_keeps_what_was_asked() -> None:
    query = PlannerQuery.model_validate({"budget": "1500.5", "seats": {"p-a": "3", "p-b": ""}, "lot": "1", "q": "x"})
    assert query.href("/planner/preview", page=2) == (
        "/planner/preview?q=x&page=2&seats.p-a=3&seats.p-b=&budget=1500.5&lot=1"
    )
    assert query.published().href("/planner") == "/planner?q=x"


@pytest.mark.parametrize(("principal", "sees"), [("hr", True), ("analyst", False), ("vp", False), ("rep", False)])
def test_groups_are_for_hr_alone(reader: Client, principal: str, sees: bool) -> None:
    client, log_in_as = reader
    log_in_as(principal)
    page = parsed(client.get("/planner"))
    panel = page.find(id="h-fair")
    assert (panel is not None) is sees
    if sees:
        text = panel.find_parent("section").get_text(" ", strip=True)
        assert "in the high risk band: gender f 50%, m 25%" in text
        assert "withheld: it could tell somebody's group" in text
        assert "Of batch b-0001, 2026Q2 as of" in text, "whose flags and offers these are"


def test_without_an_audit_the_panel_says_what_to_run(harbour: World) -> None:
    batch = harbour.batch
    nobody = fairness_words(None, batch)
    assert (nobody.command, nobody.tables) == ("spm fairness", ())
    alone = fairness_words(FairnessAudit(5, (), Abstention("no_protected_groups")), batch)
    assert "No protected group of these people is on record." in alone.lead
    row = fairness_row("offered", "f", 0.2, "within four fifths", 0.9, 0.1, None)
    wide = fairness_words(FairnessAudit(5, (row,)), batch)
    assert wide.tables[0].rows[0].ratio_interval == "0.10 or more"
    assert "no proof of fairness" in wide.lead


def offers_on(client: httpx.Client) -> list[dict[str, str]]:
    found = json.loads(parsed(client.get("/planner/accept")).find("input", attrs={"name": "offers"})["value"])
    assert isinstance(found, list)
    return found


def accept(client: httpx.Client, offers: list[dict[str, str]]) -> httpx.Response:
    return send_form(client, "/planner/accept", offers=json.dumps(offers), back="/planner?page=1")


def decided(client: httpx.Client) -> str:
    return parsed(client.get("/planner")).find(id="list").find("p").get_text()


def test_offers_are_accepted_together_and_once(writer: Client) -> None:
    client, log_in_as = writer
    log_in_as("north")
    offers = offers_on(client)
    assert len(offers) == 6
    assert accept(client, offers).headers["location"] == "/planner?page=1#list"
    assert decided(client) == "6 offers: 6 accepted."
    assert accept(client, offers).status_code == 303, "a double click is one click"
    log_in_as("vp")
    assert client.get("/planner").text.count("Accepted by test north") == 6
    assert "Nothing is open" in client.get("/planner/accept?q=Ines").text


def test_all_are_accepted_or_none(writer: Client) -> None:
    client, log_in_as = writer
    log_in_as("north")
    offers = offers_on(client)
    last = {name: offers[-1][name] for name in ("rep_id", "program_id")}
    send_form(client, "/decisions", **last, verdict="overridden", reason="on leave")
    refused = accept(client, offers)
    assert refused.status_code == 409
    assert "None was accepted" in refused.text
    assert decided(client) == "6 offers: 5 open, 1 overridden."
    foreign = {"rep_id": "r-202", "program_id": "p-disco", "key": "0123456789"}
    assert accept(client, [*offers[:2], foreign]).status_code == 404
    assert decided(client) == "6 offers: 5 open, 1 overridden."


def test_a_form_of_acceptance_is_ours_and_whole(writer: Client) -> None:
    client, log_in_as = writer
    log_in_as("hr")
    offers = offers_on(client)
    for sent in ([], [{**offers[0], "more": "1"}], [offers[0], {**offers[1], "key": offers[0]["key"]}], [{}]):
        assert accept(client, sent).status_code == 422
    body = {"offers": json.dumps(offers)}
    assert client.post("/planner/accept", data=body, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    elsewhere = send_form(client, "/planner/accept", **body, back="https://example.org/planner")
    assert elsewhere.status_code == 422
    assert decided(client) == "10 offers: 10 open."


def test_a_decision_leads_back_to_where_it_was_made(writer: Client) -> None:
    client, log_in_as = writer
    log_in_as("north")
    offer = {"rep_id": "r-101", "program_id": "p-disco", "verdict": "accepted"}
    assert send_form(client, "/decisions", **offer, back="/planner?q=ines").headers["location"] == (
        "/planner?q=ines#list"
    )
    assert send_form(client, "/decisions", **offer).headers["location"] == "/reps/r-101#offers"
    for place in ("//example.org", "/planner/../x", "/planner?q=<b>", "/"):
        assert send_form(client, "/decisions", **offer, back=place).status_code == 422, place


def test_previews_count_as_models_do(planned_file: Path) -> None:
    limits = {"enabled": True, "what_if_per_minute": 2}
    for client, log_in_as in client_of(planned_file, limits=limits):
        log_in_as("hr")
        assert [client.get("/planner/preview?people=1").status_code for _ in range(3)] == [200, 200, 429]
        assert client.get("/planner").status_code == 200
