"""Pages and API of pay: statements that add up on screen, closed ones as they were, and none to the wrong reader."""

import csv
import io
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from spm_ml.predictions import Leaver, PayStatement, PredictionStore, Scope
from tests.pay_world import CLOSED, close_quarter
from tests.prediction_world import NO_QUOTA, NORTH, VP, World, issue_tokens, make_world
from tests.web import log_in, parsed, served

Open = Callable[..., httpx.Response]
LEFT = (Leaver("x-1", "Ola Sand", NORTH), Leaver("x-2", "", "x-9"), Leaver("x-3", "Ines Holm", None))


@pytest.fixture(scope="module")
def store_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pay") / "a.db"
    world = make_world(weeks=3)
    with PredictionStore.open(path) as store:
        world.publish_into(store)
        close_quarter(store, world.board, LEFT)
    return path


@pytest.fixture(scope="module")
def visit(store_file: Path) -> Iterator[Open]:
    tokens = issue_tokens(store_file)
    with served(store_file) as client:

        def visit(who: str, address: str) -> httpx.Response:
            if address.startswith("/v1"):
                return client.get(address, headers={"Authorization": f"Bearer {tokens[who]}"})
            log_in(client, tokens[who])
            return client.get(address)

        yield visit


def number(text: str) -> Decimal:
    return Decimal(text.replace("\u202f", "").replace("\xa0", "").replace("−", "-").replace(",", ""))


@pytest.mark.parametrize("period", ["2026Q2", CLOSED])
def test_a_statement_adds_up_on_screen(visit: Open, period: str) -> None:
    page = parsed(visit("rep", f"/pay?rep_id=r-201&period={period}"))
    tables = page.select("table")
    for table in (tables[0], tables[-1]):
        cells = [row.select("td")[-1].text for row in table.select("tbody tr")]
        assert sum(map(number, cells)) == number(table.select("tfoot td")[-1].text)
    assert [(one["value"], one.has_attr("selected")) for one in page.select("option")] == [
        (label, label == period) for label in ("2026Q2", CLOSED)
    ]
    assert ("was closed on" in page.text) is (period == CLOSED)
    assert ("half of the outcomes" in page.text) is (period != CLOSED)
    assert "8.0% up to 100% of the quota; 12.0% from 100% of the quota on" in page.text
    assert "My pay" in page.select_one("nav").text  # type: ignore[union-attr]


def test_the_api_and_the_file_say_the_same(visit: Open) -> None:
    heads = visit("rep", "/v1/pay/statements?rep_id=r-201").json()["statements"]
    assert [(one["period"], one["closed_at"] is None) for one in heads] == [("2026Q2", True), (CLOSED, False)]
    found = visit("north", f"/v1/pay/statement?rep_id=r-101&period={CLOSED}").json()["statement"]
    parts = found["parts"]
    drawn = parts["draw_advance"] - parts["draw_repaid"]
    assert round(sum(line["amount"] for line in found["lines"]) + drawn, 2) == found["amount"]
    file = visit("north", f"/v1/exports/statement.csv?rep_id=r-101&period={CLOSED}")
    rows = list(csv.DictReader(io.StringIO(file.content.decode("utf-8-sig"))))
    assert round(sum(float(row["amount"]) for row in rows), 2) == found["amount"]
    assert visit("north", "/exports/statement.csv?rep_id=r-101").status_code == 200
    assert visit("north", f"/v1/pay/statement?rep_id={NO_QUOTA}").json()["statement"] is None
    assert "No statement is known" in visit("north", f"/pay?rep_id={NO_QUOTA}").text


def test_managers_see_their_people_and_what_they_will_cost(visit: Open) -> None:
    page = parsed(visit("vp", "/pay"))
    assert "Everybody" in page.text
    assert page.select_one('a[href="/pay?rep_id=r-201"]') is not None
    assert "Your own statement" in page.text
    titles = [title.text for title in page.select("svg title")]
    assert titles == ["Cost of everybody's incentives, in EUR", "Cost of each manager's people, in EUR"]
    assert page.select_one(".legend .s-booked") is not None, "what is paid so far is drawn for everybody alone"
    assert visit("north", "/pay").text.count("cost-chart") == 0, "nobody below them leads others"
    own = parsed(visit("vp", f"/pay?rep_id={VP}"))
    assert "(r-101)" in own.text, "deals of one's people may be seen"
    assert "Everybody" not in visit("north", "/pay").text
    assert [one["manager_id"] for one in visit("vp", "/v1/pay/costs").json()["items"]] == [None, VP]
    assert visit("north", "/v1/pay/costs").json()["items"] == []
    assert visit("rep", "/v1/pay/costs").json()["items"] == []


def test_leavers_are_seen_by_those_above_their_last_manager(visit: Open) -> None:
    def listed(who: str) -> list[str]:
        return [one["rep_id"] for one in visit(who, "/v1/pay/leavers").json()["items"]]

    assert listed("vp") == ["x-3", "x-1", "x-2"], "by name"
    assert listed("north") == ["x-1"]
    assert listed("south") == listed("rep") == []
    page = parsed(visit("north", "/pay"))
    assert "Ola Sand" in page.text
    statement = parsed(visit("north", "/pay?rep_id=x-1"))
    assert "settlement without a quota" in statement.text
    released = number(statement.select("table")[0].select("tfoot td")[-1].text)
    assert released == Decimal(800), "a tenth of 8 % of 100 000, due after 60 days"
    assert visit("south", "/pay?rep_id=x-1").status_code == 404
    assert visit("north", "/v1/pay/statement?rep_id=x-2").status_code == 404
    assert visit("rep", "/v1/pay/statement?rep_id=x-1").status_code == 404
    assert visit("hr", "/v1/pay/leavers").status_code == 403


def test_nobody_else_reads_pay(visit: Open) -> None:
    for who in ("hr", "analyst", "admin"):
        assert visit(who, "/v1/pay/statements?rep_id=r-201").status_code == 403
        assert visit(who, "/pay").status_code == 403
    assert visit("rep", "/v1/pay/statement?rep_id=r-202").status_code == 404
    assert visit("south", "/pay?rep_id=r-101").status_code == 404


def test_the_deals_of_people_out_of_sight_are_added_up(store_file: Path) -> None:
    from serving.routes.pay import payout_in_sight

    with PredictionStore.open(store_file) as store, store.read(Scope("manager", VP)) as batch:
        stored = batch.statement(VP)
        assert stored is not None
        whole = payout_in_sight(stored, batch)
    with PredictionStore.open(store_file) as store, store.read(Scope("manager", NORTH)) as batch:
        narrowed = payout_in_sight(stored, batch)
    assert {line.owner for line in narrowed.lines} == {line.owner for line in whole.lines if line.owner < "r-2"} - {
        "r 203/ä"
    } | {"others"}
    assert narrowed.amount == sum(line.amount for line in narrowed.lines) == sum(line.amount for line in whole.lines)


def test_a_batch_without_pay_and_a_large_one(tmp_path: Path) -> None:
    world: World = make_world(weeks=1)
    with PredictionStore.open(tmp_path / "b.db") as store:
        world.publish_into(store)
        with store.read(Scope("manager", VP)) as batch:
            first, second = batch.paid_so_far(limit=5), batch.paid_so_far(limit=5, offset=5)
            assert (len(first.items), first.total) == (5, second.total)
            assert not {one.rep_id for one in first.items} & {one.rep_id for one in second.items}
            assert batch.statement("r-101", "2020Q1") is None
    assert PayStatement("r", "p", "v", 1, "{}").amount == 1
