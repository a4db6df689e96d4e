"""POST /v1/plans: a preview for the reps in scope, under any limits, that changes nothing."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from spm_ml.predictions import CoachingBatch, PredictionStore, ProgramFinding, ProgramOption
from tests.prediction_world import NORTH, PEOPLE, PROGRAMS, SOUTH, World
from tests.web import served

NORTH_TEAM = {person.rep_id for person in PEOPLE if person.manager_id == NORTH}
SOUTH_TEAM = {person.rep_id for person in PEOPLE if person.manager_id == SOUTH}


def finding(program_id: str, name: str, skill: str, cost: int | None) -> ProgramFinding:
    return ProgramFinding(
        program_id, name, (skill,), cost, 4, 2.0, 40, 30, 200, 0.0, 0.03, 0.01, 0.05, None, None, "", (), "", (),
        "helps", "",
    )  # fmt: skip


def option(rep_id: str, program_id: str, place: int, effect: float) -> ProgramOption:
    return ProgramOption(
        rep_id=rep_id,
        program_id=program_id,
        skill="discovery",
        effect=effect,
        low=effect - 0.02,
        high=effect + 0.02,
        p_positive=0.99,
        own_sd=0.01,
        loadings=(1.0,),
        priority=effect,
        evidence="individual effect",
        reason="Discovery rated 2.1 by the manager (peers 3.4)",
        time_lost=0.01,
        barred="it takes 9 selling days and 3 are left" if place == 0 else "",
        gap=1.0,
    )


@pytest.fixture(scope="module")
def store_file(harbour: World, harbour_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plans") / "predictions.db"
    shutil.copy(harbour_file, path)
    reps = sorted(NORTH_TEAM | SOUTH_TEAM)
    options = tuple(
        option(rep, program[0], place, 0.02 + 0.01 * place + 0.005 * number)
        for place, rep in enumerate(reps)
        for number, program in enumerate(PROGRAMS)
    )
    findings = tuple(finding(*program) for program in PROGRAMS)
    with PredictionStore.open(path) as store:
        store.publish_coaching(CoachingBatch(harbour.recommendations, (), findings, options, ((1e-4,),), None))
    return path


@pytest.fixture(scope="module")
def client(store_file: Path) -> Iterator[httpx.Client]:
    with served(store_file) as opened:
        yield opened


def seats(*given: tuple[str, object]) -> list[dict[str, object]]:
    return [{"program_id": program, "seats": number} for program, number in given]


Ask = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def ask(client: httpx.Client, harbour_tokens: dict[str, str]) -> Ask:
    def send(principal: str, **body: object) -> httpx.Response:
        headers = {"Authorization": f"Bearer {harbour_tokens[principal]}"}
        return client.post("/v1/plans", json=body, headers=headers)

    return send


def plan(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_plan_keeps_to_seats_on_record_people_and_budget(ask: Ask) -> None:
    full = plan(ask("vp"))
    assert full["people"] == 8  # two programs of four seats
    assert full["gap"] == 0
    assert plan(ask("vp", people=2))["people"] == 2
    paid = plan(ask("vp", budget=4_000))
    assert 0 < paid["spent"] <= 4_000
    assert paid["values"][0]["cost"] == paid["spent"]
    assert plan(ask("vp", budget=0))["people"] == 0
    assert plan(ask("vp", seats=seats(("p-disco", 1), ("p-nego", 3), ("p-nego", 0))))["people"] == 1


def test_every_rep_in_scope_has_a_line_or_a_reason(ask: Ask) -> None:
    found = plan(ask("vp", people=3))
    named = {line["rep_id"] for line in found["lines"]} | {rep["rep_id"] for rep in found["unplanned"]}
    assert named == NORTH_TEAM | SOUTH_TEAM
    assert {rep["why"] for rep in found["unplanned"]} == {"barred", "limits"}
    assert [line["net"] for line in found["lines"]] == sorted((line["net"] for line in found["lines"]), reverse=True)


def test_a_manager_plans_for_the_own_tree_and_hr_for_everybody(ask: Ask) -> None:
    for principal, reach in (("north", NORTH_TEAM), ("south", SOUTH_TEAM), ("hr", NORTH_TEAM | SOUTH_TEAM)):
        found = plan(ask(principal))
        assert {line["rep_id"] for line in found["lines"]} | {rep["rep_id"] for rep in found["unplanned"]} == reach


def test_it_stands_beside_the_other_ways_to_choose(ask: Ask) -> None:
    values = {value["slug"]: value for value in plan(ask("vp", people=3))["values"]}
    assert list(values) == ["plan", "worst_performers", "highest_risk", "everyone", "nobody"]
    assert values["plan"]["value"] >= values["highest_risk"]["value"]
    assert values["plan"]["low"] < values["plan"]["value"] < values["plan"]["high"]
    assert values["worst_performers"]["value"] is None  # nothing is diagnosed here
    assert values["nobody"]["value"] == 0


def test_a_hold_out_is_drawn_by_its_seed(ask: Ask) -> None:
    one, again = plan(ask("vp", hold_out=0.5, seed=4)), plan(ask("vp", hold_out=0.5, seed=4))
    assert one["lines"] == again["lines"]
    assert one["held_out"] == sum(line["held_out"] for line in one["lines"]) == 4
    assert {line["propensity"] for line in one["lines"]} == {0.5}
    assert "held out by lot" in one["hold_out_words"]


def test_nothing_is_published(ask: Ask, store_file: Path) -> None:
    with PredictionStore.open(store_file) as store:
        batch = store.published_batch()
        assert batch is not None
        before = store.coaching(batch), tuple(store.audit.entries())
        assert ask("hr", people=1).status_code == 200
        assert (store.coaching(batch), tuple(store.audit.entries())) == before


@pytest.mark.parametrize(
    "body",
    [
        {"budget": -1},
        {"budget": "much"},
        {"people": 1.5},
        {"people": -1},
        {"seats": seats(("p-disco", -1))},
        {"seats": seats(("", 1))},
        {"seats": {"zz-echo-zz": 1}},
        {"seats": [{"zz-echo-zz": 1}]},
        {"seats": seats(("p-disco", True))},
        {"people": "3"},
        {"min_share": 1.1},
        {"hold_out": 1},
        {"seed": -1},
        {"unknown": 1},
    ],
)
def test_bad_limits_are_problems_that_echo_nothing(ask: Ask, body: dict[str, object]) -> None:
    answer = ask("vp", **body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"]
    assert "zz-echo-zz" not in answer.text


def test_seats_of_an_unknown_program_are_not_there(ask: Ask) -> None:
    answer = ask("vp", seats=seats(("zz-echo-zz", 1)))
    assert answer.status_code == 404
    assert "zz-echo-zz" not in answer.text


def test_whole_numbers_may_be_written_as_numbers_are_in_json(ask: Ask) -> None:
    assert plan(ask("vp", people=3.0))["people"] == 3


def test_without_published_options_nobody_is_planned(harbour_file: Path, harbour_tokens: dict[str, str]) -> None:
    with served(harbour_file) as client:
        answer = client.post("/v1/plans", json={}, headers={"Authorization": f"Bearer {harbour_tokens['vp']}"})
    found = plan(answer)
    assert found["people"] == 0
    assert found["messages"] == ["There is nobody to plan for, or no program to take."]


def test_reads_go_on_while_plans_are_made(
    ask: Ask, client: httpx.Client, harbour_tokens: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import serving.routes.plans as plans

    inside, release, planned = threading.Event(), threading.Event(), plans._planned

    def slow(*args: Any) -> Any:
        inside.set()
        assert release.wait(10)
        return planned(*args)

    monkeypatch.setattr(plans, "_planned", slow)
    answers: list[httpx.Response] = []
    threads = [threading.Thread(target=lambda: answers.append(ask("vp"))) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert inside.wait(10)
    started = time.monotonic()
    read = client.get("/v1/reps", headers={"Authorization": f"Bearer {harbour_tokens['vp']}"})
    assert read.status_code == 200
    assert time.monotonic() - started < 5
    release.set()
    for thread in threads:
        thread.join(20)
    assert [answer.status_code for answer in answers] == [200, 200, 200]
