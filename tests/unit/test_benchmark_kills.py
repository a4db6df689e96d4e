"""kill -9 at random moments of publishing, deciding and migrating, a few times: nothing torn, nothing lost."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.kills import trials
from benchmarks.kills.__main__ import places, table
from benchmarks.kills.trials import Killer, Tally
from benchmarks.kills.workers import Workers, workers
from tests.databases import OwnServer


@pytest.fixture(scope="module")
def crew() -> Iterator[Workers]:
    """Who is killed."""
    with workers() as started:
        yield started


def check(tally: Tally, times: int) -> None:
    assert (tally.kills, tally.torn, tally.lost) == (times, [], 0)
    assert tally.acknowledged >= times
    assert f"| {times} | {tally.acknowledged} | 0 | 0 |" in table([tally])


def test_nothing_is_torn_or_lost_on_sqlite(crew: Workers, tmp_path: Path) -> None:
    fresh, dice = places(tmp_path, None), random.Random(20260101)  # noqa: S311
    check(trials.publishing(crew, Killer("client", next(fresh)), 4, dice), 4)
    check(trials.deciding(crew, Killer("client", next(fresh)), 2, dice, tmp_path), 2)
    check(trials.migrating(crew, Killer("client", next(fresh)), 2, dice), 2)


def test_nothing_is_torn_or_lost_when_postgresql_is_killed(crew: Workers, tmp_path: Path) -> None:
    server, dice = OwnServer(tmp_path / "postgresql"), random.Random(20260101)  # noqa: S311
    server.start()
    try:
        fresh = places(tmp_path, server)
        check(trials.publishing(crew, Killer("server", next(fresh)), 1, dice), 1)
        check(trials.deciding(crew, Killer("backend", next(fresh)), 2, dice, tmp_path), 2)
    finally:
        server.stop()
