"""kill -9 at random moments of publishing: a reader sees a whole batch, and the audit knows every one."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from spm_ml.predictions import PredictionStore, Scope, Selection
from tests.prediction_world import VP, make_world

KILLS = 15

# Imports once, then forks a publisher for each line it reads, because importing takes longer than publishing.
PUBLISHER = """
import os, sys
from dataclasses import replace
from spm_ml.predictions import PredictionStore
from tests.prediction_world import make_world

world = make_world(weeks=6)
for run, _ in enumerate(sys.stdin):
    child = os.fork()
    if child:
        print("started", child, flush=True)
        os.waitpid(child, 0)
        print("ended", flush=True)
        continue
    with PredictionStore.open(sys.argv[1]) as store:
        for number in range(10_000):
            batch_id = f"b-{run}-{number}"
            marked = tuple(replace(row, main_reason=batch_id) for row in world.predictions)
            offers = tuple(replace(offer, evidence=batch_id) for offer in world.recommendations)
            store.publish(replace(world.batch, batch_id=batch_id), marked, world.teams, offers,
                          replace(world.model_card, name=batch_id), people=world.people)
            print(batch_id, flush=True)
"""


def test_a_killed_publisher_leaves_nothing_torn(tmp_path: Path) -> None:
    dice, path = random.Random(20260101), tmp_path / "predictions.db"  # noqa: S311
    acknowledged: list[str] = []
    with subprocess.Popen(
        [sys.executable, "-c", PUBLISHER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as publishers:
        assert publishers.stdin is not None
        assert publishers.stdout is not None
        for _ in range(KILLS):
            print("next", file=publishers.stdin, flush=True)
            word, pid = publishers.stdout.readline().split()
            assert word == "started"
            acknowledged.append(publishers.stdout.readline().strip())  # the first batch of this publisher is in
            time.sleep(dice.uniform(0, 0.15))
            os.kill(int(pid), signal.SIGKILL)
            while (line := publishers.stdout.readline().strip()) != "ended":
                acknowledged.append(line)
            check_whole(path, acknowledged)
        publishers.stdin.close()
    assert len(acknowledged) > KILLS


def check_whole(path: Path, acknowledged: list[str]) -> None:
    world = make_world(weeks=6)
    with PredictionStore.open(path) as store:
        batch = store.published_batch()
        assert batch is not None
        with store.read(Scope("manager", VP)) as reader:
            found = reader.predictions(Selection(limit=100)).items
            assert len(found) == len({row.rep_id for row in world.predictions})
            assert {row.main_reason for row in found} == {batch.batch_id}
            assert all(len(reader.history(row.rep_id)) == 6 for row in found)
            offers = reader.offers(Selection(limit=100)).items
            assert {offer.recommendation.evidence for offer in offers} == {batch.batch_id}
            assert len(offers) == len(world.recommendations)
            assert reader.model_card().name == batch.batch_id
        audited = [line.subject for line in store.audit_trail()]
        assert audited[-1] == batch.batch_id
        assert set(acknowledged) <= set(audited)
