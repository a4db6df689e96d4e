"""`python -m benchmarks.kills --times 100`: kills on SQLite and PostgreSQL, and a table of what was torn or lost."""

import argparse
import random
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from benchmarks.kills import trials
from benchmarks.kills.trials import Killer, Place, Tally
from benchmarks.kills.worker import WORLD, content
from benchmarks.kills.workers import workers
from spm_ml.predictions import PredictionStore
from spm_ml.registry import Registry, TrainingRun
from spm_ml.settings import Workspace
from tests.databases import OwnServer

DICE = 20260101


def table(tallies: list[Tally]) -> str:
    """The tallies in Markdown."""
    lines = ["| operation | database, who is killed | kills | acknowledged | torn | lost | aliases healed |"]
    lines.append("|---|---|---|---|---|---|---|")
    lines += [
        f"| {one.operation} | {one.database} | {one.kills} | {one.acknowledged:,} | {len(one.torn)} | {one.lost} "
        f"| {one.healed or '–'} |"
        for one in tallies
    ]
    kills, torn, lost = (sum(values) for values in zip(*((t.kills, len(t.torn), t.lost) for t in tallies), strict=True))
    return "\n".join([*lines, f"| all | | {kills} | {sum(t.acknowledged for t in tallies):,} | {torn} | {lost} | |"])


def registered(root: Path) -> Workspace:
    """A workspace with two registered versions of nothing."""
    workspace = Workspace(root / "registry")
    for name in ("evidence", "saved"):
        (root / name).mkdir()
        (root / name / "a.txt").write_text(name, encoding="utf-8")
    run = TrainingRun("tiny", {}, {}, {"forecaster": "tiny"}, root / "evidence", root / "saved", "json")
    for _ in range(2):
        Registry(workspace).record(run)
    return workspace


def trained(root: Path) -> Workspace:
    """Eight reps over four quarters, a champion, and nothing published."""
    from spm_ml.simulation import simulate
    from spm_ml.sources import ingest
    from training import promote, train

    simulate(root / "export", reps=8, periods=4, seed=1)
    workspace = Workspace(root / "trained")
    ingest(workspace, root / "export")
    train(workspace, periods=2)
    promote(workspace, force_reason="a benchmark of kills, not of the gate")
    return workspace


def places(root: Path, server: OwnServer | None) -> Iterator[Place]:
    """Fresh stores with a published batch."""
    for number in count(1):
        if server is None:
            place = Place(str(root / f"{number}.db"))
        else:
            name = server.server.new_database()
            place = Place(server.server.address(name), server, name)
        first = content(WORLD, WORLD.batch.batch_id)
        with PredictionStore.open(place.store) as store:
            store.stage(WORLD.batch, first)
            store.flip(WORLD.batch)
        yield place


def run(root: Path, times: int, score_kills: int, databases: tuple[str, ...]) -> Iterator[Tally]:
    """Spreads the kills over operations, databases and victims."""
    dice = random.Random(DICE)  # noqa: S311 - moments, not secrets
    workspace = registered(root)
    server = OwnServer(root / "postgresql") if "postgresql" in databases else None
    ways = [(None, "client")] if "sqlite" in databases else []
    if server is not None:
        server.start()
        ways += [(server, victim) for victim in ("client", "backend", "server")]
    each = max(1, -(-(times - score_kills) // (4 * len(ways))))
    try:
        for own, victim in ways:
            fresh = places(root, own)
            with workers() as crew:
                yield trials.publishing(crew, Killer(victim, next(fresh)), each, dice)
                yield trials.deciding(crew, Killer(victim, next(fresh)), each, dice, root)
                yield trials.migrating(crew, Killer(victim, next(fresh)), each, dice)
                yield trials.promoting(crew, Killer(victim, next(fresh)), each, dice, workspace)
        if score_kills:
            scored = trained(root)
            for number, own in enumerate(dict.fromkeys(own for own, _ in ways)):
                share = score_kills // 2 + (number == 0) * (score_kills % 2)
                yield trials.scoring(share, dice, scored, next(places(root / f"score{number}", own)).store)
    finally:
        if server is not None:
            server.stop()


def main() -> None:
    """Prints the table; ends with 1 if anything was torn or lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=100, help="kills in all, at least")
    parser.add_argument("--score-kills", type=int, default=12, help="how many of them kill a true 'spm score'")
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"], choices=["sqlite", "postgresql"])
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        root.chmod(0o755)  # the server runs as a user of its own
        tallies = []
        for tally in run(root, asked.times, asked.score_kills, tuple(asked.databases)):
            tallies.append(tally)
            print(f"{tally.operation} on {tally.database}: {tally.kills} kills, {tally.torn} torn, {tally.lost} lost")
        print(table(tallies))
    if any(tally.torn or tally.lost for tally in tallies):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
