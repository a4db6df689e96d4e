"""A finished period in a real browser: the manager's board and page, and the rep's own."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from spm_ml.predictions import PredictionStore
from tests.browser.accessibility import violations
from tests.browser.conftest import OpenBrowser, Service, serving_file
from tests.prediction_world import publish_finished

pytestmark = pytest.mark.browser

WINDOW = {"viewport": {"width": 1200, "height": 900}}


@pytest.fixture(scope="module")
def over(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    path = tmp_path_factory.mktemp("over") / "predictions.db"
    with PredictionStore.open(path) as store:
        publish_finished(store)
    with serving_file(path) as served:
        yield served


def test_a_manager_opens_a_finished_period_and_a_rep_in_it(over: Service, open_browser: OpenBrowser) -> None:
    visit = open_browser(over.address, **WINDOW)
    visit.enter(over.sessions["vp"], "/")
    page = visit.page
    expect(page.locator("table.risks svg.sparkline")).to_have_count(0)  # a day is no way
    page.locator("#filters select[name=period]").select_option("2026Q2")
    expect(page.locator("#board .notice")).to_contain_text("2026Q2 is over.")
    expect(page.get_by_text("held the result; 7 expected")).to_be_visible()
    expect(page.locator("table.risks svg.sparkline")).to_have_count(8)
    page.get_by_role("slider", name="What was known on").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#board .notice")).to_contain_text("the period's last model")
    assert violations(page) == []
    visit.shoot("board-finished")
    page.get_by_role("link", name="Jonas Weber").click()
    expect(page.locator("p.lead")).to_contain_text("The forecast of 23 Jun 2026 said")
    assert "period=2026Q2" in page.url
    assert "as_of=2026-06-23" in page.url
    expect(page.locator("svg.fan .ended")).to_be_visible()
    assert violations(page) == []
    visit.shoot("rep-finished")


def test_a_rep_looks_back_on_a_phone_without_a_script(over: Service, open_browser: OpenBrowser) -> None:
    visit = open_browser(over.address, java_script_enabled=False, viewport={"width": 320, "height": 700})
    visit.enter(over.sessions["rep"], "/reps/r-201")
    page = visit.page
    page.locator("#filters select[name=period]").select_option("2026Q2")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("p.lead")).to_contain_text("Ended at")
    assert visit.bytes <= 40_000
    width = page.locator("html").bounding_box()
    assert width is not None
    assert width["width"] <= 320
    page.locator("#filters select[name=as_of]").select_option("2026-05-26")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("p.lead")).to_contain_text("The forecast of 26 May 2026 said")
    page.get_by_role("link", name="Back to the newest day").click()
    page.get_by_role("link", name="Back to the published period").click()
    expect(page.locator("svg.fan .ended")).to_have_count(0)
