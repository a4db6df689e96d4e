"""The risk board as parsed HTML: the day it is of, what is said about the team, rows and their details."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import httpx
import pytest
from bs4 import Tag

from serving import formats
from serving.formats import Money
from serving.pages.board_rows import board_row
from serving.pages.board_team import facts_of, range_words, team_notes
from spm_ml.predictions import ModelEvidence, PredictionStore, Scope, Selection, TeamPrediction, WithoutQuota
from tests.model_world import make_lineage
from tests.prediction_world import NO_HISTORY, NO_QUOTA, VP, World, issue_tokens
from tests.web import log_in, parsed, served

Open = Callable[[str], httpx.Response]


@pytest.fixture(scope="module")
def board(harbour_file: Path, harbour_tokens: dict[str, str]) -> Iterator[Open]:
    with served(harbour_file) as client:
        log_in(client, harbour_tokens["vp"])
        yield client.get


@pytest.fixture(scope="module")
def weeks(harbour: World) -> list[date]:
    return sorted({row.as_of for row in harbour.predictions})


def rows(answer: httpx.Response) -> dict[str, Tag]:
    found = parsed(answer).select("table.risks tbody tr")
    return {row.find("th").find("a").get_text(): row for row in found}


def text(tag: Tag) -> str:
    return " ".join(tag.get_text(" ", strip=True).split())


def test_every_week_of_the_period_can_be_picked(board: Open, weeks: list[date]) -> None:
    page = parsed(board("/"))
    options = page.find(id="f-day").find_all("option")
    assert [one["value"] for one in options] == [*(day.isoformat() for day in weeks[:-1]), ""]
    assert [one.get_text() for one in options if one.has_attr("selected")] == [
        f"{formats.day(weeks[-1])} (week 12, newest)"
    ]
    slider = page.find(id="f-slider")
    assert (slider["min"], slider["max"]) == ("0", str(len(weeks) - 1))
    assert slider.find_parent("label").has_attr("hidden"), "the select is what works without a script"
    assert len(page.find(id="f-weeks").find_all("option")) == len(weeks)
    assert page.select_one("#board .notice") is None


def test_an_earlier_week_is_shown_whole_and_says_what_it_is(board: Open, harbour: World, weeks: list[date]) -> None:
    day, before = weeks[4], weeks[3]
    answer = board(f"/?as_of={day}&sort=name&shown={harbour.batch.period}&period=")
    page = parsed(answer)
    notice = text(page.select_one("#board .notice"))
    assert notice.startswith(f"Looking back. As of {formats.day(day)}.".replace("\xa0", " "))
    assert "not what was published then" in notice
    assert page.select_one("#board .notice").find("a")["href"] == "/?sort=name"
    then = {row.name: row for row in harbour.predictions if row.as_of == day}
    earlier = {row.name: row for row in harbour.predictions if row.as_of == before}
    money = Money.of(harbour.batch)
    shown = rows(answer)
    assert set(shown) == set(then)
    for name, row in shown.items():
        kept = then[name]
        assert text(row.find(class_="chance")) == formats.chance(kept.p_hit)
        assert text(row.find(attrs={"data-label": "Booked"})).startswith(money.amount(kept.booked).replace("\xa0", " "))
        assert text(row.find(class_="offer")) == "–", "offers of today are not told of then"
        median, was = kept.quantile(0.5), earlier[name].quantile(0.5)
        if median is not None and was is not None and kept.quota:
            assert text(row.find(attrs={"data-label": "Change"})) == formats.points((median - was) / kept.quota)
    team = next(one for one in harbour.teams if (one.key, one.as_of) == (VP, day))
    assert formats.chance(team.p_hit) in text(page.find(class_="facts"))
    counts = [int(one.get_text()) for one in page.select(".bands .count")]
    assert counts[:2] == [len(then), sum(row.risk_band == "high" for row in then.values())]
    assert formats.day(day) in page.find(id="source").get_text()
    for link in (*page.select(".bands a"), *page.select(".risks thead a")):
        assert f"as_of={day}" in link["href"], "filters and orders keep the day"
        assert "shown" not in link["href"]
    file = board(page.find("a", string="Download CSV")["href"])
    assert file.status_code == 200
    assert {line.split(",")[7] for line in file.text.splitlines()[1:]} == {
        f'"{day}"' if '"' + str(day) in file.text else str(day)
    }


def test_a_day_of_another_period_is_forgotten_and_an_unknown_one_is_not_found(board: Open, weeks: list[date]) -> None:
    assert board(f"/?as_of={weeks[2]}&shown=2025Q4").status_code == 200
    assert parsed(board(f"/?as_of={weeks[2]}&shown=2025Q4")).select_one("#board .notice") is None
    assert board("/?as_of=2026-04-11").status_code == 404
    for wrong in ("0", "1746230400", "2026-04-31", "20260407", "2026-04-07T00:00:00", "x"):
        assert board(f"/?as_of={wrong}").status_code == 422, wrong


def test_what_changed_and_what_to_know_is_said_in_words(board: Open, harbour: World) -> None:
    shown = rows(board("/"))
    row = harbour.current("r-101")
    assert row.change is not None
    largest = max(row.change.parts, key=lambda part: abs(part.amount))
    details = text(shown[row.name].find("details"))
    assert row.main_reason.replace("\xa0", " ") in details
    assert "P50 moved" in details
    assert largest.label in details
    assert text(shown[row.name].find(attrs={"data-label": "Change"})).endswith(
        largest.text.rstrip(".").replace("\xa0", " ")
    )
    whale = next(one for one in shown.values() if "H18" in harbour.current(row_id(harbour, one)).hazards)
    assert "deal" in text(whale.find("details").find("strong"))
    silent = shown[harbour.current(NO_HISTORY).name]
    assert "two finished periods are needed" in text(silent.find("details"))
    assert "No forecast" in text(silent.find(class_="forecast"))
    assert "P50 moved" not in text(silent)


def row_id(harbour: World, row: Tag) -> str:
    name = row.find("th").find("a").get_text()
    return next(one.rep_id for one in harbour.predictions if one.name == name)


def test_the_limits_of_the_bands_say_who_sets_them(board: Open) -> None:
    words = text(parsed(board("/")).find("main"))
    assert "below 35%" in words
    assert "risk_bands in organisation.yaml" in words


def group(low: float, high: float) -> TeamPrediction:
    quantiles = tuple(100_00 + (place - 9) * 10_00.0 for place in range(19))  # P10 is 20, P90 180
    return TeamPrediction(
        *("team", "m", "M", "m", "M", "2026Q2", date(2026, 5, 1), 150_00, 10_00, (), 0, 9),  # type: ignore[arg-type]
        bookings_quantiles=quantiles,
        mean_bookings=100_00.0,
        independent_range=(low, high),
    )


def test_a_range_says_what_independence_would_have_given() -> None:
    money = Money("EUR", 2)
    wider = range_words(group(60_00, 140_00), money).replace("\xa0", " ")
    assert "EUR 160" in wider
    assert "EUR 80" in wider
    assert "many reps at once" in wider
    alike = range_words(group(21_00, 179_00), money)
    assert "hardly moved together" in alike
    assert range_words(group(50_00, 50_00), money) == ""


def test_bookings_without_a_quota_are_named(board: Open, harbour: World) -> None:
    median = harbour.current(NO_QUOTA).quantile(0.5)
    assert median is not None
    words = text(parsed(board("/")).find("section", class_="card"))
    amount = " ".join(Money("EUR", 2).full(median).split())
    assert f"1 rep has no quota, but bookings: about {amount} of this forecast." in words
    of_others = team_notes(group(50_00, 50_00), WithoutQuota(2, 30_00.0), Money("EUR", 2))[-1].replace("\xa0", " ")
    assert of_others.startswith("2 reps have no quota, but bookings: about EUR 30")
    assert "P50 is about 47% of the quotas" in of_others
    assert team_notes(group(50_00, 50_00), WithoutQuota(0, 0.0), Money("EUR", 2)) == ()


def test_where_nobody_can_be_rated_no_risk_is_counted() -> None:
    bare = replace(group(50_00, 60_00), quota=None, p_hit=None)
    facts = {fact.label: fact.value for fact in facts_of(bare, Money("EUR", 2), rated=0)}
    assert facts["At high risk"] == "–"
    assert "Chance of the sum" not in facts


def test_a_chance_below_a_limit_does_not_read_as_the_limit(harbour_file: Path) -> None:
    with PredictionStore.open(harbour_file) as store, store.read(Scope("manager", VP)) as batch:
        row = batch.board(Selection(limit=1)).items[0]
    for p_hit, shown in ((0.346, "<35%"), (0.35, "35%"), (0.354, "35%"), (0.696, "<70%"), (0.002, "<1%")):
        assert board_row(replace(row, p_hit=p_hit), (1.5, 1.0), Money("EUR", 2), 0, (0.35, 0.7)).chance == shown


def test_a_model_that_knew_the_result_is_said_to_have(
    board: Open, harbour: World, harbour_file: Path, tmp_path: Path
) -> None:
    assert "A look back." not in board("/").text
    path = tmp_path / "back.db"
    shutil.copy(harbour_file, path)
    with PredictionStore.open(path) as store:
        lineage = replace(make_lineage(harbour.batch), hindsight=True)
        store.publish_evidence(ModelEvidence(lineage=lineage), actor="tests")
    tokens = issue_tokens(path)
    with served(path) as client:
        log_in(client, tokens["vp"])
        for address in ("/", "/reps/r-101", "/model"):
            notice = parsed(client.get(address)).find("strong", string="A look back.").find_parent("p")
            assert "learnt from what came of this period" in text(notice), address
            assert notice.find("a")["href"] == "/model#h-fva"
        assert parsed(client.get("/model")).find(id="h-fva") is not None
