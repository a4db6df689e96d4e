"""Seconds and memory of `spm tenants run … -- score` over many tenants.

    python -m benchmarks.tenants --out benchmarks/results/tenants.md      # 4 and 8 tenants of 200 reps, 1 and 2 jobs
    python -m benchmarks.tenants --workspace .spm --tenants 2 --jobs 1    # copies of a workspace that is trained

One workspace is simulated and trained; its copies are tenants, each with databases of its own, and each is scored for
real, all weeks of the running period, from its tables to a published batch. The line for 100 tenants is multiplied from
what was measured and says so.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.line import run as spm
from benchmarks.tenants.copies import make_copies
from spm_ml.settings import Workspace
from spm_ml.tenants import TenantFolder
from spm_ml.tenants.memory import resident

NIGHT: Final = 100
"""Tenants of the night that is extrapolated to."""

HEADER: Final = (
    *("command", "tenants", "jobs", "seconds in all", "seconds a tenant, median (most)"),
    *("MiB of one, median (most)", "MiB of the one that watches", f"{NIGHT} tenants, extrapolated"),
)


@dataclass(frozen=True)
class Measured:
    """One run over tenants: wall-clock seconds, and seconds and peak MiB of each."""

    label: str
    jobs: int
    wall: float
    watcher: float
    seconds: tuple[float, ...]
    peaks: tuple[float, ...]

    def row(self) -> str:
        """A line of the table."""
        minutes = self.wall / len(self.seconds) * NIGHT / 60
        cells = (
            *(self.label, str(len(self.seconds)), str(self.jobs), f"{self.wall:.0f}"),
            f"{statistics.median(self.seconds):.1f} ({max(self.seconds):.1f})",
            f"{statistics.median(self.peaks):.0f} ({max(self.peaks):.0f})",
            *(f"{self.watcher:.0f}", f"{minutes:.0f} min"),
        )
        return f"| {' | '.join(cells)} |"


def measure(folder: TenantFolder, jobs: int, label: str, *options: str) -> Measured:
    """Runs `score` for every tenant.

    Raises:
        SystemExit: It did not end well for all.
    """
    command = [sys.executable, "-m", "spm_ml.cli", "tenants", "run", str(folder.root), "--json", "--jobs", str(jobs)]
    started = time.perf_counter()
    with (
        tempfile.TemporaryFile() as out,
        subprocess.Popen([*command, *options, "--", "score"], stdout=out, stderr=subprocess.DEVNULL) as process,
    ):
        watcher = 0.0  # of this process alone: what `wait4` counts includes those that it waited for
        while process.poll() is None:
            watcher = max(watcher, resident(process.pid) / 2**20)
            time.sleep(0.1)
        wall = time.perf_counter() - started
        out.seek(0)
        report = json.load(out)
    bad = [one for one in report["tenants"] if one["state"] not in ("done", "skipped")]
    if bad:
        raise SystemExit(f"{len(bad)} tenants did not end well: {bad[0]}")
    return Measured(
        label,
        jobs,
        wall,
        watcher,
        tuple(one["seconds"] for one in report["tenants"]),
        tuple(one["peak_bytes"] / 2**20 for one in report["tenants"]),
    )


def trained(folder: Path, reps: int) -> Workspace:
    """A workspace with a champion."""
    workspace = folder / "trained"
    spm(["simulate", "--out", str(folder / "export"), "--reps", str(reps), "--periods", "12"])
    for step in (["ingest", str(folder / "export")], ["train"], ["promote"]):
        spm([*step, "--workspace", str(workspace)])
    return Workspace(workspace)


def main() -> None:
    """Prints the table, and writes it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workspace", type=Path, help="a trained workspace; default: one is made")
    parser.add_argument("--reps", type=int, default=200, help="of the workspace that is made")
    parser.add_argument("--tenants", default="4,8")
    parser.add_argument("--jobs", default="1,2")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        source = Workspace(options.workspace) if options.workspace else trained(Path(scratch), options.reps)
        lines = _table(source, Path(scratch), _numbers(options.tenants), _numbers(options.jobs))
    if options.out is not None:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _table(source: Workspace, scratch: Path, tenants: Sequence[int], jobs: Sequence[int]) -> list[str]:
    lines = [f"| {' | '.join(HEADER)} |", f"|{'---|' * len(HEADER)}"]
    print("\n".join(lines), flush=True)
    for count in tenants:
        folder = make_copies(source, scratch / f"{count}-tenants", count)
        for side_by_side in jobs:
            lines.append(measure(folder, side_by_side, "`score`").row())
            print(lines[-1], flush=True)
        lines.append(measure(folder, max(jobs), "`score`, nothing has changed", "--resume").row())
        print(lines[-1], flush=True)
    return lines


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


if __name__ == "__main__":
    main()
