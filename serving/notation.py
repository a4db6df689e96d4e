"""How a place writes numbers, amounts and days: CLDR's facts from Babel, read once for each locale.

Words of pages are English whatever the locale, so months are English words in the locale's order, digits are Western,
and signs that turn the direction of writing are left out. Babel is imported only for a locale other than `en`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Final

from spm_ml.settings import LOCALE, check_locale

SPACE: Final = "\N{NO-BREAK SPACE}"
MINUS: Final = "\N{MINUS SIGN}"

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_TURNS: Final = dict.fromkeys(map(ord, "\u200e\u200f\u061c"))


@dataclass(frozen=True)
class Notation:
    """How numbers, amounts and days are written.

    Attributes:
        locale: BCP 47.
        point: Between units and decimals.
        group: Between groups of digits.
        first_group: Digits in the group left of the point.
        other_groups: Digits in those further left; 2 where lakhs and crores are counted.
        percent: How a share in percent reads; `#` stands for the number.
        currency: How an amount reads; `#` stands for the number, `¤` for the currency.
        negative_currency: The same below zero.
        order: In which day, month and year follow: `dmy`, `mdy` or `ymd`.
        codes: Amounts carry the currency's code rather than its symbol.
    """

    locale: str = LOCALE
    point: str = "."
    group: str = SPACE
    first_group: int = 3
    other_groups: int = 3
    percent: str = "#%"
    currency: str = f"¤{SPACE}#"
    negative_currency: str = f"¤{SPACE}{MINUS}#"
    order: str = "dmy"
    codes: bool = True

    @classmethod
    def of(cls, locale: str) -> "Notation":
        """The notation of a locale; `en` without a country is plain: spaces between thousands, codes, day first.

        Raises:
            ValueError: No such locale is known.
        """
        return cls() if locale == LOCALE else _of_country(check_locale(locale))

    def number(self, value: float, digits: int = 0, *, sign: bool = False) -> str:
        """A number with so many decimals; `sign`: a plus above zero. What rounds to zero has no sign.

        >>> plain, indian = Notation(), Notation(group=",", other_groups=2)
        >>> plain.number(-1234567.8).replace(SPACE, " "), plain.number(0.05, 1, sign=True), plain.number(-0.04, 1)
        ('−1 234 568', '+0.1', '0.0')
        >>> indian.number(12_345_678), indian.number(1234.5, 1)
        ('1,23,45,678', '1,234.5')
        """
        whole, _, decimals = f"{abs(value):.{digits}f}".partition(".")
        zero = not whole.strip("0") and not decimals.strip("0")
        mark = "" if zero else MINUS if value < 0 else "+" if sign else ""
        return f"{mark}{self.grouped(whole)}{self.point if decimals else ''}{decimals}"

    def grouped(self, digits: str) -> str:
        """Digits with their groups apart."""
        if len(digits) <= self.first_group:
            return digits
        rest, groups = digits[: -self.first_group], [digits[-self.first_group :]]
        while rest:
            groups.append(rest[-self.other_groups :])
            rest = rest[: -self.other_groups]
        return self.group.join(reversed(groups))

    def share(self, share: float, digits: int = 0, *, sign: bool = False) -> str:
        """A share in percent."""
        return self.percent.replace("#", self.number(100 * share, digits, sign=sign))

    def amount(self, units: float, currency: str) -> str:
        """An amount of whole units with its currency."""
        number = self.number(units)
        pattern = self.negative_currency if number.startswith(MINUS) else self.currency
        name = self.currency_name(currency)
        written = pattern.replace("#", number.lstrip(MINUS))
        apart = name[-1].isalpha() and written.partition("¤")[2].startswith((MINUS, *"0123456789"))
        return written.replace("¤", f"{name}{SPACE}" if apart else name)

    def currency_name(self, currency: str) -> str:
        """The code of a currency, or the symbol that the locale has for it."""
        return currency if self.codes else _symbol(self.locale, currency)

    def day(self, value: date, *, year: bool = True) -> str:
        """A day; its month is a word, so that no order of numbers can be misread.

        >>> day = date(2026, 6, 3)
        >>> [Notation(order=order).day(day).replace(SPACE, " ") for order in ("dmy", "mdy", "ymd")]
        ['3 Jun 2026', 'Jun 3, 2026', '2026 Jun 3']
        """
        month, number = _MONTHS[value.month - 1], str(value.day)
        words = [number, month] if self.order == "dmy" else [month, number]
        if year:
            if self.order == "mdy":
                words[-1] += ","
            words.insert(0 if self.order == "ymd" else 2, str(value.year))
        return SPACE.join(words)


_PLAIN: Final = Notation()
_CURRENT: Final[ContextVar[Notation]] = ContextVar("notation", default=_PLAIN)


def current() -> Notation:
    """The notation in which this request's page is written."""
    return _CURRENT.get()


@contextmanager
def writing(notation: Notation) -> Iterator[None]:
    """Writes everything inside in a notation."""
    token = _CURRENT.set(notation)
    try:
        yield
    finally:
        _CURRENT.reset(token)


@cache
def _symbol(locale: str, currency: str) -> str:
    from babel.numbers import get_currency_symbol

    return get_currency_symbol(currency, locale.replace("-", "_")).translate(_TURNS)


@cache
def _of_country(locale: str) -> Notation:
    """What CLDR says of a locale."""
    from babel import Locale

    known = Locale.parse(locale, sep="-")
    symbols = known.number_symbols["latn"]
    percent, currency = known.percent_formats[None], known.currency_formats["standard"]
    first, other = known.decimal_formats[None].grouping
    day = known.datetime_skeletons["yMMMd"].pattern
    return Notation(
        locale=locale,
        point=symbols["decimal"],
        group=symbols["group"],
        first_group=first,
        other_groups=other,
        percent=_pattern(percent.prefix[0], percent.suffix[0]),
        currency=_pattern(currency.prefix[0], currency.suffix[0]),
        negative_currency=_pattern(currency.prefix[1], currency.suffix[1]),
        order="".join(sorted("dmy", key=lambda part: _place(day, part))),
        codes=False,
    )


def _pattern(before: str, after: str) -> str:
    return f"{before}#{after}".translate(_TURNS).replace("-", MINUS)


def _place(pattern: str, part: str) -> int:
    """Where a day's pattern names the day, the month or the year; quoted words and the months' case do not matter."""
    names: Sequence[str] = {"d": "d", "m": "ML", "y": "yYu"}[part]
    quoted = False
    for place, letter in enumerate(pattern):
        if letter == "'":
            quoted = not quoted
        elif not quoted and letter in names:
            return place
    raise ValueError(f"{pattern!r} names no {part}")
