"""What would be expected anyway: outcomes of each rep-period and the chance of each program, never fitted on the rep.

Source: Nie & Wager (2021), Quasi-oracle estimation of heterogeneous treatment effects, Biometrika 108(2), section 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression, Ridge, RidgeCV
from sklearn.model_selection import GroupKFold

from spm_ml.coaching.uplift.episodes import Episodes

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

FOLDS: Final = 5
BASELINE: Final = (0.25, 2.5)
"""Attainments between which a program's gain is taken to grow with what a rep would book anyway."""

_ALPHAS: Final = tuple(float(alpha) for alpha in np.logspace(0, 4, 9))
_OUTLIER: Final = 4.0
_LEAST_ROWS: Final = 20


@dataclass(frozen=True, eq=False)
class Outcome:
    """One outcome beside what was expected of it.

    Attributes:
        expected: Cross-fitted prediction whatever is taken, (n,).
        residual: Outcome − expected, outliers drawn in to four standard deviations, (n,); NaN where not known.
        variance: Of the residual, (n,).
    """

    expected: Floats
    residual: Floats
    variance: Floats

    @property
    def known(self) -> Bools:
        """(n,) rows with a residual."""
        return np.isfinite(self.residual)


def fold_of_rows(episodes: Episodes) -> npt.NDArray[np.int64]:
    """(n,) fold of each row; all rows of a rep share one. One fold where there are too few reps to split."""
    place = np.zeros(len(episodes.rep_id), dtype=np.int64)
    folds = min(FOLDS, len(np.unique(episodes.rep_id)))
    if folds < 2:
        return place
    for number, (_, use) in enumerate(GroupKFold(folds).split(episodes.covariates, groups=episodes.rep_id)):
        place[use] = number
    return place


def fit_outcome(episodes: Episodes, values: Floats, folds: npt.NDArray[np.int64]) -> Outcome:
    """Predicts an outcome (n,) by ridge regression on other reps' rep-periods."""
    known = np.isfinite(values)
    if known.sum() < _LEAST_ROWS:
        nothing = np.full(len(values), np.nan)
        middle = float(values[known].mean()) if known.any() else 1.0
        return Outcome(np.full(len(values), middle), nothing, np.ones(len(values)))
    middle, spread = float(np.median(values[known])), float(values[known].std())
    drawn_in = np.clip(values, middle - _OUTLIER * spread, middle + _OUTLIER * spread)
    expected = np.full(len(values), float(drawn_in[known].mean()))
    for fold in np.unique(folds):
        use = folds == fold
        fit = known & ~use
        if fit.sum() >= _LEAST_ROWS:
            model = RidgeCV(alphas=_ALPHAS).fit(episodes.covariates[fit], drawn_in[fit])
            expected[use] = model.predict(episodes.covariates[use])
    residual = values - expected
    variance = _variance(episodes, residual, known)
    limit = _OUTLIER * np.sqrt(variance)
    return Outcome(expected, np.clip(residual, -limit, limit), variance)


def fit_propensity(episodes: Episodes, folds: npt.NDArray[np.int64]) -> Floats:
    """(n, programs) chance of starting each program: of being sent, times of that one for those who are sent."""
    known = episodes.known
    programs = episodes.started.shape[1]
    sent = episodes.started.max(axis=1, initial=0.0)
    chance = np.zeros((len(known), programs))
    for fold in np.unique(folds):
        use = folds == fold
        fit = known & ~use if (known & ~use).any() else known
        share = (episodes.started[fit].sum(axis=0) + 1) / (episodes.started[fit].sum() + programs)
        going = _chance(episodes.covariates[fit], sent[fit], episodes.covariates[use])
        chance[use] = going[:, None] * _which(episodes, fit & (sent > 0), use, share)
    return np.clip(chance, 1e-4, 0.9)


def _chance(covariates: Floats, sent: Floats, of: Floats) -> Floats:
    """Chance of being sent anywhere."""
    if len(np.unique(sent)) < 2:
        return np.full(len(of), float(sent.mean()) if len(sent) else 0.0)
    model = LogisticRegression(C=0.05, max_iter=500).fit(covariates, sent)
    return np.asarray(model.predict_proba(of)[:, 1])


def _which(episodes: Episodes, fit: Bools, use: Bools, share: Floats) -> Floats:
    """(rows, programs) chance of each program for those who are sent, by what they lack."""
    chosen = episodes.started[fit].argmax(axis=1) if fit.any() else np.zeros(0, dtype=int)
    classes, counts = np.unique(chosen, return_counts=True)
    found = np.tile(share, (int(use.sum()), 1))
    if len(classes) < 2 or counts.sum() < 8 * len(classes):
        return found
    model = LogisticRegression(C=0.3, max_iter=500).fit(episodes.need[fit], chosen)
    found[:, model.classes_] = model.predict_proba(episodes.need[use])
    return found


def _variance(episodes: Episodes, residual: Floats, known: Bools) -> Floats:
    """(n,) variance of a residual by segment and rep: log squared residuals by ridge, rescaled to their mean.

    Source: Harvey (1976), Estimating Regression Models with Multiplicative Heteroscedasticity, Econometrica 44(3).
    """
    square = residual[known] ** 2
    overall = max(float(square.mean()), 1e-6)
    if known.sum() < 2 * _LEAST_ROWS:
        return np.full(len(known), overall)
    model = Ridge(alpha=20.0).fit(episodes.covariates[known], np.log(square + 0.01 * overall))
    shape = np.exp(model.predict(episodes.covariates))
    shape *= square.sum() / shape[known].sum()
    return np.asarray(np.clip(shape, 0.1 * overall, 10 * overall))


def persistent_error(episodes: Episodes, relative: Floats) -> float:
    """What a prediction keeps missing of the same rep: the root of the covariance of errors two periods in a row.

    Args:
        episodes: For reps and periods.
        relative: (n,) residual ÷ baseline; NaN where not known.
    """
    order = np.lexsort((episodes.t, episodes.rep_id.astype(str)))
    first, second = order[:-1], order[1:]
    pair = (episodes.rep_id[first] == episodes.rep_id[second]) & (episodes.t[second] == episodes.t[first] + 1)
    product = (relative[first] * relative[second])[pair]
    product = product[np.isfinite(product)]
    return float(np.sqrt(max(product.mean(), 0.0))) if len(product) > _LEAST_ROWS else 0.25
