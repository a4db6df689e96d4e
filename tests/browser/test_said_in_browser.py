"""Entering numbers and giving access in a browser: one run for each role."""

from tests.browser.conftest import OpenBrowser, Service


def test_a_manager_enters_an_override_and_the_card_alone_changes(
    own_service: Service, open_browser: OpenBrowser
) -> None:
    visit = open_browser(own_service.address, viewport={"width": 1200, "height": 900})
    visit.enter(own_service.sessions["north"], "/reps/r-101")
    page, card = visit.page, visit.page.locator("#voices")
    amount = card.get_by_label("Bookings by")
    amount.fill("soon")
    card.get_by_role("button", name="Save").click()
    card.get_by_text("Write the amount").wait_for()
    assert page.url.endswith("/reps/r-101"), "only the card is exchanged"
    assert amount.input_value() == "soon"
    assert amount.evaluate("field => field === document.activeElement")

    amount.fill("210 000")
    card.get_by_role("button", name="Save").click()
    card.get_by_text("Say why").wait_for()
    card.get_by_label("Why?").fill("The Meridian deal slips into July.")
    card.get_by_role("button", name="Save").click()
    saved = card.get_by_role("status")
    saved.wait_for()
    assert "210" in saved.inner_text()
    assert saved.evaluate("words => words === document.activeElement")
    assert "Manager's override, new" in (card.locator("svg").text_content() or "")
    visit.shoot("said-manager")


def test_a_rep_commits_without_scripts(own_service: Service, open_browser: OpenBrowser) -> None:
    visit = open_browser(own_service.address, viewport={"width": 320, "height": 800}, java_script_enabled=False)
    visit.enter(own_service.sessions["rep"], "/reps/r-201")
    card = visit.page.locator("#voices")
    card.get_by_label("Bookings by").fill("480000")
    card.get_by_role("button", name="Save").click()
    visit.page.wait_for_url("**/submissions?**")
    assert "is saved" in visit.page.locator("main [role=status].decided").inner_text()
    assert "480" in visit.page.get_by_role("region", name="Entries").inner_text()
    visit.shoot("said-rep")


def test_an_admin_gives_access_and_sees_it_in_the_audit(own_service: Service, open_browser: OpenBrowser) -> None:
    visit = open_browser(own_service.address, viewport={"width": 1200, "height": 900}, java_script_enabled=False)
    visit.enter(own_service.sessions["admin"], "/me")
    page = visit.page
    assert page.url.endswith("/accounts")
    page.get_by_label("Name, as pages").fill("Ana Lee")
    page.get_by_label("Role").select_option("manager")
    page.get_by_role("button", name="Add the account").click()
    page.get_by_role("alert").wait_for()
    assert ["409" in one for one in visit.complaints] == [True], "the browser notes the refusal, and nothing else"
    visit.complaints.clear()
    page.get_by_label("Person in the data").fill("m-north")
    page.get_by_role("button", name="Add the account").click()
    page.get_by_role("heading", name="Ana Lee").wait_for()
    page.get_by_role("button", name="Issue a token").click()
    token = page.locator("code.token").inner_text()
    assert token.startswith("spm_")
    visit.shoot("account-token")
    visit.go("/audit")
    first = page.get_by_role("row").nth(1).inner_text()
    assert "token issued" in first
    assert "Ana Lee" in first
    other = open_browser(own_service.address)
    other.log_in(token)
    other.page.get_by_role("heading", level=1).wait_for()
    assert other.page.url == f"{own_service.address}/"
