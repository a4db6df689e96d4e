"""LearningRows: what a workspace's forecasters learn from, read so that memory does not grow with the organisation."""

import math
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Final, Self

import numpy as np

from spm_ml.dataset import RepPeriodDataset, read_current
from spm_ml.dataset.selection import stored_columns
from spm_ml.forecasting.many_reps import blocks_of_reps
from spm_ml.forecasting.protocol import FitSettings, Forecaster
from spm_ml.progress import Progress, silent
from spm_ml.settings import Workspace

_AT_ONCE: Final = 1_000
"""Most reps whose records are taken up at a time; more make memory grow, fewer read the files more often."""


@dataclass(frozen=True)
class LearningRows:
    """All rows of an organisation of at most `most_reps` reps; of a larger one those of teams that are drawn.

    Forecasters are fitted to them and tested on them, so a backtest measures exactly what training does. Of the other
    reps only records are taken up, one block after another.

    Attributes:
        rows: Of the reps that are learnt from, all their periods.
        file: The stored dataset, in which the other reps' rows are.
        others: Their ids, in blocks.
    """

    rows: RepPeriodDataset
    file: Path = Path()
    others: tuple[tuple[str, ...], ...] = ()

    @classmethod
    def of(cls, workspace: Workspace, settings: FitSettings, *, progress: Progress = silent) -> Self:
        """Reads them from the workspace's dataset, which is built anew where it is not of the newest data.

        Args:
            workspace: Whose dataset it is.
            settings: Says how many reps are learnt from, and how they are drawn.
            progress: Told while the dataset is built.

        Raises:
            NotReadyError: Nothing was ingested.
        """
        return read_current(workspace, partial(cls.read, settings=settings), progress=progress)

    @classmethod
    def read(cls, file: Path, settings: FitSettings) -> Self:
        """Reads them from a stored dataset.

        Raises:
            SchemaError: The file is no dataset.
        """
        people = stored_columns(file, ("rep_id", "team"))
        block = blocks_of_reps(people["rep_id"], people["team"], most=settings.most_reps, seed=settings.seed)
        by_block = people["rep_id"].groupby(block).unique()
        drawn, *others = (tuple(map(str, reps)) for reps in by_block) if len(by_block) > 1 else ((),)
        if not others:
            return cls(RepPeriodDataset.read(file))
        blocks = (np.array_split(reps, math.ceil(len(reps) / _AT_ONCE)) for reps in others)
        return cls(
            RepPeriodDataset.read(file, reps=drawn), file, tuple(tuple(map(str, some)) for of in blocks for some in of)
        )

    @cached_property
    def other_reps(self) -> tuple[str, ...]:
        """Ids of the reps who are not learnt from."""
        return tuple(rep for block in self.others for rep in block)

    def text(self) -> str:
        """Who is learnt from, in a sentence."""
        reps = self.rows.frame["rep_id"].nunique()
        everybody = reps + len(self.other_reps)
        if not self.others:
            return f"All {everybody:,} reps are learnt from and tested on."
        return f"{reps:,} of {everybody:,} reps, whole teams that were drawn, are learnt from and tested on."

    def fitted(self, forecaster: Forecaster, *, progress: Progress = silent) -> Forecaster:
        """The forecaster fitted to finished periods of `rows`, knowing everybody's records.

        Args:
            forecaster: With its settings.
            progress: Told after each block.
        """
        total = 1 + len(self.others)
        progress(f"fit {forecaster.name}", 0, total)
        forecaster.fit(self.rows.finished())
        progress(f"fit {forecaster.name}", 1, total)
        for number, reps in enumerate(self.others, start=2):
            forecaster.know(RepPeriodDataset.read(self.file, reps=reps))
            progress(f"fit {forecaster.name}", number, total)
        return forecaster
