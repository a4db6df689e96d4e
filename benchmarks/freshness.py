"""From an event that arrives over HTTP to the new number on the board, beside scoring everybody.

    python -m benchmarks.freshness --reps 2000

A simulated organisation is scored whole; then its largest open deal moves to the last stage, by `POST /v1/events`, and
a round of `spm watch` takes it in, after which a manager asks for the board. Processor seconds count; seconds on the
wall are worth something only on a machine that does nothing else. The champion has learnt from one unit of the
organisation. Goal: the number is on the board within 60 s at 2 000 reps, without the wait for the round (`--every`).
"""

import argparse
import hmac
import json
import resource
import shutil
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final, TypeVar

import httpx
import uvicorn

from benchmarks.scaling.worlds import CACHE, World, make_workspace
from serving.app import create_app
from serving.settings import ServingSettings
from spm_ml.history import SalesHistory
from spm_ml.intake import freshen
from spm_ml.predictions import PredictionStore, Scope
from spm_ml.scoring import score
from spm_ml.settings import Workspace
from training import promote, train

_SIGNED_WITH: Final = "what the benchmark's only source signs with"
Answer = TypeVar("Answer")


def prepared(reps: int, periods: int, cache: Path) -> Workspace:
    """A new workspace with tables and a champion."""
    small, root = cache / f"freshness-model-p{periods}", cache / f"freshness-r{reps}-p{periods}"
    if not small.exists():
        unit = make_workspace(World(100, periods, cache=cache), small)
        train(unit, periods=2, forecaster="deal_level")
        promote(unit, force_reason="the benchmark scores whatever was trained")
    shutil.rmtree(root, ignore_errors=True)
    workspace = make_workspace(World(reps, periods, cache=cache), root)
    shutil.copy(small / "mlflow.db", root / "mlflow.db")
    shutil.copytree(small / "mlartifacts", root / "mlartifacts")
    return workspace


def measured(name: str, work: Callable[[], Answer]) -> Answer:
    """Does it and prints what it took."""
    cpu, wall = time.process_time(), time.monotonic()
    done = work()
    print(f"{name:<34} {time.process_time() - cpu:8.1f} CPU s {time.monotonic() - wall:8.1f} s", flush=True)
    return done


def move_of_largest_deal(workspace: Workspace) -> tuple[dict[str, object], str]:
    """An event that moves the largest open deal to the last stage, and its owner."""
    with SalesHistory.open(workspace) as history:
        ledger = history.ledger
        newest = ledger.filter((ledger.outcome == "open") & ledger.next_recorded_on.isnull())
        [deal] = newest.order_by(ledger.amount.desc(), "opportunity_id").limit(1).to_pyarrow().to_pylist()
        day, stage = history.watermark, history.organisation.stages[-1].name
    record = {"opportunity_id": deal["opportunity_id"], "stage": stage, "amount": deal["amount"] // 50}
    at = f"{day}T12:00:00Z"
    return {"event_id": "e1", "table": "opportunity_events", "recorded_at": at, "record": record}, deal["rep_id"]


@contextmanager
def served(workspace: Workspace, rep_id: str) -> Iterator[tuple[httpx.Client, str]]:
    """The service, a client with the session of whoever is at the top above a rep, and the rep's name."""
    settings = {"store": workspace.predictions_store, "events": {"sources": {"crm": {"secret": _SIGNED_WITH}}}}
    with PredictionStore.of(workspace) as store:
        with store.read(Scope("hr")) as batch:
            people = {person.rep_id: person for person in batch.people()}
        top = rep_id
        while (manager := people[top].manager_id) is not None:
            top = manager
        token = store.credentials.issue("manager", rep_id=top, label="benchmark", valid_for=timedelta(hours=1))
        session = store.credentials.open_session(token)
    app = create_app(ServingSettings.model_validate(settings))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    with httpx.Client(
        base_url=f"http://127.0.0.1:{port}", timeout=60, cookies={"spm_session": session or ""}
    ) as client:
        yield client, people[rep_id].name
    server.should_exit = True
    thread.join(10)


def later_rounds(workspace: Workspace, owner: str, rounds: int) -> None:
    """More rounds in the same process: whether it grows, as `spm watch` must not."""
    for number in range(rounds):
        event, _ = move_of_largest_deal(workspace)
        event |= {"event_id": f"later{number}"}
        with served(workspace, owner) as (client, _):
            send(client, event, name=f"later{number}").raise_for_status()
        measured(f"round {number + 2} of spm watch", lambda: freshen(workspace))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
        print(f"{'peak of resident memory':<34} {peak:8.0f} MiB", flush=True)


def send(client: httpx.Client, event: dict[str, object], *, name: str = "m1") -> httpx.Response:
    """Sends it as a source does."""
    body, moment = json.dumps({"events": [event]}).encode(), str(int(time.time()))
    signature = b64encode(hmac.digest(_SIGNED_WITH.encode(), f"{name}.{moment}.".encode() + body, "sha256")).decode()
    signed = {"webhook-id": name, "webhook-timestamp": moment, "webhook-signature": f"v1,{signature}"}
    return client.post("/v1/events", content=body, headers={"Content-Type": "application/json", **signed})


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reps", type=int, default=2_000, help="a multiple of 100")
    parser.add_argument("--periods", type=int, default=5, help="finished quarters")
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--rounds", type=int, default=1, help="of spm watch, in one process")
    options = parser.parse_args()
    workspace = prepared(options.reps, options.periods, options.cache)
    print(f"{options.reps} reps, {options.periods} finished quarters")
    measured("everybody scored", lambda: score(workspace))
    event, owner = move_of_largest_deal(workspace)
    with served(workspace, owner) as (client, name):
        begun = time.monotonic()
        answer = measured("POST /v1/events", lambda: send(client, event))
        answer.raise_for_status()
        done = measured("a round of spm watch", lambda: freshen(workspace))
        page = measured("the board", lambda: client.get("/", params={"q": name}))
        if done.reps is None or "Since" not in page.text:
            raise SystemExit("everybody was scored, or the board does not say what is new")
        print(f"{'from the event to the board':<34} {'':14} {time.monotonic() - begun:8.1f} s; {done.said}")
    later_rounds(workspace, owner, options.rounds - 1)


if __name__ == "__main__":
    main()
