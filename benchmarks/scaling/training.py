"""How fitting the deal-level model grows with the reps, and what learning from some of them costs.

    python -m benchmarks.scaling.training --copies 1,3,10 --most 0,25,50
    python -m benchmarks.scaling.training --copies '' --reps 200 --periods 8 --most 0,100,50 --seeds 1,2,3,4

Growth: a world's reps are copied under other names, and the model is fitted to all finished periods in a process of its
own; memory is what fitting adds at its peak to that of the dataset. Goal: at most 4 GiB and 15 minutes for 10 000 reps.
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
from spm_ml.forecasting import DealLevel, FitSettings, HistoricalMean

MEASURES = ("crps", "ece", "auc", "coverage_80", "width_80")
GIB = 2**30
_EVERY = 0.02


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


def copied(dataset: RepPeriodDataset, copies: int) -> RepPeriodDataset:
    """The dataset with every rep so many times, each with deals of its own."""
    of_deal = ("rep_id", "opportunity_id")
    return replace(
        dataset,
        frame=_renamed(dataset.frame, ("rep_id",), copies),
        states=_renamed(dataset.states, of_deal, copies),
        bookings=_renamed(dataset.bookings, of_deal, copies),
    )


def _renamed(frame: pd.DataFrame, names: Sequence[str], copies: int) -> pd.DataFrame:
    """So many copies of the rows, the names in all but the first with a suffix."""
    suffixes = ["", *(f"~{copy}" for copy in range(1, copies))]
    parts = [frame.assign(**{name: frame[name] + suffix for name in names}) for suffix in suffixes]
    return pd.concat(parts, ignore_index=True).astype(frame.dtypes.to_dict())


def fit_once(file: Path, copies: int, settings: FitSettings) -> dict[str, Any]:
    """Fits the model to the copied reps: a line of the table."""
    dataset = copied(RepPeriodDataset.read(file), copies)
    started, cpu = time.perf_counter(), time.process_time()
    with PeakMemory() as memory:
        DealLevel(settings).fit(dataset)
    return {
        "reps": dataset.frame["rep_id"].nunique(),
        "learnt from at a time": settings.most_reps,
        "rows": len(dataset),
        "deal-weeks": len(dataset.deals),
        "seconds": time.perf_counter() - started,
        "CPU seconds": time.process_time() - cpu,
        "dataset GiB": memory.start / GIB,
        "fit adds GiB": (memory.peak - memory.start) / GIB,
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


def slopes(lines: Sequence[dict[str, Any]], reps: int) -> str:
    """What the two largest sizes say of a size that was not measured."""
    if len(lines) < 2:
        return ""
    first, last = lines[-2:]
    said = []
    for name in ("CPU seconds", "dataset GiB", "fit adds GiB"):
        slope = (last[name] - first[name]) / (last["reps"] - first["reps"])
        said.append(f"{name} {last[name] + slope * (reps - last['reps']):.1f} ({1_000 * slope:.2f} per 1 000 reps)")
    return f"Extrapolated along the last two sizes to {reps:,} reps, not measured: {', '.join(said)}."


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reps", type=int, default=100, help="seats of the worlds")
    parser.add_argument("--periods", type=int, default=12, help="finished quarters")
    parser.add_argument("--seeds", default="1", help="of the worlds; growth takes the first")
    parser.add_argument("--copies", default="1,3,10", help="of the reps, for growth; empty = skip")
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
        lines = []
        for copies in map(int, options.copies.split(",")):
            lines.append(in_child(fit_once, case.dataset_file, copies, settings))
            print(pd.DataFrame(lines).round(2).to_string(index=False), flush=True)
        print(slopes(lines, 10_000), flush=True)
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
