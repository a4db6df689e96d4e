"""Exact intervals of a rate and of the ratio of two rates: their coverage is never below what they claim."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import gammaln
from scipy.stats import binomtest, norm

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

FOUR_FIFTHS: Final = 0.8
"""Ratio of selection rates below which adverse impact is presumed. Source: 29 CFR § 1607.4(D)."""

_OUTSIDE: Final = 1e-4
"""Share of the error that pays for looking at likely rates of the second group only."""

_RATES: Final = 64
"""Rates of the second group that are looked at."""

_WIDEST: Final = 60.0
"""Logarithm beyond which a ratio is called unbounded."""

_STEP: Final = 0.25
"""Logarithms by which the limit is looked for around the approximate one."""


def rate_interval(hits: int, size: int, level: float = 0.95) -> tuple[float, float]:
    """Gives the exact interval of a share; 0 to 1 for nobody.

    Source: Clopper & Pearson (1934), Biometrika 26(4).

    >>> low, high = rate_interval(0, 10)
    >>> low, round(high, 3)
    (0.0, 0.308)
    """
    if size == 0:
        return 0.0, 1.0
    found = binomtest(hits, size).proportion_ci(level, method="exact")
    return float(found.low), float(found.high)


def ratio_interval(hits: int, size: int, other_hits: int, other_size: int, level: float = 0.95) -> tuple[float, float]:
    """Gives the exact unconditional interval of a rate ÷ another; 0 to ∞ where nothing is known.

    Every pair of counts is ordered by an approximate lower limit of the ratio; the exact limit is the smallest ratio at
    which a pair as extreme as the one found has a chance above the error, whatever the second rate is (Buehler's
    method, which gives the tightest limits that keep an order). The order is Agresti and Coull's rates with the delta
    method, pairs without a first hit last: it rises in the first count and falls in the second, so that a larger ratio
    always has a larger chance.

    Args:
        hits: Of the rate above the line.
        size: Independent persons behind it.
        other_hits: Of the rate below the line.
        other_size: Likewise.
        level: Of the interval; half of the error lies on each side.

    Source: Buehler (1957), JASA 52(280); Kabaila & Lloyd (2003), Australian & New Zealand Journal of Statistics 45(2),
    for orders from approximate limits; Berger & Boos (1994), JASA 89(427), for likely rates only; Agresti & Coull
    (1998), The American Statistician 52(2).

    >>> low, high = ratio_interval(30, 100, 50, 100)
    >>> round(low, 2), round(high, 2)
    (0.4, 0.86)
    """
    error = (1 - level) / 2
    low = _lower(hits, size, other_hits, other_size, error)
    inverse = _lower(other_hits, other_size, hits, size, error)
    return low, (1 / inverse if inverse > 0 else float("inf"))


def _lower(hits: int, size: int, other_hits: int, other_size: int, error: float) -> float:
    if hits == 0 or other_size == 0 or size == 0:
        return 0.0
    shift = float(norm.isf(error))
    found = float(_order(np.array([hits]), size, np.array([other_hits]), other_size, shift)[0])
    first = np.arange(size + 1)
    reach = np.where(first > 0, _reach(first, size, other_size, shift, found), 0)
    low, high = rate_interval(other_hits, other_size, 1 - error * _OUTSIDE)
    rates = np.sin(np.linspace(np.arcsin(np.sqrt(low)), np.arcsin(np.sqrt(high)), _RATES)) ** 2

    def beyond(log_ratio: float) -> float:
        """How much likelier than the error a pair as extreme is."""
        ratio = np.exp(log_ratio)
        likely = np.append(rates[rates * ratio <= 1], min(1 / ratio, high))
        below = np.cumsum(_chances(other_size, likely), axis=1)
        at_most = np.concatenate([np.zeros((len(likely), 1)), below], axis=1)[:, reach]
        chance = (_chances(size, np.minimum(likely * ratio, 1)) * at_most).sum(axis=1)
        return float(chance.max() - error * (1 - _OUTSIDE))

    under, over = found - _STEP, found + _STEP
    while beyond(under) > 0:
        if under < -_WIDEST:
            return 0.0
        under -= _STEP
    while beyond(over) <= 0:
        over += _STEP
    return float(np.exp(brentq(beyond, under, over, xtol=1e-4)))


def _order(first: Counts, size: int, second: Counts, other_size: int, shift: float) -> Array:
    more = shift**2 / 2
    rate, other = (first + more) / (size + 2 * more), (second + more) / (other_size + 2 * more)
    variance = (1 - rate) / (first + more) + (1 - other) / (second + more)
    return np.asarray(np.log(rate / other) - shift * np.sqrt(variance))


def _reach(first: Counts, size: int, other_size: int, shift: float, found: float) -> Counts:
    """(size + 1,) how many second counts, from 0, make a pair with each first count as extreme as the one found."""
    low, high = np.zeros(len(first), dtype=np.int64), np.full(len(first), other_size + 1, dtype=np.int64)
    while (low < high).any():
        middle = (low + high) // 2
        extreme = _order(first, size, np.minimum(middle, other_size), other_size, shift) >= found - 1e-12
        open_ = low < high
        low = np.where(open_ & extreme, middle + 1, low)
        high = np.where(open_ & ~extreme, middle, high)
    return low


def _chances(size: int, rates: Array) -> Array:
    """(rates, size + 1) binomial chances."""
    counts = np.arange(size + 1)
    ways = gammaln(size + 1) - gammaln(counts + 1) - gammaln(size - counts + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        hit = np.where(counts == 0, 0.0, counts * np.log(rates)[:, None])
        miss = np.where(counts == size, 0.0, (size - counts) * np.log1p(-rates)[:, None])
    return np.asarray(np.exp(ways + hit + miss))
