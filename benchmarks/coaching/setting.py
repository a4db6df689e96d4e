"""A world as arrays: what was known of each rep-period, what was started, what came of the next, and the truth."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.coaching.worlds import Measured
from spm_ml.coaching.skills import SkillGaps, skill_gaps

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

NOTHING: Final = -1
"""In `Setting.taken`: no program was started."""


@dataclass(frozen=True, eq=False)
class Setting:
    """Rows are rep-periods in the order of `RepPeriods.frame`; programs are columns in the order of their ids.

    Attributes:
        measured: The world.
        gaps: Skill gaps of everybody.
        known: (n, k) numbers known on the eve; NaN = unknown.
        needs: (n, programs) what each program could give (`SkillGaps.matched`), part of `known`.
        taken: (n,) column of the program started in the period, or `NOTHING`; the first of several.
        attainment: (n,) of the period; NaN = unknown.
        outcome: (n,) of the period after.
        rep: (n,) number of the rep.
        now: (m,) rows of the running period whose truth is known: those who can be sent.
        truth: (m, programs) attainment gained in the first period by those rows, and `steady` (m, programs) for ever.
        past_truth: (n, programs) of all rows, NaN where there is none; only the ceiling may look at it.
    """

    measured: Measured
    gaps: SkillGaps
    known: Floats
    needs: Floats
    taken: Ints
    attainment: Floats
    outcome: Floats
    rep: Ints
    now: Ints
    truth: Floats
    steady: Floats
    past_truth: Floats

    @property
    def programs(self) -> int:
        """How many there are."""
        return int(self.needs.shape[1])

    @property
    def learnable(self) -> Ints:
        """Rows whose next period is known."""
        return np.flatnonzero(np.isfinite(self.outcome))

    @property
    def trained(self) -> int:
        """Episodes: rows with a program and an outcome."""
        return int((self.taken[self.learnable] != NOTHING).sum())

    @property
    def shares(self) -> Floats:
        """(programs,) share of past enrolments: the program that a manager picks."""
        counts = np.bincount(self.taken[self.taken != NOTHING], minlength=self.programs).astype(np.float64)
        return counts / counts.sum() if counts.sum() else np.full(self.programs, 1 / self.programs)


def setting_of(measured: Measured) -> Setting:
    """Lays a world out."""
    periods = measured.periods
    frame, gaps = periods.frame, skill_gaps(measured.history, periods)
    rows = pd.MultiIndex.from_frame(frame[["rep_id", "t"]])
    ids = [program.program_id for program in periods.programs]
    needs = np.column_stack(
        [
            gaps.matched(program).set_index(["rep_id", "t"])["need"].reindex(rows).to_numpy(dtype=np.float64)
            for program in periods.programs
        ]
    )
    first = periods.starts.drop_duplicates(["rep_id", "t"]).set_index(["rep_id", "t"])["program_id"]
    taken = pd.Index(ids).get_indexer(pd.Index(first.reindex(rows).fillna("")))
    attainment = frame["attainment"].to_numpy(dtype=np.float64)
    after = pd.MultiIndex.from_arrays([frame["rep_id"], frame["t"] + 1])
    skills = gaps.frame.pivot_table(index=["rep_id", "t"], columns="skill", values="gap").reindex(rows)
    numbers = frame[list(periods.feature_names)].to_numpy(dtype=np.float64)
    truths = {name: _truth(measured, frame, ids, name) for name in ("first_period", "effect")}
    now = np.flatnonzero((frame["t"] == periods.last).to_numpy() & np.isfinite(truths["effect"]).all(axis=1))
    return Setting(
        measured=measured,
        gaps=gaps,
        known=np.column_stack([numbers, frame["quota"].to_numpy(dtype=np.float64), skills.to_numpy(), needs]),
        needs=np.nan_to_num(needs),
        taken=taken.astype(np.int64),
        attainment=attainment,
        outcome=pd.Series(attainment, rows).reindex(after).to_numpy(dtype=np.float64),
        rep=pd.factorize(frame["rep_id"])[0].astype(np.int64),
        now=now,
        truth=truths["first_period"][now],
        steady=truths["effect"][now],
        past_truth=truths["first_period"],
    )


def _truth(measured: Measured, frame: pd.DataFrame, programs: list[str], name: str) -> Floats:
    wide = measured.individual_effects.pivot_table(index=["rep_id", "period"], columns="program_id", values=name)
    rows = pd.MultiIndex.from_frame(frame[["rep_id", "period"]])
    return wide.reindex(index=rows, columns=programs).to_numpy(dtype=np.float64)
