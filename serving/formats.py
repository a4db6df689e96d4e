"""How numbers, days and ages read on a page."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from math import floor
from typing import Final

from spm_ml.predictions import Batch, MetricValue

GROUP: Final = "\N{NO-BREAK SPACE}"
MINUS: Final = "\N{MINUS SIGN}"
NOTHING: Final = "–"

# Ratios that are multiples of something rather than shares of it.
_MULTIPLES: Final = ("pipeline_coverage", "required_coverage", "quota_to_ote")


def whole(number: float) -> str:
    """A whole number with its thousands apart.

    >>> whole(-1234567.8).replace(GROUP, " ")
    '−1 234 568'
    """
    return f"{round(number):,}".replace(",", GROUP).replace("-", MINUS)


def short(number: float) -> str:
    """A number for an axis.

    >>> [short(number) for number in (0, 950, 42_000, 1_250_000, -300_000)]
    ['0', '950', '42k', '1.25M', '−300k']
    """
    size = abs(number)
    for unit, suffix in ((1e9, "bn"), (1e6, "M"), (1e3, "k")):
        if size >= unit:
            return f"{number / unit:.3g}{suffix}".replace("-", MINUS)
    return f"{number:.3g}".replace("-", MINUS)


def percent(share: float | None, *, digits: int = 0) -> str:
    """A share in percent.

    >>> percent(0.824), percent(None), percent(0.0241, digits=1)
    ('82%', '–', '2.4%')
    """
    return NOTHING if share is None else f"{share * 100:.{digits}f}%".replace("-", MINUS)


def chance(probability: float | None) -> str:
    """A probability; neither certain nor impossible by rounding.

    >>> chance(0.997), chance(0.002), chance(0.42)
    ('>99%', '<1%', '42%')
    """
    if probability is None:
        return NOTHING
    if probability > 0.99:
        return ">99%"
    return "<1%" if probability < 0.01 else percent(probability)


def points(share: float | None) -> str:
    """A difference of attainment in points.

    >>> points(0.034), points(-0.08)
    ('+3.4', '−8.0')
    """
    return NOTHING if share is None else f"{share * 100:+.1f}".replace("-", MINUS)


def signed(number: float) -> str:
    """A whole number with its sign.

    >>> signed(1234).replace(GROUP, " "), signed(-3), signed(0.2)
    ('+1 234', '−3', '0')
    """
    return f"+{whole(number)}" if round(number) > 0 else whole(round(number))


def rounded(values: Sequence[float], total: float, digits: int) -> tuple[float, ...]:
    """Values rounded so that they add up to the rounded total, each at most one unit of the last digit off.

    The method of the largest remainder: all are rounded down, then those that lost most are rounded up.

    >>> rounded([1.4, 1.4, -0.2], 2.6, 0), rounded([0.25, 0.25], 0.5, 1)
    ((2.0, 1.0, 0.0), (0.3, 0.2))
    """
    unit = 10.0**-digits
    below = [floor(value / unit) for value in values]
    missing = round(total / unit) - sum(below)
    by_loss = sorted(range(len(values)), key=lambda at: below[at] - values[at] / unit)
    raised = set(by_loss[: max(missing, 0)])
    return tuple(round((low + (at in raised)) * unit, digits) for at, low in enumerate(below))


def decimal(number: float | None, digits: int = 3) -> str:
    """A number with fixed decimals."""
    return NOTHING if number is None else f"{number:.{digits}f}".replace("-", MINUS)


def sentence(text: str) -> str:
    """A remark of an analysis as a sentence: it begins with a capital, ends with a mark, and has the page's minus.

    >>> sentence("2 usable starts"), sentence("from -1.2 to +3.4 in Q1-Q3."), sentence("")
    ('2 usable starts.', 'From −1.2 to +3.4 in Q1-Q3.', '')
    """
    whole = re.sub(r"(?<!\w)-(?=\d)", MINUS, text[:1].upper() + text[1:])
    return whole if not whole or whole.endswith((".", "!", "?")) else f"{whole}."


def day(value: date) -> str:
    """A day.

    >>> day(date(2026, 6, 3)).replace(GROUP, " ")
    '3 Jun 2026'
    """
    return f"{value.day}{GROUP}{value:%b}{GROUP}{value.year}"


def short_day(value: date) -> str:
    """A day without its year.

    >>> short_day(date(2026, 6, 3)).replace(GROUP, " ")
    '3 Jun'
    """
    return f"{value.day}{GROUP}{value:%b}"


def age(moment: datetime, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> str:
    """How long ago a moment was.

    >>> age(datetime(2026, 1, 1, tzinfo=UTC), now=lambda: datetime(2026, 1, 1, 3, 5, tzinfo=UTC))
    '3 hours ago'
    """
    seconds = max(0.0, (now() - moment).total_seconds())
    for length, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"


@dataclass(frozen=True)
class Money:
    """Writes amounts of a batch's currency, given in minor units."""

    currency: str
    minor_digits: int

    @classmethod
    def of(cls, batch: Batch) -> "Money":
        """For the amounts of a batch."""
        return cls(batch.currency, batch.minor_digits)

    def units(self, minor: float) -> float:
        """The amount in units of the currency."""
        return minor / 10.0**self.minor_digits

    def amount(self, minor: float | None) -> str:
        """The amount in whole units, without the currency: a column or a sentence says it once.

        >>> Money("EUR", 2).amount(1_240_051).replace(GROUP, " ")
        '12 401'
        """
        return NOTHING if minor is None else whole(self.units(minor))

    def full(self, minor: float | None) -> str:
        """The amount with its currency."""
        return NOTHING if minor is None else f"{self.currency}{GROUP}{self.amount(minor)}"

    def tick(self, minor: float) -> str:
        """The amount for an axis."""
        return short(self.units(minor))


def metric_text(metric: MetricValue, money: Money) -> str:
    """A metric's value in its unit."""
    value = metric.value
    if value is None:
        return NOTHING
    match metric.unit:
        case "money":
            return money.full(value)
        case "money_per_day":
            return f"{money.full(value)} a day"
        case "ratio" if metric.slug.startswith(_MULTIPLES):
            return f"{value:.1f}×".replace("-", MINUS)
        case "ratio":
            return percent(value)
        case "days" | "months":
            return f"{value:.1f}".rstrip("0").rstrip(".") + f" {metric.unit}"
        case "count_per_day":
            return f"{value:.1f} a day"
        case _:
            return whole(value)
