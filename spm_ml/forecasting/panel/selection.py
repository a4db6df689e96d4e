"""Choosing the members: what each would have forecast at past origins, and whether any beats the plain mean there."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from spm_ml.accuracy import crps_of_rows
from spm_ml.forecasting.distribution import LEVELS, Array

STEPS: Final = 12
"""Members drawn one after the other; weights are multiples of 1 ÷ 12."""

CLEAR: Final = 1.645
"""Standard errors by which the chosen ensemble has to beat the plain mean: one-sided 5 % under a normal law."""


@dataclass(frozen=True)
class Selection:
    """Weights of the members, and what they are worth against the plain mean.

    Attributes:
        weights: Share of each member in the mean of quantiles; members that got none are left out.
        origins: Past periods that were forecast.
        gain: 1 − CRPS of the weighed ensemble ÷ CRPS of the plain mean at those origins.
        signal: Whether the ensemble beats the plain mean clear of noise.
    """

    weights: dict[str, float]
    origins: int
    gain: float
    signal: bool

    def sentence(self) -> str:
        """Says what was found, for a reader."""
        seen = f"at the {self.origins} newest finished periods" if self.origins > 1 else "at the newest finished period"
        if not self.signal:
            return (
                "This organisation's series hold no signal beyond each rep's mean: "
                f"{seen} no mixture of methods beat it clear of noise, so the mean is the forecast."
            )
        mixed = ", ".join(f"{_words(name)} {weight:.0%}" for name, weight in self.weights.items())
        return (
            f"This organisation's series hold more than each rep's mean: {seen} the mixture ({mixed}) "
            f"had a CRPS {self.gain:.0%} lower."
        )

    @classmethod
    def choose(
        cls, quantiles: dict[str, Array], actual: Array, series: NDArray[np.int64], origins: int, *, plain: str
    ) -> Self:
        """Draws members greedily, with replacement, each time the one that lowers the mean CRPS most.

        Args:
            quantiles: (n, 19) forecasts of each member in usual sizes of the series.
            actual: (n,) what came, in usual sizes.
            series: (n,) number of the series of each row.
            origins: How many periods the rows come from.
            plain: The member to beat; it alone is the answer where the others do not beat it clear of noise.

        Source: Caruana, Niculescu-Mizil, Crew & Ksikes (2004), Ensemble Selection from Libraries of Models, ICML 21;
        quantiles are averaged: Lichtendahl, Grushka-Cockayne & Winkler (2013), Management Science 59(7).
        """
        names = list(quantiles)
        total, drawn = np.zeros((actual.size, LEVELS.size)), dict.fromkeys(names, 0)
        for step in range(STEPS):
            score = {name: _crps((total + quantiles[name]) / (step + 1), actual).mean() for name in names}
            best = min(names, key=score.__getitem__)
            total, drawn[best] = total + quantiles[best], drawn[best] + 1
        own, other = _crps(total / STEPS, actual), _crps(quantiles[plain], actual)
        counts = np.bincount(series)
        better = np.bincount(series, other - own)[counts > 0] / counts[counts > 0]
        error = better.std(ddof=1) / np.sqrt(better.size) if better.size > 1 else np.inf
        signal = bool(better.mean() > CLEAR * error)
        gain = float(1 - own.mean() / other.mean()) if other.mean() > 0 else 0.0
        weights = {name: count / STEPS for name, count in drawn.items() if count} if signal else {plain: 1.0}
        return cls(weights, origins, gain, signal)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _crps(quantiles: Array, actual: Array) -> Array:
    return crps_of_rows(actual, quantiles, LEVELS)
