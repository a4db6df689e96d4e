"""Pages and API of a finished period: what came of the forecasts, beside what they had said."""

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import httpx
import pytest
from bs4 import Tag

from serving import formats
from serving.formats import Money
from serving.pages.results import held_words, result_of
from spm_ml.predictions import HeldRanges, Outcome, OutcomeVersion, PredictionStore
from tests.prediction_world import (
    LEFT,
    NO_HISTORY,
    NO_QUOTA,
    VP,
    World,
    issue_tokens,
    make_outcomes,
    make_world,
    publish_finished,
)
from tests.web import log_in, parsed, served

Q2 = "2026Q2"
RESTATED = "r-105"
DAY = date(2026, 5, 26)
MONEY = Money("EUR", 2)
Open = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def store_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("results") / "a.db"
    with PredictionStore.open(path) as store:
        finished = publish_finished(store)
        batch = store.published_batch()
        assert batch is not None
        before = next(one for one in make_outcomes(finished) if one.rep_id == RESTATED)
        later = replace(batch, batch_id="b-late", data_version=5, watermark=batch.watermark + timedelta(days=4))
        store.publish_outcomes(later, [replace(before, bookings=before.bookings - 1_000_00)])
    return path


@pytest.fixture(scope="module")
def finished() -> World:
    return make_world()


@pytest.fixture(scope="module")
def visit(store_file: Path) -> Iterator[Open]:
    tokens = issue_tokens(store_file)
    with served(store_file) as client:

        def go(who: str, path: str) -> httpx.Response:
            if path.startswith("/v1/"):
                return client.get(path, headers={"Authorization": f"Bearer {tokens[who]}"})
            log_in(client, tokens[who])
            return client.get(path)

        yield go


def words(tag: Tag | None) -> str:
    assert tag is not None
    return " ".join(tag.get_text(" ", strip=True).split())


def facts(page: Tag) -> dict[str, str]:
    return {words(one.dt): words(one.dd) for one in page.select("dl.facts > div")}


def outcomes(finished: World) -> dict[str, Outcome]:
    found = {one.rep_id: one for one in make_outcomes(finished)}
    return found | {RESTATED: replace(found[RESTATED], bookings=found[RESTATED].bookings - 1_000_00)}


def test_the_board_of_a_finished_period_says_which_ranges_held(visit: Open, finished: World) -> None:
    page = parsed(visit("vp", f"/?period={Q2}&sort=name"))
    notice = page.select_one("#board .notice")
    assert words(notice).startswith("Looking back. 2026Q2 is over.")
    assert "as known on 16 Jul 2026" in words(notice)
    assert notice.find("a")["href"] == "/?sort=name"
    results = outcomes(finished)
    shown = {row.find("th").find("a").get_text(): row for row in page.select("table.risks tbody tr")}
    verdicts: dict[str, str] = {}
    for row in (row for row in finished.predictions if row.as_of == finished.batch.as_of):
        cell = words(shown[row.name].find(attrs={"data-label": "Result"}))
        outcome = results[row.rep_id]
        assert cell.startswith(MONEY.amount(outcome.bookings).replace("\xa0", " "))
        inside = outcome.inside(row.quantile(0.1), row.quantile(0.9))
        verdicts[row.rep_id] = cell
        assert cell.endswith("in range") is bool(inside), cell
        assert shown[row.name].find(attrs={"data-label": "Linear pace"}) is None
        assert shown[row.name].find("th").find("a")["href"].endswith(f"?period={Q2}")
        assert (shown[row.name].select_one(".interval .ended") is None) is (row.rep_id in (LEFT, NO_HISTORY))
    assert verdicts[LEFT].endswith("left early")
    assert verdicts[NO_HISTORY].endswith("no range")
    assert any(cell.endswith("above P90") for cell in verdicts.values())
    held = sum(cell.endswith("in range") for cell in verdicts.values())
    head = facts(page)
    assert head["Ranges P10–P90"] == f"{held} of 9 held the result; 7 expected; 1 left early"
    total = sum(one.revenue for one in results.values())
    assert head["Ended at"].startswith(MONEY.full(total).replace("\xa0", " "))
    assert not page.select(".said-form"), "nothing is entered for a period that is over"
    assert page.select_one("table.risks thead").get_text().count("Result") == 1


def test_the_running_period_is_as_it_was(visit: Open) -> None:
    page = parsed(visit("vp", "/"))
    assert page.select_one("#board .notice") is None
    assert {"Ended at", "Ranges P10–P90"}.isdisjoint(facts(page))
    assert page.select_one(".ended") is None
    assert "Linear pace" in page.select_one("table.risks thead").get_text()


def test_a_rep_sees_what_had_been_said_and_what_came_of_it(visit: Open, finished: World) -> None:
    row = next(row for row in finished.predictions if (row.rep_id, row.as_of) == ("r-201", DAY))
    outcome = outcomes(finished)["r-201"]
    page = parsed(visit("rep", f"/reps/r-201?period={Q2}&as_of={DAY}"))
    low, high = (formats.percent((row.quantile(level) or 0) / (row.quota or 1)) for level in (0.1, 0.9))
    assert words(page.select_one("p.lead")) == (
        f"Ended at {MONEY.full(outcome.bookings)}, {formats.percent(outcome.attainment)} of quota. "
        f"The forecast of {formats.day(DAY)} said {low} to {high}: the result lies inside it."
    ).replace("\xa0", " ")
    fan = page.select_one("svg.fan")
    assert fan.find("path", class_="ended") is not None
    assert f"What happened: {MONEY.full(outcome.bookings)}" in fan.desc.get_text()
    table = page.select_one("#fan table")
    assert words(table.select_one("tbody tr")).startswith(
        f"What happened by 30 Jun 2026 {MONEY.amount(outcome.bookings)}".replace("\xa0", " ")
    )
    days = [words(one) for one in table.select("tbody tr + tr > th")]
    assert days[0] == formats.day(DAY).replace("\xa0", " "), "no week after the day"
    assert not page.select("#say, main form[method=post]"), "about the past nothing is said or done"
    assert [one["value"] for one in page.select("#filters select[name=period] option")] == ["2026Q3", Q2]


def test_restatements_are_told(visit: Open, finished: World) -> None:
    page = parsed(visit("vp", f"/reps/{RESTATED}?period={Q2}"))
    before = next(one for one in make_outcomes(finished) if one.rep_id == RESTATED)
    said = words(page.select_one("#fan .decisions"))
    assert said.startswith(f"As known on 12 Jul 2026: {MONEY.full(before.bookings)}".replace("\xa0", " "))
    answer = visit("vp", f"/v1/forecasts/{RESTATED}?period={Q2}").json()
    first, last = answer["outcome_versions"]
    assert answer["forecast"]["outcome"] == last
    assert (first["batch_id"], last["batch_id"]) == ("b-0002", "b-late")
    assert first["bookings"] - last["bookings"] == 1_000
    assert (first["as_known_on"], last["as_known_on"]) == ("2026-07-12", "2026-07-16")


def test_who_left_or_has_no_quota_has_no_result_of_a_quota(visit: Open) -> None:
    left = parsed(visit("vp", f"/reps/{LEFT}?period={Q2}"))
    assert "no result of a whole period" in words(left.select_one("p.lead"))
    assert left.select_one("svg.fan .ended") is None
    bare = parsed(visit("vp", f"/reps/{NO_QUOTA}?period={Q2}&as_of={DAY}"))
    assert "of quota" not in words(bare.select_one("p.lead"))
    assert "no quota" in words(bare.select_one("#fan table tbody tr"))


def test_the_api_gives_results_to_whoever_sees_forecasts(visit: Open, finished: World) -> None:
    results = outcomes(finished)
    listed = visit("vp", f"/v1/forecasts?period={Q2}").json()["items"]
    assert {one["rep_id"]: round(100 * one["outcome"]["bookings"]) for one in listed} == {
        rep: one.bookings for rep, one in results.items()
    }
    assert {one["rep_id"] for one in listed if one["outcome"]["held"] is None} == {LEFT, NO_HISTORY}
    assert all(one["outcome"] is None for one in visit("vp", "/v1/forecasts").json()["items"])
    assert visit("hr", f"/v1/forecasts?period={Q2}").status_code == 403
    (team,) = visit("analyst", f"/v1/teams?period={Q2}").json()["items"]
    assert (team["key"], team["outcome"]["reps"], team["outcome"]["left"]) == (VP, 11, 1)
    assert round(100 * team["outcome"]["bookings"]) == sum(one.revenue for one in results.values())
    rows = csv.DictReader(
        io.StringIO(visit("vp", f"/v1/exports/forecasts.csv?period={Q2}").content.decode("utf-8-sig"))
    )
    kept = {row["rep_id"]: (row["final_bookings"], row["range_held"], row["left_early"]) for row in rows}
    assert kept[LEFT] == (str(results[LEFT].bookings / 100), "", "True")
    assert {held for _, held, _ in kept.values()} == {"True", "False", ""}


def test_teams_of_a_finished_period_for_managers_and_analysts(visit: Open) -> None:
    for who in ("vp", "analyst"):
        page = parsed(visit(who, f"/teams?period={Q2}"))
        assert words(page.select_one("p.notice[role=status]")).startswith("Looking back. 2026Q2 is over.")
        assert page.find(attrs={"data-label": "Result"}) is not None
        assert (page.select_one("tbody th a") is None) is (who == "analyst")
    assert parsed(visit("vp", "/teams")).find(attrs={"data-label": "Result"}) is None
    assert visit("vp", "/teams?period=1999Q1").status_code == 404


def test_a_period_that_is_over_and_has_no_result_yet_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with PredictionStore.open(path) as store:
        make_world(weeks=2).publish_into(store)
        make_world(weeks=1, batch_id="b-0002", period="2026Q3").publish_into(store)
    with served(path) as client:
        log_in(client, issue_tokens(path)["vp"])
        for address in (f"/?period={Q2}", f"/reps/r-101?period={Q2}", f"/teams?period={Q2}"):
            page = parsed(client.get(address))
            assert "Its result is not known yet" in words(page.select_one("p.notice[role=status]")), address
            assert page.select_one(".ended") is None
        assert client.get("/reps/r-101?period=1999Q1").status_code == 404
        assert client.get(f"/reps/r-101?period={Q2}&as_of=2026-05-01").status_code == 404
        assert client.get("/reps/r-101?period=&as_of=&shown=2026Q3").status_code == 200


def test_words_about_results() -> None:
    assert held_words(None) == held_words(HeldRanges(0, 0, 2)) == ("", "")
    assert held_words(HeldRanges(8, 10, 0)) == ("8 of 10", "held the result; 8 expected")
    row = make_world(weeks=1).current("r-101")
    low = row.quantile(0.1)
    assert low is not None
    below = Outcome("r-101", Q2, round(low) - 1, 0, row.quota, censored=False)
    version = OutcomeVersion(below, "b", 1, DAY, make_world(weeks=1).batch.created_at)
    found = result_of([version], row, MONEY)
    assert found is not None
    assert (found.verdict, found.restated) == ("below P10", ())
    assert found.sentence.endswith("the result lies below it.")
    assert result_of([], row, MONEY) is None
