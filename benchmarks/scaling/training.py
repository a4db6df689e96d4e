"""How learning grows with the reps, and what learning from some of them costs.

    python -m benchmarks.scaling.training --reps 100 --periods 12 --copies 1,10,100 --most ''
    python -m benchmarks.scaling.training --copies '' --reps 200 --periods 8 --most 0,100,50 --seeds 1,2,3,4

Growth: a world's reps are copied under other names and stored; then, each in a process of its own, the rows to learn
from are read, the deal-level model is fitted to all finished periods, and every forecaster is tested on the newest one.
Memory is the process's peak. Goal: at most 4 GiB and 15 minutes on two cores for 10 000 reps.
Drawing: the newest periods of held-out worlds, forecast by models that learnt from at most so many reps (0 = all), and
what that changes against learning from all: mean over the worlds, with 95 % intervals where there are several.
"""

import argparse
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
from scipy import stats

from benchmarks.forecasts import in_child
from benchmarks.worlds import Case, make
from spm_ml.backtest import run_backtest
from spm_ml.dataset import RepPeriodDataset
from spm_ml.dataset.writer import DatasetWriter
from spm_ml.forecasting import FORECASTERS, DealLevel, FitSettings, HistoricalMean, forecaster_class
from spm_ml.forecasting.learning_rows import LearningRows

MEASURES = ("crps", "ece", "auc", "coverage_80", "width_80")
GIB = 2**30
READ, FIT = "read", "fit"
STEPS = (READ, FIT, *(each.name for each in FORECASTERS))
_EVERY = 0.02
_COPIES_AT_ONCE = 20


class PeakMemory:
    """Resident bytes that are in use at the start, and at most until the end."""

    def __enter__(self) -> "PeakMemory":
        self.start = self.peak = _resident()
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._look)
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._watch.join()

    def _look(self) -> None:
        while not self._over.wait(_EVERY):
            self.peak = max(self.peak, _resident())


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def copied(dataset: RepPeriodDataset, copies: Sequence[int]) -> RepPeriodDataset:
    """The dataset with every rep so many times, each with a team and deals of its own.

    Args:
        dataset: Whose reps are copied.
        copies: Numbers of the copies, ascending, below 1 000; their reps sort as they do.
    """
    of_deal = ("rep_id", "opportunity_id")
    return replace(
        dataset,
        frame=_renamed(dataset.frame, ("rep_id", "team"), copies),
        states=_renamed(dataset.states, of_deal, copies),
        bookings=_renamed(dataset.bookings, of_deal, copies),
    )


def _renamed(frame: pd.DataFrame, names: Sequence[str], copies: Sequence[int]) -> pd.DataFrame:
    """The rows once a copy, its number before the names."""
    parts = [frame.assign(**{name: f"{copy:03}-" + frame[name] for name in names}) for copy in copies]
    return pd.concat(parts, ignore_index=True).astype(frame.dtypes.to_dict())


def store_copies(file: Path, copies: int, target: Path) -> None:
    """Stores the dataset of `file` with every rep so many times, unless it is there."""
    if target.exists():
        return
    dataset = RepPeriodDataset.read(file)
    with DatasetWriter(target) as writer:
        for first in range(0, copies, _COPIES_AT_ONCE):
            writer.add(copied(dataset, range(first, min(first + _COPIES_AT_ONCE, copies))))


def learn(file: Path, step: str, settings: FitSettings) -> dict[str, Any]:
    """One step of learning from a stored dataset: a line of the table.

    Args:
        file: The dataset.
        step: `read`, `fit` (the deal-level model), or the slug of a forecaster to test on the newest period.
        settings: What forecasters are fitted with.
    """
    started, cpu = time.perf_counter(), time.process_time()
    with PeakMemory() as memory:
        learning = LearningRows.read(file, settings)
        if step == FIT:
            learning.fitted(DealLevel(settings))
        elif step != READ:
            run_backtest(learning.rows, forecasters=(forecaster_class(step),), periods=1, settings=settings)
    reps = learning.rows.frame["rep_id"].nunique()
    return {
        "reps": reps + len(learning.other_reps),
        "learnt from": reps,
        "rows read": len(learning.rows),
        "step": step,
        "seconds": time.perf_counter() - started,
        "CPU seconds": time.process_time() - cpu,
        "peak GiB": memory.peak / GIB,
    }


def measure_drawing(file: Path, most: int, periods: int, settings: FitSettings) -> dict[str, Any]:
    """Accuracy in the newest periods of a model that learnt from so many reps: a line of the table."""
    dataset = RepPeriodDataset.read(file)
    some = replace(settings, most_reps=most or dataset.frame["rep_id"].nunique())
    table = run_backtest(dataset, forecasters=(HistoricalMean, DealLevel), periods=periods, settings=some).value_added()
    found = table[table["forecaster"] == DealLevel.name].iloc[0]
    measures = {name: float(found[name]) for name in MEASURES}
    return {"reps": dataset.frame["rep_id"].nunique(), "learnt from at most": most or "all"} | measures


def changes(drawn: pd.DataFrame) -> pd.DataFrame:
    """What drawing changes: measures less those of learning from all in the same world, a row a number of reps.

    Args:
        drawn: A row a world (`seed`) and number of reps (`learnt from at most`), as `measure_drawing` gives them.

    Returns:
        Mean over the worlds and the half width of its 95 % interval by Student's t, empty with one world.
    """
    names = list(MEASURES)
    whole = drawn[drawn["learnt from at most"] == "all"].set_index("seed")[names]
    lines = []
    for most, some in drawn[drawn["learnt from at most"] != "all"].groupby("learnt from at most", sort=False):
        less = some.set_index("seed")[names] - whole
        half = less.sem() * stats.t.ppf(0.975, len(less) - 1)
        shown = {
            name: f"{less[name].mean():+.4f}" + (f" ± {half[name]:.4f}" if len(less) > 1 else "") for name in names
        }
        lines.append({"learnt from at most": most, "worlds": len(less)} | shown)
    return pd.DataFrame(lines)


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reps", type=int, default=100, help="seats of the worlds")
    parser.add_argument("--periods", type=int, default=12, help="finished quarters")
    parser.add_argument("--seeds", default="1", help="of the worlds; growth takes the first")
    parser.add_argument("--copies", default="1,10,100", help="of the reps, for growth; empty = skip")
    parser.add_argument("--steps", default=",".join(STEPS), help="of growth: read, fit, or forecasters to test")
    parser.add_argument(
        "--most-reps", type=int, default=FitSettings().most_reps, help="learnt from at a time, for growth"
    )
    parser.add_argument("--most", default="0,25,50", help="reps learnt from, for drawing; empty = skip")
    parser.add_argument("--tested", type=int, default=2, help="newest periods forecast, for drawing")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cache", type=Path, default=Path("benchmarks/results/worlds"))
    options = parser.parse_args()
    settings = FitSettings(threads=options.threads, most_reps=options.most_reps)
    seeds = [int(seed) for seed in options.seeds.split(",")]
    if options.copies:
        case = Case("natural", options.reps, options.periods, seeds[0], options.cache)
        in_child(make, case)
        for copies in map(int, options.copies.split(",")):
            stored = case.dataset_file.with_name(f"copies-{copies}.parquet")
            in_child(store_copies, case.dataset_file, copies, stored)
            for step in options.steps.split(","):
                line = pd.DataFrame([in_child(learn, stored, step, settings)])
                print(line.round(2).to_string(index=False), flush=True)
    if options.most:
        lines = []
        for seed in seeds:
            case = Case("holdout", options.reps, options.periods, seed, options.cache)
            in_child(make, case)
            for most in map(int, options.most.split(",")):
                line = in_child(measure_drawing, case.dataset_file, most, options.tested, settings)
                lines.append({"seed": seed} | line)
                print(pd.DataFrame(lines[-1:]).round(4).to_string(index=False, header=len(lines) == 1), flush=True)
        print(changes(pd.DataFrame(lines)).to_string(index=False))


if __name__ == "__main__":
    main()
