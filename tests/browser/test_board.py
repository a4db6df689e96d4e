"""The risk board with 500 reps in a real browser: a slider for the day, keys, paper, and how fast it is."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from spm_ml.predictions import Person, PredictionStore
from tests.browser.conftest import OUTPUT, OpenBrowser, Service, serving_file
from tests.prediction_world import NORTH, VP, make_world

pytestmark = pytest.mark.browser

WINDOW = {"viewport": {"width": 1200, "height": 900}}
REPS = 500


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    path = tmp_path_factory.mktemp("large") / "predictions.db"
    people = (Person(VP, "Vera Lindqvist", None, "VP sales"), Person(NORTH, "Anna Keller", VP, "sales manager"))
    reps = tuple(Person(f"r-{at:03d}", f"Rep {at:03d}", NORTH, "account executive") for at in range(REPS))
    with PredictionStore.open(path) as store:
        make_world(weeks=3, people=people + reps).publish_into(store)
    with serving_file(path) as served:
        yield served


def test_the_slider_goes_back_in_time(service: Service, open_browser: OpenBrowser) -> None:
    visit = open_browser(service.address, **WINDOW)
    visit.enter(service.sessions["vp"], "/")
    page = visit.page
    assert visit.bytes <= 40_000
    assert len(visit.requests) <= 6
    slider = page.get_by_role("slider", name="What was known on")
    expect(page.locator("#f-day")).to_be_hidden()
    expect(slider).to_have_attribute("aria-valuetext", re.compile(r"26\sMay\s2026 .week 8, newest"))
    slider.focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#board .notice")).to_contain_text("As of 19 May 2026")
    expect(slider).to_be_focused()
    page.keyboard.press("Home")
    expect(page.locator("#board .notice")).to_contain_text("As of 31 Mar 2026")
    expect(page.locator("#source")).to_contain_text("31 Mar 2026")
    assert "as_of=2026-03-31" in page.url
    page.get_by_role("link", name="High").click()
    expect(page.locator(".bands a[aria-current]")).to_contain_text("High")
    expect(page.locator("#board .notice")).to_contain_text("As of 31 Mar 2026")
    page.get_by_role("link", name="Back to the newest day").click()
    expect(page.locator("#board .notice")).to_have_count(0)


def test_without_a_script_a_select_does(service: Service, open_browser: OpenBrowser) -> None:
    visit = open_browser(service.address, java_script_enabled=False, **WINDOW)
    visit.enter(service.sessions["vp"], "/")
    page = visit.page
    expect(page.locator("#f-slider")).to_be_hidden()
    expect(page.get_by_role("button", name="Print")).to_be_hidden()
    page.locator("#f-day").select_option("2026-04-28")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#board .notice")).to_contain_text("As of 28 Apr 2026")
    first = page.locator(".reason").first
    expect(first.locator("ul")).to_be_hidden()
    first.locator("summary").press("Enter")
    expect(first.locator("ul")).to_contain_text("P50 moved")


def test_keys_move_between_reps_and_can_be_switched_off(service: Service, open_browser: OpenBrowser) -> None:
    visit = open_browser(service.address, **WINDOW)
    visit.enter(service.sessions["vp"], "/?sort=name")
    page = visit.page
    names = page.locator("table.risks tbody th a")
    page.keyboard.press("j")
    expect(names.nth(0)).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("ArrowDown")
    expect(names.nth(2)).to_be_focused()
    page.keyboard.press("k")
    expect(names.nth(1)).to_be_focused()
    page.keyboard.press("/")
    expect(page.locator("#f-q")).to_be_focused()
    page.keyboard.type("jk?/")
    expect(page.locator("#f-q")).to_have_value("jk?/")
    page.locator("#f-q").fill("")
    page.locator("h1").click()
    page.keyboard.press("?")
    expect(page.locator("#keys dl")).to_be_visible()
    page.get_by_label("Keys of one letter are on").uncheck()
    page.locator("h1").click()
    page.keyboard.press("j")
    expect(page.locator("table.risks a:focus")).to_have_count(0)
    names.nth(0).focus()
    page.keyboard.press("ArrowDown")
    expect(names.nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text("Jonas Weber")


def test_five_hundred_reps_are_a_page_like_any_other(large: Service, open_browser: OpenBrowser) -> None:
    visit = open_browser(large.address, **WINDOW)
    visit.enter(large.sessions["vp"], "/")
    page = visit.page
    assert visit.bytes <= 40_000, visit.bytes
    assert fits(page)
    heights = page.locator("table.risks tbody tr").evaluate_all(
        "rows => rows.map(row => row.getBoundingClientRect().height)"
    )
    assert max(heights) <= 64, "a dozen reps on a screen"
    page.get_by_role("link", name="Next", exact=True).click()
    expect(page.locator(".pager")).to_contain_text(f"of {REPS} reps")
    expect(page.get_by_role("link", name="Previous", exact=True)).to_be_visible()


def test_paper_holds_a_line_a_rep_and_where_it_comes_from(service: Service, open_browser: OpenBrowser) -> None:
    visit = open_browser(service.address, **WINDOW)
    visit.enter(service.sessions["vp"], "/")
    page = visit.page
    page.emulate_media(media="print")
    for hidden in ("nav", ".filters", ".bands", "#keys", "#print"):
        for one in page.locator(hidden).all():
            expect(one).to_be_hidden()
    expect(page.locator(".origin")).to_contain_text("as of 26 May 2026")
    expect(page.locator(".origin")).to_contain_text("spm-attainment version 7")
    expect(page.get_by_text("High risk: chance of reaching the quota below 35%")).to_be_visible()
    expect(page.locator("table.risks tbody tr").first.locator(".reason > details > summary")).to_be_visible()
    OUTPUT.mkdir(exist_ok=True)
    paper = page.pdf(path=OUTPUT / "board.pdf", prefer_css_page_size=True)
    assert paper.count(b"/Type /Page\n") == 1


def fits(page: Page) -> bool:
    return bool(page.locator("html").evaluate("node => node.scrollWidth <= node.clientWidth"))
