"""Who sells in the hold-out world, since when, and how well: settled reps, leavers, their successors, a team each."""

from dataclasses import dataclass, fields
from typing import Self

import numpy as np

from benchmarks.holdout_world.days import Days
from benchmarks.holdout_world.law import BREAK, OPENED_BY_MONTH, SEGMENTS
from spm_ml.simulation.world import Bools, Floats, Ints

NEVER = 10**6
"""A day that does not come."""
REGIONS = ("North", "South", "Alps")
_TEAM_SIZE, _LEAVES_A_DAY, _GROWTH, _SHORTEST_STAY = 7, 0.00065, 0.12, 90
_ROUNDED_TO = 10_000
_RAMP_DAYS, _OPENED_AT_HIRE = 130, 0.2
_EFFORT_SPREAD, _SKILL_SPREAD, _SIZE_SPREAD, _SKILL_STEP = 0.22, 0.35, 0.20, 0.06
_MARKET_SPREAD, _MARKET_MEMORY, _TEAM_SPREAD, _MARKET_ON_OPENED = 0.12, 0.7, 0.08, 0.6


@dataclass(frozen=True)
class Staff:
    """P reps, leavers and successors included; days are selling days.

    Attributes:
        hired, left: (P,) first and last day of work; `NEVER` = still there; before the first day: negative.
        hired_on: (P,) calendar day.
        team: (P,) index; a rep keeps it.
        heir: (P,) who takes over the open deals of a leaver: the one rep of the team who never leaves.
        effort, size: (P,) log factors on the rounds opened and on amounts.
    """

    hired: Ints
    left: Ints
    hired_on: Ints
    team: Ints
    heir: Ints
    effort: Floats
    size: Floats

    @classmethod
    def draw(cls, days: Days, seats: int, rng: np.random.Generator) -> Self:
        """Fills `seats` seats and refills those of leavers."""
        team_of_seat = np.arange(seats) // _TEAM_SIZE
        anchor = np.arange(seats) % _TEAM_SIZE == 0
        seat, hired = np.arange(seats), np.full(seats, -1)
        grows = ~anchor & (rng.random(seats) < _GROWTH)
        hired[grows] = rng.integers(days.first_of(days.first_reported), int(0.8 * days.last), grows.sum())
        parts = []
        while len(seat):
            stay = _SHORTEST_STAY + rng.geometric(_LEAVES_A_DAY, len(seat))
            left = np.where(anchor[seat], NEVER, np.maximum(hired, 0) + stay)
            left = np.where(left > days.last, NEVER, left)
            parts.append((seat, hired, left))
            after = left + rng.integers(5, 45, len(seat))
            again = after < days.last - 5
            seat, hired = seat[again], after[again]
        seat, hired, left = (np.concatenate(column) for column in zip(*parts, strict=True))
        before = days.calendar[0] - 150 - rng.exponential(900, len(seat)).astype(np.int64)
        hired_on = np.where(hired < 0, before, days.calendar[np.maximum(hired, 0)])
        hired = np.where(hired < 0, (before - days.calendar[0]) * 5 // 7, hired)
        return cls(
            hired=hired,
            left=left,
            hired_on=hired_on,
            team=team_of_seat[seat],
            heir=_TEAM_SIZE * team_of_seat[seat],
            effort=_EFFORT_SPREAD * rng.normal(size=len(seat)),
            size=_SIZE_SPREAD * rng.normal(size=len(seat)),
        )

    @property
    def count(self) -> int:
        """P."""
        return len(self.hired)

    @property
    def teams(self) -> int:
        """How many teams there are."""
        return int(self.team.max()) + 1

    @property
    def segment(self) -> Ints:
        """(P,) segment of each rep's team."""
        return segments_of_teams(self.teams)[self.team]

    def at_work(self, first: int, last: int) -> Floats:
        """(days, P) share of full speed on each day: new hires ramp up, the absent open no round."""
        day = np.arange(first, last + 1)[:, None]
        grown = np.clip((day - self.hired) / _RAMP_DAYS, 0.0, 1.0)
        present = (self.hired <= day) & (day <= self.left)
        return np.asarray((_OPENED_AT_HIRE + (1 - _OPENED_AT_HIRE) * grown) * present)

    def owner(self, rep: Ints, day: Ints | int) -> Ints:
        """Who owns a rep's deals at the beginning of a day."""
        return np.where(day > self.left[rep], self.heir[rep], rep)

    def amounts(self, rep: Ints, relative: Floats, broken: Bools) -> Ints:
        """Amounts in minor units, rounded, from those relative to the rep's typical one.

        Args:
            rep: (n,) who opened the round.
            relative: (n,) amounts ÷ typical ones.
            broken: (n,) whether the round was opened after the break.
        """
        median = np.array([segment.median_amount for segment in SEGMENTS])[self.segment]
        typical = (median * np.exp(self.size))[rep] * np.where(broken, BREAK.amount, 1.0)
        return np.asarray(np.maximum(np.round(relative * typical / _ROUNDED_TO), 1).astype(np.int64) * _ROUNDED_TO)


def segments_of_teams(teams: int) -> Ints:
    """Deals segments out to teams so that each running count stays closest to its share."""
    shares = np.array([segment.team_share for segment in SEGMENTS])
    chosen: list[int] = []
    for number in range(1, teams + 1):
        chosen.append(int(np.argmax(shares * number - np.bincount(chosen, minlength=len(shares)))))
    return np.array(chosen, dtype=np.int64)


@dataclass(frozen=True)
class Climate:
    """What moves chances from month to month: M months of it, in logits.

    Attributes:
        market: (M,) first-order autoregressive, shared by everybody.
        team: (M, T) independent shocks of teams.
        skill: (M, P) a random walk of each rep.
    """

    market: Floats
    team: Floats
    skill: Floats

    @classmethod
    def draw(cls, staff: Staff, months: int, rng: np.random.Generator) -> Self:
        """Draws all months."""
        now = cls(
            market=_MARKET_SPREAD * rng.normal(size=1),
            team=_TEAM_SPREAD * rng.normal(size=(1, staff.teams)),
            skill=_SKILL_SPREAD * rng.normal(size=(1, staff.count)),
        )
        return now.continued(0, months - 1, rng)

    def continued(self, month: int, more: int, rng: np.random.Generator) -> Self:
        """The climate up to a month as it was, and `more` months drawn anew from their law."""
        steps = np.sqrt(1 - _MARKET_MEMORY**2) * _MARKET_SPREAD * rng.normal(size=more)
        market = list(self.market[: month + 1])
        for step in steps:
            market.append(_MARKET_MEMORY * market[-1] + step)
        team = _TEAM_SPREAD * rng.normal(size=(more, self.team.shape[1]))
        walk = np.cumsum(_SKILL_STEP * rng.normal(size=(more, self.skill.shape[1])), axis=0)
        return type(self)(
            market=np.array(market),
            team=np.concatenate([self.team[: month + 1], team]),
            skill=np.concatenate([self.skill[: month + 1], self.skill[month] + walk]),
        )

    def between(self, first: int, last: int) -> Self:
        """The months from `first` to `last`, both included."""
        return type(self)(**{column.name: getattr(self, column.name)[first : last + 1] for column in fields(self)})


@dataclass(frozen=True)
class Rates:
    """What a settled rep does in each of M months.

    Attributes:
        opened: (M, P) rounds opened a day.
        serious: (M, P) chance that one of them ends with a purchase.
    """

    opened: Floats
    serious: Floats

    @classmethod
    def of(cls, days: Days, staff: Staff, climate: Climate, first: int = 0) -> Self:
        """Rates of the months of a climate whose first month is `first`."""
        start = days.first_days_of_months()[first : first + len(climate.market)]
        broken = days.broken[start][:, None]
        base_opened, base_serious = (
            np.array([getattr(segment, name) for segment in SEGMENTS])[staff.segment] for name in ("opened", "serious")
        )
        season = OPENED_BY_MONTH[days.month_of_year[start]][:, None]
        mood = np.exp(_MARKET_ON_OPENED * climate.market)[:, None]
        opened = base_opened * np.exp(staff.effort) * season * mood * np.where(broken, BREAK.opened, 1.0)
        logit = np.log(base_serious / (1 - base_serious)) + climate.skill + climate.market[:, None]
        logit = logit + climate.team[:, staff.team] + np.where(broken, BREAK.serious, 0.0)
        return cls(opened=opened, serious=1 / (1 + np.exp(-logit)))
