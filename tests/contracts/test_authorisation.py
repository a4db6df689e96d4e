"""Who may do what: every route, method and principal against an oracle that knows nothing of the scope rule.

The routes are taken from the application; one without a rule here fails. The oracle walks the organisation in Python.
"""

import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Route

from serving.app import create_app
from serving.settings import ServingSettings
from tests.prediction_world import NORTH, PEOPLE, PRINCIPALS, SOUTH, VP, World, issue_tokens
from tests.web import log_in, running, send_form, served

NORTH_TEAM = {"r-101", "r-102", "r-103", "r-104", "r-105", "r-106", "r-107"}
SOUTH_TEAM = {"r-201", "r-202", "r 203/ä", "r-204"}
REPS = NORTH_TEAM | SOUTH_TEAM
NOBODY, STRANGER = "nobody", "r-999"

SEES_PEOPLE: dict[str, set[str] | None] = {
    "vp": REPS,
    "north": NORTH_TEAM,
    "south": SOUTH_TEAM,
    "hr": REPS,
    "analyst": None,  # None: the role may not ask at all
    "rep": {"r-201"},
    NOBODY: None,
}
SEES_FIGURES = SEES_PEOPLE | {"hr": None}
SEES_TEAMS: dict[str, set[str] | None] = {
    "vp": {VP, NORTH, SOUTH},
    "north": {NORTH},
    "south": {SOUTH},
    "hr": None,
    "analyst": {VP, NORTH},  # South has four reps
    "rep": None,
    NOBODY: None,
}
SEES_GROUPS: dict[str, set[str] | None] = {
    "vp": {f"team/{VP}", f"team/{NORTH}", f"team/{SOUTH}", "region/EMEA", "region/Americas", "company/company"},
    "north": {f"team/{NORTH}"},
    "south": {f"team/{SOUTH}"},
    "hr": None,
    "analyst": {f"team/{VP}", f"team/{NORTH}", "region/EMEA", "company/company"},
    "rep": None,
    NOBODY: None,
}
DECIDES: dict[str, set[str] | None] = SEES_PEOPLE | {"rep": None}
"""Nobody in this organisation is a manager with an offer of their own; the store's tests cover that."""
EVERYONE: dict[str, set[str] | None] = {name: {"any"} for name in PRINCIPALS} | {NOBODY: None}


@dataclass(frozen=True)
class Rule:
    """What the oracle says of a route.

    Attributes:
        sees: For each principal the objects it reaches; None: forbidden.
        objects: What is asked for; empty for a list.
        page: Whether it is a page for people.
        open: Whether it needs no principal.
    """

    sees: dict[str, set[str] | None]
    objects: tuple[str, ...] = ()
    page: bool = False
    open: bool = False


REP_IDS = (*sorted(REPS), VP, STRANGER)
TEAM_IDS = (VP, NORTH, SOUTH, "r-101", STRANGER)

RULES: dict[tuple[str, str], Rule] = {
    ("GET", "/v1/periods"): Rule(EVERYONE),
    ("GET", "/v1/reps"): Rule(SEES_PEOPLE),
    ("GET", "/v1/reps/{rep_id:path}"): Rule(SEES_PEOPLE, REP_IDS),
    ("GET", "/v1/teams"): Rule(SEES_TEAMS),
    ("GET", "/v1/teams/{manager_id:path}"): Rule(SEES_TEAMS, TEAM_IDS),
    ("GET", "/v1/groups"): Rule(SEES_GROUPS),
    ("GET", "/v1/groups/{level}/{key:path}"): Rule(
        SEES_GROUPS, (*sorted(SEES_GROUPS["vp"] or ()), f"region/{NORTH}", "company/EMEA", f"team/{STRANGER}")
    ),
    ("GET", "/v1/forecasts"): Rule(SEES_FIGURES),
    ("GET", "/v1/forecasts/{rep_id:path}"): Rule(SEES_FIGURES, REP_IDS),
    ("GET", "/v1/recommendations"): Rule(SEES_PEOPLE),
    ("GET", "/v1/diagnoses"): Rule(SEES_FIGURES, REP_IDS),
    ("GET", "/v1/effects"): Rule(EVERYONE),
    ("POST", "/v1/decisions"): Rule(DECIDES, REP_IDS),
    ("POST", "/v1/plans"): Rule(DECIDES),
    ("GET", "/v1/metrics"): Rule(EVERYONE),
    ("GET", "/v1/model"): Rule(EVERYONE),
    ("GET", "/v1/model/value-added"): Rule(EVERYONE),
    ("GET", "/v1/openapi.json"): Rule({}, open=True),
    ("GET", "/health/live"): Rule({}, open=True),
    ("GET", "/health/ready"): Rule({}, open=True),
    ("GET", "/"): Rule(EVERYONE, page=True),
    ("GET", "/me"): Rule(EVERYONE, page=True),
    ("GET", "/reps/{rep_id:path}"): Rule(SEES_FIGURES, REP_IDS, page=True),
    ("GET", "/value-added"): Rule(EVERYONE, page=True),
    ("GET", "/glossary"): Rule(EVERYONE, page=True),
    ("GET", "/recommendations"): Rule(SEES_PEOPLE, page=True),
    ("GET", "/programs"): Rule(EVERYONE, page=True),
    ("GET", "/teams"): Rule(SEES_TEAMS, page=True),
    ("POST", "/decisions"): Rule(DECIDES, REP_IDS, page=True),
    ("GET", "/login"): Rule({}, page=True, open=True),
    ("POST", "/login"): Rule({}, page=True, open=True),
    ("POST", "/logout"): Rule({}, page=True, open=True),
    ("GET", "/static/{path}"): Rule({}, page=True, open=True),
}


@pytest.fixture(scope="module")
def app(harbour_file: Path, harbour_tokens: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    """Over an own store, since some requests decide; the tokens are in it."""
    own = tmp_path_factory.mktemp("authorisation") / "predictions.db"
    shutil.copy(harbour_file, own)
    return create_app(ServingSettings(store=str(own)))


@pytest.fixture(scope="module")
def client(app: FastAPI) -> Iterator[httpx.Client]:
    with running(app) as address, httpx.Client(base_url=address, timeout=30) as opened:
        yield opened


Ask = Callable[[str, str, str, str | None], httpx.Response]


@pytest.fixture(scope="module")
def ask(client: httpx.Client, harbour: World, harbour_tokens: dict[str, str]) -> Ask:
    """Sends a request as a principal."""
    sessions: dict[str, str] = {}

    def send(principal: str, method: str, route: str, thing: str | None) -> httpx.Response:
        address = route.replace("{level}/{key:path}", quote(thing or ""))
        for name in ("{rep_id:path}", "{manager_id:path}"):
            address = address.replace(name, quote(thing or "", safe=""))
        if thing is not None and method == "GET" and "{" not in route:
            address += f"?rep_id={quote(thing, safe='')}"
        client.cookies.clear()
        headers = {}
        if not RULES[method, route].page and principal != NOBODY:
            headers["Authorization"] = f"Bearer {harbour_tokens[principal]}"
        elif principal != NOBODY:
            if principal not in sessions:
                log_in(client, harbour_tokens[principal])
                sessions[principal] = client.cookies["spm_session"]
            client.cookies.set("spm_session", sessions[principal], domain="127.0.0.1")
        if method == "GET":
            return client.get(address, headers=headers)
        offered = {offer.rep_id: offer.program_id for offer in harbour.recommendations}
        body = {"rep_id": thing or "", "program_id": offered.get(thing or "") or "p-none", "verdict": "accepted"}
        if route == "/v1/plans":
            return client.post(address, json={}, headers=headers)
        if RULES[method, route].page:
            return send_form(client, address, **body)
        return client.post(address, json=body, headers=headers)

    return send


def routes_of(routes: Iterable[BaseRoute]) -> Iterator[Route]:
    """Every route; newer versions of FastAPI keep included routers as they are."""
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is not None:
            yield from routes_of(included.routes)
        else:
            assert isinstance(route, Route), f"{route} is of a kind without rules"
            yield route


def test_every_route_has_a_rule(app: FastAPI) -> None:
    served = {
        (method, route.path) for route in routes_of(app.routes) for method in route.methods or () if method != "HEAD"
    }
    assert served == set(RULES), "a route without a rule, or a rule without a route"
    described = {(method.upper(), path) for path, operations in app.openapi()["paths"].items() for method in operations}
    ruled = {(method, path.replace(":path}", "}")) for method, path in RULES}
    assert described <= ruled


def test_every_route_of_the_api_asks_for_a_token(app: FastAPI) -> None:
    for route in routes_of(app.routes):
        if isinstance(route, APIRoute) and route.path.startswith("/v1"):
            operation = app.openapi()["paths"][route.path.replace(":path}", "}")][next(iter(route.methods)).lower()]
            assert operation["security"] == [{"HTTPBearer": []}], route.path


@pytest.mark.parametrize("principal", [*PRINCIPALS, NOBODY])
@pytest.mark.parametrize(("method", "route"), [key for key, rule in RULES.items() if not rule.open])
def test_each_principal_gets_what_the_oracle_says(
    ask: Ask, harbour: World, principal: str, method: str, route: str
) -> None:
    rule = RULES[method, route]
    reach = rule.sees[principal]
    abstained = {offer.rep_id for offer in harbour.recommendations if offer.abstention is not None}
    missing = None
    for thing in rule.objects or (None,):
        response = ask(principal, method, route, thing)
        if principal == NOBODY:
            assert response.status_code == (303 if rule.page else 401)
            if rule.page:
                assert response.headers["location"] == "/login"
            continue
        if reach is None:
            assert response.status_code == 403, (thing, response.text)
            continue
        if thing is None:
            assert response.status_code in ((200, 303) if rule.page else (200,)), response.text
            continue
        allowed = thing in reach and not (method == "POST" and thing in abstained)
        expected = {"GET": 200, "POST": 303 if rule.page else 201}[method] if allowed else 404
        assert response.status_code == expected, (thing, response.text)
        if not allowed:
            seen = (response.content, sorted(response.headers.multi_items()))
            seen = (seen[0], [item for item in seen[1] if item[0] != "date"])
            missing = missing or seen
            assert seen == missing, "out of scope and non-existent differ"


DECLINES: dict[str, set[str] | None] = {
    **{name: set() for name in PRINCIPALS},  # they may ask, and own no offer
    "analyst": None,
    "rep": {"r-201"},
}


@pytest.mark.parametrize("address", ["/v1/decisions", "/decisions"])
@pytest.mark.parametrize("principal", PRINCIPALS)
@pytest.mark.parametrize("verdict", ["declined", "reversed"])
def test_who_declines_and_who_takes_back(
    harbour_file: Path, tmp_path: Path, harbour: World, principal: str, address: str, verdict: str
) -> None:
    """Nothing was decided before, so whoever may take back at all hears that there is nothing to take back."""
    store = tmp_path / "a.db"
    shutil.copy(harbour_file, store)
    tokens = issue_tokens(store)
    offered = {offer.rep_id: offer for offer in harbour.recommendations}
    reach = DECLINES[principal]
    if verdict == "reversed" and reach is not None:
        reach = reach | (DECIDES[principal] or set())
    with served(store) as client:
        log_in(client, tokens[principal])
        for rep in REP_IDS:
            offer = offered.get(rep)
            program = (offer and offer.program_id) or "p-none"
            body = {"rep_id": rep, "program_id": program, "verdict": verdict, "reason": "so"}
            if address.startswith("/v1"):
                answer = client.post(address, json=body, headers={"Authorization": f"Bearer {tokens[principal]}"})
                done = 201
            else:
                answer, done = send_form(client, address, **body), 303
            made = offer is not None and offer.abstention is None
            if reach is None:
                expected = 403
            elif rep in reach and made:
                expected = done if verdict == "declined" else 409
            else:
                expected = 404
            assert answer.status_code == expected, (rep, answer.text)


@pytest.mark.parametrize("principal", PRINCIPALS)
@pytest.mark.parametrize(
    ("route", "key", "sees"),
    [
        ("/v1/reps", "rep_id", SEES_PEOPLE),
        ("/v1/forecasts", "rep_id", SEES_FIGURES),
        ("/v1/recommendations", "rep_id", SEES_PEOPLE),
        ("/v1/teams", "manager_id", SEES_TEAMS),
    ],
)
def test_lists_hold_exactly_what_is_in_scope(
    client: httpx.Client,
    harbour_tokens: dict[str, str],
    principal: str,
    route: str,
    key: str,
    sees: dict[str, set[str] | None],
) -> None:
    reach = sees[principal]
    if reach is None:
        return
    headers = {"Authorization": f"Bearer {harbour_tokens[principal]}"}
    answer = client.get(route, headers=headers).json()
    assert {item[key] for item in answer["items"]} == reach
    if "total" in answer:
        assert answer["total"] == len(reach)
        for other in (VP, NORTH, SOUTH, "r-201", STRANGER):  # asking for somebody else's team widens nothing
            narrowed = client.get(route, headers=headers, params={"manager_id": other}).json()
            assert {item[key] for item in narrowed["items"]} <= reach


@pytest.mark.parametrize("principal", PRINCIPALS)
def test_groups_hold_exactly_what_is_in_scope(
    client: httpx.Client, harbour_tokens: dict[str, str], principal: str
) -> None:
    reach = SEES_GROUPS[principal]
    if reach is None:
        return
    headers = {"Authorization": f"Bearer {harbour_tokens[principal]}"}
    items = client.get("/v1/groups", headers=headers).json()["items"]
    assert {f"{item['level']}/{item['key']}" for item in items} == reach
    texts = {part["text"] for item in items for part in item["parts"]}
    assert (texts == {""}) is (principal == "analyst"), "words may name deals"


def test_no_answer_to_hr_or_an_analyst_holds_a_figure_of_a_rep(
    client: httpx.Client, harbour: World, harbour_tokens: dict[str, str]
) -> None:
    figures = set()
    for row in harbour.predictions:
        if row.as_of == harbour.batch.as_of and row.quota:
            figures |= {f"{row.booked / 100}", f"{round(row.booked / 100):,}".replace(",", "\N{NO-BREAK SPACE}")}
            figures |= {row.main_reason} if row.abstention is None else set()
            figures |= {f"{said.amount / 100}" for said in row.submissions}
        figures |= {deal.opportunity_id for deal in row.deals}
    figures |= {"OPP-", "Close dates pushed"}
    # Quotas are round and may be a team's total; bookings are not.
    for principal in ("hr", "analyst"):
        headers = {"Authorization": f"Bearer {harbour_tokens[principal]}"}
        log_in(client, harbour_tokens[principal])
        for method, route in RULES:
            if method != "GET" or "{" in route or route == "/v1/openapi.json":
                continue
            text = client.get(route, headers=headers, follow_redirects=True).text
            text = json.dumps(json.loads(text), ensure_ascii=False) if text.startswith("{") else text
            found = {figure for figure in figures if figure in text}
            assert not found, (principal, route, found)
            if principal == "analyst":
                assert not {person.name for person in PEOPLE if person.rep_id in REPS and person.name in text}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_reading_addresses_take_no_other_method(
    client: httpx.Client, harbour_tokens: dict[str, str], method: str
) -> None:
    headers = {"Authorization": f"Bearer {harbour_tokens['vp']}"}
    for other, route in RULES:
        if other == "GET" and (method, route) not in RULES and "{" not in route:
            answer = client.request(method, route, headers=headers)
            assert answer.status_code == 405, route
