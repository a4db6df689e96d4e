"""What holds on every page: what is said when nothing comes, who can read it, and how it is printed."""

import pytest
from playwright.sync_api import expect

from tests.browser.accessibility import violations
from tests.browser.conftest import OpenBrowser, Service

pytestmark = pytest.mark.browser


def test_axe_sees_what_is_wrong(service: Service, open_browser: OpenBrowser) -> None:
    visit = open_browser(service.address)
    visit.go("/login")
    assert not violations(visit.page)
    visit.page.get_by_label("Access token").evaluate("node => node.closest('label').replaceWith(node)")
    assert any(broken.startswith("label:") for broken in violations(visit.page))


def test_an_exchange_is_announced_and_its_failure_said(service: Service, open_browser: OpenBrowser) -> None:
    visit = open_browser(service.address)
    visit.enter(service.sessions["vp"], "/")
    page, problem, status = visit.page, visit.page.get_by_role("alert"), visit.page.locator("#status")
    bands = page.get_by_role("navigation", name="Risk bands")
    bands.get_by_role("link", name="High").press("Enter")
    expect(status).to_contain_text("5 reps")
    expect(bands.get_by_role("link", name="High")).to_be_focused()
    expect(problem).to_be_hidden()

    page.context.set_offline(True)
    bands.get_by_role("link", name="All").click()
    expect(problem).to_contain_text("No answer. The service cannot be reached.")
    expect(status).to_contain_text("5 reps")
    page.context.set_offline(False)

    page.route("**/*", lambda route: route.continue_(url=f"{service.address}/?sort=nothing"))
    bands.get_by_role("link", name="All").click()
    expect(page.locator("h1")).to_have_text("That did not work")
    expect(page.locator("h1 + p")).to_contain_text("Go back, mend it and try again")
    expect(status).to_have_text("That did not work")
    expect(problem).to_be_hidden()
    page.unroute("**/*")

    page.get_by_role("link", name="To my page").click()
    bands.get_by_role("link", name="Low").click()
    expect(status).to_contain_text("reps by")
    expect(page.locator("[aria-busy]")).to_have_count(0)
    page.context.clear_cookies()
    bands.get_by_role("link", name="High").click()
    expect(page.locator("h1")).to_have_text("Log in")
    assert page.url.endswith("/login"), "the whole page, not a form inside the list"
    # The browser and htmx report the failures themselves; a script that broke would be an error.
    assert all(line.startswith(("console: ", "failed: ")) for line in visit.complaints), visit.complaints
    visit.complaints.clear()


def test_zoomed_forced_and_printed(service: Service, open_browser: OpenBrowser) -> None:
    visit = open_browser(service.address, color_scheme="dark")
    visit.enter(service.sessions["vp"], "/reps/r-101")
    page = visit.page
    for width in (640, 700, 960, 980, 1200):  # 640 is 1280 at twice the size
        page.set_viewport_size({"width": width, "height": 700})
        wide, window = page.locator("html").evaluate("node => [node.scrollWidth, node.clientWidth]")
        assert wide <= window, f"{wide} wide in {window}"
    page.emulate_media(forced_colors="active")
    assert not violations(page)
    visit.shoot("everywhere/forced-colors")
    page.emulate_media(media="print", forced_colors="none")
    colours = page.locator("html").evaluate(
        "node => [node.ownerDocument.defaultView.getComputedStyle(node)]"
        ".map(style => [style.color, style.backgroundColor])[0]"
    )
    assert colours == ["rgb(28, 33, 38)", "rgb(255, 255, 255)"], "dark on white whatever the screen is"
    expect(page.get_by_role("navigation", name="Main")).to_be_hidden()
    expect(page.locator("main button").first).to_be_hidden()
    visit.shoot("everywhere/printed")


@pytest.mark.parametrize("path", ["/nowhere", "/?sort=nothing"])
def test_errors_say_what_to_do_and_keep_the_navigation(service: Service, open_browser: OpenBrowser, path: str) -> None:
    visit = open_browser(service.address)
    visit.enter(service.sessions["vp"], path)
    expect(visit.page.get_by_role("navigation", name="Main").get_by_role("link", name="Risk board")).to_be_visible()
    assert not violations(visit.page)
    visit.page.get_by_role("link", name="To my page").click()
    expect(visit.page.locator("h1")).to_contain_text("Risk board")
    assert all("Failed to load resource" in line for line in visit.complaints), visit.complaints
    visit.complaints.clear()
