"""What a full build of the dataset costs: against one scan of the same Parquet, by step, and its peak of memory.

    python -m benchmarks.scaling.build --reps 100,1000

Each size is a world of `benchmarks.scaling.worlds`. One process derives the ledger and what follows from it, which
`spm ingest` does; the next builds and writes the dataset from them. Ratios are of processor seconds, so another load on
the machine changes them less than it changes seconds. Goal: the build at most 5 scans and 4 GiB at 10 000 reps.
"""

import argparse
import json
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from benchmarks.scaling.processes import GIB, MAKING, Limits, measure
from benchmarks.scaling.scan import scan
from benchmarks.scaling.worlds import World, events_of, make_workspace
from spm_ml.dataset import build
from spm_ml.features import running_sums
from spm_ml.history import SalesHistory
from spm_ml.settings import Workspace

STEPS = ("organisation_readings", "rep_rows", "_frame", "read_states", "read_bookings")
"""Functions of `spm_ml.dataset.build` whose shares are told; streams are told apart from `_frame`."""


def run(root: Path, reps_at_once: int) -> None:
    """Builds and writes the dataset; prints the processor seconds of each step as JSON."""
    spent: dict[str, float] = defaultdict(float)
    for name in STEPS:
        _time(build, name, spent, name.strip("_"))
    _time(running_sums, "_read", spent, "streams")
    with _spending(spent, "all"), SalesHistory.open(Workspace(root)) as history:
        build.write_dataset(history, Workspace(root).dataset_file, reps_at_once=reps_at_once)
    spent["features from streams"] = spent.pop("frame") - spent["streams"]
    spent["opening, hash and writing"] = 2 * spent["all"] - sum(spent.values())
    print(json.dumps(spent))


def _time(module: object, name: str, spent: dict[str, float], what: str) -> None:
    function = getattr(module, name)

    def timed(*arguments: object) -> object:
        with _spending(spent, what):
            return function(*arguments)

    setattr(module, name, timed)


@contextmanager
def _spending(spent: dict[str, float], what: str) -> Iterator[None]:
    started = time.process_time()
    yield
    spent[what] += time.process_time() - started


def line(world: World, reps_at_once: int, limits: Limits) -> dict[str, object]:
    """A line of the table."""
    with tempfile.TemporaryDirectory(dir=world.cache) as folder:
        workspace = make_workspace(world, Path(folder) / "workspace")
        unit = scan(workspace)[1]
        command = [sys.executable, "-m", "benchmarks.scaling.build", "--workspace", str(workspace.root)]
        derived = measure([*MAKING, "derive", str(workspace.root)], limits)
        events = events_of(workspace)
        cost = measure([*command, "--reps-at-once", str(reps_at_once)], limits)
    spent = json.loads(cost.output)
    return {
        "reps": world.reps,
        "raw events": events,
        "scan CPU s": unit,
        "derive / scan": derived.cpu / unit,
        "derive GiB": derived.peak / GIB,
        "build CPU s": cost.cpu,
        "build / scan": cost.cpu / unit,
        "build GiB": cost.peak / GIB,
        **{f"% {name}": 100 * seconds / spent["all"] for name, seconds in spent.items() if name != "all"},
    }


def main() -> None:
    """Prints the table, a column a size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reps", default="100,1000", help="sizes of the worlds")
    parser.add_argument("--reps-at-once", type=int, default=build.REPS_AT_ONCE)
    parser.add_argument("--gib", type=float, default=8.0, help="memory at which a process is ended")
    parser.add_argument("--minutes", type=float, default=60.0, help="time at which it is")
    parser.add_argument("--workspace", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.workspace is not None:
        return run(options.workspace, options.reps_at_once)
    lines = []
    for reps in map(int, options.reps.split(",")):
        lines.append(line(World(reps), options.reps_at_once, Limits(60 * options.minutes, options.gib * GIB)))
        print(pd.DataFrame(lines).round(2).T.to_string(header=False), flush=True)
    return None


if __name__ == "__main__":
    main()
