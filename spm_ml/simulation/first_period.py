"""What better skills bring in one period: less than for ever, as pipeline created better today is mostly won later.

An expectation without chance: the mass of the pipeline, in money, is carried from week to week over stages and urgency
(five-point Gauss–Hermite) by the hazards of `simulation.deals`. Close days that reps write down are averaged, discounts
too; reversals, second credits and deals taken over from leavers are left out.
"""

from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np

from spm_ml.simulation.book import Rates
from spm_ml.simulation.deals import Kernel
from spm_ml.simulation.engine import Course
from spm_ml.simulation.factors import improved, ramp
from spm_ml.simulation.world import STAGES, Floats, Ints, World

_NODES = 5
_BELIEF = (1.25, 1.25, 1.24, 1.22, 1.20, 1.18, 1.16, 1.13, 1.08, 1.02, 0.92, 0.81, 0.70)
"""What the written close days multiply the wins of a week with, by thirteenths of the period: the mean over open
deals where every natural hazard is planted. Late in a period the deals that are left are those expected after it."""
_DISCOUNT = 1 - 0.5 * 0.06 * np.sqrt(2 / np.pi)
"""Mean share of its amount that a won deal keeps."""


@dataclass(frozen=True)
class Pipelines:
    """Expected open pipelines, carried forward week by week.

    Attributes:
        course: What happened.
        kernel: Its hazards.
        urgency: (nodes,) what the speed of a deal is multiplied with.
        share: (nodes,) of the created deals.
        eve: Of each reported period, (stages, P, nodes) minor units open on its eve.
    """

    course: Course
    kernel: Kernel
    urgency: Floats
    share: Floats
    eve: dict[int, Floats]

    @classmethod
    def of(cls, course: Course) -> Self:
        """Carries the pipeline through the whole history at the rates that were."""
        nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
        spread = course.world.urgency_spread
        kernel = Kernel(course.world, course.timeline)
        pipelines = cls(course, kernel, np.exp(spread * nodes - spread**2 / 2), weights / weights.sum(), {})
        open_now = np.zeros((len(STAGES), course.people.count, _NODES))
        everybody = np.arange(course.people.count)
        for period, rates in enumerate(course.rates):
            if period >= course.timeline.first_reported:
                pipelines.eve[period] = open_now.copy()
            pipelines.play(open_now, rates, period, everybody)
        return pipelines

    def effect(self, period: int, rep: Ints, gain: Floats) -> Floats:
        """(n,) minor units booked in a period by reps with skills higher by `gain` (n, K) than they are in it."""
        now = _of(self.course.rates[period], rep)
        booked = [
            self.play(self.eve[period][:, rep], rates, period, rep)
            for rates in (now, improved(now, gain, self.course.world))
        ]
        return np.asarray(booked[1] - booked[0])

    def lost(self, period: int, rep: Ints, share: Floats) -> Floats:
        """(n,) minor units not booked in the period after one in which reps created pipeline only on the other days.

        Args:
            period: Index of the period in which the days were lost; there must be one after it.
            rep: (n,).
            share: (n,) of its selling days.
        """
        now, then = _of(self.course.rates[period], rep), _of(self.course.rates[period + 1], rep)
        missing = np.zeros((len(STAGES), len(rep), _NODES))
        self.play(missing, replace(now, created=now.created * share / (1 - share)), period, rep)
        return self.play(missing, replace(then, created=np.zeros(len(rep))), period + 1, rep)

    def play(self, open_now: Floats, rates: Rates, period: int, rep: Ints) -> Floats:
        """Carries pipelines (stages, n, nodes) through a period, in place; gives what is booked in it (n,).

        Args:
            open_now: Open on the eve.
            rates: (n,) of the period.
            period: Index.
            rep: (n,) whose they are.
        """
        world, timeline, people = self.course.world, self.course.timeline, self.course.people
        segment = people.segment[rep]
        advance, lose, win = (_by_stage(world, name)[:, segment] for name in ("advance", "lose", "win"))
        amount = _amount(world)[segment] * rates.size
        booked = np.zeros(len(rep))
        for week in timeline.weeks_of(period):
            load = float(timeline.week_load[week])
            belief = np.interp(timeline.progress[week], np.linspace(0, 1, len(_BELIEF)), _BELIEF)
            pressure, on_losses = self.kernel.pressure(week) * belief, self.kernel.pressure_on_losses(week)
            moved: Floats | float = 0.0
            for stage in range(len(STAGES)):
                mass = open_now[stage]
                won = (win[stage] * rates.win * pressure * load)[:, None] * self.urgency
                forward = (advance[stage] * rates.speed * load)[:, None] * self.urgency
                total = won + forward + (lose[stage] * rates.lose * on_losses * load)[:, None]
                closed = mass * -np.expm1(-total) / total
                booked += (closed * won).sum(axis=1)
                open_now[stage] = mass * np.exp(-total) + moved
                moved = closed * forward
            present = people.active(week)[rep]
            created = rates.created * load * amount * ramp(world, people, int(timeline.week_start[week]))[rep]
            open_now[0] += created[:, None] * self.share
            open_now *= present[:, None]
        return np.asarray(booked * _DISCOUNT)


def _by_stage(world: World, name: str) -> Floats:
    """(stages, segments) weekly hazards at average skill; nothing advances from the last stage."""
    hazards = np.zeros((len(STAGES), len(world.segments)))
    for place, segment in enumerate(world.segments):
        values = getattr(segment, name)
        hazards[: len(values), place] = values
    return hazards


def _amount(world: World) -> Floats:
    """(segments,) expected minor units of a deal at average skill, those that are forgotten counted as nothing."""
    median, spread = (
        np.array([getattr(segment, name) for segment in world.segments]) for name in ("median_amount", "amount_spread")
    )
    knobs = world.knobs
    return np.asarray(100 * median * np.exp(spread**2 / 2) * (1 + 5 * knobs.whale) * (1 - knobs.dormant))


def _of(rates: Rates, rep: Ints) -> Rates:
    return Rates(**{column.name: getattr(rates, column.name)[rep] for column in fields(rates)})
