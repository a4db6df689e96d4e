"""How numbers, days and ages read on a page: as the organisation's locale writes them."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from math import floor
from typing import Final
from zoneinfo import ZoneInfo

from serving.notation import MINUS, SPACE, current
from spm_ml.predictions import Batch, MetricValue

GROUP: Final = SPACE
NOTHING: Final = "–"
_MOST_DIGITS: Final = 20

# Ratios that are multiples of something rather than shares of it.
_MULTIPLES: Final = ("pipeline_coverage", "required_coverage", "quota_to_ote")

# As analyses write them: groups of three behind a space or a comma, a point, perhaps a percent sign.
_NUMBER: Final = re.compile(
    r"(?<![\w.,\u2212-])(?P<sign>[-+\u2212])?(?P<whole>\d{1,3}(?:[\xa0,]\d{3})+|\d+)(?:\.(?P<decimals>\d+))?"
    r"(?P<percent>[ \xa0]?%)?(?![\w-]|[.,\xa0]\d)"
)

_DAY: Final = re.compile(r"(?<![\w-])\d{4}-\d\d-\d\d(?![\w-])", re.ASCII)


def whole(number: float) -> str:
    """A whole number with its thousands apart.

    >>> whole(-1234567.8).replace(GROUP, " ")
    '−1 234 568'
    """
    return current().number(number)


def counted(number: int, one: str, many: str = "") -> str:
    """How many there are of something; `many` where its plural is not made by an s.

    >>> counted(1, "rep"), counted(0, "rep"), counted(2, "person", "people")
    ('1 rep', '0 reps', '2 people')
    """
    return f"{whole(number)} {one if number == 1 else many or one + 's'}"


def short(number: float) -> str:
    """A number for an axis.

    >>> [short(number) for number in (0, 950, 42_000, 1_250_000, -300_000)]
    ['0', '950', '42k', '1.25M', '−300k']
    """
    size, notation = abs(number), current()
    units = (
        ((1e7, "Cr"), (1e5, "L"), (1e3, "k")) if notation.other_groups == 2 else ((1e9, "bn"), (1e6, "M"), (1e3, "k"))
    )
    unit, suffix = next((one for one in units if size >= one[0]), (1.0, ""))
    return significant(number / unit) + suffix


def significant(number: float, digits: int = 3, *, sign: bool = False) -> str:
    """A number with so many digits that count, without zeros at its end; `sign`: a plus above zero.

    >>> significant(1.2345), significant(-250), significant(0.5, sign=True)
    ('1.23', '−250', '+0.5')
    """
    text = f"{number:.{digits}g}"
    if "e" in text:
        text = f"{float(text):f}".rstrip("0").rstrip(".")
    return current().number(float(text), len(text.partition(".")[2]), sign=sign)


def percent(share: float | None, *, digits: int = 0, sign: bool = False) -> str:
    """A share in percent; `sign`: a plus above zero.

    >>> percent(0.824), percent(None), percent(0.0241, digits=1)
    ('82%', '–', '2.4%')
    """
    return NOTHING if share is None else current().share(share, digits, sign=sign)


def chance(probability: float | None) -> str:
    """A probability; neither certain nor impossible by rounding.

    >>> chance(0.997), chance(0.002), chance(0.42)
    ('>99%', '<1%', '42%')
    """
    if probability is None:
        return NOTHING
    if probability > 0.99:
        return f">{percent(0.99)}"
    return f"<{percent(0.01)}" if probability < 0.01 else percent(probability)


def points(share: float | None) -> str:
    """A difference of attainment in points.

    >>> points(0.034), points(-0.08)
    ('+3.4', '−8.0')
    """
    return NOTHING if share is None else current().number(100 * share, 1, sign=True)


def signed(number: float) -> str:
    """A whole number with its sign.

    >>> signed(1234).replace(GROUP, " "), signed(-3), signed(0.2)
    ('+1 234', '−3', '0')
    """
    return current().number(number, sign=True)


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
    return NOTHING if number is None else current().number(number, digits)


def stored(text: str) -> str:
    r"""A text of the batch with its numbers and days as the page writes them; codes and names stay as they are.

    >>> stored("Needs 7\xa0900 a day, from -1.2 to 62 % in Q1-Q3 (OPP-1.5)").replace(SPACE, " ")
    'Needs 7 900 a day, from −1.2 to 62% in Q1-Q3 (OPP-1.5)'
    >>> stored("-0.0")
    '0.0'
    >>> stored("Holds until 2026-12-31").replace(SPACE, " ")
    'Holds until 31 Dec 2026'
    """
    return _DAY.sub(_as_day, _NUMBER.sub(_as_written, text))


def _as_day(found: re.Match[str]) -> str:
    try:
        return day(date.fromisoformat(found[0]))
    except ValueError:  # looks like a day and is none
        return found[0]


def _as_written(found: re.Match[str]) -> str:
    notation, decimals = current(), found["decimals"] or ""
    digits = re.sub(r"\D", "", found["whole"])
    apart = digits if digits == found["whole"] else notation.grouped(digits)
    sign = MINUS if found["sign"] == "-" else found["sign"] or ""
    if sign == MINUS and not (digits + decimals).strip("0"):
        sign = ""
    number = f"{sign}{apart}{notation.point if decimals else ''}{decimals}"
    return notation.percent.replace("#", number) if found["percent"] else number


def sentence(text: str) -> str:
    """A remark of an analysis as a sentence: it begins with a capital, ends with a mark, its numbers as on the page.

    >>> sentence("2 usable starts"), sentence("from -1.2 to +3.4 in Q1-Q3."), sentence("")
    ('2 usable starts.', 'From −1.2 to +3.4 in Q1-Q3.', '')
    """
    whole = stored(text[:1].upper() + text[1:])
    return whole if not whole or whole.endswith((".", "!", "?")) else f"{whole}."


def day(value: date) -> str:
    """A day.

    >>> day(date(2026, 6, 3)).replace(GROUP, " ")
    '3 Jun 2026'
    """
    return current().day(value)


def short_day(value: date) -> str:
    """A day without its year.

    >>> short_day(date(2026, 6, 3)).replace(GROUP, " ")
    '3 Jun'
    """
    return current().day(value, year=False)


def moment(value: datetime, timezone: str) -> str:
    """A day and the time of day in a time zone.

    >>> moment(datetime(2026, 6, 3, 21, 5, tzinfo=UTC), "Europe/Berlin").replace(GROUP, " ")
    '3 Jun 2026, 23:05'
    """
    local = value.astimezone(ZoneInfo(timezone))
    return f"{day(local.date())}, {local:%H:%M}"


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

    def exact(self, minor: int) -> str:
        """The amount to the minor unit, without the currency.

        >>> Money("EUR", 2).exact(1_240_051).replace(GROUP, " ")
        '12 400.51'
        """
        return current().number(self.units(minor), self.minor_digits)

    def full(self, minor: float | None) -> str:
        """The amount with its currency."""
        return NOTHING if minor is None else current().amount(self.units(minor), self.currency)

    def tick(self, minor: float) -> str:
        """The amount for an axis."""
        return short(self.units(minor))


class AmountError(ValueError):
    """An entered amount that cannot be read for certain; the message says what to write instead."""


def parse_amount(text: str, money: Money) -> int:
    """Reads an amount as a person enters it, in minor units: as the page writes numbers, or with a plain point.

    >>> parse_amount("EUR 12 400", Money("EUR", 2)), parse_amount("1250.5", Money("EUR", 2))
    (1240000, 125050)

    Raises:
        AmountError: It is no amount, too precise, too large, or can be read in two ways.
    """
    notation = current()
    bare = text.strip()
    for name in {money.currency, notation.currency_name(money.currency)}:
        bare = bare.removeprefix(name).removesuffix(name).strip()
    bare = re.sub(r"[\s\u2019]", lambda found: "'" if found[0] == "\u2019" else " ", bare).replace(MINUS, "-")
    group = re.sub(r"\s", " ", notation.group).replace("\u2019", "'")
    readings = {
        number
        for apart, point in {(group, notation.point), (" ", notation.point), ("", ".")}
        if (number := _read(bare, apart, point, money.minor_digits)) is not None
    }
    example = Money(money.currency, 0).full(12_400)
    if not readings:
        decimals = f"at most {money.minor_digits} decimals" if money.minor_digits else "no decimals"
        raise AmountError(f"Write the amount as a number such as {example}, with {decimals}.")
    if len(readings) > 1:
        raise AmountError(f"This can be read in two ways. Write the amount without separators, or such as {example}.")
    return readings.pop()


def _read(text: str, group: str, point: str, digits: int) -> int | None:
    """The minor units that a text means if numbers are written in one way; None: in that way it means nothing."""
    whole = rf"\d{{1,3}}(?:{re.escape(group)}\d{{2,3}})*{re.escape(group)}\d{{3}}|\d+" if group else r"\d+"
    decimals = rf"(?:{re.escape(point)}(?P<decimals>\d{{1,{digits}}}))?" if digits else ""
    found = re.fullmatch(rf"(?P<sign>-?)(?P<whole>{whole}){decimals}", text, re.ASCII)
    if found is None or len(found["whole"]) > _MOST_DIGITS:
        return None
    units = found["whole"].replace(group, "") if group else found["whole"]
    after = (found["decimals"] or "") if digits else ""
    minor = int(units + after.ljust(digits, "0"))
    return -minor if found["sign"] else minor


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
            return f"{decimal(value, 1)}×"
        case "ratio":
            return percent(value)
        case "days" | "months":
            return f"{significant(round(value, 1), 9)} {metric.unit}"
        case "count_per_day":
            return f"{decimal(value, 1)} a day"
        case _:
            return whole(value)
