"""Whether a change made something slower or larger: ratios of the small size against those last accepted.

    python -m benchmarks.guard              # names what became worse, and ends with 1
    python -m benchmarks.guard --accept     # three runs; their medians and how they differ become the new measure

Compared are processor seconds of each step ÷ those of one scan of the stored Parquet, peak memory ÷ raw events, and one
more day of records ÷ everything made anew (1 000 reps): never seconds, so that another machine or a busy one says
nearly the same, and never one step ÷ another, which would become worse when the other is made faster; but for the day,
whose share is what is aimed at. If something is worse than tolerated, all is measured a second time, and the better of
both counts.
"""

import argparse
import json
import os
import signal
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from benchmarks.scaling.one_more_day import measure_day
from benchmarks.scaling.processes import Limits
from benchmarks.scaling.results import Size
from benchmarks.scaling.run import measure_size
from benchmarks.scaling.steps import STEPS, Line
from benchmarks.scaling.worlds import CACHE, World
from spm_ml.tenants.memory import machine_memory

ACCEPTED: Final = Path(__file__).parent / "scaling" / "accepted.json"
LEAST_TOLERANCE: Final = 0.15
"""Share by which every ratio may rise, however alike the accepted runs were."""
SAFETY: Final = 2.0
"""The tolerance is so many times the largest deviation among the accepted runs."""
DAY_REPS: Final = 1_000
"""Reps, at least, of the world in which one more day is measured: smaller datasets are always built whole."""
NOT_RUN: Final = float("inf")


@dataclass(frozen=True)
class Accepted:
    """A ratio as it was accepted: median of the runs, and the share by which it may rise."""

    ratio: float
    tolerance: float


@dataclass(frozen=True)
class Change:
    """A ratio beside the accepted one."""

    name: str
    accepted: Accepted
    ratio: float

    @property
    def worse(self) -> bool:
        """Above what is tolerated."""
        return self.ratio > self.accepted.ratio * (1 + self.accepted.tolerance)

    def text(self) -> str:
        """A line of the report."""
        now = "not run" if self.ratio == NOT_RUN else f"{self.ratio:.4g}"
        return f"{self.name:<32} {self.accepted.ratio:>10.4g} (+{self.accepted.tolerance:.0%}) {now:>10}"


def ratios(size: Size) -> dict[str, float]:
    """The ratios of a measured size; infinite for steps that were not run."""
    scan, found = size.scan, dict[str, float]()
    for name, taken in size.steps.items():
        found[f"{name} ÷ scan"] = NOT_RUN if scan is None or taken.not_run else taken.cpu / scan.cpu
        found[f"bytes an event in {name}"] = NOT_RUN if taken.not_run else taken.peak / size.events
    if size.one_more_day is not None:
        found["one more day ÷ everything"] = size.one_more_day.share
    return found


def accept(runs: Sequence[Mapping[str, float]]) -> dict[str, Accepted]:
    """What repeated runs say: the median, and a tolerance from how far they lie apart."""
    accepted = {}
    for name in runs[0]:
        values = [run[name] for run in runs]
        middle = statistics.median(values)
        apart = max(abs(value - middle) for value in values) / middle
        accepted[name] = Accepted(middle, round(max(LEAST_TOLERANCE, SAFETY * apart), 3))
    return accepted


def compare(accepted: Mapping[str, Accepted], now: Mapping[str, float]) -> list[Change]:
    """Every accepted ratio beside that of now; one that is no longer measured counts as not run."""
    return [Change(name, one, now.get(name, NOT_RUN)) for name, one in accepted.items()]


def better_of(first: Mapping[str, float], second: Mapping[str, float]) -> dict[str, float]:
    """The smaller of two runs, ratio by ratio."""
    return {name: min(value, second.get(name, NOT_RUN)) for name, value in first.items()}


def read(file: Path = ACCEPTED) -> dict[str, Accepted]:
    """What was accepted.

    Raises:
        SystemExit: Nothing was.
    """
    if not file.exists():
        raise SystemExit(f"{file} does not exist: accept a state first with 'python -m benchmarks.guard --accept'")
    entries = json.loads(file.read_text(encoding="utf-8"))["ratios"]
    return {name: Accepted(**entry) for name, entry in entries.items()}


def write(runs: Sequence[Size], file: Path = ACCEPTED) -> dict[str, Accepted]:
    """Accepts what was measured, if every step ran.

    Raises:
        SystemExit: A step did not run, so there is nothing to hold later runs to.
    """
    measured = [ratios(size) for size in runs]
    missing = sorted({name for run in measured for name, ratio in run.items() if ratio == NOT_RUN})
    if missing:
        raise SystemExit(f"not accepted, because not measured: {', '.join(missing)}")
    accepted = accept(measured)
    newest = runs[-1]
    about = {"reps": newest.reps, "runs": len(runs), "day": newest.day, "commit": newest.commit}
    content = about | {"machine": newest.machine, "ratios": {name: asdict(one) for name, one in accepted.items()}}
    pending = file.with_suffix(".pending")
    pending.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(pending, file)
    return accepted


def main() -> None:
    """Measures, compares, and ends with 1 if something became worse."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accept", action="store_true", help="store what is measured as the new measure")
    parser.add_argument("--runs", type=int, default=3, help="with --accept: runs from which the tolerance comes")
    parser.add_argument("--reps", type=int, default=100)
    parser.add_argument("--cache", type=Path, default=CACHE)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the step that runs is ended too
    if options.accept:
        accepted = write([_measure(options.reps, options.cache) for _ in range(options.runs)])
        print("\n".join(f"{name:<32} {one.ratio:>10.4g} (+{one.tolerance:.0%})" for name, one in accepted.items()))
        return
    accepted = read()
    now = ratios(_measure(options.reps, options.cache))
    if any(change.worse for change in compare(accepted, now)):
        print("something is worse: measured a second time", flush=True)
        now = better_of(now, ratios(_measure(options.reps, options.cache)))
    changes = compare(accepted, now)
    print("\n".join(change.text() for change in changes))
    worse = [change.name for change in changes if change.worse]
    if worse:
        print(f"became worse: {', '.join(worse)}")
        sys.exit(1)
    print("nothing became worse")


def _measure(reps: int, cache: Path) -> Size:
    """One run of all steps, without peers, and of one more day, which is kept nowhere."""
    limits = Limits(3600, machine_memory() * 0.8)
    with tempfile.TemporaryDirectory() as scratch:
        line = Line(World(reps, cache=cache), cache / "guard", "parquet", limits)
        size = measure_size(line, Path(scratch) / "guard.json", until=STEPS[-1].name, peers=False, engines=False)
    size.one_more_day = measure_day(World(max(reps, DAY_REPS), cache=cache), limits)
    return size


if __name__ == "__main__":
    main()
