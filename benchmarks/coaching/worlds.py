"""The worlds that coaching is measured on: simulated once, kept under a cache folder, read back with their truth.

They log few activities, since nothing about coaching is learnt from these, and their dataset has the eve of each period
and the last day only. What is kept is named after the arguments and the code that made it.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Final

import pandas as pd

from benchmarks.worlds import Code
from spm_ml.coaching.rep_periods import RepPeriods, rep_periods
from spm_ml.dataset import RepPeriodDataset, as_of_grid, build_dataset
from spm_ml.errors import DataError
from spm_ml.history import SalesHistory
from spm_ml.settings import Workspace
from spm_ml.simulation import simulate
from spm_ml.sources import ingest

_ACTIVITIES: Final = 1.0


@dataclass(frozen=True)
class Case:
    """One world of one size and seed.

    Attributes:
        world: Of `spm_ml.simulation.program_worlds.PROGRAM_WORLDS`.
        reps: Seats.
        periods: Finished periods; another one is running.
        seed: Of the world.
        cache: Folder in which worlds are kept.
        code: Fixed when the case is stated, so that an edit during a long run does not tear it apart.
    """

    world: str
    reps: int
    periods: int
    seed: int
    cache: Path
    code: Code = field(default_factory=Code.now)

    @property
    def label(self) -> str:
        """Shown with the progress."""
        return f"{self.world} {self.reps} reps seed {self.seed}"

    @property
    def folder(self) -> Path:
        """Where everything of it is kept."""
        arguments = f"coaching-{self.world}-r{self.reps}-p{self.periods}-s{self.seed}"
        return self.cache / f"{arguments}-{self.code.natural}"

    @property
    def workspace(self) -> Workspace:
        """With the tables."""
        return Workspace(self.folder / "workspace")

    @property
    def dataset_file(self) -> Path:
        """The dataset of the eves and the last day."""
        return self.folder / f"dataset-{self.code.dataset}" / "dataset.parquet"


@dataclass(frozen=True, eq=False)
class Measured:
    """A world as it is handed to whoever is measured, and its truth.

    Attributes:
        case: Which world.
        history: Open.
        dataset: Of the eves and the last day.
        periods: Rep-periods.
    """

    case: Case
    history: SalesHistory
    dataset: RepPeriodDataset
    periods: RepPeriods

    @cached_property
    def individual_effects(self) -> pd.DataFrame:
        """True effect of each program on each rep in each period (see `spm_ml.simulation.effects`)."""
        return self._truth("individual_effects")

    @cached_property
    def enrolment_effects(self) -> pd.DataFrame:
        """True effect of each enrolment."""
        return self._truth("enrolment_effects")

    def _truth(self, name: str) -> pd.DataFrame:
        return pd.read_parquet(self.case.folder / "truth" / f"{name}.parquet")


def make(case: Case) -> None:
    """Simulates the world, ingests its tables and builds its dataset, each unless it is there.

    Raises:
        DataError: A row was quarantined, so the world is not what it claims to be.
    """
    if not case.workspace.tables.exists():
        pending = case.folder.with_name(case.folder.name + ".pending")
        shutil.rmtree(pending, ignore_errors=True)
        shutil.rmtree(case.folder, ignore_errors=True)
        export = pending / "export"
        simulate(
            export,
            reps=case.reps,
            periods=case.periods,
            seed=case.seed,
            fmt="parquet",
            programs=case.world,
            activities=_ACTIVITIES,
        )
        report = ingest(Workspace(pending / "workspace"), export)
        if any(table.quarantined for table in report.tables):
            raise DataError(f"{case.label}: rows were quarantined\n{report.text()}")
        shutil.move(export / "truth", pending / "truth")
        shutil.rmtree(export)
        os.replace(pending, case.folder)
    if not case.dataset_file.exists():
        for old in case.folder.glob("dataset-*"):
            shutil.rmtree(old)
        pending = case.folder / "dataset.pending"
        shutil.rmtree(pending, ignore_errors=True)
        with SalesHistory.open(case.workspace) as history:
            grid = as_of_grid(history)
            mornings = {period.start for period in history.calendar.periods_between(grid[0], grid[-1])}
            days = [day for day in grid if day + timedelta(days=1) in mornings or day == grid[-1]]
            build_dataset(history, as_of_days=days).write(pending / case.dataset_file.name)
        os.replace(pending, case.dataset_file.parent)


@contextmanager
def opened(case: Case) -> Iterator[Measured]:
    """A world that was made."""
    dataset = RepPeriodDataset.read(case.dataset_file)
    with SalesHistory.open(case.workspace) as history:
        yield Measured(case, history, dataset, rep_periods(history, dataset))
