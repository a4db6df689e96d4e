"""Logging in and out, sessions, forms from elsewhere, static files and demo logins."""

import hashlib
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select, update

from serving.access import create_demo_logins
from serving.assets import HTMX_SHA256, htmx
from serving.settings import ServingSettings
from spm_ml.errors import NotReadyError
from spm_ml.predictions import PredictionStore, Scope, schema
from spm_ml.predictions.engine import connect, reading, writing
from spm_ml.settings import Organisation, Workspace
from tests.prediction_world import NORTH, World
from tests.web import log_in, parsed, send_form, served


@pytest.fixture
def client(harbour_file: Path) -> Iterator[httpx.Client]:
    with served(harbour_file) as opened:
        yield opened


HOMES = {
    "vp": "/",
    "hr": "/planner",
    "analyst": "/model",
    "rep": "/reps/r-201",
    "admin": "/accounts",
}


@pytest.mark.parametrize(("principal", "home"), HOMES.items())
def test_every_role_lands_on_its_own_page(
    client: httpx.Client, harbour_tokens: dict[str, str], principal: str, home: str
) -> None:
    answer = log_in(client, harbour_tokens[principal])
    assert (answer.status_code, answer.headers["location"]) == (303, "/me")
    for start in ("/me", "/"):
        landed = client.get(start, follow_redirects=True)
        assert landed.status_code == 200
        assert landed.url.path == home


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(
    client: httpx.Client, harbour_tokens: dict[str, str], harbour_file: Path
) -> None:
    cookie = log_in(client, harbour_tokens["vp"]).headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "secure" not in cookie
    assert harbour_tokens["vp"].lower() not in cookie
    with served(harbour_file, secure_cookies=True) as secure:
        cookie = log_in(secure, harbour_tokens["vp"]).headers["set-cookie"]
        assert cookie.startswith("__Host-spm_session=")
        assert "Secure" in cookie
        assert "Path=/;" in cookie


def test_a_wrong_token_is_refused_in_words(client: httpx.Client) -> None:
    for token in ("wrong", "", "ü\x00", "x" * 200):
        answer = send_form(client, "/login", token=token)
        assert answer.status_code == 401
        assert "not valid" in parsed(answer).select_one("[role=alert]:not([hidden])").get_text()
        assert "set-cookie" not in answer.headers
    assert send_form(client, "/login", token="x" * 201).status_code == 422
    half = client.post(  # a lone surrogate, percent-encoded
        "/login",
        content=b"token=%ED%A0%BD",
        headers={"Sec-Fetch-Site": "same-origin", "Content-Type": "application/x-www-form-urlencoded"},
    )
    assert half.status_code == 401


def test_a_token_in_an_address_opens_nothing(client: httpx.Client, harbour_tokens: dict[str, str]) -> None:
    token = harbour_tokens["vp"]
    assert "set-cookie" not in client.get("/login", params={"token": token}).headers
    assert client.get("/", params={"token": token}).headers.get("location") == "/login"
    assert client.get("/v1/reps", params={"token": token}).status_code == 401
    assert client.get("/v1/reps", params={"access_token": token}).status_code == 401


def test_logging_out_ends_the_session_on_the_server(client: httpx.Client, harbour_tokens: dict[str, str]) -> None:
    log_in(client, harbour_tokens["vp"])
    key = client.cookies["spm_session"]
    assert client.get("/").status_code == 200
    assert send_form(client, "/logout").headers["location"] == "/login"
    assert "spm_session" not in client.cookies
    client.cookies.set("spm_session", key, domain="127.0.0.1")
    assert client.get("/").headers["location"] == "/login"


def test_all_sessions_of_a_person_end_at_once_and_nobody_elses(
    client: httpx.Client, harbour_tokens: dict[str, str]
) -> None:
    keys = []
    for name in ("analyst", "vp", "vp"):
        log_in(client, harbour_tokens[name])
        keys.append(client.cookies["spm_session"])
    form = parsed(client.get("/")).find("button", attrs={"name": "everywhere"})
    assert form is not None
    assert send_form(client, "/logout", everywhere="yes").headers["location"] == "/login"
    homes = []
    for key in keys:
        client.cookies.clear()
        client.cookies.set("spm_session", key, domain="127.0.0.1")
        homes.append(client.get("/me").headers["location"])
    assert homes == ["/model", "/login", "/login"]
    assert send_form(client, "/logout", everywhere="yes").status_code == 303, "it is over already"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1"},
    ],
)
@pytest.mark.parametrize("path", ["/login", "/logout", "/decisions"])
def test_forms_from_elsewhere_are_refused(
    client: httpx.Client, harbour_tokens: dict[str, str], path: str, headers: dict[str, str]
) -> None:
    log_in(client, harbour_tokens["vp"])
    fields = {"token": harbour_tokens["vp"], "rep_id": "r-101", "program_id": "p-disco", "verdict": "accepted"}
    assert client.post(path, data=fields, headers=headers).status_code == 403
    assert client.get("/").status_code == 200, "the session goes on"


def test_an_older_browser_proves_the_origin_by_its_address(
    client: httpx.Client, harbour_tokens: dict[str, str]
) -> None:
    origin = str(client.base_url).rstrip("/")
    answer = client.post("/login", data={"token": harbour_tokens["hr"]}, headers={"Origin": origin})
    assert answer.status_code == 303


def test_an_override_through_the_form_needs_a_reason(harbour: World, tmp_path: Path) -> None:
    path = tmp_path / "own.db"
    with PredictionStore.open(path) as store:
        harbour.publish_into(store)
        (login,) = [one for one in create_demo_logins(store) if one.role == "hr"]
    offer = {"rep_id": "r-101", "program_id": "p-disco"}
    with served(path) as client:
        log_in(client, login.token)
        assert send_form(client, "/decisions", **offer, verdict="overridden", reason="  ").status_code == 422
        assert send_form(client, "/decisions", **offer, verdict="promoted").status_code == 422
        done = send_form(client, "/decisions", **offer, verdict="overridden", reason="on leave")
        assert done.headers["location"] == "/planner"
        assert "Overridden by demo HR" in client.get("/planner").text


def test_demo_logins_are_fresh_each_time(harbour: World, tmp_path: Path) -> None:
    with PredictionStore.open(tmp_path / "own.db") as store:
        with pytest.raises(NotReadyError):
            create_demo_logins(store)
        harbour.publish_into(store)
        first, second = create_demo_logins(store), create_demo_logins(store)
        assert [login.role for login in second] == ["manager", "hr", "analyst", "rep"]
        assert not {login.token for login in first} & {login.token for login in second}
        assert all(store.credentials.principal_of_token(login.token) is None for login in first)
        scopes = {}
        for login in second:
            principal = store.credentials.principal_of_token(login.token)
            assert principal is not None
            scopes[login.role] = principal.scope
        assert scopes["manager"] == Scope("manager", NORTH)
        assert (second[0].name, second[3].name) == ("Anna Keller", "Ines Moreau")
        with store.read(scopes["manager"]) as batch:
            assert batch.predictions().total >= 4
            assert scopes["rep"].rep_id in {row.rep_id for row in batch.predictions().items}


def test_demo_logins_do_without_managers(harbour: World, tmp_path: Path) -> None:
    alone = replace(harbour.people[3], manager_id=None)
    rows = tuple(replace(row, manager_id=None) for row in harbour.predictions if row.rep_id == alone.rep_id)
    with PredictionStore.open(tmp_path / "own.db") as store:
        replace(harbour, people=(alone,), predictions=rows, teams=(), recommendations=()).publish_into(store)
        assert [login.role for login in create_demo_logins(store)] == ["hr", "analyst", "rep"]


def test_static_files_are_kept_by_browsers_and_checked_here(client: httpx.Client) -> None:
    assert hashlib.sha256(htmx()).hexdigest() == HTMX_SHA256
    page = parsed(client.get("/login"))
    addresses = [
        page.find("link", rel="stylesheet")["href"],
        page.find("script")["src"],
        page.find("link", rel="icon")["href"],
    ]
    for address in addresses:
        for encoding in ("gzip", "identity"):
            answer = client.get(address, headers={"Accept-Encoding": encoding})
            assert answer.status_code == 200
            assert "immutable" in answer.headers["cache-control"]
            assert answer.headers.get("content-encoding", "identity") == encoding
    assert client.get("/static/style.css").status_code == 404
    assert client.get("/static/..%2f..%2fapp.py").status_code == 404


def test_settings_follow_the_workspace(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    assert ServingSettings.of_workspace(workspace).stale_after is None
    Organisation(stale_after_days=9).write(workspace.organisation_file)
    settings = ServingSettings.of_workspace(workspace)
    assert settings.stale_after_days == 9
    assert settings.store == str(workspace.predictions_database)


def test_a_used_session_goes_on_and_an_idle_one_is_said_to_be_over(harbour_file: Path, tmp_path: Path) -> None:
    path, minute = tmp_path / "own.db", timedelta(minutes=1)
    shutil.copy(harbour_file, path)
    with PredictionStore.open(path) as store:
        token = store.credentials.issue("manager", rep_id=NORTH, label="Anna", valid_for=timedelta(days=1))
    engine, ends_at = connect(path), schema.sessions.c.expires_at

    def ends_in() -> timedelta:
        with reading(engine) as connection:
            newest = select(ends_at).order_by(schema.sessions.c.created_at.desc()).limit(1)
            ends: datetime = connection.execute(newest).scalar_one()
        return ends - datetime.now(UTC)

    def end_in(left: timedelta) -> None:
        with writing(engine) as connection:
            connection.execute(update(schema.sessions).values(expires_at=datetime.now(UTC) + left))

    with served(path, sessions={"hours": 8, "idle_hours": 1}) as client:
        assert "over" not in parsed(client.get("/login")).find("main").get_text()
        log_in(client, token)
        assert 59 * minute < ends_in() <= 60 * minute
        end_in(20 * minute)
        assert client.get("/").status_code == 200
        deadline = time.monotonic() + 10
        while ends_in() < 59 * minute and time.monotonic() < deadline:
            time.sleep(0.01)  # nobody who asks for a page waits for it
        assert 59 * minute < ends_in() <= 60 * minute
        end_in(-minute)
        over = client.get("/", follow_redirects=True)
        assert over.url.path == "/login"
        assert "Your session is over" in parsed(over).select_one("section [role=alert]").get_text()
        assert client.get("/").status_code == 303
    engine.dispose()
