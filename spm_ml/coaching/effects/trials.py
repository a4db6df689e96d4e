"""Target trials of all programs at once, with the nuisances that they share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from spm_ml.coaching.effects.aipw import TRIM, Bools, Estimate, Floats, Ints, aipw
from spm_ml.coaching.effects.covariates import design
from spm_ml.coaching.effects.nuisances import Assignment, assignment, expected_untreated, folds
from spm_ml.coaching.effects.panel import Panel


@dataclass(frozen=True, eq=False)
class Trials:
    """Decisions on eligible reps, one a row, with what was known `back` periods before the decision.

    Attributes:
        panel: Where outcomes are read.
        rep, t: (n,) rep and period of the decision.
        sent: (n,) whether the rep started any program.
        program: (n,) which; −1 where none, an unknown one, or several at once.
        design: (n, m) standardised covariates.
        fold: (n,) for cross-fitting, by rep.
        assignment: Chances of being sent.
    """

    panel: Panel
    rep: Ints
    t: Ints
    sent: Bools
    program: Ints
    design: Floats
    fold: Ints
    assignment: Assignment

    @classmethod
    def of(cls, panel: Panel, *, back: int = 0, seed: int = 0) -> Self:
        """All trials of a panel; `back` > 0 takes the covariates from that many periods before the decision."""
        rows = np.full(panel.row.shape, -1, dtype=np.int64)
        rows[:, back:] = panel.row[:, : max(panel.row.shape[1] - back, 0)]
        rep, t = np.nonzero(panel.eligible() & (rows >= 0))
        started = panel.starts[rep, t]
        program = np.where(started.sum(axis=1) == 1, started.argmax(axis=1), -1) if started.size else rep * 0 - 1
        row, sent, fold = rows[rep, t], panel.busy[rep, t], folds(rep, seed)
        known = design(panel.known[row], (panel.segment[row], t))
        chances = assignment(known, sent, program, panel.starts.shape[2], fold)
        return cls(panel, rep, t, sent, program, known, fold, chances)

    def expected(self, outcome: Floats) -> Floats:
        """(n,) of an outcome (n,) without any program."""
        return expected_untreated(self.design, outcome, ~self.sent, self.fold)

    def outcome(self, values: Floats, lag: int) -> Floats:
        """(n,) values (R, T) of the period `lag` periods after the decision."""
        return self.panel.shifted(values, lag)[self.rep, self.t]

    @property
    def bounds(self) -> tuple[float, float]:
        """Chances of being sent within which reps are compared: `TRIM`, lower where few are sent at all."""
        return min(TRIM[0], float(self.sent.mean()) / 4) if len(self.sent) else TRIM[0], TRIM[1]

    def compared(self, program: int, outcome: Floats) -> Bools:
        """(n,) rows that a program's trial compares: those who took it alone, and those who took none."""
        return np.asarray(((self.program == program) | ~self.sent) & np.isfinite(outcome))

    def effect(self, program: int, outcome: Floats, expected: Floats) -> Estimate | str:
        """Effect of a program on an outcome (n,) of which `expected` (n,) was to be expected without any."""
        rows = self.compared(program, outcome)
        return aipw(
            outcome[rows],
            self.program[rows] == program,
            expected[rows],
            self.assignment.odds(program)[rows],
            self.rep[rows],
            overlap=self.assignment.sent[rows],
            trim=self.bounds,
        )
