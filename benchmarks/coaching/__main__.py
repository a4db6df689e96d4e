"""Coaching against the truth: one command, one table.

python -m benchmarks.coaching policy --reps 60,200 --seeds 1,2,3,4,5,6
python -m benchmarks.coaching intervals --worlds duds,none --reps 60,200
python -m benchmarks.coaching ablation --worlds duds --reps 200
python -m benchmarks.coaching effects --reps 200,1000
python -m benchmarks.coaching speed --reps 2000 --seeds 1
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Final, TypeAlias

import pandas as pd

from benchmarks.coaching.ablation import measure_ablation
from benchmarks.coaching.effects import measure_effects
from benchmarks.coaching.policy import measure_intervals, measure_policies
from benchmarks.coaching.speed import measure_speed
from benchmarks.coaching.tables import over_seeds
from benchmarks.coaching.worlds import Case, make, opened
from spm_ml.cli.console import ConsoleProgress
from spm_ml.errors import ConfigurationError
from spm_ml.progress import Progress
from spm_ml.simulation.program_worlds import PROGRAM_WORLDS

Measure: TypeAlias = Callable[[Case, Progress], pd.DataFrame]


def _policy(case: Case, progress: Progress) -> pd.DataFrame:
    with opened(case) as measured:
        return measure_policies(measured, progress=progress)


def _intervals(case: Case, _progress: Progress) -> pd.DataFrame:
    with opened(case) as measured:
        return measure_intervals(measured)


def _ablation(case: Case, _progress: Progress) -> pd.DataFrame:
    with opened(case) as measured:
        return measure_ablation(measured)


def _effects(case: Case, _progress: Progress) -> pd.DataFrame:
    with opened(case) as measured:
        return measure_effects(measured)


BENCHMARKS: Final[dict[str, tuple[Measure, tuple[str, ...]]]] = {
    "policy": (_policy, ("world", "reps", "policy")),
    "intervals": (_intervals, ("world", "reps")),
    "ablation": (_ablation, ("world", "reps", "variant")),
    "effects": (_effects, ("world", "reps", "program")),
    "speed": (measure_speed, ("world", "reps", "step")),
}
"""Each with what measures a case, and the columns that name a row of its table."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures every case, writing the table anew after each."""
    options = _options(arguments)
    measure, keys = BENCHMARKS[options.benchmark]
    progress, lines, table = ConsoleProgress(), [], ""
    cases = list(_cases(options))
    for number, case in enumerate(cases):
        progress(f"{case.label}: make", number, len(cases))
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            pool.submit(make, case).result()
        lines.append(measure(case, progress).assign(world=case.world, reps=case.reps, seed=case.seed))
        table = _titled(options.benchmark, over_seeds(pd.concat(lines, ignore_index=True), keys))
        if options.out is not None:
            options.out.parent.mkdir(parents=True, exist_ok=True)
            options.out.write_text(table, encoding="utf-8")
    progress.close()
    print(table)


def _titled(benchmark: str, table: str) -> str:
    return f"### Coaching: {benchmark}, mean ± standard error over seeds\n\n{table}"


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("benchmark", choices=BENCHMARKS)
    parser.add_argument("--worlds", default=",".join(PROGRAM_WORLDS))
    parser.add_argument("--reps", default="60,200", help="seats of each size")
    parser.add_argument("--seeds", default="1,2,3,4,5,6")
    parser.add_argument("--periods", type=int, default=12, help="finished quarters of each world")
    parser.add_argument("--cache", type=Path, default=Path("benchmarks/results/worlds"))
    parser.add_argument("--out", type=Path, help="also write the table to this Markdown file, after each world")
    return parser.parse_args(arguments)


def _cases(options: argparse.Namespace) -> Iterator[Case]:
    worlds = options.worlds.split(",")
    unknown = [world for world in worlds if world not in PROGRAM_WORLDS]
    if unknown:
        raise ConfigurationError(f"worlds {unknown} are not known: choose from {', '.join(PROGRAM_WORLDS)}")
    sizes, seeds = ([int(text) for text in texts.split(",")] for texts in (options.reps, options.seeds))
    for reps, world, seed in product(sizes, worlds, seeds):
        yield Case(world, reps, options.periods, seed, options.cache)


if __name__ == "__main__":
    main()
