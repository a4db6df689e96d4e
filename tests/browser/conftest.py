"""A real Chromium against the real service, and a record of everything it complains about."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, sync_playwright

from serving.app import create_app
from serving.limits import RateLimits
from serving.settings import ServingSettings
from spm_ml.predictions import NewCase, PredictionStore, Principal, Scope
from tests.coaching_world import make_coaching, make_fairness
from tests.prediction_world import issue_tokens, make_world
from tests.web import running

CHROMIUM = Path(os.environ.get("SPM_CHROMIUM", "/usr/bin/chromium"))
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
OUTPUT = Path(__file__).parents[2] / "test-output"


@dataclass
class Visit:
    """A page and what went over the wire for it.

    Attributes:
        complaints: Console messages, errors of scripts, requests that failed or went outside.
        requests: Addresses asked for since the last `go`.
        bytes: Received since then, headers left out.
    """

    page: Page
    address: str
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    bytes: int = 0

    def go(self, path: str) -> None:
        """Opens a page and waits until it is quiet."""
        self.requests.clear()
        self.bytes = 0
        self.page.goto(self.address + path)

    def log_in(self, token: str) -> None:
        """Logs in as a person would."""
        self.go("/login")
        self.page.get_by_label("Access token").fill(token)
        self.page.get_by_role("button", name="Log in").click()
        self.page.wait_for_url(lambda url: not url.endswith("/login"))

    def enter(self, session: str, path: str) -> None:
        """Opens a page with a session that is open already."""
        self.page.context.add_cookies([{"name": "spm_session", "value": session, "url": self.address}])
        self.go(path)

    def shoot(self, name: str) -> None:
        """Keeps a picture of the whole page."""
        OUTPUT.mkdir(exist_ok=True)
        self.page.screenshot(path=OUTPUT / f"{name}.png", full_page=True)

    def check(self) -> None:
        """Fails on any complaint."""
        assert not self.complaints, self.complaints


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Not for the session: while Playwright is open its event loop runs, and other files of the worker need theirs."""
    if not CHROMIUM.exists():
        reason = f"no browser at {CHROMIUM}: install Debian's 'chromium' or name one with SPM_CHROMIUM"
        if os.environ.get("SPM_REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield launched
        launched.close()


@dataclass(frozen=True)
class Service:
    """The running service, and a token and an open session for each principal."""

    address: str
    tokens: dict[str, str]
    sessions: dict[str, str]


@contextmanager
def serving_file(path: Path) -> Iterator[Service]:
    tokens = issue_tokens(path)
    with PredictionStore.open(path) as store:
        sessions = {name: store.credentials.open_session(token) or "" for name, token in tokens.items()}
    with running(create_app(ServingSettings(store=str(path), limits=RateLimits(enabled=False)))) as address:
        yield Service(address, tokens, sessions)


def publish(store: PredictionStore) -> None:
    """Nine weeks of a quarter, and what coaching says beside them."""
    world = make_world(weeks=9)
    world.publish_into(store)
    store.publish_coaching(make_coaching(world), actor="tests")
    store.publish_fairness(world.batch, make_fairness(), actor="tests")
    rep = Principal("rep", "The rep", Scope("rep", "r-201"))
    assert store.cases.open(rep, NewCase("contest", "forecast", "The Meridian deal is signed: it is not in here."))


@pytest.fixture(scope="session")
def published_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine weeks of a quarter: the fan chart has a past and a future."""
    path = tmp_path_factory.mktemp("browser") / "predictions.db"
    with PredictionStore.open(path) as store:
        publish(store)
    return path


@pytest.fixture(scope="session")
def service(published_file: Path) -> Iterator[Service]:
    with serving_file(published_file) as served:
        yield served


@pytest.fixture
def own_service(tmp_path: Path) -> Iterator[Service]:
    """A service whose store may be changed."""
    copy = tmp_path / "own.db"
    with PredictionStore.open(copy) as store:
        publish(store)
    with serving_file(copy) as served:
        yield served


def _complain(visit: Visit, asked: Request) -> None:
    """Notes a request that failed; one given up because the page was left before it was answered is none."""
    if asked.failure != "net::ERR_ABORTED":
        visit.complaints.append(f"failed: {asked.url} ({asked.failure})")


OpenBrowser = Callable[..., Visit]


@pytest.fixture
def open_browser(browser: Browser, request: pytest.FixtureRequest) -> Iterator[OpenBrowser]:
    """Opens a window; every complaint of it fails the test at its end."""
    visits: list[tuple[BrowserContext, Visit]] = []

    def opened(address: str, **context: object) -> Visit:
        window = browser.new_context(**context)  # type: ignore[arg-type]
        visit = Visit(window.new_page(), address)
        page, host = visit.page, urlsplit(address).netloc

        def on_request(asked: object) -> None:
            visit.requests.append(asked.url)  # type: ignore[attr-defined]
            if urlsplit(asked.url).netloc != host:  # type: ignore[attr-defined]
                visit.complaints.append(f"outside request: {asked.url}")  # type: ignore[attr-defined]

        def on_finished(asked: object) -> None:
            visit.bytes += asked.sizes()["responseBodySize"]  # type: ignore[attr-defined]

        page.on("console", lambda message: visit.complaints.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: visit.complaints.append(f"error: {error}"))
        page.on("requestfailed", partial(_complain, visit))
        page.on("request", on_request)
        page.on("requestfinished", on_finished)
        visits.append((window, visit))
        return visit

    yield opened
    for window, visit in visits:
        window.close()
        visit.check()


@pytest.fixture(scope="session", autouse=True)
def fresh_output() -> None:
    """Pictures of an earlier run are not mistaken for this one's."""
    shutil.rmtree(OUTPUT / "pages", ignore_errors=True)
