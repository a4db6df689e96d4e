"""Pages as parsed HTML: what stands where, for whom, and in which state."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from bs4 import BeautifulSoup, Tag

from serving import formats
from serving.formats import GROUP, Money
from spm_ml.predictions import PredictionStore
from tests.prediction_world import (
    LEFT,
    NO_HISTORY,
    NO_QUOTA,
    NORTH,
    PRINCIPALS,
    World,
    issue_tokens,
    make_world,
)
from tests.web import log_in, parsed, served

PAGES = {
    "vp": (
        "/",
        "/reps/r-101",
        f"/reps/{NO_QUOTA}",
        f"/reps/{NO_HISTORY}",
        "/reps/r%20203%2F%C3%A4",
        "/teams",
        "/growth",
        "/pay",
        "/pay?rep_id=m-vp",
        f"/pay?rep_id={NO_QUOTA}",
    ),
    "north": ("/planner", "/model", "/model/voices", "/agreements", "/glossary", "/objectives"),
    "hr": ("/planner", "/model", "/cases"),
    "analyst": ("/model", "/teams", "/glossary", "/growth", "/objectives"),
    "rep": ("/reps/r-201", "/model", "/objectives", "/pay"),
}

Open = Callable[[str, str], httpx.Response]


@pytest.fixture(scope="module")
def client(harbour_file: Path) -> Iterator[httpx.Client]:
    with served(harbour_file) as opened:
        yield opened


@pytest.fixture(scope="module")
def visit(client: httpx.Client, harbour_tokens: dict[str, str]) -> Open:
    sessions: dict[str, str] = {}

    def go(principal: str, path: str) -> httpx.Response:
        if principal not in sessions:
            log_in(client, harbour_tokens[principal])
            sessions[principal] = client.cookies["spm_session"]
        client.cookies.clear()
        client.cookies.set("spm_session", sessions[principal], domain="127.0.0.1")
        return client.get(path)

    return go


@pytest.mark.parametrize(("principal", "path"), [(who, path) for who, paths in PAGES.items() for path in paths])
def test_every_page_is_sound(visit: Open, principal: str, path: str) -> None:
    answer = visit(principal, path)
    assert answer.status_code == 200
    page = parsed(answer)
    assert page.html["lang"] == "en"
    assert len(page.find_all("h1")) == 1
    levels = [int(heading.name[1]) for heading in page.find_all(re.compile("^h[1-6]$"))]
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels)), levels
    ids = [tag["id"] for tag in page.find_all(id=True)]
    assert len(ids) == len(set(ids)), "an id twice"
    for tag in page.find_all(True):
        assert "style" not in tag.attrs
        assert not [name for name in tag.attrs if name.startswith("on")]
    for script in page.find_all("script"):
        assert not script.get_text().strip()
    for control in page.find_all(["input", "select", "textarea"]):
        assert control.get("type") == "hidden" or control.find_parent("label") is not None
    for button in page.find_all("button"):
        assert button.get_text(strip=True)
    for head in page.find_all("th"):
        assert head.get("scope") in ("row", "col") or head.find_parent(class_="prose")
    for picture in page.find_all("svg"):
        assert picture.get("aria-hidden") == "true" or picture.find("title").get_text()
    for link in page.find_all(["a", "link", "script", "form"]):
        address = link.get("href") or link.get("src") or link.get("action") or "/"
        assert address.startswith(("/", "#")), f"{address} leads outside"
        assert not address.startswith("//")
    footer = page.find("footer").get_text(" ", strip=True)
    assert "spm-attainment version 7" in footer
    assert "29" in footer
    assert "hours ago" in footer
    words = page.find("main").get_text(" ")
    assert not re.search(r"(?<!\w)(nan|NaN|inf|Undefined)(?!\w)|\{\{|\}\}", words)


def cells(row: Tag) -> dict[str, str]:
    line = row.find("svg", class_="sparkline")
    weeks = line.extract().get_text(" ", strip=True) if line else ""
    found = {cell["data-label"]: cell.get_text(" ", strip=True) for cell in row.find_all(attrs={"data-label": True})}
    for name in ("forecast", "risk", "reason", "offer"):
        cell = row.find(class_=name)
        found[name] = cell.get_text(" ", strip=True) if cell else ""
    return found | {"name": row.find("th").find("a").get_text(), "weeks": weeks}


def rows_of(answer: httpx.Response) -> list[dict[str, str]]:
    table = parsed(answer).find("table", class_="board")
    return [] if table is None else [cells(row) for row in table.find("tbody").find_all("tr")]


def test_the_board_shows_what_was_published(visit: Open, harbour: World) -> None:
    shown = {row["name"]: row for row in rows_of(visit("vp", "/"))}
    money = Money("EUR", 2)
    assert len(shown) == 11
    for row in harbour.predictions:
        if row.as_of != harbour.batch.as_of:
            continue
        cell = shown[row.name]
        assert cell["Quota"] == money.amount(row.quota)
        assert cell["Booked"].startswith(money.amount(row.booked))
        assert row.main_reason in cell["reason"]
        if row.quota and row.bookings_quantiles:
            p10, p90 = row.quantile(0.1), row.quantile(0.9)
            assert p10 is not None
            assert p90 is not None
            assert cell["forecast"].endswith(
                f"{p10 / row.quota:.0%} – {row.quantile(0.5) / row.quota:.0%} – {p90 / row.quota:.0%}"  # type: ignore[operator]
            )
            assert formats.percent(row.booked / row.quota) in cell["Booked"]
        expected = {"high": "▲ High", "medium": "◆ Medium", "low": "● Low", None: "○ Not rated"}[row.risk_band]
        assert cell["risk"] == f"{formats.chance(row.p_hit)} {expected}"
        rated = [one.p_hit for one in harbour.predictions if one.rep_id == row.rep_id and one.p_hit is not None]
        assert cell["weeks"].startswith(f"Chance of {row.name} by week" if rated else "")
        if rated:
            assert f"{formats.chance(rated[0])} on 31\xa0Mar, {formats.chance(rated[-1])} on 29\xa0Jun" in cell["weeks"]
    assert "<b>Dubois</b>" in "".join(shown), "names are text, not markup"
    assert shown["Oskar Nyström"]["forecast"] == "No forecast"
    assert "little history" in shown["Oskar Nyström"]["reason"].lower()


def test_the_board_is_sorted_and_filtered_by_links_alone(visit: Open) -> None:
    first = parsed(visit("vp", "/"))
    assert [head["aria-sort"] for head in first.find_all("th", attrs={"aria-sort": True})] == ["ascending"]
    linked = [head for head in first.find("table", class_="risks").find("thead").find_all("th") if head.find("a")]
    heads = {head.get_text(): head.find("a")["href"] for head in linked}
    names = [row["name"] for row in rows_of(visit("vp", heads["Rep"]))]
    assert names == sorted(names, key=str.casefold)
    back = parsed(visit("vp", heads["Rep"])).find("table", class_="risks").find("a", string="Rep")["href"]
    assert [row["name"] for row in rows_of(visit("vp", back))] == names[::-1]
    quotas = [row["Quota"].replace(GROUP, "") for row in rows_of(visit("vp", heads["Quota"]))]
    known = [int(quota) for quota in quotas if quota != "–"]
    assert known == sorted(known, reverse=True)
    assert quotas[-1] == "–"
    for link in first.find("nav", class_="bands").find_all("a"):
        count = int(link.find(class_="count").get_text())
        found = rows_of(visit("vp", link["href"]))
        assert len(found) == count
        assert len({row["risk"].partition(" ")[2] for row in found}) <= 1 or count == 11
    assert [row["name"] for row in rows_of(visit("vp", "/?q=%C3%81LVA&team=&band=&sort=name"))] == ["Rosa Álvarez"]
    assert {row["name"] for row in rows_of(visit("vp", f"/?team={NORTH}"))} == {
        row["name"] for row in rows_of(visit("north", "/"))
    }


def test_a_filter_without_a_match_says_so(visit: Open) -> None:
    empty = parsed(visit("vp", "/?q=zzz")).find(class_="empty")
    assert "No rep fits" in empty.get_text()
    assert empty.find("a")["href"] == "/"


@pytest.mark.parametrize("query", ["?sort=salary", "?page=0", "?page=x", "?band=huge", "?zzz=1", "?q=a&q=b", "?q=%00"])
def test_a_bad_address_gets_a_page_that_does_not_repeat_it(visit: Open, query: str) -> None:
    answer = visit("vp", f"/{query}")
    assert answer.status_code == 422
    assert parsed(answer).find("h1").get_text() == "That did not work"
    assert "salary" not in answer.text


def test_a_long_board_has_pages(harbour_file: Path, harbour_tokens: dict[str, str]) -> None:
    with served(harbour_file, page_size=4) as client:
        log_in(client, harbour_tokens["vp"])
        seen, address = [], "/?sort=name"
        while address:
            answer = client.get(address)
            seen += [row["name"] for row in rows_of(answer)]
            following = parsed(answer).find("a", rel="next")
            address = following["href"] if following else ""
        assert len(seen) == 11
        assert seen == sorted(seen, key=str.casefold)
        assert "9–11 of 11 reps" in answer.text
        assert client.get("/?page=9").status_code == 200


def test_the_rep_page_shows_forecast_metrics_reasons_and_hazards(visit: Open, harbour: World) -> None:
    row, page = harbour.current("r-101"), parsed(visit("vp", "/reps/r-101"))
    facts = {one.find("dt").get_text(): one.find("dd").get_text(" ", strip=True) for one in page.select(".facts div")}
    assert facts["Quota"] == f"EUR{GROUP}300{GROUP}000"
    assert facts["Chance of quota"] == formats.chance(row.p_hit)
    assert f"{row.booked / row.quota:.0%} of quota" in facts["Booked so far"]  # type: ignore[operator]
    metrics = page.find(id="h-metrics").find_parent("section")
    labels = [head.find(string=True) for head in metrics.find_all("th", scope="row")]
    assert sorted(labels) == sorted(metric.label for metric in row.metrics if "waterfall" not in metric.slug)
    assert [one.get_text() for one in metrics.select("summary.group")] == [
        "Attainment",
        "Pace",
        "Pipeline",
        "Closing",
        "Productivity",
        "Growth and acquisition",
    ]
    assert "credited bookings ÷ quota in force" in metrics.get_text()
    assert "No sales or marketing spend is recorded for the period." in metrics.get_text()
    assert "One deal decides the period" in page.find("ul", class_="notes").get_text()
    weeks = page.find("svg", class_="fan").find_parent("section").find("tbody").find_all("tr")
    assert len(weeks) == 14
    offer = page.find(id="offers").get_text(" ", strip=True)
    assert "Discovery that uncovers need" in offer
    assert "+3.4 points (−0.6 to +7.4)" in offer
    assert page.find(id="offers").find("form") is not None


def numbers(cells: list[str]) -> list[float]:
    return [float(cell.replace(GROUP, "").replace(formats.MINUS, "-").replace("+", "")) for cell in cells]


def column(table: Tag, at: int) -> tuple[list[float], float]:
    """A column's numbers as they are shown, and the one in the foot."""
    body = [row.find_all("td")[at].find(string=True) for row in table.find("tbody").find_all("tr")]
    return numbers(body), numbers([table.find("tfoot").find_all("td")[at].get_text()])[0]


@pytest.mark.parametrize("rep_id", ["r-101", "r-102", NO_QUOTA])
def test_the_numbers_that_are_shown_add_up(visit: Open, harbour: World, rep_id: str) -> None:
    row, page = harbour.current(rep_id), parsed(visit("vp", f"/reps/{rep_id}"))
    made = page.find("table", class_="parts")
    for at in range(2 if row.quota else 1):
        parts, total = column(made, at)
        assert sum(parts) == pytest.approx(total)
        assert len(parts) == len(row.parts)
    median = row.quantile(0.5)
    assert median is not None
    assert column(made, 0)[1] == round(median / 100)
    change = page.find(id="h-changed").find_parent("section")
    assert formats.day(row.change.since) in change.find("h2").get_text()  # type: ignore[union-attr]
    moved, together = column(change.find("table"), 0)
    assert sum(moved) == pytest.approx(together)
    before = row.change.before  # type: ignore[union-attr]
    expected = (median - before) / row.quota * 100 if row.quota else (median - before) / 100
    assert together == pytest.approx(expected, abs=0.051 if row.quota else 0.51)
    for shown in page.find_all("svg", class_=["waterfall", "scale"]):
        assert shown.find("desc").get_text().endswith(".")
    opened = made.find("details")
    assert [driver.label for driver in row.parts[1].drivers] == [one.get_text() for one in opened.find_all("strong")]


def test_the_rep_page_shows_deals_and_what_people_said(visit: Open, harbour: World) -> None:
    row, page = harbour.current("r-101"), parsed(visit("vp", "/reps/r-101"))
    deals = page.find(id="h-deals").find_parent("section")
    assert [one.find(string=True) for one in deals.find("tbody").find_all("th")] == [
        deal.opportunity_id for deal in row.deals
    ]
    first = deals.find("tbody").find("tr").get_text(" ", strip=True)
    assert first == f"OPP-0-0 Negotiate 72{GROUP}000 71% 12, from 17{GROUP}Jun expected 30{GROUP}Jun"
    with_it, without = deals.find_all("table")[1].find("tbody").find_all("tr")
    assert with_it.get_text(" ", strip=True).endswith(formats.chance(row.p_hit))
    assert row.without_largest is not None
    assert Money("EUR", 2).amount(row.without_largest.median) in without.get_text()
    said = page.find(id="h-voices").find_parent("section")
    shown = [one.get_text(" ", strip=True) for one in said.find("tbody").find_all("tr")]
    assert "9% too high the model, in 3 of 4 periods" in shown[0]
    assert "34% too high the model, in 4 of 4 periods" in shown[1]
    assert "no past nothing to compare yet" in shown[2]
    assert len(said.find("svg").find_all("path", class_="said")) == 3
    bare = parsed(visit("vp", f"/reps/{LEFT}"))
    assert bare.find(id="h-changed") is None
    assert "The rep left" in bare.find(id="h-parts").find_parent("section").get_text()


def test_the_board_says_what_changed_and_how_the_team_stands(visit: Open, harbour: World) -> None:
    answer = visit("north", "/")
    shown = {row["name"]: row["Change"] for row in rows_of(answer)}
    row = harbour.current("r-101")
    assert row.quota is not None
    assert row.change is not None
    moved = ((row.quantile(0.5) or 0) - row.change.before) / row.quota
    assert shown[row.name].startswith(f"{formats.points(moved)} ")
    assert shown["Oskar Nyström"] == formats.NOTHING
    page = parsed(answer)
    team = next(one for one in harbour.teams if one.key == NORTH and one.as_of == harbour.batch.as_of)
    facts = {one.find("dt").get_text(): one.find("dd").get_text(" ", strip=True) for one in page.select(".facts div")}
    money = Money("EUR", 2)
    assert facts["Sum of quotas"].startswith(money.full(team.quota))
    assert facts["Chance of the sum"].startswith(formats.chance(team.p_hit))
    assert facts["Chance of own quota"] == f"{formats.chance(team.p_hit_own)} {money.full(team.own_quota)}"
    chart = page.find("svg", class_="scale")
    assert "Sum of the reps' quotas" in chart.get_text()
    assert "Manager's own quota" in chart.get_text()
    assert len(chart.find_all("path", class_="target")) == 2


def test_groups_add_up_on_the_teams_page(visit: Open, harbour: World) -> None:
    page = parsed(visit("vp", "/teams"))
    assert [one.get_text() for one in page.find_all("h2")] == ["Company", "Regions", "Teams"]
    tables = page.find_all("table", class_="groups")
    expected = [
        numbers([cell.find(string=True) for cell in table.find_all(attrs={"data-label": "Expected"})])
        for table in tables
    ]
    assert sum(expected[1]) == pytest.approx(expected[0][0], abs=1.5)
    assert "add up to the company's" in page.get_text()
    for table in page.find_all("table", class_="parts"):
        for at in (0, 1):
            parts, total = column(table, at)
            assert sum(parts) == pytest.approx(total)
    assert "own quota" in tables[2].get_text()
    analyst = parsed(visit("analyst", "/teams"))
    seen = [one.get_text() for table in analyst.find_all(class_="groups") for one in table.find("tbody").find_all("th")]
    assert seen == ["Harbour Instruments", "Vera Lindqvist"], "without South, which is small, and what would tell of it"
    assert "OPP-" not in analyst.get_text()
    north = parsed(visit("north", "/teams"))
    assert [one.get_text() for one in north.find_all("h2")] == ["Teams"]


@pytest.mark.parametrize(
    ("rep_id", "words"),
    [(NO_QUOTA, "No quota is known"), (NO_HISTORY, "Hired three weeks ago"), (LEFT, "The rep left during the period")],
)
def test_a_missing_number_is_explained(visit: Open, rep_id: str, words: str) -> None:
    page = parsed(visit("vp", f"/reps/{rep_id}"))
    assert words in page.select_one(".notice:not([hidden])").get_text()
    assert page.find("svg", class_="fan") is not None


def test_a_rep_sees_the_own_page_without_deciding(visit: Open) -> None:
    page = parsed(visit("rep", "/reps/r-201"))
    assert page.find(id="offers").find("form", action="/decisions") is None
    places = ["My forecast", "Objectives", "My pay", "Agreed actions", "Programs", "Model", "Glossary", "Weekly mail"]
    assert [link.get_text() for link in page.select(".top nav a")] == places
    assert page.find("a", attrs={"aria-current": "page"}).get_text() == "My forecast"
    assert visit("rep", "/recommendations").headers["location"] == "/reps/r-201"


def test_the_model_page_says_whether_the_model_adds_anything(visit: Open, harbour: World) -> None:
    page = parsed(visit("analyst", "/model"))
    assert "Its error is 17% below that of the best simple baseline." in page.get_text()
    table = page.find("svg", class_="bars").find_parent("section").find("table")
    rows = [[cell.get_text(strip=True) for cell in row.find_all(["th", "td"])] for row in table.find_all("tr")]
    assert rows[0][:6] == ["Forecaster", "Kind", "Rows", "CRPS", "Value added", "Bias"]
    assert rows[1][:6] == ["LightGBM quantilesin use", "Model", "968", "0.094", "+0.019", "−1%"]
    assert rows[2][:6] == ["Rep commit", "People", "968", "0.107", "+0.006", "+8%"]
    assert rows[3][1] == "Simple rule"
    assert "Rep commit (people)" in page.find("svg", class_="bars").get_text()
    assert rows[-1][rows[0].index("AUC")] == "–"
    gate = page.find(id="h-gate").find_parent("section").get_text(" ", strip=True)
    assert gate.count("✓ passed") == 2
    assert gate.count("✗ failed") == 1
    card = page.find(class_="prose")
    assert card.find("strong").get_text() == "19 quantiles"
    assert "<script>alert(1)</script>" in card.get_text(), "a card's markup is text"


def test_the_model_page_does_not_praise_a_model_that_adds_nothing(harbour: World, tmp_path: Path) -> None:
    card = harbour.model_card
    own = card.value_added[0]
    for changed, words in (
        (replace(card, value_added=(own | {"value_added": -0.1},)), "A simple baseline is more accurate"),
        (replace(card, value_added=(own | {"value_added": 0.0},)), "in use because no model beat it"),
        (replace(card, value_added=(own | {"value_added": None},)), "There is no simple baseline to compare with"),
        (replace(card, value_added=(), by_week=(), gate=()), "No backtest of this model is stored"),
    ):
        path = tmp_path / f"{len(words)}.db"
        with PredictionStore.open(path) as store:
            replace(harbour, model_card=changed).publish_into(store)
        with served(path) as client:
            log_in(client, issue_tokens(path)["analyst"])
            assert words in client.get("/model").text


def test_hr_reads_offers_and_no_figures(visit: Open) -> None:
    page = parsed(visit("hr", "/planner"))
    assert len(page.find("tbody").find_all("tr")) == 11
    assert page.find("main").find("a", href=re.compile("^/reps/")) is None
    assert "No effect evidence" in page.get_text()
    assert visit("hr", "/reps/r-101").status_code == 403


def test_the_glossary_defines_every_metric(visit: Open) -> None:
    from spm_ml.hazards import HAZARDS
    from spm_ml.metrics import METRICS

    text = parsed(visit("analyst", "/glossary")).get_text()
    assert all(metric.label in text and metric.formula in text for metric in METRICS)
    assert all(hazard.rule in text for hazard in HAZARDS)


def test_an_earlier_period_can_be_picked(harbour: World, tmp_path: Path) -> None:
    path = tmp_path / "two.db"
    with PredictionStore.open(path) as store:
        make_world(weeks=3, batch_id="b-old", period="2026Q1").publish_into(store)
        harbour.publish_into(store)
    with served(path) as client:
        log_in(client, issue_tokens(path)["vp"])
        choices = parsed(client.get("/")).find(id="f-period").find_all("option")
        assert [one["value"] for one in choices] == ["2026Q2", "2026Q1"]
        assert [one.get_text() for one in choices] == ["2026Q2 (current)", "2026Q1"]
        earlier = parsed(client.get("/?period=2026Q1"))
        assert earlier.find("h1").get_text() == "Risk board 2026Q1"
        assert client.get("/?period=1999Q1").status_code == 404


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[tuple[httpx.Client, dict[str, str]]]:
    path = tmp_path / "empty.db"
    PredictionStore.open(path).close()
    with served(path) as client:
        yield client, issue_tokens(path)


def test_without_a_batch_every_page_says_what_to_do(empty: tuple[httpx.Client, dict[str, str]]) -> None:
    client, tokens = empty
    for principal in PRINCIPALS:
        log_in(client, tokens[principal])
        for path in {*PAGES.get(principal, ()), "/model", "/glossary"}:
            answer = client.get(path)
            assert answer.status_code == 503
            text = parsed(answer).get_text()
            assert "spm score" in text
            assert "Log out" in text


def test_a_batch_without_rows_has_pages_that_say_so(harbour: World, tmp_path: Path) -> None:
    path = tmp_path / "none.db"
    nothing = replace(harbour, predictions=(), teams=(), recommendations=(), people=())
    with PredictionStore.open(path) as store:
        nothing.publish_into(store)
    tokens = issue_tokens(path)
    with served(path) as client:
        for principal, path_, words in (
            ("vp", "/", "No reps to show"),
            ("vp", "/teams", "No teams to show"),
            ("hr", "/planner", "No recommendations"),
            ("analyst", "/teams", "No team is large enough"),
        ):
            log_in(client, tokens[principal])
            answer = client.get(path_)
            assert answer.status_code == 200
            assert words in parsed(answer).find(class_="empty").get_text()
        log_in(client, tokens["rep"])
        assert client.get("/", follow_redirects=True).status_code == 404


def test_old_forecasts_carry_a_warning(harbour: World, tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    batch = replace(harbour.batch, created_at=datetime.now(UTC) - timedelta(days=60))
    with PredictionStore.open(path) as store:
        replace(harbour, batch=batch).publish_into(store)
    with served(path, stale_after_days=45) as client:
        log_in(client, issue_tokens(path)["vp"])
        notice = parsed(client.get("/")).select_one(".notice:not([hidden])").get_text()
        assert "60 days ago" in notice
        assert "spm score" in notice


def test_a_currency_without_decimals_is_written_whole(harbour: World, tmp_path: Path) -> None:
    path = tmp_path / "yen.db"
    with PredictionStore.open(path) as store:
        replace(harbour, batch=replace(harbour.batch, currency="JPY", minor_digits=0)).publish_into(store)
    tokens = issue_tokens(path)
    with served(path) as client:
        log_in(client, tokens["vp"])
        assert f"JPY{GROUP}30{GROUP}000{GROUP}000" in client.get("/reps/r-101").text
        answer = client.get("/v1/forecasts/r-101", headers={"Authorization": f"Bearer {tokens['vp']}"}).json()
        assert answer["forecast"]["quota"] == 30_000_000


def test_errors_keep_the_navigation(visit: Open) -> None:
    errors = (("vp", "/reps/nobody", 404), ("analyst", "/reps/r-101", 403), ("hr", "/teams", 403))
    for principal, path, status in errors:
        answer = visit(principal, path)
        assert answer.status_code == status
        page = parsed(answer)
        assert page.find("a", href="/me") is not None
        assert page.select(".top nav a")


@pytest.mark.parametrize(("principal", "path"), [("vp", "/"), ("vp", "/reps/r-101"), ("analyst", "/model")])
def test_pages_are_light(harbour_file: Path, harbour_tokens: dict[str, str], principal: str, path: str) -> None:
    """What a browser fetches for the first page: at most 40 KB over the wire, in at most 6 requests."""
    with served(harbour_file) as client:
        log_in(client, harbour_tokens[principal])
        first = client.get(path)
        page: BeautifulSoup = parsed(first)
        addresses = [link["href"] for link in page.find_all("link")] + [tag["src"] for tag in page.find_all("script")]
        sizes = []
        for address in (path, *addresses):
            with client.stream("GET", address) as answer:
                sizes.append(sum(len(chunk) for chunk in answer.iter_raw()))
    assert len(sizes) <= 6
    assert sum(sizes) <= 40_000, sizes
