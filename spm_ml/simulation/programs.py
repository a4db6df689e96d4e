"""Assessments of skills, who is sent to which program, and what the programs do to skills."""

from dataclasses import dataclass, field

import numpy as np

from spm_ml.simulation.people import People
from spm_ml.simulation.timeline import Timeline
from spm_ml.simulation.world import SKILLS, Bools, Floats, Ints, World

MANAGER, SELF, QUIZ = 0, 1, 2
_INCOMPLETE = 0.06
_NEWCOMER, _TENURE_DAYS = 2.2, 1200.0
_SCORE_MIDDLE, _SCORE_SCALE = 3.0, 0.8


def teaches(world: World) -> Floats:
    """(programs, K) 1 where a program claims to teach a skill."""
    return np.array([[float(skill in program.skills) for skill in SKILLS] for program in world.programs])


def gains(world: World, people: People, skill: Floats, day: int) -> Floats:
    """(P, programs, K) skill points that each program would give each rep on a day.

    They are the program's effect × the gap in the skill (or what stands in for it: how new the rep is, see
    `World.gain_by`) × the rep's own factor.
    """
    if world.gain_by == "gap":
        gap = np.clip(world.skill_target - skill, 0, 2.5)
    else:
        gap = np.broadcast_to(_NEWCOMER * np.exp(-people.tenure(day) / _TENURE_DAYS)[:, None], skill.shape)
    effect = np.array([world.effect_of(program) for program in world.programs])
    strength = effect * people.gain_factor
    return np.asarray(strength[:, :, None] * teaches(world)[None] * gap[:, None, :])


@dataclass
class Schooling:
    """Skills over time, and the assessments and enrolments so far: lists of equally long arrays."""

    world: World
    people: People
    gained: Floats
    perceived: Floats
    taken_in: Ints
    assessments: list[tuple[Ints, ...]] = field(default_factory=list)
    scores: list[Floats] = field(default_factory=list)
    enrolments: list[tuple[Ints, ...]] = field(default_factory=list)
    enrolment_gains: list[Floats] = field(default_factory=list)
    enrolment_scores: list[Floats] = field(default_factory=list)

    @classmethod
    def start(cls, world: World, people: People, rng: np.random.Generator) -> "Schooling":
        """Nobody has taken a program; managers have a first, vague impression of each rep."""
        vague = 0.5 * people.base_skill + 0.7 * rng.normal(size=people.base_skill.shape)
        never = np.full((people.count, len(world.programs)), -100, dtype=np.int64)
        return cls(world, people, np.zeros(people.base_skill.shape), vague, never)

    @property
    def skill(self) -> Floats:
        """(P, K) skills now."""
        return self.people.base_skill + self.gained

    def assess(self, day: int, present: Bools, rng: np.random.Generator) -> None:
        """Managers rate everybody, half take a quiz, everybody rates the own self (too high)."""
        who = np.flatnonzero(present)
        for assessor, noise, bias in ((MANAGER, 0.45, 0.0), (SELF, 0.6, 0.4), (QUIZ, 0.3, 0.0)):
            rated = who[rng.random(len(who)) < 0.5] if assessor == QUIZ else who
            seen = self.skill[rated] + rng.normal(bias, noise, (len(rated), len(SKILLS)))
            if assessor == MANAGER:
                self.perceived[rated] = seen
            shape = seen.shape
            rep, skill = np.repeat(rated, shape[1]), np.tile(np.arange(shape[1]), shape[0])
            self.assessments.append((rep, skill, np.full(len(rep), day), np.full(len(rep), assessor)))
            self.scores.append(np.clip(np.round(_SCORE_MIDDLE + _SCORE_SCALE * seen.ravel(), 1), 1, 5))

    def enrol(
        self,
        period: int,
        timeline: Timeline,
        attainment: Floats,
        eligible: Bools,
        motivation: Floats,
        rng: np.random.Generator,
    ) -> Floats:
        """Managers send reps after a bad period (H20); those who want to go are sent a little more often.

        Args:
            period: Index of the period in which the programs take place.
            timeline: For the days.
            attainment: (P,) of the period before; NaN counts as 1.
            eligible: (P,) who may be sent.
            motivation: (P,) standard deviations; moves the choice as far as `Knobs.volunteering` says.
            rng: Source of chance.

        Returns:
            (P,) selling days that the programs take.
        """
        world, people = self.world, self.people
        lack = 1 - np.clip(np.nan_to_num(attainment, nan=1.0), 0, 2)
        eager = 0.4 * people.willingness + world.knobs.volunteering * motivation
        wish = world.knobs.selection * lack + eager + rng.gumbel(size=people.count)
        wish[~eligible] = -np.inf
        count = int(rng.binomial(int(eligible.sum()), world.enrolment_rate))
        rep = np.sort(np.argsort(-wish, kind="stable")[:count])
        program = self._choose(rep, period, rng)
        chosen = program >= 0
        rep, program = rep[chosen], program[chosen]
        days = np.array([each.days for each in world.programs], dtype=np.int64)[program]
        weeks = timeline.weeks_of(period)
        week = weeks[rng.integers(0, max(len(weeks) // 3, 1), len(rep))]
        started = np.maximum(
            timeline.next_selling_day(timeline.week_start[week] + rng.integers(0, 5, len(rep))), people.hired_on[rep]
        )
        completed = timeline.next_selling_day(started + days + rng.integers(0, 15, len(rep)))
        completed = np.where(rng.random(len(rep)) < _INCOMPLETE, -1, completed)
        gain = gains(world, people, self.skill, timeline.start_of(period))[rep, program] * (completed >= 0)[:, None]
        flagged = rng.random(len(rep)) < world.knobs.flagged * (period >= len(timeline.periods) - 3)
        self.taken_in[rep, program] = period
        self.enrolments.append((rep, program, started, completed, np.full(len(rep), period), flagged.astype(np.int64)))
        self.enrolment_gains.append(gain)
        marks: Floats = np.clip(rng.normal(76, 9, len(rep)), 40, 100)
        self.enrolment_scores.append(np.round(marks))
        lost = np.zeros(people.count)
        lost[rep] = days
        return lost

    def next_period(self, period: int) -> None:
        """Old gains fade, and those of the programs taken in the period before `period` begin to work."""
        self.gained *= 1 - self.world.fade
        for (rep, _, _, _, taken_in, _), gain in zip(self.enrolments[-1:], self.enrolment_gains[-1:], strict=True):
            self.gained[rep] += gain * (taken_in == period - 1)[:, None]

    def _choose(self, rep: Ints, period: int, rng: np.random.Generator) -> Ints:
        """The program whose skill the manager thinks is weakest, with noise; none twice within four periods."""
        matched = teaches(self.world)
        lack = (-self.perceived[rep] @ matched.T) / matched.sum(axis=1)
        score = 0.8 * lack + rng.gumbel(size=lack.shape)
        score[self.taken_in[rep] > period - 4] = -np.inf
        seats = np.maximum(1, [round(each.seats_share * self.people.count) for each in self.world.programs])
        choice = np.argmax(score, axis=1)
        place = np.array([np.sum(choice[:index] == choice[index]) for index in range(len(choice))], dtype=np.int64)
        allowed = np.isfinite(score[np.arange(len(rep)), choice]) & (place < seats[choice])
        return np.where(allowed, choice, -1)
