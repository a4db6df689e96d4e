"""Logging in at a real OpenID provider on the loopback, as a browser goes: pages, redirects and cookies."""

import asyncio
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx
import pytest
from bs4 import BeautifulSoup
from fastapi import FastAPI

from serving.app import create_app
from serving.identity.flow import Flow
from serving.identity.oidc import Provider
from serving.identity.person import NotVouchedForError
from serving.settings import ServingSettings
from spm_ml.predictions import PredictionStore
from spm_ml.predictions.accounts import Account, AccountDraft
from tests.oidc_provider import CLIENT_ID, CLIENT_SECRET, PASSWORD, RunningProvider, running_provider
from tests.prediction_world import NORTH

HERE = "http://localhost:8000"
"""Where the service is for the browser; another host than the provider's, so that cookies are kept apart."""


@pytest.fixture(scope="session")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProvider]:
    with running_provider(tmp_path_factory.mktemp("provider"), f"{HERE}/login/callback") as running:
        yield running


class Browser:
    """A browser without scripts: the service is in this process, everything else on the network."""

    def __init__(self, file: Path, issuer: str, **settings: object) -> None:
        given = {"issuer": issuer, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "public_url": HERE}
        oidc = given | {"name": "Harbour login"}
        self.app: FastAPI = create_app(ServingSettings.model_validate({"store": str(file), "oidc": oidc, **settings}))
        self._runner = asyncio.Runner()
        self._lifespan = self.app.router.lifespan_context(self.app)
        self._runner.run(self._lifespan.__aenter__())
        mounts = {HERE: httpx.ASGITransport(app=self.app)}
        self._client = httpx.AsyncClient(mounts=mounts, base_url=HERE, trust_env=False, timeout=60)
        self.cookies = self._client.cookies

    def close(self) -> None:
        self._runner.run(self._client.aclose())
        self._runner.run(self._lifespan.__aexit__(None, None, None))
        self._runner.close()

    def run(self, work: Any) -> Any:
        return self._runner.run(work)

    def get(self, address: str, *, follow: bool = False) -> httpx.Response:
        answer: httpx.Response = self.run(self._client.get(address, follow_redirects=follow))
        return answer

    def post(self, address: str, fields: dict[str, str], **headers: str) -> httpx.Response:
        answer: httpx.Response = self.run(self._client.post(address, data=fields, headers=headers))
        return answer

    def begin(self) -> str:
        """Follows the button to the provider; gives the address it leads to."""
        page = BeautifulSoup(self.get("/login").text, "html.parser")
        link = page.find("a", string="Sign in with Harbour login")
        assert link is not None
        answer = self.get(str(link["href"]))
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    def identify(self, address: str, user: str) -> str:
        """Logs in at the provider's own form; gives the address it sends the browser back to."""
        asked = self.get(address, follow=True)
        form = BeautifulSoup(asked.text, "html.parser").find("input", attrs={"name": "csrfmiddlewaretoken"})
        assert form is not None, asked.text
        fields = {"csrfmiddlewaretoken": str(form["value"]), "username": user, "password": PASSWORD}
        answer = self.post(str(asked.url), fields, Referer=str(asked.url))
        while not answer.headers["location"].startswith(HERE):
            answer = self.get(str(answer.url.join(answer.headers["location"])))
            assert answer.is_redirect, answer.text
        return answer.headers["location"]


@pytest.fixture
def file(harbour_file: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "own.db"
    shutil.copy(harbour_file, copy)
    with PredictionStore.open(copy) as store:
        store.accounts.add(AccountDraft("Anna", "manager", NORTH, email="anna@example.com"))
        store.accounts.add(AccountDraft("Omar", "hr", email="omar@example.com"))
    return copy


@pytest.fixture
def browser(file: Path, provider: RunningProvider) -> Iterator[Browser]:
    opened = Browser(file, provider.issuer)
    yield opened
    opened.close()


def account(file: Path, label: str) -> Account:
    with PredictionStore.open(file) as store:
        return next(one for one in store.accounts.every() if one.label == label)


def test_somebody_logs_in_at_the_provider_and_has_the_role_of_the_account(
    browser: Browser, file: Path, provider: RunningProvider
) -> None:
    callback = browser.identify(browser.begin(), "anna")
    landed = browser.get(callback)
    assert (landed.status_code, landed.headers["location"]) == (303, "/me")
    assert "spm_login" not in browser.cookies, "a login is used up"
    cookies = landed.headers.get_list("set-cookie")
    assert all("HttpOnly" in cookie and "SameSite=lax" in cookie for cookie in cookies)
    board = browser.get("/")
    assert "Ines Moreau" in board.text
    assert "Priya Raman" not in board.text, "somebody else's team"
    anna = account(file, "Anna")
    assert (anna.issuer, anna.subject) == (provider.issuer, "1")
    with PredictionStore.open(file) as store:
        assert [line.action for line in tuple(store.audit.entries())[-2:]] == ["identity bound", "logged in"]
        # The address passes to somebody else here, and Anna's account goes on being hers.
        store.accounts.change(anna.account_id, replace(draft_of(anna), email=None, role="analyst", rep_id=None))
        store.accounts.add(AccountDraft("New", "hr", email="anna@example.com"))
    assert browser.get("/planner/preview").status_code == 403, "the session follows the account"
    browser.cookies.delete("spm_session")
    assert browser.get("/").headers["location"] == "/login"
    again = browser.get(browser.begin(), follow=True)  # the provider still knows this browser
    assert again.url.path == "/model"
    with PredictionStore.open(file) as store:
        store.accounts.disable(anna.account_id)
    assert browser.get("/model").headers["location"] == "/login"
    assert browser.get(browser.begin(), follow=True).status_code == 403


def draft_of(account: Account) -> AccountDraft:
    names = ("label", "role", "rep_id", "email", "issuer", "subject")
    return AccountDraft(**{name: getattr(account, name) for name in names})


def test_who_has_no_account_or_no_verified_address_is_told_to_ask(
    browser: Browser, file: Path, provider: RunningProvider
) -> None:
    pages = [browser.get(browser.identify(browser.begin(), "eve"))]
    other = Browser(file, provider.issuer)
    pages.append(other.get(other.identify(other.begin(), "omar")))
    other.close()
    assert [page.status_code for page in pages] == [403, 403]
    assert pages[0].content == pages[1].content
    assert "Ask the admin" in pages[0].text
    assert "spm_session" not in browser.cookies
    assert account(file, "Omar").subject is None


def test_an_answer_ends_one_login_in_the_browser_that_began_it(
    browser: Browser, file: Path, provider: RunningProvider
) -> None:
    callback = browser.identify(browser.begin(), "anna")
    thief = Browser(file, provider.issuer)
    assert thief.get(callback).status_code == 400, "a browser that began nothing"
    thief.begin()
    stolen = thief.get(callback)
    assert stolen.status_code == 400, "the state of another login"
    assert "Begin again" in stolen.text
    thief.close()
    kept = browser.cookies["spm_login"]
    assert browser.get(callback).status_code == 303
    assert browser.get(callback).status_code == 400, "it is used up"
    browser.cookies.set("spm_login", kept, domain="localhost.local")
    assert browser.get(callback).status_code == 401, "the provider takes no code twice"
    for query in ("", "?code=x", "?state=x", "?error=access_denied&state=x"):
        assert browser.get(f"/login/callback{query}").status_code == 400


def test_the_provider_refuses_a_login_without_its_verifier(browser: Browser, provider: RunningProvider) -> None:
    address = browser.begin()
    bare = dict(parse_qsl(urlsplit(address).query))
    assert bare.pop("code_challenge_method") == "S256"
    bare.pop("code_challenge")
    callback = browser.identify(f"{provider.issuer}/authorize/?{urlencode(bare)}", "anna")
    assert "error=invalid_request" in callback
    assert browser.get(callback).status_code == 401
    callback = browser.get(browser.begin()).headers["location"]
    query = parse_qs(urlsplit(callback).query)
    flow = Flow.ended(browser.cookies["spm_login"], query["state"][0])
    assert flow is not None
    vouching: Provider = browser.app.state.provider
    with pytest.raises(NotVouchedForError):
        browser.run(vouching.end(replace(flow, verifier="x" * 43), code=query["code"][0], issuer=None))


def test_without_the_provider_nobody_logs_in_and_sessions_go_on(file: Path, harbour_tokens: dict[str, str]) -> None:
    browser = Browser(file, "http://127.0.0.1:9/o")  # nobody is there
    with PredictionStore.open(file) as store:
        key = store.credentials.open_provider_session(issuer="i", subject="s", email="anna@example.com")
    answer = browser.get("/login/provider")
    assert answer.status_code == 503
    assert "does not answer" in answer.text
    browser.cookies.set("spm_session", key or "", domain="localhost.local")
    assert browser.get("/").status_code == 200
    browser.close()


def test_a_token_opens_no_session_where_that_is_switched_off(file: Path, harbour_tokens: dict[str, str]) -> None:
    browser = Browser(file, "http://127.0.0.1:9/o", token_login=False)
    assert "Access token" not in browser.get("/login").text
    sent = browser.post("/login", {"token": harbour_tokens["vp"]}, **{"Sec-Fetch-Site": "same-origin"})
    assert (sent.status_code, "set-cookie" in sent.headers) == (404, False)
    browser.close()


def test_where_no_provider_is_configured_there_is_nothing(harbour_file: Path) -> None:
    app = create_app(ServingSettings(store=str(harbour_file)))

    async def ask() -> list[int]:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url=HERE) as client:
            return [(await client.get(path)).status_code for path in ("/login/provider", "/login/callback")]

    assert asyncio.run(ask()) == [404, 404]
    app.state.store.close()
