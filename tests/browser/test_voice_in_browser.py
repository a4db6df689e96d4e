"""The rep's voice and what-if in a real browser: rating, feedback, and questions with and without scripts."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from serving.app import create_app
from serving.limits import RateLimits
from serving.settings import ServingSettings
from serving.what_if import WhatIf, WhatIfSettings
from spm_ml.predictions import PredictionStore
from tests.browser.conftest import OpenBrowser, Service
from tests.coaching_world import make_coaching
from tests.prediction_world import issue_tokens, make_world
from tests.web import running
from tests.what_if_world import make_what_if

pytestmark = pytest.mark.browser

DESKTOP = {"viewport": {"width": 1360, "height": 900}, "color_scheme": "light", "reduced_motion": "reduce"}
PHONE = {"viewport": {"width": 320, "height": 640}, "color_scheme": "dark", "reduced_motion": "reduce"}

ANSWERS = """
import sys
sys.stdout.write("ready\\n"); sys.stdout.flush()
while True:
    head = sys.stdin.readline()
    if not head: break
    sys.stdin.readline()
    if head.startswith("ask"):
        sys.stdout.write("%s 200 %s\\n" % (head.split()[1], sys.argv[1])); sys.stdout.flush()
"""
LEVELS = [round(0.05 * step, 2) for step in range(1, 20)]


def answer(before: float, after: float) -> str:
    """What the process says of one change; the numbers themselves have tests of their own."""

    def outlook(middle: float, chance: float) -> str:
        bookings = [round(middle * (0.75 + level / 2), 2) for level in LEVELS]
        return (
            f'{{"quota":380000.0,"distribution":{{"levels":{LEVELS},"bookings":{bookings},"attainment":null,'
            f'"mean_bookings":{middle}}},"median_bookings":{middle},"median_attainment":{middle / 380_000},'
            f'"p_hit":{chance},"risk_band":"low"}}'
        )

    part = (
        f'{{"kind":"deal_won","deal_id":"x","program_id":null,"median_bookings":{after - before},"mean_bookings":1.0,'
        '"median_attainment":0.1,"p_hit":0.25,"p_win_before":0.71,"p_win_after":1.0,"interval":null,"mean_pay":null,"note":""}'
    )
    return (
        f'{{"rep_id":"r-201","method":"sequential","before":{outlook(before, 0.5)},"after":{outlook(after, 0.75)},'
        f'"parts":[{part}],"pay":null}}'
    ).replace(" ", "")


@pytest.fixture
def voice(tmp_path: Path) -> Iterator[Service]:
    """Nine weeks of the harbour with what questions start from, in a store that may be changed."""
    path, world = tmp_path / "voice.db", make_world(weeks=9)
    with PredictionStore.open(path) as store:
        store.publish(
            world.batch,
            world.predictions,
            world.teams,
            world.recommendations,
            world.model_card,
            people=world.people,
            what_if=make_what_if(world),
        )
        store.publish_coaching(make_coaching(world))
    tokens = issue_tokens(path)
    with PredictionStore.open(path) as store:
        sessions = {name: store.credentials.open_session(token) or "" for name, token in tokens.items()}
    app = create_app(ServingSettings(store=str(path), limits=RateLimits(enabled=False)))
    command = (sys.executable, "-S", "-c", ANSWERS, answer(400_000.0, 480_000.0))
    app.state.what_if = WhatIf(WhatIfSettings(seconds=60), command)
    with running(app) as address:
        yield Service(address, tokens, sessions)


def test_a_rep_supposes_rates_and_says(voice: Service, open_browser: OpenBrowser) -> None:
    visit = open_browser(voice.address, **DESKTOP)
    visit.enter(voice.sessions["rep"], "/reps/r-201")
    page = visit.page
    assert len(visit.requests) <= 6, visit.requests
    assert visit.bytes <= 40_000, visit.bytes
    documents: list[str] = []
    page.on("request", lambda asked: documents.append(asked.url) if asked.resource_type == "document" else None)
    card = page.locator("#what-if")
    card.locator("summary").first.click()
    card.get_by_label("Suppose it").first.select_option("is won")
    card.get_by_role("button", name="What would the forecast be?").click()
    expect(card.get_by_role("heading", name="The answer")).to_be_focused()
    expect(card.locator(".lead")).to_contain_text("goes from 50% to 75%")
    expect(card.locator("tfoot")).to_contain_text("+25.0")
    expect(card.get_by_label("Suppose it").first).to_have_value("deal_won")
    assert documents == [], "only the card is exchanged"
    assert page.url.endswith("/reps/r-201")
    visit.shoot("pages/what-if-light")

    form = page.locator("#assessment")
    form.get_by_text("Rate yourself…").click()
    form.get_by_label("Discovery").select_option("4 – reliably, in hard cases too")
    form.get_by_role("button", name="Save the ratings").click()
    expect(page.locator("#assessment tbody tr").first).to_contain_text("4 – reliably")
    fan = page.locator("#fan")
    fan.get_by_text("Is this forecast useful and right?").click()
    fan.get_by_label("What is missing or wrong").fill("The Meridian deal is missing.")
    fan.get_by_role("button", name="Not right: this forecast").click()
    expect(page.locator("#feedback")).to_contain_text("The Meridian deal is missing.")
    visit.shoot("pages/voice-light")


def test_without_scripts_on_a_narrow_phone(voice: Service, open_browser: OpenBrowser) -> None:
    visit = open_browser(voice.address, java_script_enabled=False, **PHONE)
    visit.enter(voice.sessions["south"], "/reps/r-201")
    page = visit.page
    page.locator("#what-if > details > summary").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Suppose it").first.select_option("closes on")
    page.get_by_role("button", name="What would the forecast be?").click()
    expect(page.locator(".problem")).to_have_text("Give the day on which it closes.")
    assert all("422" in line for line in visit.complaints), visit.complaints
    visit.complaints.clear()
    page.get_by_label("Suppose it").first.select_option("is won")
    page.get_by_role("button", name="What would the forecast be?").click()
    expect(page.locator("#what-if .lead")).to_contain_text("goes from 50% to 75%")
    wide, window = page.locator("html").evaluate("node => [node.scrollWidth, node.clientWidth]")
    assert wide <= window, "it fits at 320 pixels"
    visit.shoot("pages/what-if-phone-dark")
    page.get_by_role("link", name="Back to the forecast").click()
    expect(page.locator("#assessment")).to_contain_text("Skills of Priya Raman")
