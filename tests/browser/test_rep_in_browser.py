"""The rep page in a browser: cards close by key, contents lead to their places, weeks of the fan say their numbers."""

import pytest

from tests.browser.conftest import OpenBrowser, Service

pytestmark = pytest.mark.browser


def test_cards_close_by_key_and_contents_lead_to_places(service: Service, open_browser: OpenBrowser) -> None:
    visit = open_browser(service.address, viewport={"width": 1200, "height": 900}, java_script_enabled=False)
    visit.enter(service.sessions["rep"], "/reps/r-201")
    page = visit.page
    assert page.get_by_text("that you will").first.is_visible()
    summary, chart = page.locator("#pipeline > details > summary"), page.locator("#pipeline svg.waterfall")
    assert chart.is_visible()
    summary.press("Enter")
    assert not chart.is_visible()
    summary.press("Enter")
    assert chart.is_visible()
    days = page.locator("svg.fan .day title")
    assert days.count() == 9
    assert "booked" in (days.last.text_content() or "")
    page.get_by_role("navigation", name="On this page").get_by_role("link", name="Evidence").click()
    assert page.url.endswith("#evidence")
    assert page.locator("#metrics h2").is_visible()
