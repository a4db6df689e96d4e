"""The worlds that forecasts are measured on: made once, kept under a cache folder, each with its oracle.

What is kept is named after the arguments and the code that made it, so a change of a generator or of the features makes
it anew, and a change of a model does not.
"""

import hashlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Final, Literal, NamedTuple, Self, TypeAlias

import numpy as np
import pandas as pd

import spm_ml
from benchmarks import holdout_world
from spm_ml.dataset import RepPeriodDataset, build_dataset
from spm_ml.errors import DataError
from spm_ml.history import SalesHistory
from spm_ml.settings import Workspace
from spm_ml.simulation import oracle, simulate, truth
from spm_ml.simulation.world import Floats
from spm_ml.sources import ingest

WorldName = Literal["natural", "holdout"]
WORLDS: Final[tuple[WorldName, ...]] = ("natural", "holdout")

_ROOT: Final = Path(spm_ml.__file__).parents[1]
GENERATOR: Final = ("spm_ml/simulation", "spm_ml/fiscal.py")
"""The code that simulates, for `code_digest`."""
_READERS: Final = ("spm_ml/dataset", "spm_ml/features", "spm_ml/history", "spm_ml/sources", "spm_ml/tables.py")

AnyTruth: TypeAlias = truth.Truth | holdout_world.Truth
"""Each has `rep_ids`: (P,) as in the tables, empty = not in them."""


class Code(NamedTuple):
    """Versions of the code that makes a world and its dataset: equal as long as no byte of it changes."""

    natural: str
    holdout: str
    dataset: str

    @classmethod
    def now(cls) -> Self:
        """As it is on disk."""
        return cls(code_digest(GENERATOR), code_digest((*GENERATOR, "benchmarks/holdout_world")), code_digest(_READERS))


def code_digest(sources: Sequence[str]) -> str:
    """Ten digits that change with any byte of these modules and folders, named from the root of the project."""
    digest = hashlib.sha256()
    for source in sources:
        path = _ROOT / source
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(file.read_bytes())
    return digest.hexdigest()[:10]


@dataclass(frozen=True)
class Case:
    """One world of one size and seed.

    Attributes:
        world: `natural` is `spm_ml.simulation`; `holdout` is for reporting only.
        reps: Seats.
        periods: Finished periods.
        seed: Of the world.
        cache: Folder in which worlds are kept.
        code: Fixed when the case is stated, so that an edit during a long run does not tear it apart.
    """

    world: WorldName
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
        arguments = f"{self.world}-r{self.reps}-p{self.periods}-s{self.seed}"
        return self.cache / f"{arguments}-{self.code.natural if self.world == 'natural' else self.code.holdout}"

    @property
    def dataset_file(self) -> Path:
        """The dataset, of all weeks."""
        return self.folder / f"dataset-{self.code.dataset}" / "dataset.parquet"

    def draws_file(self, as_of: date, draws: int, *, know_shocks: bool) -> Path:
        """The oracle's draws on a day."""
        return self.folder / f"draws-{draws}" / f"{as_of}{'' if know_shocks else '-without-shocks'}.npy"


def make(case: Case) -> None:
    """Simulates the world, ingests its tables and builds its dataset, each unless it is there.

    Raises:
        DataError: A row was quarantined, so the world is not what it claims to be.
    """
    workspace = Workspace(case.folder / "workspace")
    if not workspace.tables.exists():
        pending = case.folder.with_name(case.folder.name + ".pending")
        shutil.rmtree(pending, ignore_errors=True)
        shutil.rmtree(case.folder, ignore_errors=True)
        _simulate(case, pending / "export")
        report = ingest(Workspace(pending / "workspace"), pending / "export")
        if any(table.quarantined for table in report.tables):
            raise DataError(f"{case.label}: rows were quarantined\n{report.text()}")
        shutil.move(pending / "export" / "truth", pending / "truth")
        shutil.rmtree(pending / "export")
        os.replace(pending, case.folder)
    if not case.dataset_file.exists():
        for old in case.folder.glob("dataset-*"):
            shutil.rmtree(old)
        pending = case.folder / "dataset.pending"
        shutil.rmtree(pending, ignore_errors=True)
        with SalesHistory.open(workspace) as history:
            build_dataset(history).write(pending / case.dataset_file.name)
        os.replace(pending, case.dataset_file.parent)


def _simulate(case: Case, folder: Path) -> None:
    if case.world == "natural":
        simulate(folder, reps=case.reps, periods=case.periods, seed=case.seed, fmt="parquet")
    else:
        holdout_world.simulate_holdout(folder, reps=case.reps, periods=case.periods, seed=case.seed)


def measured_rows(case: Case, tested: int, weeks: Sequence[int] | None) -> pd.DataFrame:
    """The rows that everybody is measured on, in the dataset's order, with the truth about them.

    They are those of the newest `tested` finished periods and of the given weeks (None = all) whose rep stayed to the
    end and had a quota at the end.

    Returns:
        `rep_id, period, as_of, week, tenure_days, team, region, quota_final, actual_bookings`; money in minor units.
    """
    frame = RepPeriodDataset.read(case.dataset_file).frame
    rows = is_tested(frame, tested, weeks) & ~frame["censored"] & (frame["quota_final"] > 0)
    columns = ["rep_id", "period", "as_of", "week", "tenure_days", "team", "region", "quota_final", "actual_bookings"]
    return frame.loc[rows, columns].reset_index(drop=True)


def is_tested(frame: pd.DataFrame, tested: int, weeks: Sequence[int] | None) -> "pd.Series[bool]":
    """Which rows of a dataset belong to the newest `tested` finished periods and to the weeks (None = all)."""
    finished = frame.loc[frame["actual_bookings"].notna(), "period_start"].drop_duplicates().sort_values()
    chosen = frame["period_start"].isin(finished.iloc[1:].iloc[-tested:])
    return chosen if weeks is None else chosen & frame["week"].isin(list(weeks))


@cache
def read_oracle_truth(case: Case) -> AnyTruth:
    """The truth of a world that was made, read once by each process."""
    folder = case.folder / "truth"
    return truth.read_truth(folder) if case.world == "natural" else holdout_world.read_truth(folder)


def oracle_draws(case: Case, as_of: date, draws: int, *, know_shocks: bool) -> Floats:
    """(draws, P) final bookings of the period drawn by the oracle, minor units, in the order of the truth's `rep_ids`.

    They are drawn once and kept.

    Args:
        case: A world that was made.
        as_of: Day.
        draws: Futures.
        know_shocks: False: by one who knows the reps and the deals but not the times.
    """
    file = case.draws_file(as_of, draws, know_shocks=know_shocks)
    if not file.exists():
        known, seed = read_oracle_truth(case), as_of.toordinal()
        if isinstance(known, truth.Truth):
            drawn = oracle.sample_bookings(known, as_of, draws, seed, know_shocks=know_shocks)
        else:
            drawn = holdout_world.sample_bookings(known, as_of, draws, seed, know_shocks=know_shocks)
        file.parent.mkdir(parents=True, exist_ok=True)
        pending = file.with_name(f"{file.stem}.pending.npy")
        np.save(pending, drawn)
        os.replace(pending, file)
    return np.asarray(np.load(file))
