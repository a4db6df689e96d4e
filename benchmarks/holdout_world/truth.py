"""What is true in a hold-out world and no source system knows, kept as one file."""

from dataclasses import asdict, dataclass, fields
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.holdout_world.days import Days, organisation
from benchmarks.holdout_world.law import STAGES, DecisionDays
from benchmarks.holdout_world.rounds import Deals, Rounds
from benchmarks.holdout_world.staff import Climate, Rates, Staff
from spm_ml.fiscal import FiscalCalendar
from spm_ml.simulation.world import Floats, Ints

TRUTH_FILE = "truth.npz"
_PARTS: dict[str, type[Any]] = {"staff": Staff, "climate": Climate, "rounds": Rounds, "deals": Deals}


@dataclass(frozen=True)
class Truth:
    """Everything that happened, in days after the last written one as well.

    Attributes:
        finished: Periods that are over.
        end: Last day that is written.
        staff: The reps.
        climate: Market, teams and skills of every month.
        rounds: Buying rounds.
        deals: Their deals.
    """

    finished: int
    end: date
    staff: Staff
    climate: Climate
    rounds: Rounds
    deals: Deals

    @cached_property
    def days(self) -> Days:
        """The selling days."""
        return days_of(self.finished, self.end)

    @cached_property
    def law(self) -> DecisionDays:
        """How long decisions take."""
        return DecisionDays(self.days)

    @cached_property
    def rates(self) -> Rates:
        """What reps do in each month."""
        return Rates.of(self.days, self.staff, self.climate)

    @cached_property
    def rep_ids(self) -> list[str]:
        """(P,) as in the tables; empty for reps who left before the first written day."""
        known = self.staff.left >= self.days.first_of(self.days.first_reported)
        places = np.cumsum(known)
        return [f"S{place:04d}" if is_known else "" for place, is_known in zip(places, known, strict=True)]

    def credited_to(self, deals: Ints) -> Ints:
        """Who is credited with deals when they are decided."""
        rounds = self.deals.round[deals]
        return self.staff.owner(self.rounds.rep[rounds], self.rounds.decided[rounds])

    def booked(self, first: int, last: int) -> Floats:
        """(P,) bookings decided from one selling day to another, minor units."""
        decided = self.rounds.decided[self.deals.round]
        won = np.flatnonzero(self.deals.won & (decided >= first) & (decided <= last))
        total = np.bincount(self.credited_to(won), weights=self.deals.amount[won], minlength=self.staff.count)
        return total.astype(np.float64)

    def write(self, folder: Path) -> None:
        """Writes `truth.npz`."""
        arrays = {f"{part}.{name}": value for part in _PARTS for name, value in asdict(getattr(self, part)).items()}
        frame = np.array([self.finished, self.end.toordinal()])
        np.savez(folder / TRUTH_FILE, frame=frame, **arrays)


def days_of(finished: int, end: date) -> Days:
    """The selling days of a history of `finished` periods up to a last day."""
    return Days.of(FiscalCalendar.of(organisation(STAGES)), periods=finished, end=end)


def read_truth(folder: Path) -> Truth:
    """Reads what `Truth.write` wrote."""
    with np.load(folder / TRUTH_FILE) as content:
        finished, ordinal = content["frame"]
        parts = {
            part: kind(**{column.name: content[f"{part}.{column.name}"] for column in fields(kind)})
            for part, kind in _PARTS.items()
        }
    return Truth(finished=int(finished), end=date.fromordinal(int(ordinal)), **parts)
