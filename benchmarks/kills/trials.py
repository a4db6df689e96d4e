"""One operation, killed again and again on one database."""

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import IO

import httpx

from benchmarks.kills import checks
from benchmarks.kills.workers import Workers
from spm_ml.champion import reconcile
from spm_ml.predictions import PredictionStore, Scope
from spm_ml.predictions.engine import connect, reading
from spm_ml.predictions.migrations import HEAD, current_revision
from spm_ml.registry import CHAMPION, Registry
from spm_ml.settings import Workspace
from tests.databases import OwnServer
from tests.prediction_world import NORTH

LONGEST_WAIT = 2.0
"""Seconds from an operation's first success to its kill, at most."""


@dataclass
class Tally:
    """What became of one operation on one database.

    Attributes:
        operation: What was going on.
        database: Which database, and who was killed.
        kills: How often.
        acknowledged: What was said to be done.
        torn: What was found half done, in words.
        lost: What was said to be done and is not there.
        healed: Aliases that the next start set right.
    """

    operation: str
    database: str
    kills: int = 0
    acknowledged: int = 0
    torn: list[str] = field(default_factory=list)
    lost: int = 0
    healed: int = 0


@dataclass(frozen=True)
class Place:
    """Where the store of a trial is.

    Attributes:
        store: Its address.
        server: The PostgreSQL behind it, if it may be killed.
        database: Name of the database there.
    """

    store: str
    server: OwnServer | None = None
    database: str = ""


@dataclass(frozen=True)
class Killer:
    """Who dies: the client, the process behind a connection, or the whole database server."""

    victim: str
    place: Place

    def strike(self, worker: Workers) -> list[str]:
        """Kills, waits until the database answers again, and gives what the worker did since its first thing."""
        if self.place.server is not None and self.victim == "backend":
            self.place.server.kill_backend(self.place.database)
        elif self.place.server is not None and self.victim == "server":
            self.place.server.stop(signal.SIGKILL)
            self.place.server.start()
        done = worker.kill()
        if self.place.server is not None:
            time.sleep(0.05)
            self.place.server.wait()
        return done


def _moments(dice: random.Random, duration: float, times: int) -> Iterator[float]:
    """Moments spread evenly over twice the operation's measured duration, in random order."""
    span = min(LONGEST_WAIT, 2 * duration)
    moments = [span * (number + dice.random()) / times for number in range(times)]
    dice.shuffle(moments)
    yield from moments


def killed_workers(
    crew: Workers,
    operation: str,
    killer: Killer,
    times: int,
    dice: random.Random,
    check: Callable[[Tally, list[str]], None],
    more: str = "",
) -> Tally:
    """Kills workers of an operation and checks the store after each kill."""
    tally, done, start = Tally(operation, _named(killer)), [], (operation, killer.place.store, more)
    done.append(crew.start(*start))
    started = time.perf_counter()
    time.sleep(0.5)
    said = crew.kill()
    duration = (time.perf_counter() - started) / max(1, len(said))
    done += said
    for moment in _moments(dice, duration, times):
        done.append(crew.start(*start))
        time.sleep(moment)
        done += killer.strike(crew)
        tally.kills += 1
        tally.torn += checks.torn_file(killer.place.store)
        check(tally, done)
    tally.acknowledged = len(done)
    return tally


def publishing(crew: Workers, killer: Killer, times: int, dice: random.Random) -> Tally:
    """Batches published one after the other."""

    def check(tally: Tally, done: list[str]) -> None:
        with PredictionStore.open(killer.place.store) as store:
            tally.torn += checks.torn_batch(store) + checks.broken_audit(store)
            tally.lost = max(tally.lost, checks.lost_batches(store, done))

    return killed_workers(crew, "publish", killer, times, dice, check)


def migrating(crew: Workers, killer: Killer, times: int, dice: random.Random) -> Tally:
    """Down and up with a published batch in the store."""

    def check(tally: Tally, _done: list[str]) -> None:
        engine = connect(killer.place.store)
        with reading(engine) as connection:
            revision = current_revision(connection)
        engine.dispose()
        if revision not in ("0002", "0003", HEAD):
            tally.torn.append(f"revision {revision}")
        with PredictionStore.open(killer.place.store) as store:
            batch = store.published_batch()
            if batch is None or len(store.content(batch).predictions) == 0:
                tally.torn.append("the batch is gone")
            tally.torn += checks.broken_audit(store)

    return killed_workers(crew, "migrate", killer, times, dice, check)


def promoting(crew: Workers, killer: Killer, times: int, dice: random.Random, workspace: Workspace) -> Tally:
    """Two model versions made champion in turn; what is on record is what the alias names after the next start."""
    registry = Registry(workspace)

    def check(tally: Tally, done: list[str]) -> None:
        with PredictionStore.open(killer.place.store) as store:
            tally.healed += reconcile(registry, store) is not None
            on_record, alias = store.champions.last(registry.place), registry.by_alias(CHAMPION)
            if on_record is None or alias is None or str(alias.version) != on_record.model_version:
                tally.torn.append("record and alias disagree")
            tally.torn += checks.broken_audit(store)
            named = sum(line.action == "champion named" for line in tuple(store.audit.entries()))
            tally.lost = max(tally.lost, len(done) - named)

    return killed_workers(crew, "promote", killer, times, dice, check, str(workspace.root))


def deciding(crew: Workers, killer: Killer, times: int, dice: random.Random, folder: Path) -> Tally:
    """Decisions over HTTP; each answered one is put in a file and synced before the next is sent."""
    tally, acknowledged = Tally("decide", _named(killer)), []
    with PredictionStore.open(killer.place.store) as store:
        token = store.credentials.issue("manager", rep_id=NORTH, label="Anna Keller", valid_for=timedelta(days=1))
        with store.read(Scope("manager", NORTH)) as batch:
            offer = next(one.recommendation for one in batch.offers().items if not one.recommendation.abstention)
    body = {"rep_id": offer.rep_id, "program_id": offer.program_id, "verdict": "overridden"}
    port = _free_port()
    with (folder / "decided").open("a") as log:
        for number, moment in enumerate(_moments(dice, 0.25, times)):
            crew.start("serve", killer.place.store, str(port))
            with _writer(port, token, body, f"{number}", log) as answered:
                time.sleep(moment)
                killer.strike(crew)
            acknowledged += answered
            tally.kills += 1
            tally.torn += checks.torn_file(killer.place.store)
            with PredictionStore.open(killer.place.store) as store:
                tally.torn += checks.broken_audit(store)
                tally.lost = max(tally.lost, checks.lost_decisions(store, acknowledged))
    tally.acknowledged = len(acknowledged)
    return tally


@contextmanager
def _writer(port: int, token: str, body: dict[str, str], prefix: str, log: IO[str]) -> Iterator[list[str]]:
    """A thread that decides until the block ends; gives the reasons of what was answered with success."""
    stop, answered = threading.Event(), []

    def write() -> None:
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=20) as client:
            number = 0
            while not stop.is_set():
                reason = f"{prefix}-{number}"
                with suppress(httpx.HTTPError):
                    answer = client.post("/v1/decisions", json={**body, "reason": reason})
                    if answer.is_success:
                        answered.append(reason)
                        print(reason, file=log, flush=True)
                        os.fsync(log.fileno())
                number += 1

    thread = threading.Thread(target=write)
    thread.start()
    try:
        deadline = time.monotonic() + 30
        while not answered and time.monotonic() < deadline:
            time.sleep(0.005)
        yield answered
    finally:
        stop.set()
        thread.join()


def scoring(times: int, dice: random.Random, workspace: Workspace, store: str) -> Tally:
    """True `spm score` on a trained workspace; what is published is always what the first run published."""
    tally = Tally("score", "PostgreSQL, client" if "://" in store else "SQLite, client")
    command = [sys.executable, "-m", "spm_ml.cli", "score", "--workspace", str(workspace.root)]
    env = os.environ | {"SPM_SERVING__STORE": store}
    started = time.perf_counter()
    subprocess.run(command, check=True, env=env, capture_output=True)
    seconds = time.perf_counter() - started
    with PredictionStore.open(store) as opened:
        first = opened.published_batch()
        if first is None:
            raise RuntimeError("spm score published nothing")
        wanted = checks.sorted_rows(opened.content(first))
    # Half of the kills in its last tenth, where it writes.
    moments = [seconds * (0.9 + 0.12 * dice.random() if number % 2 else dice.random()) for number in range(times)]
    for moment in moments:
        process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with suppress(subprocess.TimeoutExpired):
            process.wait(moment)
            tally.acknowledged += 1
        process.kill()
        process.wait()
        tally.kills += 1
        tally.torn += checks.torn_file(store)
        with PredictionStore.open(store) as opened:
            batch = opened.published_batch()
            if batch is None or checks.sorted_rows(opened.content(batch)) != wanted:
                tally.torn.append("the published batch differs")
            tally.torn += checks.broken_audit(opened)
            published = sum(line.action == "published" for line in tuple(opened.audit.entries()))
            tally.lost = max(tally.lost, 1 + tally.acknowledged - published)
    return tally


def _named(killer: Killer) -> str:
    return f"{'SQLite' if killer.place.server is None else 'PostgreSQL'}, {killer.victim}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
