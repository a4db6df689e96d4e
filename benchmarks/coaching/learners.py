"""Generic learners of individual effects, for comparison: T, X and DR, on any regression.

Source: Künzel, Sekhon, Bickel & Yu (2019), Metalearners for estimating heterogeneous treatment effects, PNAS 116(10);
Kennedy (2023), Towards optimal doubly robust estimation of heterogeneous causal effects, EJS 17(2), algorithm 1.
"""

from collections.abc import Callable
from typing import Final, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
from lightgbm import LGBMRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.coaching.setting import NOTHING, Setting

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

LEAST_TRAINED: Final = 5
"""Episodes of a program below which a learner takes those of all programs for it."""

_FOLDS: Final = 3
_LEAST_PROPENSITY: Final = 0.01
_ALPHAS: Final = tuple(float(alpha) for alpha in np.logspace(0, 5, 11))


class Regression(Protocol):
    """What learners need of a model."""

    def fit(self, X: Floats, y: Floats) -> object:  # noqa: N803 (scikit-learn's names)
        """Learns."""

    def predict(self, X: Floats) -> Floats:  # noqa: N803
        """(n,) predictions."""


Make: TypeAlias = Callable[[], Regression]
Learner: TypeAlias = Callable[[Setting, Make], Floats]


def boosting() -> Regression:
    """LightGBM, small trees."""
    model: Regression = LGBMRegressor(
        n_estimators=100, learning_rate=0.05, num_leaves=7, min_child_samples=10, n_jobs=1, verbosity=-1
    )
    return model


def ridge() -> Regression:
    """Ridge regression on standardised numbers, its penalty by leave-one-out."""
    model: Regression = make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler(), RidgeCV(alphas=_ALPHAS)
    )
    return model


def t_learner(setting: Setting, make: Make) -> Floats:
    """(m, programs) difference of two models: of those who took the program and of those who took none."""
    learn, now = setting.learnable, setting.known[setting.now]
    known, outcome, taken = setting.known[learn], setting.outcome[learn], setting.taken[learn]
    anyway = _fitted(make, known, outcome, taken == NOTHING).predict(now)
    arms = [_fitted(make, known, outcome, _arm(taken, program)).predict(now) for program in range(setting.programs)]
    return np.stack(arms, axis=1) - anyway[:, None]


def x_learner(setting: Setting, make: Make) -> Floats:
    """(m, programs) models of imputed effects on both sides, weighted by the chance of being sent."""
    learn, now = setting.learnable, setting.known[setting.now]
    known, outcome, taken = setting.known[learn], setting.outcome[learn], setting.taken[learn]
    none = taken == NOTHING
    anyway = _fitted(make, known, outcome, none)
    effects = []
    for program in range(setting.programs):
        arm = _arm(taken, program)
        if not arm.any():
            effects.append(np.zeros(len(now)))
            continue
        with_it = _fitted(make, known, outcome, arm)
        of_trained = _fitted(make, known[arm], outcome[arm] - anyway.predict(known[arm])).predict(now)
        of_others = _fitted(make, known[none], with_it.predict(known[none]) - outcome[none]).predict(now)
        chance = arm.sum() / (arm | none).sum()
        effects.append(chance * of_others + (1 - chance) * of_trained)
    return np.stack(effects, axis=1)


def dr_learner(setting: Setting, make: Make) -> Floats:
    """(m, programs) regression of doubly robust pseudo-outcomes, cross-fitted by rep."""
    learn, now = setting.learnable, setting.known[setting.now]
    known, outcome, taken = setting.known[learn], setting.outcome[learn], setting.taken[learn]
    none, effects = taken == NOTHING, []
    folds = list(GroupKFold(min(_FOLDS, len(np.unique(setting.rep[learn])))).split(known, groups=setting.rep[learn]))
    for program in range(setting.programs):
        arm = _arm(taken, program)
        pseudo = np.full(len(learn), np.nan)
        for fit, use in folds:
            chosen = np.zeros(len(learn), dtype=np.bool_)
            chosen[fit] = True
            anyway = _fitted(make, known, outcome, chosen & none).predict(known[use])
            with_it = _fitted(make, known, outcome, chosen & arm).predict(known[use])
            chance = _chance(known, arm, chosen & (arm | none), use)
            pseudo[use] = with_it - anyway
            pseudo[use] += np.where(arm[use], (outcome[use] - with_it) / chance, 0.0)
            pseudo[use] -= np.where(none[use], (outcome[use] - anyway) / (1 - chance), 0.0)
        effects.append(_fitted(make, known, pseudo, arm | none).predict(now))
    return np.stack(effects, axis=1)


def _arm(taken: npt.NDArray[np.int64], program: int) -> Bools:
    """Rows of a program; of all programs where it has too few."""
    own = taken == program
    return np.asarray(own if own.sum() >= LEAST_TRAINED else taken != NOTHING)


def _fitted(make: Make, known: Floats, values: Floats, rows: Bools | None = None) -> Regression:
    """A model of the rows; the mean where there are too few of them."""
    rows = np.ones(len(values), dtype=np.bool_) if rows is None else rows
    if rows.sum() < LEAST_TRAINED:
        return _Constant(float(values[rows].mean()) if rows.any() else 0.0)
    model = make()
    model.fit(known[rows], values[rows])
    return model


def _chance(known: Floats, arm: Bools, fit: Bools, use: npt.NDArray[np.int64]) -> Floats:
    """(use,) chance of the program against none, by logistic regression."""
    if not 0 < arm[fit].sum() < fit.sum():
        return np.full(len(use), max(float(arm[fit].mean()), _LEAST_PROPENSITY))
    model = make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True),
        StandardScaler(),
        LogisticRegression(C=0.01, max_iter=500),
    ).fit(known[fit], arm[fit])
    return np.asarray(np.clip(model.predict_proba(known[use])[:, 1], _LEAST_PROPENSITY, 1 - _LEAST_PROPENSITY))


class _Constant:
    """Predicts one number."""

    def __init__(self, value: float) -> None:
        self._value = value

    def fit(self, X: Floats, y: Floats) -> object:  # noqa: N803, ARG002
        """Learns nothing."""
        return self

    def predict(self, X: Floats) -> Floats:  # noqa: N803
        """(n,) the number."""
        return np.full(len(X), self._value)
