"""The chance to reach an amount, from what is stored of a forecast."""

from collections.abc import Sequence

from spm_ml.settings import QUANTILE_LEVELS


def chance_of(quantiles: Sequence[float], amount: float) -> float:
    """Probability that bookings reach an amount, on straight lines between stored quantiles: .05 to .95, never beyond.

    >>> chance_of([100.0 * level for level in QUANTILE_LEVELS], 70.0)
    0.3
    """
    level = next((place for place, value in enumerate(quantiles) if value >= amount), None)
    if level is None:
        return round(1 - QUANTILE_LEVELS[-1], 6)
    if level == 0:
        return round(1 - QUANTILE_LEVELS[0], 6)
    low, high = quantiles[level - 1], quantiles[level]
    share = (amount - low) / (high - low) if high > low else 1.0
    between = QUANTILE_LEVELS[level - 1] + share * (QUANTILE_LEVELS[level] - QUANTILE_LEVELS[level - 1])
    return round(1 - between, 6)
