"""Empirical Bayes: what a rep's rate is beside the peers', once chance is allowed for.

A rate is given as a ratio to what fair peers have, so that every prior is centred at 1. Variance components are
estimated by maximum marginal likelihood over all reps. Sources: Robbins (1956), "An empirical Bayes approach to
statistics"; Morris (1983), "Parametric empirical Bayes inference", JASA 78.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats
from scipy.special import betaln, gammaln

from spm_ml.coaching.diagnosis.lmdi import Floats

_WIDTH = 0.90
_TAIL = (1 - _WIDTH) / 2
_LOG_STRENGTH = (0.0, 9.0)
_LOG_BOUNDS = [(-4.0, 2.0), (-5.0, 0.5)]
_USUAL_LOGS = np.array([-0.7, -2.0])
_USUAL_SPREAD = np.array([0.5, 1.0])
"""Weak prior of the log standard deviations of one case and of reps, for organisations with little to learn from."""


@dataclass(frozen=True)
class Posterior:
    """What is believed of each rep's rate ÷ that of fair peers; arrays of shape (n,).

    Attributes:
        ratio: Posterior mean; 1 where nothing was seen.
        log_sd: Standard deviation of the log ratio.
        low, high: 90 % interval.
        p_below: Chance that the rate lies below the peers'.
    """

    ratio: Floats
    log_sd: Floats
    low: Floats
    high: Floats
    p_below: Floats


def counts(seen: Floats, expected: Floats) -> Posterior:
    """Gamma–Poisson: events beside those expected of fair peers.

    Args:
        seen: (n,) events ≥ 0; amounts may be given in units of their dispersion.
        expected: (n,) what fair peers would have; > 0, or 0 where there was no occasion.
    """
    strength = _maximise(lambda a: float(_negative_binomial(seen, expected, a).sum()), _LOG_STRENGTH)
    shape, rate = strength + seen, strength + expected
    gamma = stats.gamma(shape, scale=1 / rate)
    return Posterior(shape / rate, 1 / np.sqrt(shape), gamma.ppf(_TAIL), gamma.ppf(1 - _TAIL), gamma.cdf(1.0))


def shares(successes: Floats, trials: Floats, expected: Floats) -> Posterior:
    """Beta–binomial: a success rate beside that of fair peers.

    Args:
        successes: (n,) out of the trials.
        trials: (n,) whole numbers; 0 leaves the peers' rate.
        expected: (n,) rate of fair peers, within (0, 1).
    """

    def likelihood(strength: float) -> float:
        a, b = strength * expected, strength * (1 - expected)
        return float((betaln(a + successes, b + trials - successes) - betaln(a, b)).sum())

    strength = _maximise(likelihood, _LOG_STRENGTH)
    a = strength * expected + successes
    b = strength * (1 - expected) + trials - successes
    beta = stats.beta(a, b)
    spread = np.sqrt(b / (a * (a + b + 1)))
    return Posterior(
        a / (a + b) / expected, spread, beta.ppf(_TAIL) / expected, beta.ppf(1 - _TAIL) / expected, beta.cdf(expected)
    )


def log_ratios(observed: Floats, size: Floats, centre: Floats | float = 0.0) -> Posterior:
    """Normal–normal: the log of a mean beside that of fair peers, known the better the more it was taken over.

    Args:
        observed: (n,) log ratios; anything where the size is 0.
        size: (n,) effective number of cases behind each; 0 leaves the centre.
        centre: (n,) what is expected of the log ratio before it is seen.
    """
    known = size > 0
    off = np.where(known, observed - centre, 0.0)
    noise, spread = _variances(off[known], size[known])
    precision = size / noise + 1 / spread
    mean = centre + off * size / noise / precision
    sd = np.sqrt(1 / precision)
    half = stats.norm.ppf(1 - _TAIL) * sd
    return Posterior(np.exp(mean), sd, np.exp(mean - half), np.exp(mean + half), stats.norm.cdf(-mean / sd))


def _variances(observed: Floats, size: Floats) -> tuple[float, float]:
    """Variance of one case and of reps, by marginal likelihood; weak where there is little to learn from."""
    if len(observed) < 3:
        return 0.25, 0.02

    def loss(logs: Floats) -> float:
        variance = np.exp(2 * logs[0]) / size + np.exp(2 * logs[1])
        unlikely = (((logs - _USUAL_LOGS) / _USUAL_SPREAD) ** 2).sum() / 2
        return float((np.log(variance) + observed**2 / variance).sum() / 2 + unlikely)

    found = optimize.minimize(loss, _USUAL_LOGS, method="L-BFGS-B", bounds=_LOG_BOUNDS)
    return float(np.exp(2 * found.x[0])), float(np.exp(2 * found.x[1]))


def _maximise(likelihood: Callable[[float], float], bounds: tuple[float, float]) -> float:
    """Prior strength, in events, that makes the reps' data most likely; a weak prior says about 50."""
    found = optimize.minimize_scalar(
        lambda log: 0.5 * ((log - 4.0) / 1.5) ** 2 - likelihood(float(np.exp(log))), bounds=bounds, method="bounded"
    )
    return float(np.exp(found.x))


def _negative_binomial(seen: Floats, expected: Floats, strength: float) -> Floats:
    return np.asarray(
        gammaln(strength + seen)
        - gammaln(strength)
        + strength * np.log(strength)
        - (strength + seen) * np.log(strength + expected)
        + seen * np.log(np.where(expected > 0, expected, 1.0))
    )
