"""The training planner as people use it: limits that re-plan, decisions by line and together, and what they keep."""

import csv
from pathlib import Path

from playwright.sync_api import Route, expect

from tests.browser.conftest import OpenBrowser, Service, Visit

DESKTOP = {"width": 1360, "height": 900}


def shows_people(visit: Visit, number: int) -> None:
    said = "1 person is" if number == 1 else f"{number} people are"
    expect(visit.page.locator("#plan")).to_contain_text(f"{said} offered a program")


def test_a_slider_plans_again_and_the_last_word_counts(service: Service, open_browser: OpenBrowser) -> None:
    visit = open_browser(service.address, viewport=DESKTOP)
    visit.enter(service.sessions["hr"], "/planner")
    page = visit.page
    people = page.get_by_role("spinbutton", name="People")
    slider = page.get_by_role("slider", name="People")
    expect(slider).to_have_value("10")
    asked = page.locator("#planning")
    for number in ("9", "5", "2"):
        slider.fill(number)
    expect(people).to_have_value("2")
    shows_people(visit, 2)
    expect(asked).to_be_hidden()
    assert len([address for address in visit.requests if "/planner/preview" in address]) == 1, "moves are gathered"
    expect(page.locator("#said")).to_contain_text("Against the published plan")
    expect(page.locator("#plan")).to_contain_text("spm recommend --budget 20000 --people 2 --seats p-disco=6")
    expect(page.locator("#plan form[action='/decisions']")).to_have_count(0)
    page.get_by_role("checkbox", name="Let a lot make some wait").check()
    page.get_by_role("spinbutton", name="Share that waits").fill("50")
    expect(page.locator("#plan")).to_contain_text("With 1 held out")
    page.locator("#f-show").select_option("dropped")
    expect(page.locator("#list tbody tr").first).to_contain_text("− dropped")
    assert "people=2" in page.url
    assert "show=dropped" in page.url
    visit.shoot("pages/planner-moved")


def test_what_cannot_be_planned_is_said(service: Service, open_browser: OpenBrowser) -> None:
    visit = open_browser(service.address, viewport=DESKTOP)
    visit.enter(service.sessions["north"], "/planner")
    page = visit.page

    def too_many(route: Route) -> None:
        route.fulfill(status=429, body="", headers={"Retry-After": "30"})

    page.route("**/planner/preview?*", too_many)
    page.get_by_role("spinbutton", name="People").fill("1")
    expect(page.locator("#said")).to_contain_text("wait half a minute")
    page.unroute("**/planner/preview?*")
    page.get_by_role("spinbutton", name="People").fill("2")
    shows_people(visit, 2)
    visit.complaints[:] = [said for said in visit.complaints if "429" not in said]


def test_without_scripts_a_button_plans_again_and_the_file_holds_the_preview(
    service: Service, open_browser: OpenBrowser
) -> None:
    visit = open_browser(service.address, viewport=DESKTOP, java_script_enabled=False, accept_downloads=True)
    visit.enter(service.sessions["hr"], "/planner")
    page = visit.page
    expect(page.get_by_role("slider")).to_have_count(0)
    page.get_by_role("spinbutton", name="People").fill("3")
    page.get_by_role("button", name="Plan again").click()
    shows_people(visit, 3)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download CSV").click()
    path = Path(download.value.path())
    rows = list(csv.DictReader(path.read_text("utf-8-sig").splitlines()))
    assert sum(row["preview"] == "offered" for row in rows) == 3
    assert {row["change"] for row in rows} >= {"same", "dropped"}
    page.get_by_role("link", name="How the effect of Discovery that uncovers need is known").click()
    expect(page.locator("#about h2")).to_have_text("Discovery that uncovers need")


def test_lines_are_accepted_overridden_and_accepted_together(own_service: Service, open_browser: OpenBrowser) -> None:
    visit = open_browser(own_service.address, viewport=DESKTOP)
    visit.enter(own_service.sessions["hr"], "/planner")
    page = visit.page
    page.get_by_role("button", name="Accept Discovery that uncovers need for Ines Moreau").click()
    row = page.locator("#list tr", has_text="Ines Moreau")
    expect(row).to_contain_text("Accepted by test hr")
    other = page.locator("#list tr", has_text="Kofi Mensah")
    other.get_by_text("Override…").click()
    other.get_by_label("Why is something else better").fill("On leave until July")
    other.get_by_role("button", name="Override").click()
    expect(page.locator("#list tr", has_text="Kofi Mensah")).to_contain_text("On leave until July")
    expect(page.locator("#list")).to_contain_text("10 offers: 8 open, 1 accepted, 1 overridden.")
    page.get_by_role("link", name="Accept the 8 open offers below").click()
    expect(page.locator("main")).to_contain_text("You are about to accept 8 offers")
    page.get_by_role("button", name="Accept all 8").click()
    expect(page.locator("#list")).to_contain_text("10 offers: 9 accepted, 1 overridden.")
    expect(page.get_by_role("link", name="Accept the")).to_have_count(0)
    visit.shoot("pages/planner-accepted")


def test_the_audit_by_group_is_read_on_paper_too(service: Service, open_browser: OpenBrowser) -> None:
    visit = open_browser(service.address, viewport=DESKTOP)
    visit.enter(service.sessions["hr"], "/planner")
    page = visit.page
    expect(page.locator("#h-fair + p")).to_contain_text("A group is worse off than another")
    page.emulate_media(media="print")
    expect(page.locator("#limits")).to_be_hidden()
    expect(page.locator("#list tbody tr").first).to_be_visible()
    visit.shoot("pages/planner-print")
