"""How every step grows with the reps: seconds, processor time, memory and ratios, into one table.

    python -m benchmarks.scaling                       # 100 and 1 000 reps × 12 quarters
    python -m benchmarks.scaling --reps 10000          # adds that size to the table

Each step is the `spm` command in a process of its own. What was measured with the same code is kept and not run again,
so a run that was stopped goes on where it was (`--again` starts anew). A step that needs more than `--minutes` or
`--memory` is ended, and the table (docs/benchmarks.md) says what it needs instead; so do the steps after it.
"""

import argparse
import signal
import subprocess
import sys
from pathlib import Path

from benchmarks.scaling.processes import Limits
from benchmarks.scaling.results import KEPT
from benchmarks.scaling.run import measure_size
from benchmarks.scaling.steps import STEPS, Line
from benchmarks.scaling.worlds import CACHE, World
from spm_ml.simulation.write import FORMATS
from spm_ml.tenants.memory import machine_memory, read_size


def main() -> None:
    """Measures and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reps", default="100,1000", help="sizes, each a multiple of 100")
    parser.add_argument("--periods", type=int, default=12, help="finished quarters")
    parser.add_argument("--until", choices=[step.name for step in STEPS], default=STEPS[-1].name, help="last step")
    parser.add_argument("--no-peers", action="store_true", help="leave pandas and mlforecast out")
    parser.add_argument("--engines", action="store_true", help="build the dataset on PostgreSQL and Spark as well")
    parser.add_argument("--day", action="store_true", help="measure what one more day of records costs as well")
    parser.add_argument("--format", choices=FORMATS, default="parquet", help="of the export")
    parser.add_argument("--minutes", type=float, default=60, help="that one step may take")
    parser.add_argument("--memory", default=f"{machine_memory() * 8 // 10}", help="that one step may take, as 16GiB")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where worlds and workspaces are kept")
    parser.add_argument("--out", type=Path, default=KEPT, help="the JSON")
    parser.add_argument("--again", action="store_true", help="measure also what is kept")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the step that runs is ended too
    limits = Limits(60 * options.minutes, read_size(options.memory))
    for reps in map(int, options.reps.split(",")):
        world = World(reps, options.periods, cache=options.cache)
        line = Line(world, options.cache / f"line-r{reps}-p{options.periods}", options.format, limits)
        asked = {"peers": not options.no_peers, "engines": options.engines, "day": options.day, "again": options.again}
        measure_size(line, options.out, until=options.until, **asked)
    if options.out == KEPT:
        subprocess.run([sys.executable, Path(__file__).parents[2] / "docs" / "generate.py"], check=True)


if __name__ == "__main__":
    main()
