"""Objectives and growth, on the pages and in the API: who sees what, and whether the numbers are the stored ones."""

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from serving import formats
from serving.formats import Money
from spm_ml.predictions import COMPANY, MetricValue, NewGoal, PredictionStore, TeamPrediction
from spm_ml.predictions.chances import FINE_LEVELS, chance_of
from spm_ml.predictions.disclosure import enough_beyond
from spm_ml.predictions.growth import MetricCourse
from spm_ml.settings import QUANTILE_LEVELS
from tests.prediction_world import NORTH, SOUTH, VP, World, issue_tokens, make_world
from tests.web import log_in, parsed, served

GOAL = 350_000_000
Ask = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def path(harbour: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published batch, and a goal of the company that was corrected once."""
    file = tmp_path_factory.mktemp("goals") / "predictions.db"
    with PredictionStore.open(file) as store:
        harbour.publish_into(store)
        goal = NewGoal(harbour.batch.period, GOAL + 1, "EUR", 2, "the board's plan", "Ida")
        assert store.goals.set(goal)
        assert store.goals.set(replace(goal, amount=GOAL))
        assert not store.goals.set(replace(goal, amount=GOAL, reason="said again"))
        assert [one.goal.amount for one in store.goals.history(harbour.batch.period)] == [GOAL, GOAL + 1]
        assert [line.action for line in store.audit.entries()].count("goal set") == 2
    return file


@pytest.fixture(scope="module")
def ask(path: Path) -> Iterator[Ask]:
    tokens = issue_tokens(path)
    with served(path) as client:

        def get(principal: str, address: str, **query: str) -> httpx.Response:
            return client.get(address, params=query, headers={"Authorization": f"Bearer {tokens[principal]}"})

        yield get


@pytest.fixture(scope="module")
def visit(path: Path) -> Iterator[Ask]:
    tokens = issue_tokens(path)
    with served(path) as client:

        def get(principal: str, address: str) -> httpx.Response:
            client.cookies.clear()
            log_in(client, tokens[principal])
            return client.get(address)

        yield get


def group(world: World, level: str, key: str) -> TeamPrediction:
    return next(one for one in world.teams if (one.level, one.key, one.as_of) == (level, key, world.batch.as_of))


def plain(text: str) -> str:
    """With ordinary spaces alone."""
    return " ".join(text.split())


def test_the_company_is_held_against_its_goal_and_the_rest_against_quotas(ask: Ask, harbour: World) -> None:
    answer: dict[str, Any] = ask("vp", "/v1/objectives").json()
    company = group(harbour, "company", COMPANY)
    assert company.quota is not None
    assert answer["goal"] == {"amount": GOAL / 100, "reason": "the board's plan", "proposal_id": None}
    assert answer["over_assigned"] == pytest.approx(company.quota / GOAL - 1)
    (above,) = answer["above"]
    assert (above["level"], above["objective"], above["quotas"]) == ("company", GOAL / 100, company.quota / 100)
    assert above["share"] == pytest.approx(company.booked / GOAL)
    assert above["expected"] == pytest.approx(0.9 * GOAL / 100)
    assert company.bookings_quantiles is not None
    assert above["p_hit"] == chance_of(company.bookings_quantiles, GOAL)
    assert [(one["key"], one["objective"]) for one in answer["teams"]] == [
        (key, (group(harbour, "team", key).quota or 0) / 100) for key in (NORTH, SOUTH)
    ]
    assert answer["chosen"]["key"] == VP
    assert answer["reps"] == []
    north = ask("vp", "/v1/objectives", manager_id=NORTH).json()
    shown = {one["key"]: one for one in north["reps"]}
    assert set(shown) == {person.rep_id for person in harbour.people if person.manager_id == NORTH}
    row = harbour.current("r-101")
    assert (shown["r-101"]["booked"], shown["r-101"]["p_hit"]) == (row.booked / 100, row.p_hit)
    assert shown["r-106"]["objective"] is None, "nobody knows a quota of theirs"


@pytest.mark.parametrize(
    ("principal", "above", "teams", "reps"),
    [
        # Ten others are in the VP's team and the company; South has four reps, too few beyond oneself.
        ("rep", ["company", VP], [], ["r-201"]),
        # Without the own seven there are four others in the company.
        ("north", [], [], ["r-101", "r-102", "r-103", "r-104", "r-105", "r-106", "r-107"]),
        ("analyst", ["company"], [VP], []),
    ],
)
def test_each_sees_the_own_and_what_lies_above_in_sums_of_enough(
    ask: Ask, principal: str, above: list[str], teams: list[str], reps: list[str]
) -> None:
    answer = ask(principal, "/v1/objectives").json()
    assert [one["key"] for one in answer["above"]] == above
    assert [one["key"] for one in answer["teams"]] == teams
    assert sorted(one["key"] for one in answer["reps"]) == reps
    assert answer["goal"]["amount"] == GOAL / 100
    assert all(one["own_quota"] is None for one in answer["above"])


def test_whoever_reaches_no_objective_gets_none(ask: Ask) -> None:
    assert [ask(one, "/v1/objectives").status_code for one in ("hr", "admin")] == [403, 403]
    assert ask("north", "/v1/objectives", manager_id=SOUTH).status_code == 404
    assert ask("rep", "/v1/objectives", manager_id=SOUTH).status_code == 404


def test_groups_in_one_another_never_leave_a_few_people() -> None:
    row = make_world(weeks=1).teams[0]
    chain = [replace(row, key=str(reps), manager_id=str(reps), reps=reps) for reps in (3, 6, 8, 11, 11, 15, 40)]
    assert [one.reps for one in enough_beyond(chain, 1)] == [6, 11, 11, 40]
    assert enough_beyond([], 1) == ()


def test_a_chance_between_stored_quantiles_is_on_a_straight_line() -> None:
    quantiles = [100.0 * level for level in QUANTILE_LEVELS]
    assert chance_of(quantiles, 52.5) == pytest.approx(0.475)
    assert [chance_of(quantiles, amount) for amount in (-1.0, 5.0, 95.0, 1e9)] == pytest.approx(
        [0.95, 0.95, 0.05, 0.05]
    )
    assert chance_of([7.0] * 19, 7.0) == pytest.approx(0.95)
    fine = [100.0 * level for level in FINE_LEVELS]
    assert [chance_of(fine, amount, FINE_LEVELS) for amount in (0.2, 2.25, 97.0, 1e9)] == pytest.approx(
        [0.995, 0.9775, 0.03, 0.005]
    )


def test_the_page_draws_progress_and_says_by_how_much_quotas_miss_the_goal(visit: Ask, harbour: World) -> None:
    money = Money.of(harbour.batch)
    page = parsed(visit("vp", "/objectives"))
    company = group(harbour, "company", COMPANY)
    text = plain(page.get_text())
    assert plain(f"The company is to book {money.full(GOAL)}.") in text
    assert plain(f"more than the goal: over-assigned by {money.full((company.quota or 0) - GOAL)}") in text
    assert "90% of its bookings were there" in text
    pictures = page.find_all("svg", class_="progress")
    assert len(pictures) == 4, "the company, the VP's people, and two teams"
    assert f"booked {formats.percent(company.booked / GOAL)} of {money.full(GOAL)}" in pictures[0].desc.get_text()
    assert all(one.find(class_="usual") and one.find(class_="target") for one in pictures)
    links = [one["href"] for one in page.find(id="main").find_all("a") if "team=" in one["href"]]
    below = parsed(visit("vp", links[-1]))
    assert [one.get_text() for one in below.find("nav", class_="crumbs").find_all(["a", "span"])] == [
        "Vera Lindqvist",
        "Ben Osei",
    ]
    own = plain(parsed(visit("rep", "/objectives")).get_text())
    assert "Your objective" in own
    assert "Ben Osei" not in own
    assert "at least 5 more reps" in own


def test_growth_tells_periods_and_why_a_value_is_missing(visit: Ask, ask: Ask, harbour: World) -> None:
    page = parsed(visit("vp", "/growth?metric=bookings_linearity"))
    assert [one.get_text() for one in page.find_all("h2")] == [
        "Harbour Instruments",
        *(f"{one}: last month's share of the quarter" for one in ("Regions", "Teams")),
    ]
    whole = page.find("table")
    assert [one.get_text() for one in whole.find_all("th", scope="col")][2:5] == ["2025Q3", "2025Q4", "2026Q1"]
    growth = next(row for row in whole.find_all("tr") if "Growth on the period before" in row.get_text())
    assert "The data do not reach back" in growth.get_text()
    assert "−15.6 points" in growth.get_text()
    assert whole.find("svg", class_="sparkline") is not None
    assert visit("vp", "/growth?metric=nothing").status_code == 422
    assert visit("hr", "/growth").status_code == 403
    full, many = (ask(one, f"/v1/groups/team/{VP}").json() for one in ("vp", "analyst"))
    assert full["group"]["growth"]["periods"] == ["2025Q3", "2025Q4", "2026Q1"]
    assert full["group"]["growth"]["courses"][0]["values"][0] == group(harbour, "team", VP).reps * 310_000
    assert "bookings_linearity" in full["definitions"]
    # Too few were behind the first period, and a sum over people tells of who came and left.
    assert many["group"]["growth"]["periods"] == ["2025Q4", "2026Q1"]
    assert [one["slug"] for one in many["group"]["growth"]["courses"]] == ["revenue_growth_rate", "bookings_linearity"]


def test_growth_is_a_file_with_the_values_of_the_page_and_of_the_groups_in_scope(visit: Ask, ask: Ask) -> None:
    page = parsed(visit("vp", "/growth"))
    address = page.find("a", string="Download CSV")["href"]
    lines = list(csv.DictReader(io.StringIO(visit("vp", address).content.decode("utf-8-sig"))))
    answer = ask("vp", f"/v1/groups/team/{VP}").json()["group"]
    course = next(one for one in answer["growth"]["courses"] if one["slug"] == "bookings")
    own = [one for one in lines if (one["key"], one["slug"], one["finished"]) == (VP, "bookings", "True")]
    assert [(one["period"], float(one["value"])) for one in own] == list(
        zip(answer["growth"]["periods"], course["values"], strict=True)
    )
    assert {(one["currency"], one["unit"], one["as_of"]) for one in own} == {("EUR", "money", "")}
    unknown = next(one for one in lines if one["why_empty"])
    assert unknown["value"] == ""
    assert {one["key"] for one in csv.DictReader(io.StringIO(ask("north", "/v1/exports/growth.csv").text))} == {NORTH}
    assert visit("vp", "/exports/growth.csv?period=2024Q1").status_code == 404
    assert ask("hr", "/v1/exports/growth.csv").status_code == 403


def test_a_group_pays_by_the_spend_that_names_it_and_the_rest_is_shown(harbour: World, tmp_path: Path) -> None:
    costs = (None, 91_500_00.0, 84_200_00.0)

    def with_spend(one: TeamPrediction) -> TeamPrediction:
        assert one.growth is not None
        named = one.key in (COMPANY, "EMEA")
        added = [MetricCourse("customer_acquisition_cost", costs, ("no_new_customers", None, None))]
        if not named:
            added = [MetricCourse("customer_acquisition_cost", (None,) * 3, ("no_spend_of_group",) * 3)]
        if one.level == "company":
            added.append(MetricCourse("spend_without_region", (1_000_00.0, 2_000_00.0, 7_003_00.0), (None,) * 3))
        value, why = (12_345_60.0, None) if named else (None, "no_spend_of_group")
        now = (*one.metrics, MetricValue("sales_and_marketing_spend", "Spend", "money", value, why))
        return replace(one, metrics=now, growth=replace(one.growth, courses=(*one.growth.courses, *added)))

    file = tmp_path / "spend.db"
    teams = tuple(with_spend(one) for one in harbour.teams)
    with PredictionStore.open(file) as store:
        replace(harbour, teams=teams).publish_into(store)
    tokens = issue_tokens(file)
    with served(file) as client:
        log_in(client, tokens["vp"])
        page = parsed(client.get("/growth?metric=customer_acquisition_cost"))
        assert [one.get_text() for one in page.find_all("h2")][1:] == ["Regions: customer acquisition cost"], "no team"
        table = page.find(id="h-1").find_parent("section")
        said = {row.th.get_text(): plain(row.get_text(" ")) for row in table.tbody.find_all("tr")}
        assert "84" in said["EMEA"]
        assert "No new customer was won." in said["EMEA"]
        assert "No sales or marketing spend of the period names this group." in said["Americas"]
        assert plain("7 003").replace(" ", "") in said["Spend of no region"].replace(" ", "")
        assert "Spend of no region" in page.find("section").get_text()
        compared = page.find(id="filters").find("select", attrs={"name": "metric"}).find_all("option")
        assert not [one["value"] for one in compared if "without" in one["value"]]
        assert "No spend names a group" in client.get("/growth?metric=cac_payback_months").text
        file = io.StringIO(client.get("/exports/growth.csv").content.decode("utf-8-sig"))
        spent = {one["key"]: one for one in csv.DictReader(file) if one["slug"] == "sales_and_marketing_spend"}
        assert [spent["EMEA"][name] for name in ("period", "finished", "as_of", "currency", "value", "why_empty")] == [
            *(harbour.batch.period, "False", harbour.batch.as_of.isoformat(), "EUR", "12345.6", "")
        ]
        assert [spent["Americas"][name] for name in ("value", "why_empty")] == ["", "no_spend_of_group"]
        log_in(client, tokens["analyst"])
        assert "Spend of no region" not in client.get("/growth?metric=customer_acquisition_cost").text
