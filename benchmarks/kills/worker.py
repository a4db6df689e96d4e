"""The processes that are killed.

`python -m benchmarks.kills.worker` imports once, then forks a process for each line on stdin, because importing takes
longer than the work. A line is an operation, the store's address, and the workspace or port that it takes, with tabs
between. A line on stdout says what was done after it was done; no kill can cut it in two.
"""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import uvicorn

from serving.app import create_app
from serving.settings import ServingSettings
from spm_ml.champion import make_champion
from spm_ml.predictions import PredictionStore
from spm_ml.predictions.engine import connect, writing
from spm_ml.predictions.migrations import HEAD, change_to
from spm_ml.predictions.publishing import BatchContent
from spm_ml.registry import Registry
from spm_ml.settings import Workspace
from tests.prediction_world import World, make_world

WORLD = make_world(weeks=6)
REVISIONS = ("0003", HEAD, "0002", HEAD)


def content(world: World, batch_id: str) -> BatchContent:
    """Every row of a batch says whose it is."""
    return BatchContent(
        people=world.people,
        predictions=tuple(replace(row, main_reason=batch_id) for row in world.predictions),
        teams=world.teams,
        recommendations=tuple(replace(offer, evidence=batch_id) for offer in world.recommendations),
        model_card=replace(world.model_card, name=batch_id),
    )


def publish(store: str, run: int, _more: str) -> Iterator[str]:
    """One batch after the other."""
    with PredictionStore.open(store) as opened:
        for number in range(1_000_000):
            batch_id = f"b-{run}-{number}"
            batch, rows = replace(WORLD.batch, batch_id=batch_id), content(WORLD, batch_id)
            opened.stage(batch, rows)
            opened.flip(batch)
            yield batch_id


def migrate(store: str, _run: int, _more: str) -> Iterator[str]:
    """Down and up again."""
    engine = connect(store)
    while True:
        for revision in REVISIONS:
            with writing(engine, alone=False) as connection:
                change_to(connection, revision)
            yield revision


def promote(store: str, _run: int, workspace: str) -> Iterator[str]:
    """One version, then the other."""
    registry = Registry(Workspace(Path(workspace)))
    with PredictionStore.open(store) as opened:
        versions = registry.versions()
        while True:
            for version in versions:
                make_champion(registry, opened, version, reason="a benchmark")
                yield str(version.version)


def serve(store: str, _run: int, port: str) -> Iterator[str]:
    """The service."""
    app = create_app(ServingSettings(store=store))
    yield "serving"
    uvicorn.run(app, port=int(port), log_level="critical", ws="none")


OPERATIONS: dict[str, Callable[[str, int, str], Iterator[str]]] = {
    "publish": publish,
    "migrate": migrate,
    "promote": promote,
    "serve": serve,
}


def main() -> None:
    """Forks for each line on stdin."""
    for run, line in enumerate(sys.stdin):
        operation, store, more = line.rstrip("\n").split("\t")
        child = os.fork()
        if child:
            os.waitpid(child, 0)
            say("ended")
            continue
        say(f"started {os.getpid()}")
        for done in OPERATIONS[operation](store, run, more):
            say(done)
        os._exit(0)


def say(word: str) -> None:
    """Writes a line at once: `print` to an unbuffered stdout is killed between a word and the end of its line."""
    os.write(sys.stdout.fileno(), f"{word}\n".encode())


if __name__ == "__main__":
    main()
