"""Every forecaster beside the oracle: one command, one table.

    python -m benchmarks.forecasts --reps 35,300 --seeds 1,2,3 --out benchmarks/results/forecasts.md

Goal: excess CRPS over all weeks of at most .12, .10 and .12 at 35, 300 and 2 000 reps; ECE at most .02; AUC at most
.005 short of the oracle's; 80 % intervals that cover .78–.82 in each week, tenure band and level. The world `holdout`
is for reporting only: nothing is chosen or tuned on it.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import ParamSpec, TypeVar

import pandas as pd

from benchmarks.asking import ORACLES, ask_forecaster, ask_oracle
from benchmarks.measuring import REFERENCE, SHOWN_WEEKS, Answers, score
from benchmarks.table import summary
from benchmarks.worlds import WORLDS, Case, make, measured_rows, oracle_draws
from spm_ml.cli.console import ConsoleProgress
from spm_ml.forecasting import FORECASTERS, FitSettings, forecaster_class
from spm_ml.progress import Progress

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Plan:
    """What is measured in each case.

    Attributes:
        forecasters: Slugs.
        tested: Newest finished periods that are forecast.
        weeks: Of the period; None = all.
        draws: Futures of the oracle.
        settings: What forecasters are fitted with.
        jobs: Processes in which the oracle draws; forecasters are timed one at a time.
    """

    forecasters: tuple[str, ...]
    tested: int
    weeks: tuple[int, ...] | None
    draws: int
    settings: FitSettings
    jobs: int


def in_child(function: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
    """Calls a function in a fresh process, so that its memory is its own and goes with it."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        return pool.submit(function, *args, **kwargs).result()


def measure(case: Case, plan: Plan, progress: Progress) -> pd.DataFrame:
    """Gives a line for each oracle and forecaster in one world: `world, reps, seed, forecaster` and the measures."""
    total = 1 + len(ORACLES) + len(plan.forecasters)
    progress(f"{case.label}: make", 0, total)
    in_child(make, case)
    rows = in_child(measured_rows, case, plan.tested, plan.weeks)
    _draw(case, plan, rows, progress)
    answers: dict[str, Answers] = {}
    for name in ORACLES:
        progress(f"{case.label}: {name}", 1 + len(answers), total)
        answers[name] = in_child(ask_oracle, name, case, rows, plan.draws)
    for name in plan.forecasters:
        progress(f"{case.label}: {name}", 1 + len(answers), total)
        answers[name] = in_child(ask_forecaster, name, case, rows, plan.tested, plan.weeks, plan.settings)
    progress(case.label, total, total)
    oracle, reference = answers[next(iter(ORACLES))], answers[REFERENCE]
    lines = [{"forecaster": name} | score(each, oracle, reference, rows) for name, each in answers.items()]
    return pd.DataFrame(lines).assign(world=case.world, reps=case.reps, seed=case.seed)


def _draw(case: Case, plan: Plan, rows: pd.DataFrame, progress: Progress) -> None:
    """Lets the oracles draw their futures on every as-of day."""
    days = [day.date() for day in sorted(rows["as_of"].unique())]
    with ProcessPoolExecutor(plan.jobs, mp_context=get_context("spawn")) as pool:
        wanted = [
            pool.submit(oracle_draws, case, day, plan.draws, know_shocks=know)
            for day, know in product(days, ORACLES.values())
            if not case.draws_file(day, plan.draws, know_shocks=know).exists()
        ]
        for done, future in enumerate(as_completed(wanted), start=1):
            future.result()
            progress(f"{case.label}: oracle draws", done, len(wanted))


def main() -> None:
    """Measures every case, writing the table anew after each."""
    plan, cases, out = _arguments()
    progress = ConsoleProgress()
    lines: list[pd.DataFrame] = []
    for case in cases:
        lines.append(measure(case, plan, progress))
        if out is not None:
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_text(summary(pd.concat(lines, ignore_index=True)), encoding="utf-8")
    progress.close()
    print(summary(pd.concat(lines, ignore_index=True)))


def _arguments() -> tuple[Plan, list[Case], Path | None]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", default=",".join(WORLDS))
    parser.add_argument("--reps", default="35,300,2000", help="seats of each size")
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--periods", type=int, default=12, help="finished quarters of each world")
    parser.add_argument("--tested", type=int, default=4, help="newest of them that are forecast")
    parser.add_argument("--weeks", default=",".join(map(str, SHOWN_WEEKS)), help="weeks that are forecast, or all")
    parser.add_argument("--forecasters", default=",".join(each.name for each in FORECASTERS))
    parser.add_argument("--draws", type=int, default=200, help="futures of the oracle on each as-of day")
    parser.add_argument("--threads", type=int, default=1, help="threads that fitting may use")
    parser.add_argument("--jobs", type=int, default=1, help="processes in which the oracle draws")
    parser.add_argument("--cache", type=Path, default=Path("benchmarks/results/worlds"))
    parser.add_argument("--out", type=Path, help="also write the table to this Markdown file, after each world")
    options = parser.parse_args()
    names = [forecaster_class(name).name for name in options.forecasters.split(",")]
    plan = Plan(
        forecasters=tuple(dict.fromkeys([REFERENCE, *names])),
        tested=options.tested,
        weeks=None if options.weeks == "all" else tuple(map(int, options.weeks.split(","))),
        draws=options.draws,
        settings=FitSettings(threads=options.threads),
        jobs=options.jobs,
    )
    return plan, list(_cases(options)), options.out


def _cases(options: argparse.Namespace) -> Iterator[Case]:
    worlds: Sequence[str] = options.worlds.split(",")
    sizes, seeds = ([int(text) for text in texts.split(",")] for texts in (options.reps, options.seeds))
    for reps, name, seed in product(sizes, WORLDS, seeds):
        if name in worlds:
            yield Case(name, reps, options.periods, seed, options.cache)


if __name__ == "__main__":
    main()
