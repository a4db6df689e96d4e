"""The pages that no other test looks at, and the states that a page falls into: what they say, offer and look like."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from playwright.sync_api import expect
from sqlalchemy import update

from serving.app import create_app
from serving.limits import Limiter, RateLimits
from serving.pages import PAGES as ROUTERS
from serving.settings import ServingSettings
from spm_ml.predictions import PredictionStore, StoreUnavailableError, schema
from spm_ml.predictions.engine import connect, writing
from tests.browser.accessibility import violations
from tests.browser.conftest import OpenBrowser, Service, Visit
from tests.browser.test_pages_in_browser import DESKTOP, LIGHT, NARROW, PAGES, assert_fits
from tests.prediction_world import issue_tokens, make_world
from tests.web import running

pytestmark = pytest.mark.browser

OTHERS = [
    ("vp", "/submissions?rep_id=r-101", "submissions"),
    ("analyst", "/model/calibration", "model-calibration"),
    ("analyst", "/model/drift", "model-drift"),
    ("analyst", "/model/data", "model-data"),
    ("analyst", "/model/lineage", "model-lineage"),
    ("analyst", "/model/voices", "model-voices"),
    ("vp", "/objectives", "objectives"),
    ("rep", "/objectives", "objectives-own"),
    ("vp", "/growth", "growth"),
    ("vp", "/quotas", "quotas"),
    ("hr", "/quotas", "quotas-hr"),
    ("north", "/agreements", "agreements"),
    ("rep", "/digest", "digest"),
    ("admin", "/audit", "audit"),
    ("admin", "/accounts", "accounts"),
    ("admin", "/accounts/{account_id}", "account"),
]
"""Pages that `PAGES` has not."""
ELSEWHERE = {"/me", "/value-added", "/programs", "/recommendations", "/login/provider", "/login/callback"}
"""Addresses that lead to another page."""
OF_THEIR_OWN = {"/login", "/digest/unsubscribe/{account_id}/{signature}"}
"""Looked at in `test_everywhere.py`, and by a signed link of a mail in `unit/test_serving_digest.py`."""


def test_no_page_is_left_out() -> None:
    asked = [path.partition("?")[0] for _, path, _ in (*PAGES, *OTHERS)]
    unseen = {
        route.path
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute)
        and "GET" in (route.methods or ())
        and not route.path.startswith(("/exports/", "/static/"))
        and not any(route.path_regex.match(path) for path in asked)
    }
    assert unseen == ELSEWHERE | OF_THEIR_OWN


def test_axe_finds_nothing_on_the_other_pages(service: Service, open_browser: OpenBrowser) -> None:
    visit = open_browser(service.address, **LIGHT)
    for principal, path, name in OTHERS:
        if "{" in path:
            path = visit.page.locator("table.accounts tbody a").first.get_attribute("href") or ""
        visit.enter(service.sessions[principal], path)
        assert visit.page.locator("h1").count() == 1, path
        assert len(visit.requests) <= 6, visit.requests
        assert visit.bytes <= 40_000, f"{path}: {visit.bytes} bytes"
        in_the_light_and_in_the_dark(visit, name)
        visit.page.set_viewport_size({"width": NARROW, "height": 640})
        assert_fits(visit, path)
        visit.page.set_viewport_size(DESKTOP)


def in_the_light_and_in_the_dark(visit: Visit, name: str) -> None:
    for colours in ("light", "dark"):
        visit.page.emulate_media(color_scheme=colours)
        assert not violations(visit.page, colours_only=colours == "dark"), (visit.page.url, colours)
        visit.shoot(f"pages/{name}-{colours}")
    visit.page.emulate_media(color_scheme="light")


@pytest.fixture
def old(tmp_path: Path) -> Iterator[tuple[FastAPI, Service]]:
    """A service whose batch is older than the organisation allows."""
    path, world = tmp_path / "old.db", make_world(weeks=9)
    batch = replace(world.batch, created_at=datetime.now(UTC) - timedelta(days=40))
    with PredictionStore.open(path) as store:
        replace(world, batch=batch).publish_into(store)
    tokens = issue_tokens(path)
    with PredictionStore.open(path) as store:
        sessions = {name: store.credentials.open_session(token) or "" for name, token in tokens.items()}
    app = create_app(ServingSettings(store=str(path), limits=RateLimits(enabled=False), stale_after_days=30))
    with running(app) as address:
        yield app, Service(address, tokens, sessions)


def test_each_state_says_what_to_do_and_offers_a_way_on(
    old: tuple[FastAPI, Service], open_browser: OpenBrowser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, service = old
    visit = open_browser(service.address, **LIGHT)
    page = visit.page

    def found(heading: str, advice: str, status: int, name: str) -> None:
        """Looks at the error page that the board's address gives now."""
        with page.expect_response(service.address + "/") as answer:
            visit.enter(service.sessions["vp"], "/")
        assert answer.value.status == status
        expect(page.locator("h1")).to_have_text(heading)
        expect(page.locator("h1 + p")).to_contain_text(advice)
        expect(page.get_by_role("navigation", name="Main").get_by_role("link", name="Risk board")).to_be_visible()
        expect(page.get_by_role("link", name="To my page")).to_be_visible()
        in_the_light_and_in_the_dark(visit, name)

    visit.enter(service.sessions["vp"], "/")
    notice = page.locator("main > .notice", has_text="Old forecasts.")
    expect(notice).to_contain_text("These forecasts were made 40 days ago, which is older than the 30 days")
    expect(notice).to_contain_text("run 'spm score'")
    expect(page.locator("table.risks tbody tr")).to_have_count(11)  # what was published is still there
    in_the_light_and_in_the_dark(visit, "state-stale")
    assert page.request.get(f"{service.address}/health/ready").status == 503
    visit.check()

    usual, app.state.limiter = app.state.limiter, Limiter(RateLimits(reads_per_minute=1))
    app.state.limiter.wait("reads", app.state.store.credentials.principal_of_session(service.sessions["vp"]).account_id)
    found("A little slower, please", "Try again in a minute", 429, "state-429")
    app.state.limiter = usual
    for error, heading, advice, status in (
        (StoreUnavailableError("locked"), "One moment", "what was published is still there", 503),
        (RuntimeError("a secret"), "Something went wrong here", "tell the operator", 500),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(PredictionStore, "read", failing(error))
            found(heading, advice, status, f"state-{status}")
            assert "secret" not in page.content()
    page.get_by_role("link", name="To my page").click()
    expect(page.locator("h1")).to_contain_text("Risk board")

    engine = connect(tmp_path / "old.db")
    with writing(engine) as connection:
        connection.execute(update(schema.sessions).values(expires_at=datetime.now(UTC)))
    engine.dispose()
    visit.go("/reps/r-101")
    expect(page.locator("h1")).to_have_text("Log in")
    expect(page.locator("main section").get_by_role("alert")).to_contain_text("Your session is over")
    expect(page.get_by_label("Access token")).to_be_focused()
    in_the_light_and_in_the_dark(visit, "state-session-over")
    refused = [line for line in visit.complaints if "Failed to load resource" in line]
    assert refused == visit.complaints, "the browser reports the refusals, and nothing else is said"
    assert [next(code for code in ("429", "503", "500") if code in line) for line in refused] == ["429", "503", "500"]
    visit.complaints.clear()


def failing(error: Exception) -> object:
    """A way to read that always fails."""

    def read(*_: object, **__: object) -> None:
        raise error

    return read
