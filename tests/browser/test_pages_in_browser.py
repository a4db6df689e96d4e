"""Every page as every role, light, dark and on a phone; then what people do with them."""

import pytest
from playwright.sync_api import expect

from tests.browser.accessibility import violations
from tests.browser.conftest import OpenBrowser, Service, Visit

pytestmark = pytest.mark.browser

PAGES = [
    ("vp", "/", "board"),
    ("vp", "/?band=none", "board-not-rated"),
    ("vp", "/?q=zzz", "board-no-match"),
    ("vp", "/reps/r-101", "rep"),
    ("vp", "/reps/r-102", "rep-hard-quota"),
    ("vp", "/reps/r-106", "rep-without-quota"),
    ("vp", "/reps/r-107", "rep-abstained"),
    ("vp", "/teams", "teams"),
    ("vp", "/pay", "pay"),
    ("rep", "/pay", "pay-own"),
    ("vp", "/planner", "planner-plan"),
    ("vp", "/planner?about=p-disco", "planner-program"),
    ("north", "/planner", "planner-manager"),
    ("hr", "/planner", "planner-hr"),
    ("hr", "/planner/preview?budget=9000&people=4&lot=1", "planner-preview"),
    ("hr", "/planner/accept", "planner-accept"),
    ("hr", "/cases", "cases"),
    ("hr", "/model", "model-hr"),
    ("analyst", "/model", "model"),
    ("analyst", "/planner", "planner-analyst"),
    ("analyst", "/teams", "teams-analyst"),
    ("analyst", "/glossary", "glossary"),
    ("rep", "/reps/r-201", "rep-own"),
    ("rep", "/model", "model-rep"),
]
COLOURED = ("board", "rep", "teams", "planner-plan", "planner-program", "cases", "model")
"""One page of each kind: in the dark axe looks at its colours alone."""
DESKTOP, PHONE = {"width": 1360, "height": 900}, {"width": 390, "height": 844}
LIGHT = {"color_scheme": "light", "viewport": DESKTOP}
ON_PHONE = {"color_scheme": "light", "viewport": PHONE, "has_touch": True, "is_mobile": True}
NARROW = 320
"""WCAG 1.4.10: 320 pixels, which is 1280 at four times the size, without scrolling sideways."""


@pytest.mark.parametrize("window", [LIGHT, ON_PHONE], ids=["desktop", "phone"])
def test_every_page_as_every_role(service: Service, open_browser: OpenBrowser, window: dict[str, object]) -> None:
    """Each page is loaded once and then looked at in the light, in the dark and, on a phone, at its narrowest."""
    phone = "is_mobile" in window
    for principal in dict.fromkeys(who for who, _, _ in PAGES):
        visit = open_browser(service.address, **window)
        for _, path, name in (page for page in PAGES if page[0] == principal):
            visit.page.emulate_media(color_scheme="light")
            visit.enter(service.sessions[principal], path)
            expect(visit.page.locator("h1")).to_be_visible()
            visit.shoot(f"pages/{name}-{'phone' if phone else 'light'}")
            assert_fits(visit, path)
            assert phone or not violations(visit.page), path
            if phone:
                visit.page.set_viewport_size({"width": NARROW, "height": 640})
                assert_fits(visit, path)
                visit.page.set_viewport_size(PHONE)
            visit.page.emulate_media(color_scheme="dark")
            visit.shoot(f"pages/{name}-{'phone-dark' if phone else 'dark'}")
            assert_fits(visit, path)
            assert phone or name not in COLOURED or not violations(visit.page, colours_only=True), path
            assert len(visit.requests) <= 6, visit.requests
            assert visit.bytes <= 40_000, f"{path}: {visit.bytes} bytes"
        visit.check()


def test_each_kind_of_page_is_looked_at_in_the_dark() -> None:
    assert set(COLOURED) <= {name for _, _, name in PAGES}


def assert_fits(visit: Visit, path: str) -> None:
    wide, window = visit.page.locator("html").evaluate("node => [node.scrollWidth, node.clientWidth]")
    assert wide <= window, f"{path} is {wide} wide in {window}"


def test_login_and_errors_look_like_the_rest(service: Service, open_browser: OpenBrowser) -> None:
    visit = open_browser(service.address, **LIGHT)
    visit.go("/")
    assert visit.page.url.endswith("/login")
    expect(visit.page.get_by_label("Access token")).to_be_focused()
    visit.shoot("pages/login-light")
    visit.page.get_by_label("Access token").fill("wrong")
    visit.page.get_by_role("button", name="Log in").click()
    expect(visit.page.get_by_role("alert")).to_contain_text("not valid")
    visit.shoot("pages/login-refused-light")
    visit.log_in(service.tokens["analyst"])
    visit.go("/reps/r-101")
    expect(visit.page.locator("h1")).to_have_text("Not for your role")
    visit.shoot("pages/forbidden-light")
    # The browser reports the two refusals themselves; nothing else may be said.
    assert all("40" in line and "Failed to load resource" in line for line in visit.complaints), visit.complaints
    visit.complaints.clear()


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_the_board_is_sorted_filtered_and_searched(service: Service, open_browser: OpenBrowser, scripts: bool) -> None:
    visit = open_browser(service.address, java_script_enabled=scripts, **LIGHT)
    visit.enter(service.sessions["vp"], "/")
    page = visit.page
    documents: list[str] = []
    page.on("request", lambda asked: documents.append(asked.url) if asked.resource_type == "document" else None)
    names = page.locator("table.board tbody th a")
    expect(names).to_have_count(11)
    page.locator("table.risks thead").get_by_role("link", name="Rep").click()
    expect(page.locator("th[aria-sort=ascending]")).to_have_text("Rep")  # the list is there before the next click
    expect(names.first).to_have_text("Ines Moreau")
    page.locator("table.risks thead").get_by_role("link", name="Rep").click()
    expect(names.first).to_have_text("Samuel Adeyemi")
    expect(page.locator("th[aria-sort=descending]")).to_have_text("Rep")
    page.get_by_role("link", name="High").click()
    expect(page.locator("table.risks caption")).to_contain_text("5 reps")
    page.get_by_role("navigation", name="Risk bands").get_by_role("link", name="All").click()
    expect(names).to_have_count(11)
    page.get_by_label("Find a rep").fill("moreau")
    if scripts:
        page.get_by_label("Find a rep").press("Tab")
    else:
        page.get_by_role("button", name="Show").click()
    expect(names).to_have_count(1)
    expect(page.locator("svg.interval")).to_have_count(1)
    assert "q=moreau" in page.url
    assert (documents == []) is scripts, "with scripts only the list is exchanged"
    names.first.click()
    expect(page.locator("h1")).to_have_text("Ines Moreau")
    page.go_back()
    expect(page.locator("table.board tbody th a")).to_have_count(1)


def test_a_team_is_picked_and_kept(service: Service, open_browser: OpenBrowser) -> None:
    visit = open_browser(service.address, **LIGHT)
    visit.enter(service.sessions["vp"], "/")
    visit.page.locator("#f-team").select_option("Ben Osei")
    expect(visit.page.locator("table.risks caption")).to_contain_text("4 reps")
    visit.page.get_by_label("Sort by").select_option("Rep")
    expect(visit.page.locator("table.risks caption")).to_contain_text("4 reps by rep, A to Z")
    assert "team=m-south" in visit.page.url


def test_an_offer_is_accepted_then_overridden(own_service: Service, open_browser: OpenBrowser) -> None:
    visit = open_browser(own_service.address, **LIGHT)
    visit.enter(own_service.sessions["north"], "/reps/r-101")
    offers = visit.page.locator("#offers")
    offers.get_by_role("button", name="Accept").click()
    expect(offers.locator(".decided")).to_contain_text("Accepted by test north")
    offers.get_by_text("Override…").click()
    offers.get_by_role("button", name="Override").click()
    reason = offers.get_by_label("Why is something else better")
    assert reason.evaluate("node => !node.checkValidity()"), "a reason is required"
    reason.fill("Shadows a peer instead")
    offers.get_by_role("button", name="Override").click()
    expect(offers.locator(".decided")).to_contain_text("Overridden by test north")
    expect(offers.locator(".decided")).to_contain_text("Shadows a peer instead")
    visit.shoot("pages/rep-decided-light")


def test_a_decision_is_taken_back(own_service: Service, open_browser: OpenBrowser) -> None:
    visit = open_browser(own_service.address, java_script_enabled=False, **LIGHT)
    visit.enter(own_service.sessions["north"], "/reps/r-101")
    offers = visit.page.locator("#offers")
    expect(offers.get_by_text("Take back…")).to_have_count(0)
    offers.get_by_role("button", name="Accept").click()
    offers.get_by_text("Take back…").click()
    offers.get_by_role("textbox", name="Why is the decision taken back?").fill("On leave until May")
    offers.get_by_role("button", name="Take back").click()
    expect(offers.locator(".decisions li")).to_have_count(2)
    expect(offers.locator(".decided")).to_contain_text("Reversed by test north")
    visit.shoot("pages/rep-taken-back-light")


def test_a_rep_declines(own_service: Service, open_browser: OpenBrowser) -> None:
    visit = open_browser(own_service.address, **ON_PHONE)
    visit.enter(own_service.sessions["rep"], "/reps/r-201")
    offers = visit.page.locator("#offers")
    offers.get_by_text("Decline…").click()
    offers.get_by_role("button", name="Decline").click()
    expect(offers.locator(".decided")).to_contain_text("Declined by test rep")
    visit.shoot("pages/rep-declined-phone")


def test_what_is_drawn_is_also_a_table(service: Service, open_browser: OpenBrowser) -> None:
    visit = open_browser(service.address, **LIGHT)
    visit.enter(service.sessions["vp"], "/planner?about=p-disco")
    helps = visit.page.locator("#about section")
    for table in ("On the attainment of those who took it", "Effect by period"):
        expect(helps.locator("table", has_text=table)).to_be_hidden()
    for summary in helps.get_by_text("The same as a table").all():
        summary.press("Enter")
    for table in ("On the attainment of those who took it", "Effect by period"):
        expect(helps.locator("table", has_text=table)).to_be_visible()


def test_the_keyboard_is_enough(service: Service, open_browser: OpenBrowser) -> None:
    visit = open_browser(service.address, **LIGHT)
    visit.enter(service.sessions["vp"], "/")
    page = visit.page
    page.keyboard.press("Tab")
    expect(page.locator("a.skip")).to_be_focused()
    expect(page.locator("a.skip")).to_be_in_viewport()
    for _ in range(60):
        page.keyboard.press("Tab")
        outline = page.locator("*:focus").first.evaluate("node => getComputedStyle(node).outlineStyle")
        assert outline == "solid", "focus is seen"
        if page.locator("table.risks thead a:focus").count():
            break
    page.keyboard.press("Enter")
    expect(page.locator("th[aria-sort]")).to_have_text("Rep")
    expect(page.locator("table.risks thead a").first).to_be_focused()


def test_logging_out_closes_the_door(service: Service, open_browser: OpenBrowser) -> None:
    visit = open_browser(service.address, **LIGHT)
    visit.log_in(service.tokens["hr"])
    visit.page.get_by_role("button", name="Log out").click()
    expect(visit.page.locator("h1")).to_have_text("Log in")
    visit.go("/planner")
    expect(visit.page.locator("h1")).to_have_text("Log in")
