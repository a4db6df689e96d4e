"""Who works in a simulated organisation: seats and their holders, teams, territories, managers, true skills."""

from dataclasses import dataclass

import numpy as np

from spm_ml.simulation.timeline import Timeline
from spm_ml.simulation.world import SKILLS, Bools, Floats, Ints, World

NEVER = 10**6
"""A day or week that does not come."""

REGIONS = ("East", "West", "Central", "EMEA")
_TEAMS_A_DIRECTOR = 6
_FIRST_STAY_WEEKS = 20


@dataclass(frozen=True)
class Presence:
    """When reps work and in which team: P reps, leavers and their successors included, over Q periods.

    Attributes:
        hired_on, left_on: (P,) day numbers; `NEVER` = still there.
        hired_week, left_week: (P,) first and last week of work; first may be negative.
        segment: (P,) index into `World.segments`.
        team: (Q, P) index.
    """

    hired_on: Ints
    left_on: Ints
    hired_week: Ints
    left_week: Ints
    segment: Ints
    team: Ints

    @property
    def count(self) -> int:
        """Reps, leavers included."""
        return len(self.hired_on)

    def tenure(self, day: int) -> Ints:
        """(P,) days since each rep was hired; 0 before."""
        return np.maximum(day - self.hired_on, 0)

    def active(self, week: int) -> Bools:
        """(P,) who works in the week."""
        return (self.hired_week <= week) & (self.left_week >= week)

    def heirs(self, team: Ints, week: int, period: int, rng: np.random.Generator) -> Ints:
        """A random rep of each given team who works in the week and the next; -1 where there is none (H04)."""
        members = np.flatnonzero(self.active(week) & self.active(week + 1))
        members = members[np.argsort(self.team[period, members], kind="stable")]
        ordered = self.team[period, members]
        first, after = np.searchsorted(ordered, team), np.searchsorted(ordered, team, side="right")
        place = first + (rng.random(len(team)) * (after - first)).astype(np.int64)
        return np.where(after > first, np.append(members, -1)[np.minimum(place, len(members))], -1)


@dataclass(frozen=True)
class People(Presence):
    """Everything about the reps of a simulation; period axes include the burn-in and the running period.

    Attributes:
        seat: (P,) which of the seats a rep holds; a seat is held by one rep at a time.
        territory: (Q, P) index.
        potential, fte: (Q, P).
        team_segment, team_region: (T,).
        manager: (Q, T) index of the team's manager.
        manager_since: (M,) period from which a manager exists; `manager_until` the last one (Q: still there).
        base_skill: (P, K) skills at hiring, in standard deviations.
        willingness: (P,) how much a rep seeks training.
        gain_factor: (P, programs) what a program gives this rep, relative to the average.
        group: (P,) protected attribute: 0, 1 or 2.
        age_band: (P,) protected attribute.
        gamer: (P,) logs activity that did not happen.
    """

    seat: Ints
    territory: Ints
    potential: Floats
    fte: Floats
    team_segment: Ints
    team_region: Ints
    manager: Ints
    manager_since: Ints
    manager_until: Ints
    base_skill: Floats
    willingness: Floats
    gain_factor: Floats
    group: Ints
    age_band: Ints
    gamer: Bools

    @property
    def directors(self) -> int:
        """Directors between managers and the head; none in a small organisation."""
        teams = len(self.team_segment)
        return -(-teams // _TEAMS_A_DIRECTOR) if teams > _TEAMS_A_DIRECTOR else 0

    def employed_share(self, first_day: int, last_day: int) -> Floats:
        """(P,) share of the days for which each rep is employed."""
        overlap = np.minimum(self.left_on, last_day) - np.maximum(self.hired_on, first_day) + 1
        return np.asarray(np.clip(overlap, 0, None) / (last_day - first_day + 1))


def draw_people(world: World, timeline: Timeline, seats: int, rng: np.random.Generator) -> People:
    """Fills `seats` seats and refills them whenever somebody leaves."""
    knobs, periods = world.knobs, len(timeline.periods)
    team_of_seat = np.arange(seats) * max(1, round(seats / world.team_size)) // seats
    teams = int(team_of_seat[-1]) + 1
    seat, hired_week, left_week = _stays(world, timeline, seats, rng)
    people = len(seat)
    first, last = (
        timeline.week_start[np.clip(hired_week, 0, None)],
        timeline.week_end[np.clip(left_week, 0, timeline.weeks - 1)],
    )
    tenure_before = 150 + rng.exponential(800, people)
    hired_on = np.where(
        hired_week < 0, timeline.week_start[0] - tenure_before.astype(np.int64), timeline.next_selling_day(first)
    )
    left_on = np.where(left_week >= timeline.weeks, NEVER, last)
    team_segment = _segments_of_teams(world, teams)
    team, territory, moved = _moves(world, team_of_seat[seat], seat, team_segment, periods, seats, rng)
    group = rng.choice(3, size=people, p=(0.48, 0.48, 0.04))
    log_potential = rng.normal(0, 0.15, seats)[seat] - knobs.proxy * (group == 1)
    potential = np.round(np.exp(log_potential + np.cumsum(moved * rng.normal(0, 0.15, moved.shape), axis=0)), 2)
    manager, since, until = _managers(world, timeline, teams, rng)
    common = rng.normal(size=(people, 1))
    return People(
        seat=seat,
        hired_on=hired_on,
        left_on=left_on,
        hired_week=hired_week,
        left_week=left_week,
        segment=team_segment[team_of_seat[seat]],
        team=team,
        territory=territory,
        potential=potential,
        fte=_full_time(world, people, periods, rng),
        team_segment=team_segment,
        team_region=np.arange(teams) % len(REGIONS),
        manager=manager,
        manager_since=since,
        manager_until=until,
        base_skill=np.sqrt(0.25) * common + np.sqrt(0.75) * rng.normal(size=(people, len(SKILLS))),
        willingness=rng.normal(size=people),
        gain_factor=rng.lognormal(-0.03, 0.25, (people, len(world.programs))),
        group=group,
        age_band=rng.choice(3, size=people, p=(0.35, 0.45, 0.20)),
        gamer=rng.random(people) < knobs.gamed,
    )


def _stays(world: World, timeline: Timeline, seats: int, rng: np.random.Generator) -> tuple[Ints, Ints, Ints]:
    """Seat, first and last week of every rep: round by round, each round the successors of the last one's leavers."""
    knobs, horizon = world.knobs, timeline.weeks
    weekly = 1 - (1 - knobs.attrition) ** (1 / 52)
    starts = np.full(seats, -1, dtype=np.int64)
    first_reported = int(timeline.weeks_of(timeline.first_reported)[0])
    grows = rng.random(seats) < knobs.growth
    starts[grows] = rng.integers(2, first_reported + 2 * (horizon - first_reported) // 3, grows.sum())
    newcomers = rng.random(seats) < knobs.newcomers
    starts[newcomers] = rng.integers(horizon - 24, horizon - 8, newcomers.sum())
    seat, hired, left = [], [], []
    holder = np.arange(seats)
    while len(holder):
        stay = rng.geometric(weekly, len(holder)) + _FIRST_STAY_WEEKS if weekly > 0 else np.full(len(holder), NEVER)
        ends = np.minimum(np.maximum(starts, 0) + stay, NEVER)
        seat.append(holder)
        hired.append(starts)
        left.append(ends)
        gap = rng.integers(1, 9, len(holder))
        again = ends + gap < horizon - 2
        holder, starts = holder[again], (ends + gap)[again]
    order = np.argsort(np.concatenate(hired), kind="stable")
    return np.concatenate(seat)[order], np.concatenate(hired)[order], np.concatenate(left)[order]


def _segments_of_teams(world: World, teams: int) -> Ints:
    """Deals segments out to teams so that each running count stays closest to its share."""
    shares = np.array([segment.team_share for segment in world.segments])
    counts = np.zeros(len(shares))
    chosen = []
    for number in range(1, teams + 1):
        pick = int(np.argmax(shares * number - counts))
        counts[pick] += 1
        chosen.append(pick)
    return np.array(chosen, dtype=np.int64)


def _moves(
    world: World, first_team: Ints, seat: Ints, team_segment: Ints, periods: int, seats: int, rng: np.random.Generator
) -> tuple[Ints, Ints, Bools]:
    """Team and territory (Q, P), and where they changed (H09)."""
    moved = rng.random((periods, len(seat))) < world.knobs.moves
    moved[0] = False
    territory = np.where(moved, seats + np.cumsum(moved).reshape(moved.shape), 0)
    territory[0] = seat
    team = np.zeros(moved.shape, dtype=np.int64)
    team[0] = first_team
    for period in range(1, periods):
        territory[period] = np.where(moved[period], territory[period], territory[period - 1])
        same_segment = team_segment[None, :] == team_segment[team[period - 1]][:, None]
        other = np.argmax(np.where(same_segment, rng.random(same_segment.shape), -1), axis=1)
        team[period] = np.where(moved[period], other, team[period - 1])
    return team, territory, moved


def _full_time(world: World, people: int, periods: int, rng: np.random.Generator) -> Floats:
    """Full-time equivalents (Q, P); some reps change their hours once (H07)."""
    share = world.knobs.part_time
    always = np.where(rng.random(people) < share, rng.choice([0.5, 0.6, 0.8], people), 1.0)
    changes = rng.random(people) < share
    change_period = rng.integers(1, periods, people) if periods > 1 else np.ones(people, dtype=np.int64)
    later = np.where(changes & (np.arange(periods)[:, None] >= change_period), rng.choice([0.5, 0.8], people), always)
    return later.astype(np.float64)


def _managers(world: World, timeline: Timeline, teams: int, rng: np.random.Generator) -> tuple[Ints, Ints, Ints]:
    """Manager of each period and team (Q, T), first and last period of each manager (M,)."""
    periods = len(timeline.periods)
    changed = rng.random((periods, teams)) < world.knobs.manager_change
    changed[: timeline.first_reported + 1] = False
    newcomers = np.cumsum(changed).reshape(changed.shape)
    manager = np.zeros((periods, teams), dtype=np.int64)
    manager[0] = np.arange(teams)
    for period in range(1, periods):
        manager[period] = np.where(changed[period], teams - 1 + newcomers[period], manager[period - 1])
    count = int(manager.max()) + 1
    present = np.array([(manager == index).any(axis=1) for index in range(count)])
    return manager, present.argmax(axis=1), periods - 1 - present[:, ::-1].argmax(axis=1)
