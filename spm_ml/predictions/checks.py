"""What every stored number must keep to: it is finite, a share or quantile is one, an interval and a sum hold."""

import math
from collections.abc import Sequence
from itertools import pairwise

from spm_ml.settings import QUANTILE_LEVELS

_ABSOLUTE, _RELATIVE = 1.0, 1e-9


def require_finite(owner: str, **numbers: float | None) -> None:
    """Refuses a number that is none.

    Raises:
        ValueError: One is NaN or infinite.
    """
    for name, number in numbers.items():
        if number is not None and not math.isfinite(number):
            raise ValueError(f"{owner}: {name} is {number}; give None with a reason for what is unknown")


def require_share(owner: str, **shares: float | None) -> None:
    """Refuses a probability or share outside 0–1.

    Raises:
        ValueError: One lies outside, or is no number.
    """
    require_finite(owner, **shares)
    for name, share in shares.items():
        if share is not None and not 0 <= share <= 1:
            raise ValueError(f"{owner}: {name} is {share}; a probability or share lies between 0 and 1")


def require_interval(owner: str, low: float | None, value: float | None, high: float | None) -> None:
    """Refuses an interval that does not hold its estimate, or stands beside none.

    Raises:
        ValueError: A number is not finite, or they do not ascend.
    """
    require_finite(owner, low=low, value=value, high=high)
    if value is None and not (low is None and high is None):
        raise ValueError(f"{owner}: an interval from {low} to {high} stands beside no estimate; give none")
    ends = [number for number in (low, value, high) if number is not None]
    if ends != sorted(ends):
        raise ValueError(f"{owner}: the interval {low} to {high} does not hold its estimate {value}")


def require_range(owner: str, name: str, ends: tuple[float, float] | None) -> None:
    """Refuses ends that are not finite or descend.

    Raises:
        ValueError: They do.
    """
    if ends is None:
        return
    require_finite(owner, low=ends[0], high=ends[1])
    if ends[1] < ends[0]:
        raise ValueError(f"{owner}: {name} goes from {ends[0]} down to {ends[1]}; give the lower end first")


def require_quantiles(owner: str, quantiles: Sequence[float] | None, levels: Sequence[float] = QUANTILE_LEVELS) -> None:
    """Refuses what is no distribution at some levels.

    Raises:
        ValueError: There are not as many, one is not finite, or they decrease.
    """
    if quantiles is None:
        return
    if len(quantiles) != len(levels):
        raise ValueError(f"{owner}: {len(quantiles)} quantiles; there must be {len(levels)}")
    if not all(map(math.isfinite, quantiles)):
        raise ValueError(f"{owner}: a quantile is not finite; give None and an abstention instead")
    if any(later < earlier for earlier, later in pairwise(quantiles)):
        raise ValueError(f"{owner}: quantiles decrease; sort them before storing")


def require_sum(owner: str, amounts: Sequence[float], total: float | None, of: str) -> None:
    """Refuses parts that do not add up to their whole within one minor unit and 1e-9 of the largest; none are fine.

    Raises:
        ValueError: There are parts of nothing, or they add up to something else.
    """
    if not amounts:
        return
    if total is None:
        raise ValueError(f"{owner}: there are {len(amounts)} parts of the {of}, which is unknown; give none")
    found = math.fsum(amounts)
    allowed = _ABSOLUTE + _RELATIVE * max(abs(total), *map(abs, amounts))
    if abs(found - total) > allowed:
        raise ValueError(f"{owner}: the parts add up to {found:.2f}, the {of} is {total:.2f}; give every part")
