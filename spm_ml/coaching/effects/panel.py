"""Rep-periods as arrays: who could be sent to a program in a period, who was, what was known then, what came next.

Each eligible rep and period is one target trial: eligibility, assignment and the start of the follow-up fall on the
same day. Source: Hernán & Robins (2016), "Using Big Data to Emulate a Target Trial When a Randomized Trial Is Not
Available".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from spm_ml.coaching.effects.covariates import known_on_the_eve
from spm_ml.coaching.rep_periods import RepPeriods

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

WASHOUT_PERIODS: Final = 2
"""A rep who started any program in this many periods before is not eligible."""

USUAL_PERIODS: Final = 4
"""Without quotas, bookings are divided by their mean over this many periods before."""

_MOST: Final = 5.0
"""Attainment is cut off here, so that a quota near zero does not decide the mean of a program."""


@dataclass(frozen=True, eq=False)
class Panel:
    """Rep-periods on a grid of R reps × T periods.

    Attributes:
        row: (R, T) index into `known`, −1 where the rep was not there on the eve.
        known: (n, k) covariates known on the eve of each row; NaN = unknown.
        attainment: (R, T) outcome as a share; NaN while unfinished, without quota, and for those who left.
        behaviours: By slug of `programs.KPIS`: (R, T) in standard deviations of the segment's reps in the period.
        starts: (R, T, P) whether the rep started each known program.
        busy: (R, T) whether the rep started any program, known or not.
        tenure: (R, T) days on the eve.
        segment: (n,) code of each row.
        against_quota: False: nobody has quotas, and `attainment` is bookings ÷ the rep's own usual bookings.
    """

    row: Ints
    known: Floats
    attainment: Floats
    behaviours: dict[str, Floats]
    starts: Bools
    busy: Bools
    tenure: Floats
    segment: Ints
    against_quota: bool

    @classmethod
    def of(cls, periods: RepPeriods) -> Panel:
        """Lays rep-periods out on the grid."""
        frame = periods.frame
        reps, rep = np.unique(frame["rep_id"].to_numpy(dtype=str), return_inverse=True)
        place, width = frame["t"].to_numpy(dtype=np.int64), periods.last + 1
        row = np.full((len(reps), width), -1, dtype=np.int64)
        row[rep, place] = np.arange(len(frame))

        def grid(values: pd.Series | Floats) -> Floats:
            whole = np.full(row.shape, np.nan)
            whole[rep, place] = np.asarray(values, dtype=np.float64)
            return whole

        bookings = grid(frame["bookings"])
        attainment = np.minimum(grid(frame["attainment"]), _MOST)
        finished = np.isfinite(bookings)
        against_quota = bool(np.isfinite(attainment[finished]).mean() >= 0.5) if finished.any() else True
        outcome = attainment if against_quota else np.minimum(_of_usual(bookings), _MOST)
        segment = np.unique(frame["segment"].fillna("").to_numpy(dtype=str), return_inverse=True)[1]
        starts, busy = _starts(periods, reps, row.shape)
        return cls(
            row=row,
            known=known_on_the_eve(frame, outcome, rep, place),
            attainment=outcome,
            behaviours={name: grid(values) for name, values in _behaviours(frame, segment).items()},
            starts=starts,
            busy=busy,
            tenure=grid(frame["tenure_days"]),
            segment=np.asarray(segment, dtype=np.int64),
            against_quota=against_quota,
        )

    def eligible(self) -> Bools:
        """(R, T) who could have been sent: employed on the eve, settled, and no program in the washout before.

        Settled means as long employed as the newest of all who were ever sent.
        """
        sent = self.tenure[self.busy & (self.row >= 0)]
        settled = self.tenure >= (np.nanmin(sent) if np.isfinite(sent).any() else 0.0)
        free = np.ones_like(self.busy)
        for back in range(1, WASHOUT_PERIODS + 1):
            free[:, back:] &= ~self.busy[:, :-back]
        return np.asarray((self.row >= 0) & settled & free)

    def shifted(self, values: Floats, lag: int) -> Floats:
        """(R, T) the values `lag` periods later than each cell; NaN where there are none."""
        moved = np.full(values.shape, np.nan)
        width = values.shape[1]
        first, last = max(-lag, 0), min(width - lag, width)
        if first < last:
            moved[:, first:last] = values[:, first + lag : last + lag]
        return moved


def _of_usual(bookings: Floats) -> Floats:
    """(R, T) bookings ÷ their mean over the periods before, of which two must be known."""
    width = bookings.shape[1]
    usual = np.full(bookings.shape, np.nan)
    for t in range(2, width):
        past = bookings[:, max(t - USUAL_PERIODS, 0) : t]
        count = np.isfinite(past).sum(axis=1)
        total = np.nansum(past, axis=1)
        usual[:, t] = np.where((count >= 2) & (total > 0), total / np.maximum(count, 1), np.nan)
    return np.asarray(bookings / usual)


def _starts(periods: RepPeriods, reps: npt.NDArray[np.str_], shape: tuple[int, ...]) -> tuple[Bools, Bools]:
    starts = periods.starts[periods.starts["rep_id"].isin(reps)]
    rep = np.searchsorted(reps, starts["rep_id"].to_numpy(dtype=str))
    place = starts["t"].to_numpy(dtype=np.int64)
    index = {program.program_id: number for number, program in enumerate(periods.programs)}
    program = starts["program_id"].map(index).fillna(-1).to_numpy(dtype=np.int64)
    started = np.zeros((*shape, len(index)), dtype=np.bool_)
    known = program >= 0
    started[rep[known], place[known], program[known]] = True
    busy = np.zeros(shape, dtype=np.bool_)
    busy[rep, place] = True
    return started, busy


def _behaviours(frame: pd.DataFrame, segment: Ints) -> dict[str, Floats]:
    """(n,) each of the four behaviours in a period, better = higher, standardised within segment and period."""
    won = frame["kpi_won_count"].where(frame["kpi_won_count"] > 0)
    closed = (frame["kpi_won_count"] + frame["kpi_lost_count"]).where(lambda count: count > 0)
    stayed = frame["bookings"].notna()
    raw = {
        "created": np.log1p(frame["kpi_created_count"]),
        "win_rate": frame["kpi_won_count"] / closed,
        "deal_size": np.log((frame["kpi_won_amount"] / won).where(lambda size: size > 0)),
        "cycle": -np.log1p((frame["kpi_cycle_days"] / won).clip(lower=0)),
    }
    groups = [segment, frame["t"].to_numpy()]
    found = {}
    for name, values in raw.items():
        grouped = values.where(stayed).groupby(groups)
        spread = grouped.transform("std").where(lambda value: value > 0)
        found[name] = ((values.where(stayed) - grouped.transform("mean")) / spread).to_numpy(dtype=np.float64)
    return found
