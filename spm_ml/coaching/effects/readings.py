"""An outcome of all trials beside what was to be expected of it: computed once, read for every program."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from spm_ml.coaching.effects.aipw import Estimate, Floats
from spm_ml.coaching.effects.panel import Panel
from spm_ml.coaching.effects.trials import Trials

FIRST_FULL_PERIOD: Final = 1
"""Periods from the start of a program to the outcome that its effect is read from."""


@dataclass(frozen=True, eq=False)
class Reading:
    """An outcome of each trial.

    Attributes:
        trials: The decisions.
        outcome: (n,) NaN = unknown.
        expected: (n,) what was to be expected of it without any program.
    """

    trials: Trials
    outcome: Floats
    expected: Floats

    def effect(self, program: int) -> Estimate | str:
        """Of a program on the outcome, or why there is none."""
        return self.trials.effect(program, self.outcome, self.expected)


@dataclass(eq=False)
class Readings:
    """Attainment and behaviours around the start of programs, each computed when it is first asked for.

    An outcome before the start is read against what was known on the eve of its own period: no later decision or
    result is in it.
    """

    panel: Panel
    seed: int
    _trials: dict[int, Trials] = field(default_factory=dict)
    _attainment: dict[int, Reading] = field(default_factory=dict)
    _behaviours: dict[str, Reading] = field(default_factory=dict)

    def trials(self, back: int = 0) -> Trials:
        """With what was known `back` periods before the decision."""
        if back not in self._trials:
            self._trials[back] = Trials.of(self.panel, back=back, seed=self.seed)
        return self._trials[back]

    def attainment(self, lag: int = FIRST_FULL_PERIOD) -> Reading:
        """Of the period `lag` periods after the one in which the program starts."""
        if lag not in self._attainment:
            self._attainment[lag] = self._reading(self.trials(max(-lag, 0)), self.panel.attainment, lag)
        return self._attainment[lag]

    def behaviour(self, slug: str) -> Reading:
        """In the first full period, standard deviations of peers, positive = better."""
        if slug not in self._behaviours:
            self._behaviours[slug] = self._reading(self.trials(), self.panel.behaviours[slug], FIRST_FULL_PERIOD)
        return self._behaviours[slug]

    @staticmethod
    def _reading(trials: Trials, values: Floats, lag: int) -> Reading:
        outcome = trials.outcome(values, lag)
        return Reading(trials, outcome, trials.expected(outcome))
