"""What would have happened untrained and who gets sent, learnt without the rep in question.

The decision is taken in two steps, so its chance is learnt in two: sent anywhere from everybody, then which program
from those sent. Untrained reps are the same whichever program is asked about, so their outcome is learnt once for all.
Source: Chernozhukov et al. (2018) for cross-fitting.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression, RidgeCV

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

FOLDS: Final = 5
_ALPHAS: Final = np.logspace(0, 4, 9)
_SENT_STRENGTH, _CHOICE_STRENGTH = 1.0, 0.05
"""Inverse penalties of the logits: many rows decide who is sent, few which program."""


@dataclass(frozen=True, eq=False)
class Assignment:
    """Cross-fitted chances of a decision.

    Attributes:
        sent: (n,) chance of being sent anywhere.
        program: (n, P) chance of each program, given that the rep is sent.
    """

    sent: Floats
    program: Floats

    def odds(self, program: int) -> Floats:
        """(n,) chance of a program ÷ chance of none."""
        return np.asarray(self.sent * self.program[:, program] / (1 - self.sent))


def folds(cluster: Ints, seed: int) -> Ints:
    """(n,) fold of each row; a cluster lies in one fold."""
    size = int(cluster.max()) + 1 if len(cluster) else 0
    return np.asarray(np.random.default_rng(seed).permutation(size) % FOLDS)[cluster]


def assignment(design: Floats, sent: Bools, program: Ints, programs: int, fold: Ints) -> Assignment:
    """Learns who is sent, and to which program.

    Args:
        design: (n, m) standardised covariates.
        sent: (n,) sent anywhere.
        program: (n,) which program, −1 where none or several.
        programs: How many there are.
        fold: (n,) from `folds`.
    """
    chance = np.full(len(sent), np.clip(sent.mean() if len(sent) else 0.0, 1e-6, 1 - 1e-6))
    which = np.zeros((len(sent), max(programs, 1)))
    for number in range(FOLDS):
        fit, use = fold != number, fold == number
        if not use.any():
            continue
        if design.shape[1] and 0 < sent[fit].sum() < fit.sum():
            model = LogisticRegression(C=_SENT_STRENGTH, solver="newton-cholesky").fit(design[fit], sent[fit])
            chance[use] = np.clip(model.predict_proba(design[use])[:, 1], 1e-6, 1 - 1e-6)
        chosen = fit & (program >= 0)
        offered = np.unique(program[chosen])
        if len(offered) == 1:
            which[np.ix_(use, offered)] = 1.0
        elif len(offered) > 1 and not design.shape[1]:
            which[np.ix_(use, offered)] = (program[chosen][:, None] == offered).mean(axis=0)
        elif len(offered) > 1:
            choice = LogisticRegression(C=_CHOICE_STRENGTH, max_iter=1000).fit(design[chosen], program[chosen])
            which[np.ix_(use, offered)] = choice.predict_proba(design[use])
    return Assignment(chance, which)


def expected_untreated(design: Floats, outcomes: Floats, untreated: Bools, fold: Ints) -> Floats:
    """(n,) outcome each row would have without treatment, by ridge regression on the untreated of other folds.

    Args:
        design: (n, m) standardised covariates.
        outcomes: (n,) NaN = unknown.
        untreated: (n,).
        fold: (n,) from `folds`.
    """
    known = np.isfinite(outcomes) & untreated
    expected = np.full(len(outcomes), outcomes[known].mean() if known.any() else np.nan)
    for number in range(FOLDS):
        fit, use = (fold != number) & known, fold == number
        if fit.any() and use.any() and design.shape[1]:
            expected[use] = RidgeCV(alphas=_ALPHAS).fit(design[fit], outcomes[fit]).predict(design[use])
    return expected
