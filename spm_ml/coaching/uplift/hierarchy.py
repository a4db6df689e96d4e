"""Coefficients of programs with partial pooling: a Gaussian linear hierarchy whose spreads come from the evidence.

Gain of program p for a rep = Σ_f φ_f·θ_pf, θ_pf = mean_pf + shared_f + own_pf, over the features φ: what the program
could give (the need), 1, tenure and trailing attainment. Sources: Robinson (1988), Econometrica 56(4), for the
residual-on-residual form; Lindley & Smith (1972), JRSS B 34(1), for the hierarchy; MacKay (1992), Neural Computation
4(3), for spreads by maximum evidence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

Floats = npt.NDArray[np.float64]

FEATURES: Final = ("need", "everybody", "tenure", "attainment")

_SPREAD_OF_LOG_SPREAD: Final = 0.7


@dataclass(frozen=True, eq=False)
class Prior:
    """What is believed before any outcome was seen.

    Attributes:
        mean: (programs, features).
        shared: (features,) standard deviation of what all programs that may show here share.
        own: (features,) of what is a program's own.
        reach: (programs,) what the spreads of a program are multiplied with: 1, or less where it should not show.
    """

    mean: Floats
    shared: Floats
    own: Floats
    reach: Floats

    def covariance(self, shared: Floats, own: Floats) -> Floats:
        """(programs × features)² for given spreads, program by program."""
        together = np.kron(np.outer(self.reach, self.reach), np.diag(shared**2))
        alone = np.kron(np.diag(self.reach**2), np.diag(own**2))
        return np.asarray(together + alone)


@dataclass(frozen=True, eq=False)
class Posterior:
    """Coefficients of every program and feature.

    Attributes:
        mean: (programs × features,) program by program.
        covariance: Of these.
        shared, own: (features,) spreads that the evidence chose.
    """

    mean: Floats
    covariance: Floats
    shared: Floats
    own: Floats


def fit_hierarchy(design: Floats, residual: Floats, variance: Floats, prior: Prior) -> Posterior:
    """Posterior of the coefficients.

    Args:
        design: (n, programs × features) (started − chance) × feature.
        residual: (n,) outcome − expected.
        variance: (n,) of the residual.
        prior: For as many programs.
    """
    weighted = design / variance[:, None]
    information = weighted.T @ design
    start = prior.mean.ravel()
    score = weighted.T @ (residual - design @ start)
    size = len(prior.shared)
    usual = np.log(np.concatenate([prior.shared, prior.own]))

    def inner_of(log_spreads: Floats) -> tuple[Floats, Floats]:
        covariance = prior.covariance(np.exp(log_spreads[:size]), np.exp(log_spreads[size:]))
        return covariance, np.eye(len(start)) + information @ covariance

    def cost(log_spreads: Floats) -> float:
        covariance, inner = inner_of(log_spreads)
        _, log_determinant = np.linalg.slogdet(inner)
        fit = score @ covariance @ np.linalg.solve(inner, score)
        off = (log_spreads - usual) / _SPREAD_OF_LOG_SPREAD
        return float(0.5 * (log_determinant - fit) + 0.5 * (off**2).sum())

    found = minimize(cost, usual, method="L-BFGS-B", bounds=[(value - 3, value + 3) for value in usual])
    covariance, inner = inner_of(found.x)
    after = np.asarray(covariance @ np.linalg.inv(inner))
    after = (after + after.T) / 2
    spreads = np.exp(found.x)
    return Posterior(start + after @ score, after, spreads[:size], spreads[size:])
