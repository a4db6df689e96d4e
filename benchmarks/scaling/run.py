"""Measuring one size, step by step, each number kept as soon as it is known."""

import json
import shutil
from pathlib import Path

from benchmarks.scaling import results
from benchmarks.scaling.engines import ENGINES, measure_engines
from benchmarks.scaling.one_more_day import measure_day
from benchmarks.scaling.peers import PEERS, measure_peers
from benchmarks.scaling.processes import GIB
from benchmarks.scaling.results import Peer, Size
from benchmarks.scaling.steps import INGEST, STEPS, Line, Measured
from benchmarks.scaling.worlds import make_store


def measure_size(
    line: Line, out: Path, *, until: str, peers: bool, engines: bool, day: bool = False, again: bool = False
) -> Size:
    """Measures what is not measured yet of one size.

    Args:
        line: The workspace on its way.
        out: The JSON; other sizes in it stay.
        until: Name of the last step.
        peers: Also measure other means to some of the dataset's features.
        engines: Also measure the dataset on every engine.
        day: Also measure what one more day of records costs.
        again: Also measure what is kept.

    Raises:
        FailedError: A step ended with an error, which is not a matter of size.
    """
    sizes = results.read(out)
    size = sizes.get(line.world.reps)
    code = results.measured_code()
    if again or size is None or (size.code, size.periods) != (code, line.world.periods):
        size = Size.begin(line.world.reps, line.world.periods)
    names = [step.name for step in STEPS]
    wanted = names[: names.index(until) + 1]
    mark = line.root / "code"
    if set(wanted) - size.steps.keys() and not (mark.exists() and mark.read_text(encoding="utf-8") == code):
        size.steps = {}  # the files that later steps would read are gone, or of other code
    sizes[size.reps] = size

    def keep(name: str, taken: Measured) -> None:
        results.write(sizes, out)
        print(f"{size.reps:>7,} reps  {name:<18} {_said(taken)}", flush=True)

    def keep_peer(peer: Peer) -> None:
        size.peers[peer.name] = peer
        keep(peer.name, peer.measured)

    def keep_engine(name: str, taken: Measured) -> None:
        size.engines[name] = taken
        keep(f"dataset, {name}", taken)

    for step in STEPS:
        if step.name not in wanted or step.name in size.steps:
            continue
        before = next((name for name in wanted[: wanted.index(step.name)] if size.steps[name].not_run), None)
        taken, answer = line.run(step) if before is None else (Measured(not_run=f"needs {before}"), "")
        size.steps[step.name] = taken
        if step.name == INGEST and not taken.not_run:
            mark.write_text(code, encoding="utf-8")
            size.events, size.scan = line.events(), line.scan()
            keep("scan", size.scan)
        if step.name == "dataset" and answer:
            size.rows = json.loads(answer)["rows"]
        keep(step.name, taken)
    shutil.rmtree(line.root, ignore_errors=True)
    if day and size.one_more_day is None:
        size.one_more_day = measure_day(line.world, line.limits)
        keep("day, derive", size.one_more_day.derive_changes)
        keep("day, refresh", size.one_more_day.refresh)
    if engines and set(ENGINES) - size.engines.keys():
        measure_engines(line, keep_engine)
    if peers and set(PEERS) - size.peers.keys():
        measure_peers(make_store(line.world), line.limits, keep_peer)
    return size


def _said(taken: Measured) -> str:
    if taken.not_run:
        return f"not run: {taken.not_run}"
    return f"{taken.seconds:>9.1f} s {taken.cpu:>9.1f} CPU s {taken.peak / GIB:>7.2f} GiB"
