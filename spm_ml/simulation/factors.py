"""How skills, territory, energy and shocks turn into the rates of the deal kernel, and into expected bookings."""

from dataclasses import dataclass, replace

import numpy as np

from spm_ml.simulation.book import Rates
from spm_ml.simulation.deals import LAST_STAGE
from spm_ml.simulation.people import NEVER, People, Presence
from spm_ml.simulation.timeline import Timeline
from spm_ml.simulation.world import Bools, Floats, Ints, World

_GROWTH = 1.012
"""Prices a period."""
_CREATED_AT_HIRE = 0.15
_SKILL_ON_LOSSES, _LUCK_ON_LOSSES = 0.7, 0.5


@dataclass(frozen=True)
class Shocks:
    """What nobody can know before: log units.

    Attributes:
        period: (Q,) of everybody's win rate in a period.
        team: (Q, T) of a team's.
        effort: (Q, P) a rep's energy.
        motivation: (Q, P) standard deviations of what makes a rep volunteer and sell; 0 where `Knobs` leave it out.
    """

    period: Floats
    team: Floats
    effort: Floats
    motivation: Floats

    @classmethod
    def draw(cls, world: World, people: People, periods: int, rng: np.random.Generator) -> "Shocks":
        """Draws the shocks of all periods; energy is autoregressive with coefficient 0.6, motivation with 0.8."""
        teams, shape = len(people.team_segment), (periods, people.count)
        effort = _autoregressive(0.6, shape, rng)
        period, team = rng.normal(size=periods), rng.normal(size=(periods, teams))
        hidden = world.knobs.motivation or world.knobs.volunteering
        return cls(
            period=world.period_shock * period,
            team=world.team_shock * team,
            effort=world.effort_spread * effort,
            motivation=_autoregressive(0.8, shape, rng) if hidden else np.zeros(shape),
        )


def _autoregressive(coefficient: float, shape: tuple[int, int], rng: np.random.Generator) -> Floats:
    """(Q, P) standard normal, of first order over the periods."""
    path = rng.normal(size=shape)
    for period in range(1, shape[0]):
        path[period] = coefficient * path[period - 1] + np.sqrt(1 - coefficient**2) * path[period]
    return path


def ramp(world: World, people: Presence, day: int) -> Floats:
    """(P,) share of full pipeline creation that a rep has reached."""
    if world.knobs.ramp_days == 0:
        return np.ones(people.count)
    grown = np.clip((day - people.hired_on) / world.knobs.ramp_days, 0, 1)
    return np.asarray(_CREATED_AT_HIRE + (1 - _CREATED_AT_HIRE) * grown)


def period_rates(
    world: World, people: People, shocks: Shocks, skill: Floats, period: int, number: int, lost_share: Floats
) -> Rates:
    """Rates of a period before ramp and presence.

    Args:
        world: Loadings and seasonality.
        people: Territories and hours.
        shocks: Of all periods.
        skill: (P, K) in this period.
        period: Index.
        number: The period's number in its fiscal year, 1 …
        lost_share: (P,) of the period's selling days spent in programs.
    """
    season = world.seasonality[(number - 1) % len(world.seasonality)]
    luck = shocks.period[period] + shocks.team[period, people.team[period]]
    drive = world.knobs.motivation * shocks.motivation[period]
    energy = np.exp(shocks.effort[period] + drive + season)
    reach = people.potential[period] * people.fte[period] * (1 - lost_share)
    base = np.array([each.created for each in world.segments])[people.segment]
    unskilled = Rates(
        created=base * energy * reach,
        speed=np.ones(people.count),
        win=np.exp(luck + drive),
        lose=np.exp(-_LUCK_ON_LOSSES * luck),
        size=np.full(people.count, _GROWTH**period),
        colleague=np.arange(people.count),
    )
    return improved(unskilled, skill, world)


def improved(rates: Rates, gain: Floats, world: World) -> Rates:
    """The rates with skills (P, K) higher by `gain`; each skill drives one of them by its loading."""
    prospecting, qualification, negotiation, value = (gain * np.array(world.loadings)).T
    return replace(
        rates,
        created=rates.created * np.exp(prospecting),
        speed=rates.speed * np.exp(qualification),
        win=rates.win * np.exp(negotiation),
        lose=rates.lose * np.exp(-_SKILL_ON_LOSSES * negotiation),
        size=rates.size * np.exp(value),
    )


def lucky(rates: Rates, more: Floats) -> Rates:
    """The rates with more of the shared luck, in log units."""
    return replace(rates, win=rates.win * np.exp(more), lose=rates.lose * np.exp(-_LUCK_ON_LOSSES * more))


def week_rates(
    rates: Rates, world: World, people: Presence, timeline: Timeline, week: int, rng: np.random.Generator
) -> Rates:
    """The period's rates in a week: new hires ramp, the absent create nothing, a colleague is drawn for splits."""
    period = int(timeline.week_period[week])
    active = people.active(week)
    created = rates.created * ramp(world, people, int(timeline.week_start[week])) * active
    return Rates(created, rates.speed, rates.win, rates.lose, rates.size, colleagues(active, people.team[period], rng))


def colleagues(active: Bools, team: Ints, rng: np.random.Generator) -> Ints:
    """(P,) a random other active rep of each rep's team; the rep itself where there is none.

    >>> colleagues(np.array([True, True, True]), np.array([0, 0, 1]), np.random.default_rng(0)).tolist()
    [1, 0, 2]
    """
    size = int(team.max()) + 1
    members = np.flatnonzero(active)
    members = members[np.argsort(team[members], kind="stable")]
    count = np.bincount(team[members], minlength=size)
    start = np.cumsum(count) - count
    place = np.full(len(team), NEVER, dtype=np.int64)
    place[members] = np.arange(len(members)) - start[team[members]]
    others = np.maximum(count[team] - active, 1)
    step = (rng.random(len(team)) * others).astype(np.int64)
    chosen = np.where(active, (place + 1 + step) % np.maximum(count[team], 1), step)
    available = count[team] > active
    index = np.clip(start[team] + chosen, 0, max(len(members) - 1, 0))
    if not len(members):
        return np.arange(len(team))
    return np.where(available, members[index], np.arange(len(team)))


def steady_bookings(world: World, rates: Rates, segment: Ints) -> Floats:
    """(P,) expected bookings of a week, minor units, if the rates held for ever.

    Expectation of the competing hazards over stages and urgency (five-point Gauss–Hermite), close-date effects left
    out. It sets the first quotas and states what a program is worth; it is not used by the oracle's forecasts.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(5)
    spread = world.urgency_spread
    value = np.zeros(len(segment))
    advance, lose, win = (
        np.array([getattr(each, name) for each in world.segments]) for name in ("advance", "lose", "win")
    )
    for node, weight in zip(nodes, weights / weights.sum(), strict=True):
        urgency = np.exp(spread * node - spread**2 / 2)
        chance = np.zeros(len(segment))
        for stage in range(LAST_STAGE - 1, -1, -1):
            forward = advance[segment, stage] * rates.speed * urgency if stage < LAST_STAGE - 1 else 0.0
            won = win[segment, stage] * rates.win * urgency
            total = won + forward + lose[segment, stage] * rates.lose
            chance = (won + forward * chance) / total
        value += weight * chance
    median, spreads = (
        np.array([getattr(each, name) for each in world.segments])[segment]
        for name in ("median_amount", "amount_spread")
    )
    size = 100 * median * np.exp(spreads**2 / 2) * (1 + 5 * world.knobs.whale) * rates.size
    return np.asarray(rates.created * value * size)
