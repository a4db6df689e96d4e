"""What can be planned and within what: candidates, limits, and both as arrays."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spm_ml.errors import SpmError, did_you_mean

Numbers: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]
Places: TypeAlias = NDArray[np.int64]

MIN_P_POSITIVE: Final = 0.975
"""Probability that a program helps, below which it is not planned: one error in forty, as in a two-sided 5 % test.

All effects share coefficients, so in a world without effects either nearly nobody or nearly everybody passes a lower
bar. Measured on 20 histories without effects (60 and 200 reps, enrolments as they were and drawn anew): share of reps
that would be planned .40 at .8, .17 at .9, .04 at .95 and .007 at .975.
"""


@dataclass(frozen=True)
class Candidate:
    """A rep who could take a program. Effects and attainment are shares, 0.03 = 3 points.

    Attributes:
        rep_id: The rep; every rep of a team must be among the candidates, since minimum shares count them.
        program_id: The program.
        team: For minimum shares.
        effect: Expected gain; None or NaN: no effect is claimed.
        p_positive: Probability that the effect is above zero.
        own_sd: Standard deviation of what is this rep's own.
        loadings: (k,) dependence on the shared coefficients; variance = own_sd² + loadings' covariance loadings.
        gap: What the rep lacks of what the program teaches, standard deviations of peers.
        priority: Order where no effect is claimed; None: the gap.
        time_lost: Attainment lost to the days of the program itself; taken off the effect.
        cost: Of the seat, minor units; None: unknown.
        attainment: The rep's attainment so far, for the comparison with "worst performers"; None: unknown.
        p_hit: The rep's chance of reaching the quota, for the comparison with "highest risk"; None: unknown.
        barred: Why this cannot be planned now, in words; empty if nothing stands against it.
    """

    rep_id: str
    program_id: str
    team: str = ""
    effect: float | None = None
    p_positive: float | None = None
    own_sd: float | None = None
    loadings: tuple[float, ...] = ()
    gap: float = 0.0
    priority: float | None = None
    time_lost: float = 0.0
    cost: int | None = None
    attainment: float | None = None
    p_hit: float | None = None
    barred: str = ""

    @property
    def order(self) -> float:
        """Where no effect is claimed the larger comes first."""
        return self.gap if self.priority is None else self.priority


@dataclass(frozen=True)
class Limits:
    """What the plan must keep to, and how much of it is left to chance.

    Attributes:
        budget: Most to spend, minor units; None: no limit.
        people: Most reps; None: no limit.
        seats: By program; a program that is not named has no limit.
        min_share: Of each team's reps at least this share is trained, as far as evidence and limits allow.
        hold_out: Share of those whom the plan would train that is drawn by lot and not offered anything now.
        outcome_sd: Standard deviation of a rep's attainment that nothing known beforehand explains; None: unknown.
        min_p_positive: Probability that the program helps from which it is planned.

    Raises:
        SpmError: A limit is negative, not finite or not a share.
    """

    budget: int | None = None
    people: int | None = None
    seats: Mapping[str, int] = field(default_factory=dict)
    min_share: float = 0.0
    hold_out: float = 0.0
    outcome_sd: float | None = None
    min_p_positive: float = MIN_P_POSITIVE

    def __post_init__(self) -> None:
        for name, value in (("budget", self.budget), ("number of people", self.people)):
            if value is not None and value < 0:
                raise SpmError(f"a {name} of {value} cannot be planned with: give 0 or more")
        for program, seats in self.seats.items():
            if seats < 0:
                raise SpmError(f"program {program!r} cannot have {seats} seats: give 0 or more")
        if not 0 <= self.min_share <= 1:
            raise SpmError(f"a minimum share of {self.min_share} is none: give 0 to 1")
        if not 0 <= self.hold_out < 1:
            raise SpmError(f"a hold-out of {self.hold_out} is no share: give 0 or more and less than 1")
        if not 0 <= self.min_p_positive <= 1:
            raise SpmError(f"a probability of {self.min_p_positive} is none: give 0 to 1")
        if self.outcome_sd is not None and not (math.isfinite(self.outcome_sd) and self.outcome_sd >= 0):
            raise SpmError(f"a standard deviation of {self.outcome_sd} is none: give 0 or more")


@dataclass(frozen=True)
class Options:
    """Candidates as arrays, sorted by rep and program, so that their order changes nothing.

    Attributes:
        rows: (n,) the candidates.
        reps: (R,) ids, ascending.
        programs: (P,) ids, ascending.
        teams: (T,) names, ascending.
        rep: (n,) place in `reps`.
        program: (n,) place in `programs`.
        team: (n,) place in `teams`.
        effect: (n,) NaN where none is claimed.
        net: (n,) effect − time lost.
        cost: (n,) minor units, NaN where unknown.
        loadings: (n, k).
        own_variance: (n,).
    """

    rows: tuple[Candidate, ...]
    reps: tuple[str, ...]
    programs: tuple[str, ...]
    teams: tuple[str, ...]
    rep: Places
    program: Places
    team: Places
    effect: Numbers
    net: Numbers
    cost: Numbers
    loadings: Numbers
    own_variance: Numbers

    def numbers(self, name: str) -> Numbers:
        """(n,) one attribute of the candidates, NaN where it is unknown."""
        return _numbers(getattr(row, name) for row in self.rows)

    @property
    def team_of_rep(self) -> Places:
        """(R,) place of each rep's team."""
        team = np.zeros(len(self.reps), dtype=np.int64)
        team[self.rep] = self.team
        return team


def options_of(candidates: Sequence[Candidate], limits: Limits, shared: int) -> Options:
    """Sorts and checks the candidates.

    Args:
        candidates: In any order.
        limits: Whose seats must name known programs.
        shared: Number of shared coefficients, k.

    Raises:
        SpmError: A rep and program is there twice, loadings do not fit the covariance, a time lost or priority is
            not finite, a rep is in two teams, or seats name an unknown program.
    """
    rows = tuple(sorted(candidates, key=lambda row: (row.rep_id, row.program_id)))
    for earlier, later in pairwise(rows):
        if (earlier.rep_id, earlier.program_id) == (later.rep_id, later.program_id):
            raise SpmError(f"rep {later.rep_id!r} and program {later.program_id!r} are given twice: give each once")
        if earlier.rep_id == later.rep_id and earlier.team != later.team:
            raise SpmError(f"rep {later.rep_id!r} is in two teams, {earlier.team!r} and {later.team!r}: give one")
    for row in rows:
        if len(row.loadings) not in (0, shared) or not all(map(math.isfinite, row.loadings)):
            raise SpmError(
                f"rep {row.rep_id!r} and program {row.program_id!r} have the loadings {row.loadings}: "
                f"give {shared} finite numbers, one for each row of the covariance"
            )
        if not all(map(math.isfinite, (row.time_lost, row.gap, row.order))):
            raise SpmError(
                f"rep {row.rep_id!r} and program {row.program_id!r}: time lost, gap or priority is not finite"
            )
    reps, programs = sorted({row.rep_id for row in rows}), sorted({row.program_id for row in rows})
    teams = sorted({row.team for row in rows})
    if rows and (unknown := sorted(set(limits.seats) - set(programs))):
        raise SpmError(
            f"seats are given for program {unknown[0]!r}, and no such program can be taken"
            f"{did_you_mean(unknown[0], programs)}; there are {', '.join(programs)}"
        )
    effect = _numbers(row.effect for row in rows)
    effect[~np.isfinite(effect)] = np.nan
    own = _numbers(row.own_sd for row in rows)
    return Options(
        rows=rows,
        reps=tuple(reps),
        programs=tuple(programs),
        teams=tuple(teams),
        rep=_places((row.rep_id for row in rows), reps),
        program=_places((row.program_id for row in rows), programs),
        team=_places((row.team for row in rows), teams),
        effect=effect,
        net=effect - _numbers(row.time_lost for row in rows),
        cost=_numbers(row.cost for row in rows),
        loadings=np.array([row.loadings or (0.0,) * shared for row in rows], dtype=float).reshape(len(rows), shared),
        own_variance=np.where(np.isfinite(own), own, 0.0) ** 2,
    )


def _numbers(values: Iterable[float | None]) -> Numbers:
    return np.array([np.nan if value is None else value for value in values], dtype=float)


def _places(values: Iterable[str], known: Sequence[str]) -> Places:
    place = {name: at for at, name in enumerate(known)}
    return np.array([place[value] for value in values], dtype=np.int64)
