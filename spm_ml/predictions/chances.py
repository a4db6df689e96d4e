"""The chance to reach an amount, from what is stored of a forecast."""

from collections.abc import Sequence
from typing import Final

from spm_ml.settings import QUANTILE_LEVELS

FINE_LEVELS: Final = tuple(step / 200 for step in range(1, 200))
"""Levels at which the company's bookings are stored, because its goal may lie far from what is forecast."""


def chance_of(quantiles: Sequence[float], amount: float, levels: Sequence[float] = QUANTILE_LEVELS) -> float:
    """Probability that bookings reach an amount, on straight lines between stored quantiles, never beyond their ends.

    Args:
        quantiles: In ascending order.
        amount: To be reached.
        levels: Of the quantiles.

    >>> chance_of([100.0 * level for level in QUANTILE_LEVELS], 70.0)
    0.3
    """
    place = next((place for place, value in enumerate(quantiles) if value >= amount), None)
    if place is None:
        return round(1 - levels[-1], 6)
    if place == 0:
        return round(1 - levels[0], 6)
    low, high = quantiles[place - 1], quantiles[place]
    share = (amount - low) / (high - low) if high > low else 1.0
    return round(1 - levels[place - 1] - share * (levels[place] - levels[place - 1]), 6)
