"""What-if questions over HTTP: who may ask about whom, what is refused, and what becomes of a process that dies."""

import asyncio
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from serving import what_if
from serving.app import create_app
from serving.limits import RateLimits
from serving.routes.what_if import WhatIfAnswer
from serving.settings import ServingSettings
from serving.what_if import WhatIf, WhatIfSettings
from spm_ml.predictions import CoachingBatch, PredictionStore, ProgramOption
from tests.prediction_world import NO_HISTORY, NO_QUOTA, World
from tests.web import running
from tests.what_if_world import make_what_if

PATIENT = WhatIfSettings(seconds=300)
FAKE = """
import sys
sys.stdout.write("ready\\n"); sys.stdout.flush()
while True:
    head = sys.stdin.readline(); sys.stdin.readline()
    if head.startswith("ask"):
        {then}
    elif head:
        {load}; sys.stdout.write("loaded\\n"); sys.stdout.flush()
"""

Ask = Callable[..., httpx.Response]


def process(then: str, load: str = "pass") -> tuple[str, ...]:
    """The command of a process that does this with each question and with a model; `number` is the question's."""
    then = f"number = head.split()[1]; {then}; sys.stdout.flush()"
    return (sys.executable, "-S", "-c", FAKE.format(then=then, load=load))


@pytest.fixture(scope="module")
def store(
    harbour: World, harbour_file: Path, harbour_tokens: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The harbour, scored again with what what-if questions start from, and one effect for one rep."""
    own = tmp_path_factory.mktemp("what-if") / "predictions.db"
    shutil.copy(harbour_file, own)
    batch = replace(harbour.batch, batch_id="b-what-if")
    option = ProgramOption(
        "r-101", "p-disco", "discovery", 0.06, -0.02, 0.14, 0.89, 0.05, (), 1.0, "pooled", "A gap in discovery."
    )
    with PredictionStore.open(own) as opened:
        opened.publish(
            batch,
            harbour.predictions,
            harbour.teams,
            harbour.recommendations,
            harbour.model_card,
            people=harbour.people,
            what_if=make_what_if(harbour),
        )
        offers = tuple(replace(offer) for offer in harbour.recommendations)
        opened.publish_coaching(CoachingBatch(offers, (), (), (option,), (), None))
    return own


@pytest.fixture(scope="module")
def app(store: Path) -> FastAPI:
    return create_app(ServingSettings(store=str(store), what_if=PATIENT, limits=RateLimits(enabled=False)))


@pytest.fixture(scope="module")
def client(app: FastAPI) -> Iterator[httpx.Client]:
    """Whatever process answers ends with the service."""
    with running(app) as address, httpx.Client(base_url=address, timeout=300) as opened:
        yield opened
        pids = app.state.what_if.pids
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


@pytest.fixture(scope="module")
def ask(client: httpx.Client, harbour_tokens: dict[str, str]) -> Ask:
    return asking(client, harbour_tokens)


def asking(client: httpx.Client, tokens: dict[str, str]) -> Ask:
    def send(rep_id: str, *changes: dict[str, Any], principal: str = "vp") -> httpx.Response:
        headers = {"Authorization": f"Bearer {tokens[principal]}"}
        return client.post("/v1/what-if", json={"rep_id": rep_id, "changes": changes}, headers=headers)

    return send


QUOTA = {"kind": "quota", "quota": 250_000.5}


def begun(app: FastAPI, ask: Ask) -> int:
    """The process that loads; on a busy machine it may take another question until it has been started."""
    deadline = time.monotonic() + 30
    while not app.state.what_if.pids:
        assert time.monotonic() < deadline
        assert ask("r-101", QUOTA).json()["errors"][0]["rule"] == "loading"
    (pid,) = app.state.what_if.pids
    return int(pid)


def test_an_answer_starts_from_what_is_published_and_adds_up(
    client: httpx.Client, ask: Ask, harbour: World, harbour_tokens: dict[str, str], store: Path
) -> None:
    row = harbour.current("r-101")
    first, second, third = (deal.opportunity_id for deal in row.deals)
    before = store.read_bytes()
    response = ask(
        "r-101",
        {"kind": "deal_won", "deal_id": first, "won_on": row.period_end.isoformat()},
        {"kind": "deal_dropped", "deal_id": second},
        {"kind": "close_date_moved", "deal_id": third, "close_date": "2026-09-30"},
        {"kind": "program_taken", "program_id": "p-disco"},
        QUOTA,
    )
    assert response.status_code == 200, response.text
    found = WhatIfAnswer.model_validate_json(response.content)
    assert (found.batch_id, found.rep_id, found.as_of) == ("b-what-if", "r-101", harbour.batch.as_of)
    published = client.get("/v1/forecasts/r-101", headers={"Authorization": f"Bearer {harbour_tokens['vp']}"}).json()
    published = published["forecast"]
    assert found.before.distribution.model_dump(mode="json") == published["distribution"]
    assert (found.before.p_hit, found.before.risk_band) == (published["p_hit"], published["risk_band"])
    assert [part.kind for part in found.parts] == [
        "deal_won", "deal_dropped", "close_date_moved", "program_taken", "quota"
    ]  # fmt: skip
    moved = round(100 * found.after.median_bookings) - round(100 * found.before.median_bookings)
    assert sum(round(100 * part.median_bookings) for part in found.parts) == moved
    assert found.after.quota == 250_000.5
    assert found.parts[3].interval is not None
    assert store.read_bytes() == before, "something was written"


def test_who_may_ask_about_whom(ask: Ask, harbour: World) -> None:
    nowhere = ask("r-999", QUOTA)
    deal = {"kind": "deal_dropped", "deal_id": harbour.current("r-201").deals[0].opportunity_id}
    unseen = [
        ask("r-201", QUOTA, principal="north"),
        ask("r-101", QUOTA, principal="rep"),
        ask("r-101", deal),  # open, but another rep's
        ask("r-101", {"kind": "deal_won", "deal_id": "nobody's"}),
        ask("r-101", {"kind": "program_taken", "program_id": "p-none"}),
    ]
    assert {(answer.status_code, answer.content) for answer in unseen} == {(404, nowhere.content)}
    for principal in ("hr", "analyst"):
        assert ask("r-101", QUOTA, principal=principal).status_code == 403
    assert ask("r-201", deal, principal="rep").status_code == 200
    assert ask("r-201", deal, principal="south").status_code == 200


def test_reasons_are_given_where_there_is_no_answer(ask: Ask) -> None:
    silent = ask(NO_HISTORY, QUOTA)
    assert (silent.status_code, silent.json()["errors"]) == (409, [{"where": "rep_id", "rule": "thin_history"}])
    without = ask(NO_QUOTA, {"kind": "deal_dropped", "deal_id": "OPP-5-0"}, QUOTA).json()
    assert without["before"]["p_hit"] is None
    assert without["after"]["p_hit"] is not None
    assert [part["p_hit"] for part in without["parts"]] == [None, None]
    late = ask("r-101", {"kind": "close_date_moved", "deal_id": "OPP-0-0", "close_date": "2020-01-01"})
    assert (late.status_code, late.json()["errors"]) == (
        422, [{"where": "changes.0", "rule": "not_after_the_as_of_day"}]
    )  # fmt: skip


DEAL = {"kind": "deal_dropped", "deal_id": "OPP-0-0"}


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ([], "too_short"),
        ([QUOTA] * 2, "contradictory_changes"),
        ([DEAL, {"kind": "deal_won", "deal_id": "OPP-0-0"}], "contradictory_changes"),
        ([DEAL | {"deal_id": f"x{number}"} for number in range(11)], "too_long"),
        ([{"kind": "promotion"}], "union_tag_invalid"),
        ([DEAL | {"secret": "mark me"}], "extra_forbidden"),
        ([QUOTA | {"quota": "5"}], "float_type"),
        ([QUOTA | {"quota": -5}], "greater_than"),
        ([QUOTA | {"quota": 1e300}], "less_than_equal"),
        ([DEAL | {"kind": "close_date_moved", "close_date": "2026-06-31"}], "date_parsing"),
        ([DEAL | {"kind": "close_date_moved", "close_date": 1_790_000_000}], "date_parsing"),
        ([DEAL | {"kind": "deal_won", "won_on": "2026-06-30T00:00:00Z"}], "date_parsing"),
        ([DEAL | {"deal_id": "a\nb"}], "string_pattern_mismatch"),
    ],
)
def test_bad_input_is_refused_without_an_echo(ask: Ask, changes: list[dict[str, Any]], rule: str) -> None:
    answer = ask("r-101", *changes)
    assert answer.status_code == 422
    assert [error["rule"] for error in answer.json()["errors"]] == [rule]
    assert "mark me" not in answer.text
    assert "OPP" not in answer.text


def test_a_process_that_is_killed_is_replaced(app: FastAPI, ask: Ask) -> None:
    first = ask("r-101", QUOTA)
    assert first.status_code == 200, first.text
    (one,) = app.state.what_if.pids
    os.kill(one, signal.SIGKILL)
    assert ask("r-101", QUOTA).json() == first.json()
    (other,) = app.state.what_if.pids
    assert other != one


def served_by(store: Path, *command: str, **settings: Any) -> FastAPI:
    app = create_app(ServingSettings(store=str(store)))
    app.state.what_if = WhatIf(WhatIfSettings(**settings), command)
    return app


@pytest.mark.parametrize(
    ("then", "rule"),
    [("sys.exit(1)", "busy"), ("sys.stdout.write('nonsense\\n')", "busy"), ("import time; time.sleep(99)", "busy"),
     ("""sys.stdout.write(number + ' 503 {"where":"model","rule":"unreadable"}\\n')""", "unreadable")],
    ids=["dies", "babbles", "hangs", "has no model"],
)  # fmt: skip
def test_reads_go_on_whatever_the_process_does(
    store: Path, harbour_tokens: dict[str, str], then: str, rule: str
) -> None:
    app = served_by(store, *process(then), seconds=3)
    with running(app) as address, httpx.Client(base_url=address, timeout=30) as client:
        answer = asking(client, harbour_tokens)("r-101", QUOTA)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert [error["rule"] for error in answer.json()["errors"]] == [rule]
        assert client.get("/health/live").status_code == 200


def test_too_many_questions_are_refused_and_reads_overtake_the_others(
    store: Path, harbour_tokens: dict[str, str]
) -> None:
    app = served_by(store, *process("import time; time.sleep(99)"), seconds=4, waiting=2)
    headers = {"Authorization": f"Bearer {harbour_tokens['vp']}"}

    async def crowd(address: str) -> None:
        async with httpx.AsyncClient(base_url=address, timeout=30, headers=headers) as client:
            body = {"rep_id": "r-101", "changes": [QUOTA]}
            waiting = [asyncio.create_task(client.post("/v1/what-if", json=body)) for _ in range(3)]
            done, still = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            assert [task.result().status_code for task in done] == [503]
            for _ in range(10):
                assert (await client.get("/v1/reps")).status_code == 200
            assert not any(task.done() for task in still)
            assert {(await task).status_code for task in still} == {503}

    with running(app) as address:
        asyncio.run(crowd(address))


def test_a_model_that_is_being_loaded_is_said_to_be_and_then_answers(
    store: Path, harbour_tokens: dict[str, str]
) -> None:
    """The process is not given up over it, and nobody who reads waits."""
    answer = """sys.stdout.write(number + ' 503 {"where":"model","rule":"unreadable"}\\n')"""
    app = served_by(store, *process(answer, load="import time; time.sleep(2)"), seconds=0.5)
    with running(app) as address, httpx.Client(base_url=address, timeout=30) as client:
        ask, headers = asking(client, harbour_tokens), {"Authorization": f"Bearer {harbour_tokens['vp']}"}
        first = ask("r-101", QUOTA)
        assert (first.status_code, first.headers["retry-after"]) == (503, "5")
        assert first.json()["errors"] == [{"where": "what_if", "rule": "loading"}]
        assert "The model is being loaded" in first.json()["detail"]
        pid = begun(app, ask)
        assert client.get("/v1/reps", headers=headers).status_code == 200
        deadline = time.monotonic() + 60
        while (rule := ask("r-101", QUOTA).json()["errors"][0]["rule"]) == "loading":
            assert time.monotonic() < deadline
        assert rule == "unreadable", "the process's own answer"
        assert app.state.what_if.pids == (pid,)


def test_a_model_that_never_loads_is_given_up(
    store: Path, harbour_tokens: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(what_if, "LONGEST_START", 3.0)
    app = served_by(store, *process("pass", load="import time; time.sleep(99)"), seconds=0.6)
    with running(app) as address, httpx.Client(base_url=address, timeout=30) as client:
        ask = asking(client, harbour_tokens)
        assert ask("r-101", QUOTA).json()["errors"][0]["rule"] == "loading"
        pid = begun(app, ask)
        deadline = time.monotonic() + 30
        while (rule := ask("r-101", QUOTA).json()["errors"][0]["rule"]) == "loading":
            assert time.monotonic() < deadline
        assert rule == "busy"
        while pid in app.state.what_if.pids:  # it is killed, and its end is heard of a little later
            assert time.monotonic() < deadline
            time.sleep(0.01)
