"""Seconds and peak memory of every step from CSV to a scored board.

    python benchmarks/line.py --reps 200 --periods 12     # goal: at most 120 s from ingest to score
    python benchmarks/line.py --reps 1000 --periods 12 --steps ingest,dataset,train,promote,score  # at most 4 GiB

Each step is the `spm` command in its own process, so that its peak is its own. Simulation is timed but not counted: a
company brings its own export. `backtest` is counted inside `train`, which runs it where it is missing.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STEPS = (
    "ingest",
    "dataset",
    "check-leakage",
    "backtest",
    "train",
    "promote",
    "score",
    "recommend",
    "effects",
    "metrics",
)
BEFORE_THE_BOARD = {"ingest", "dataset", "backtest", "train", "promote", "score"}


def run(arguments: list[str]) -> tuple[float, float]:
    """Runs `spm` and gives its wall-clock seconds and its peak resident memory in GiB."""
    started = time.perf_counter()
    with subprocess.Popen([sys.executable, "-m", "spm_ml.cli", *arguments], stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"spm {' '.join(arguments)} failed with {process.returncode}")
    return time.perf_counter() - started, usage.ru_maxrss / 2**20


def main() -> None:
    """Prints one line a step, then the sum."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reps", type=int, default=200)
    parser.add_argument("--periods", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--format", choices=("csv", "parquet"), default="csv")
    parser.add_argument("--steps", default=",".join(STEPS))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        export, workspace = Path(folder) / "export", Path(folder) / "workspace"
        size = ["--reps", str(options.reps), "--periods", str(options.periods), "--seed", str(options.seed)]
        print(f"{options.reps} reps, {options.periods} periods, {os.cpu_count()} cores")
        print(f"{'step':<15} {'seconds':>8} {'peak GiB':>9}")
        seconds, peak = run(["simulate", "--out", str(export), *size, "--format", options.format])
        print(f"{'simulate':<15} {seconds:>8.1f} {peak:>9.2f}", flush=True)
        counted, most = 0.0, 0.0
        for step in options.steps.split(","):
            source = [str(export)] if step == "ingest" else []
            seconds, peak = run([step, *source, "--workspace", str(workspace)])
            print(f"{step:<15} {seconds:>8.1f} {peak:>9.2f}", flush=True)
            counted += seconds if step in BEFORE_THE_BOARD else 0.0
            most = max(most, peak)
        print(f"{'CSV to board':<15} {counted:>8.1f} {most:>9.2f}")


if __name__ == "__main__":
    main()
