"""People whom a trusted proxy names: the header counts from listed peers alone, and gives nothing but a name."""

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import uvicorn
from pydantic import ValidationError
from starlette.requests import Request

from serving import run
from serving.identity.proxy import ProxyHeader
from serving.identity.settings import TrustedProxy
from serving.settings import ServingSettings
from spm_ml.predictions import PredictionStore
from spm_ml.predictions.accounts import AccountDraft
from tests.prediction_world import NORTH
from tests.web import parsed, served

PROXY = {"header": "X-Remote-User", "peers": ["10.9.0.0/16", "fd00::/8"]}
NAME = {"X-Remote-User": "anna@example.com"}


@pytest.fixture
def file(harbour_file: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "own.db"
    shutil.copy(harbour_file, copy)
    with PredictionStore.open(copy) as store:
        store.accounts.add(AccountDraft("Anna", "manager", NORTH, email="anna@example.com"))
        store.accounts.add(AccountDraft("Omar", "hr", issuer="proxy", subject="omar"))
    return copy


@pytest.fixture
def browser(file: Path) -> Iterator[httpx.Client]:
    """Behind a proxy on the loopback."""
    trusted = PROXY | {"peers": ["127.0.0.0/8"]}
    with served(file, proxy=trusted, token_login=False) as opened:
        yield opened


def test_whom_the_proxy_names_is_logged_in_with_the_role_of_the_account(browser: httpx.Client, file: Path) -> None:
    board = browser.get("/", headers=NAME)
    assert board.status_code == 200
    assert "Ines Moreau" in board.text
    assert "Priya Raman" not in board.text, "somebody else's team"
    assert browser.get("/login", headers=NAME).headers["location"] == "/me"
    assert browser.get("/planner", headers={"X-Remote-User": "omar"}).status_code == 200
    assert browser.get("/", headers={"X-Remote-User": "omar"}).headers["location"] == "/planner"
    assert browser.get("/v1/reps", headers=NAME).status_code == 401, "programs bring a token"
    with PredictionStore.open(file) as store:
        (anna,) = [account for account in store.accounts.every() if account.label == "Anna"]
        store.accounts.change(anna.account_id, AccountDraft("Anna", "analyst", email="anna@example.com"))
        assert browser.get("/planner/preview", headers=NAME).status_code == 403
        store.accounts.disable(anna.account_id)
    refused = browser.get("/planner/preview", headers=NAME)
    assert refused.status_code == 403
    assert "Ask the admin" in refused.text


def test_nobody_is_logged_in_without_the_header_or_with_an_unknown_name(browser: httpx.Client) -> None:
    assert browser.get("/").headers["location"] == "/login"
    page = parsed(browser.get("/login"))
    assert page.find("form", action="/login") is None
    assert browser.post("/login", data={"token": "x"}, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 404
    unknown = [browser.get(path, headers={"X-Remote-User": "nobody"}) for path in ("/", "/reps/r-101", "/login")]
    assert {answer.status_code for answer in unknown} == {403}
    assert len({answer.content for answer in unknown}) == 1
    assert "nobody" not in unknown[0].text


@pytest.mark.parametrize(
    "headers",
    [
        [("X-Remote-User", "anna@example.com"), ("X-Remote-User", "omar")],
        [("X-Remote-User", "omar"), ("x-remote-user", "omar")],
        [("X-Remote-User", "")],
        [("X-Remote-User", "x" * 501)],
    ],
    ids=["two names", "twice the same", "empty", "long"],
)
def test_a_header_of_which_nobody_can_say_whose_it_is_is_refused(
    browser: httpx.Client, headers: list[tuple[str, str]]
) -> None:
    assert browser.get("/", headers=httpx.Headers(headers)).status_code == 400


def request_from(peer: str | None, headers: dict[str, str]) -> Request:
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "headers": raw, "client": None if peer is None else (peer, 4711)})


def test_from_a_peer_that_is_not_listed_the_header_means_nothing(caplog: pytest.LogCaptureFixture) -> None:
    header = ProxyHeader(TrustedProxy.model_validate(PROXY))
    for peer in ("10.9.8.7", "10.9.255.255", "fd00::7", "::ffff:10.9.0.1"):
        assert header.name_in(request_from(peer, NAME)) == "anna@example.com", peer
    assert header.refused == 0
    others = ("10.10.0.1", "192.168.0.1", "127.0.0.1", "::1", "::ffff:10.10.0.1", "a-name", "", None)
    spoofed = NAME | {"X-Forwarded-For": "10.9.8.7", "Forwarded": "for=10.9.8.7", "X-Real-IP": "10.9.8.7"}
    with caplog.at_level(logging.WARNING):
        for peer in others:
            assert header.name_in(request_from(peer, spoofed)) is None, peer
    assert header.refused == len(others)
    assert len(caplog.records) == 4, "the first, second, fourth and eighth"
    assert "anna" not in caplog.text


def test_no_header_says_from_where_somebody_connects(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[uvicorn.Config] = []
    monkeypatch.setattr(uvicorn.Server, "run", lambda server, **_: started.append(server.config))
    run.run(ServingSettings(store=str(file)))
    assert [config.proxy_headers for config in started] == [False]
    monkeypatch.undo()
    with served(file, proxy=PROXY) as client:  # over a real socket, from the loopback
        spoofed = NAME | {"X-Forwarded-For": "10.9.8.7"}
        assert client.get("/", headers=spoofed).headers["location"] == "/login"


def test_forms_from_elsewhere_are_refused_behind_the_proxy_too(browser: httpx.Client) -> None:
    fields = {"rep_id": "r-101", "program_id": "p-disco", "verdict": "accepted"}
    for headers in ({}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://evil.example"}):
        assert browser.post("/decisions", data=fields, headers=NAME | headers).status_code == 403
    sent = browser.post("/decisions", data=fields, headers=NAME | {"Sec-Fetch-Site": "same-origin"})
    assert sent.status_code == 303


@pytest.mark.parametrize(
    ("proxy", "problem"),
    [
        ({"peers": []}, "at least 1"),
        ({"peers": ["0.0.0.0/0"]}, "every address"),
        ({"peers": ["::/0"]}, "every address"),
        ({"peers": ["proxy.example"]}, "not a valid IPv4 network"),
        ({"peers": ["10.0.0.0/8"], "header": "X Y"}, "pattern"),
    ],
)
def test_settings_that_trust_too_much_are_refused(proxy: dict[str, object], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        ServingSettings.model_validate({"store": "x", "proxy": proxy})


def test_nobody_is_locked_out_by_settings() -> None:
    with pytest.raises(ValidationError, match="nobody could log in"):
        ServingSettings(store="x", token_login=False)
