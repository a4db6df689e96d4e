"""The steps that are measured, from an export to published recommendations, each the `spm` command that people run."""

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.scaling.processes import DoesNotFitError, Limits, measure
from benchmarks.scaling.worlds import World, events_of, make_export
from spm_ml.settings import Workspace
from spm_ml.simulation.write import Format


@dataclass(frozen=True)
class Step:
    """A command on the workspace that the steps before it left.

    Attributes:
        name: As in the table.
        arguments: Of `spm`.
        makes: Patterns of what a run that was killed may have left in the workspace, or an earlier run.
    """

    name: str
    arguments: tuple[str, ...]
    makes: tuple[str, ...] = ()


INGEST: Final = "ingest"
STEPS: Final = (
    Step(INGEST, ("ingest",)),
    Step("dataset", ("dataset",), ("dataset*", "leakage*")),
    Step("backtest", ("backtest",), ("backtest*",)),
    Step("train", ("train",), ("mlflow.db*", "mlartifacts")),
    Step("promote", ("promote", "--force", "the benchmark scores whatever was trained")),
    Step("score", ("score",), ("predictions.db*",)),
    Step("recommend", ("recommend",)),
)
"""`backtest` is what `train` would do first where it is missing."""


@dataclass(frozen=True)
class Measured:
    """A step that was run, or was not.

    Attributes:
        seconds, cpu: Wall-clock and processor seconds; 0 if it was not run.
        peak: Bytes.
        not_run: Why it was not; empty if it was.
    """

    seconds: float = 0.0
    cpu: float = 0.0
    peak: float = 0.0
    not_run: str = ""


@dataclass
class Line:
    """The workspace of one world on its way through the steps.

    Attributes:
        world: Its size.
        root: Folder of the workspace; on the disk of the world's cache.
        fmt: Of the export that is ingested.
        limits: Of every step.
    """

    world: World
    root: Path
    fmt: Format
    limits: Limits

    def run(self, step: Step) -> tuple[Measured, str]:
        """Runs a step whose predecessors have run; what it cost, and what it answered.

        Raises:
            FailedError: It ended with an error, which is not a matter of size.
        """
        source = self._ready(step)
        workspace = ("--json", "--workspace", str(self.root))
        return fitting([sys.executable, "-m", "spm_ml.cli", *step.arguments, *source, *workspace], self.limits)

    def scan(self) -> Measured:
        """One scan of what was ingested; its memory is not counted."""
        command = [sys.executable, "-m", "benchmarks.scaling.scan", str(self.root)]
        taken = json.loads(measure(command, self.limits).output)
        return Measured(taken["seconds"], taken["cpu"])

    def events(self) -> int:
        """Raw events in the workspace."""
        return events_of(Workspace(self.root))

    def _ready(self, step: Step) -> list[str]:
        """Clears away what the step makes; gives the export if it reads one."""
        if step.name == INGEST:
            export = make_export(self.world, self.fmt)
            shutil.rmtree(self.root, ignore_errors=True)
            return [str(export)]
        clear(self.root, step.makes)
        return []


def clear(root: Path, patterns: Sequence[str]) -> None:
    """Clears away the files and folders of a workspace that patterns name."""
    for pattern in patterns:
        for path in root.glob(pattern):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def fitting(
    command: Sequence[str], limits: Limits, environment: Mapping[str, str] | None = None
) -> tuple[Measured, str]:
    """What a command cost, or that it did not fit, and its output.

    Raises:
        FailedError: It ended with an error.
    """
    try:
        cost = measure(command, limits, environment)
    except DoesNotFitError as error:
        return Measured(not_run=str(error)), ""
    return Measured(cost.seconds, cost.cpu, cost.peak), cost.output
