"""How a program comes to show in attainment: through four behaviours, and what is left beside them.

What a program does to a behaviour shows with a fraction of the noise of attainment, which a few deals decide. So each
behaviour has a regression of its own, and the funnel says how much of a lasting gain shows in the same period's
attainment (η). What attainment shows beyond that is the rest, whose effect the evidence keeps small or not. Surprises
in behaviours are taken out of attainment first, by least squares (λ), so that the regressions do not count the same
luck twice. Source: Athey, Chetty, Imbens & Kang (2019), The Surrogate Index, NBER 26463; with an effect of the rest
its assumption, that all goes through the surrogates, is not needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.linalg import block_diag
from sklearn.linear_model import Ridge

from spm_ml.coaching.programs import Program, kpi_of
from spm_ml.coaching.uplift.behaviour import BEHAVIOURS
from spm_ml.coaching.uplift.episodes import Episodes
from spm_ml.coaching.uplift.hierarchy import FEATURES, Prior, fit_hierarchy
from spm_ml.coaching.uplift.nuisances import (
    BASELINE,
    Outcome,
    fit_outcome,
    fit_propensity,
    fold_of_rows,
    persistent_error,
)

Floats = npt.NDArray[np.float64]

GAIN_PER_NEED: Final = 0.05
"""Log units that a taught behaviour gains for each standard deviation of need, before any outcome was seen."""

_SHARED: Final = np.array([0.03, 0.01, 0.03, 0.01])
_OWN: Final = np.array([0.03, 0.01, 0.01, 0.01])
REST: Final = np.array([0.006, 0.003, 0.003, 0.003])
"""Standard deviations of what attainment shows beyond the behaviours, by feature."""

_ELSEWHERE: Final = 0.25
"""What the spreads are multiplied with for a behaviour that the program does not teach."""

_LEAST_ROWS: Final = 60


@dataclass(frozen=True, eq=False)
class Pathways:
    """Everything that was learnt; coefficients lie in blocks: one a behaviour, in order, and one for the rest.

    Attributes:
        baseline: Expected attainment of the next period within `BASELINE`, (n,).
        mean: (blocks × programs × features,) coefficients.
        covariance: Of these.
        before: The coefficients of the priors alone.
        persistent: Standard deviation of what the baseline keeps missing, as a share of it.
    """

    baseline: Floats
    mean: Floats
    covariance: Floats
    before: Floats
    persistent: float


def learn_pathways(episodes: Episodes, programs: tuple[Program, ...], *, rest: Floats = REST) -> Pathways:
    """Learns what each program does to each behaviour and to attainment.

    Args:
        episodes: Rep-periods.
        programs: In the order of the episodes' columns.
        rest: Prior standard deviations of what does not come through behaviours, (features,).
    """
    folds = fold_of_rows(episodes)
    surprise = episodes.started - fit_propensity(episodes, folds)
    design = (surprise[:, :, None] * features_of(episodes)).reshape(len(surprise), -1)
    attainment = fit_outcome(episodes, episodes.attainment, folds)
    baseline = np.clip(attainment.expected, *BASELINE)
    relative = attainment.residual / baseline
    shown = [fit_outcome(episodes, column, folds) for column in episodes.behaviour.T]
    luck = _luck(shown, relative, attainment.variance / baseline**2)
    priors = [_prior_of(name, programs) for name in BEHAVIOURS]
    posteriors = []
    # What the days in class cost is known and is not what a program teaches: the planner takes it off by itself.
    left = relative + (surprise * episodes.time_lost).sum(axis=1)
    for place, (prior, outcome) in enumerate(zip(priors, shown, strict=True)):
        known = outcome.known & (outcome.known.sum() >= _LEAST_ROWS)
        found = fit_hierarchy(design[known], outcome.residual[known], outcome.variance[known], prior)
        posteriors.append(found)
        share = episodes.pass_through[:, place]
        left -= luck[place] * np.nan_to_num(outcome.residual) + (share - luck[place]) * (design @ found.mean)
    known = np.isfinite(left)
    priors.append(Prior(np.zeros((len(programs), len(FEATURES))), rest, rest, np.ones(len(programs))))
    scale = float(np.mean(left[known] ** 2) / np.mean(relative[known] ** 2)) if known.any() else 1.0
    variance = scale * attainment.variance / baseline**2
    posteriors.append(fit_hierarchy(design[known], left[known], variance[known], priors[-1]))
    return Pathways(
        baseline=baseline,
        mean=np.concatenate([found.mean for found in posteriors]),
        covariance=block_diag(*(found.covariance for found in posteriors)),
        before=np.concatenate([prior.mean.ravel() for prior in priors]),
        persistent=persistent_error(episodes, relative),
    )


def loadings_of(episodes: Episodes, baseline: Floats, rows: npt.NDArray[np.int64]) -> Floats:
    """(rows × programs, coefficients) d effect on attainment ÷ d coefficient, for each rep and program."""
    features = features_of(episodes)[rows] * baseline[rows, None, None]
    shares = np.column_stack([episodes.pass_through[rows], np.ones(len(rows))])
    count, programs, size = features.shape
    loadings = np.zeros((count, programs, shares.shape[1], programs, size))
    for place in range(programs):
        loadings[:, place, :, place, :] = shares[:, :, None] * features[:, place, None, :]
    return loadings.reshape(count * programs, -1)


def features_of(episodes: Episodes) -> Floats:
    """(n, programs, features)."""
    rows, programs = episodes.need.shape
    values = np.ones((rows, programs, len(FEATURES)))
    values[:, :, 0] = episodes.need
    values[:, :, 2:] = episodes.modifiers[:, None, :]
    return values


def _luck(shown: list[Outcome], relative: Floats, variance: Floats) -> list[float]:
    """How surprises in the behaviours go with surprises in the relative attainment of the same period, by ridge."""
    surprises = np.stack([np.nan_to_num(outcome.residual) for outcome in shown], axis=1)
    known = np.isfinite(relative) & np.any([outcome.known for outcome in shown], axis=0)
    if known.sum() < _LEAST_ROWS:
        return [0.0] * len(shown)
    weight = 1 / variance[known]
    model = Ridge(alpha=10.0, fit_intercept=False)
    model.fit(surprises[known], relative[known], sample_weight=weight / weight.mean())
    return [float(value) for value in model.coef_]


def _prior_of(behaviour: str, programs: tuple[Program, ...]) -> Prior:
    """A program shows in the behaviours of its skills; one whose skills name none may show in any."""
    taught = [[kpi.slug for skill in program.skills if (kpi := kpi_of(skill)) is not None] for program in programs]
    share = np.array([own.count(behaviour) / len(own) if own else 1 / len(BEHAVIOURS) for own in taught])
    mean = np.zeros((len(programs), len(FEATURES)))
    mean[:, 0] = GAIN_PER_NEED * share
    reach = np.where(share > 0, np.maximum(share, 0.5), _ELSEWHERE)
    return Prior(mean, _SHARED, _OWN, reach)
