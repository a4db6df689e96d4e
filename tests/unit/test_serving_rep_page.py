"""The rep page: where the rep stands, what moved, what is paid, what was decided, and its definitions."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from bs4 import BeautifulSoup, Tag

from serving.formats import GROUP, MINUS, Money
from serving.pages.pay import pay_words, without_pay
from serving.pages.pipeline import pipeline_words
from serving.pages.standing import standing_of
from spm_ml.predictions import MetricValue, PredictionStore
from tests.prediction_world import NO_HISTORY, NO_QUOTA, World, issue_tokens
from tests.web import log_in, parsed, send_form, served

MONEY = Money("EUR", 2)


@pytest.fixture(scope="module")
def client(harbour_file: Path, harbour_tokens: dict[str, str]) -> Iterator[httpx.Client]:
    with served(harbour_file) as opened:
        log_in(opened, harbour_tokens["south"])
        yield opened


@pytest.fixture(scope="module")
def page(client: httpx.Client) -> BeautifulSoup:
    return parsed(client.get("/reps/r-201"))


def amounts(table: Tag) -> tuple[list[int], int]:
    """The numbers of a table's last column, and the one in the foot."""

    def number(cell: Tag) -> int:
        return int(cell.get_text().replace(GROUP, "").replace(MINUS, "-").replace("+", "").replace(",", ""))

    body = [number(row.find_all("td")[-1]) for row in table.find("tbody").find_all("tr")]
    return body, number(table.find("tfoot").find_all("td")[-1])


@pytest.mark.parametrize("card", ["pipeline", "pay"])
def test_what_is_shown_adds_up(page: BeautifulSoup, card: str) -> None:
    parts, total = amounts(page.select_one(f"#{card} table"))
    assert len(parts) > 1
    assert sum(parts) == total


def test_the_page_is_read_from_top_to_bottom(page: BeautifulSoup) -> None:
    linked = [link["href"] for link in page.select("nav.contents a")]
    assert linked[:3] == ["#stands", "#why", "#do"]
    assert all(page.select_one(href) is not None for href in linked)
    cards = [card["id"] for card in page.select("main section.card")]
    wanted = ["fan", "parts", "pipeline", "offers", "decided", "metrics"]
    assert [card for card in cards if card in wanted] == wanted
    for card in page.select("main section.card > details"):
        assert card.find("summary").find("h2") is not None


def test_the_plan_is_named_with_its_version(page: BeautifulSoup, harbour: World) -> None:
    text = page.select_one("#pay").get_text(" ", strip=True)
    assert "the plan Account executives, version 0f3a91bc" in text
    pay = harbour.current("r-201").pay
    assert pay is not None
    assert pay.expected is not None
    assert MONEY.full(pay.expected.p50) in text
    assert "Every outcome of the forecast went through the plan" in text


def test_without_a_plan_or_a_quota_it_says_what_to_do(client: httpx.Client, harbour: World) -> None:
    bare = replace(harbour.current("r-201"), pay=None, metrics=())
    assert pay_words(bare, MONEY) is None
    assert "comp_plans.yaml" in without_pay(bare)
    missing = MetricValue("commission_payout", "Commission payout", "money", None, "quota_missing")
    assert "Enter the quota" in without_pay(replace(bare, metrics=(missing,)))
    unforeseen = pay_words(harbour.current(NO_HISTORY), MONEY)
    assert unforeseen is not None
    assert "there is no forecast" in unforeseen.lead


def test_a_pipeline_of_which_little_is_known(harbour: World) -> None:
    row = harbour.current("r-201")
    assert "not stored" in pipeline_words(replace(row, metrics=()), MONEY).lead
    empty = tuple(replace(metric, value=0.0) for metric in row.metrics if metric.slug.startswith("pipeline_waterfall_"))
    nothing = pipeline_words(replace(row, metrics=empty), MONEY)
    assert (nothing.chart, nothing.rows) == (None, ())
    assert "No open deal" in nothing.lead
    unknown = tuple(replace(metric, value=None, reason="amount_missing") for metric in empty)
    assert pipeline_words(replace(row, metrics=unknown), MONEY).lead == "The deals carry no amount."
    assert "rebuilt" in pipeline_words(replace(row, history_reconstructed=True), MONEY).remark


@pytest.mark.parametrize(
    ("p_hit", "words"),
    [
        (0.9, "It is likely that you will reach your quota"),
        (0.6, "more likely than not that you will reach"),
        (0.3, "more likely than not that you will miss"),
        (0.05, "likely that you will miss your quota"),
    ],
)
def test_where_a_rep_stands_in_words(harbour: World, p_hit: float, words: str) -> None:
    row = replace(harbour.current("r-201"), booked=0, p_hit=p_hit)
    said = standing_of(row, MONEY, own=True, actions=())
    assert words in said.where
    assert row.deals[0].opportunity_id in said.helps


def test_a_reached_quota_and_a_missing_one(harbour: World) -> None:
    row = harbour.current("r-201")
    done = standing_of(replace(row, booked=row.quota or 0), MONEY, own=False, actions=())
    assert done.where.startswith("Priya Raman has reached the quota.")
    assert standing_of(harbour.current(NO_QUOTA), MONEY, own=False, actions=()).where == ""


def test_metrics_lead_to_their_definitions(client: httpx.Client, page: BeautifulSoup) -> None:
    glossary = parsed(client.get("/glossary"))
    links = page.select("#metrics a.term, #beside a.term")
    assert len(links) > 10
    for link in links:
        assert glossary.find(id=link["href"].removeprefix("/glossary#")) is not None
        assert link["title"] == link.find_next_sibling("small").get_text()
    assert "of quota" in page.select_one("#beside").get_text()


def test_decisions_stand_in_one_place(harbour: World, own_client: httpx.Client) -> None:
    offer = next(one for one in harbour.recommendations if one.abstention is None)
    address = f"/reps/{offer.rep_id}"
    assert "Nothing was decided yet" in parsed(own_client.get(address)).select_one("#decided").get_text()
    for key, verdict, reason in (("one-key-1", "accepted", ""), ("one-key-2", "overridden", "Prefers a mentor.")):
        send_form(
            own_client,
            "/decisions",
            key=key,
            rep_id=offer.rep_id,
            program_id=offer.program_id,
            verdict=verdict,
            reason=reason,
        )
    rows = [row.get_text(" ", strip=True) for row in parsed(own_client.get(address)).select("#decided tbody tr")]
    assert len(rows) == 2
    assert "Overridden" in rows[0]
    assert "Prefers a mentor." in rows[0]
    assert "test vp (manager)" in rows[0]
    assert rows[0].endswith("counts")
    assert rows[1].endswith("replaced by a later one")


@pytest.fixture
def own_client(harbour: World, tmp_path: Path) -> Iterator[httpx.Client]:
    """A client of a store that may be changed."""
    path = tmp_path / "own.db"
    with PredictionStore.open(path) as store:
        harbour.publish_into(store)
    token = issue_tokens(path)["vp"]
    with served(path) as opened:
        log_in(opened, token)
        yield opened
