"""How amounts read in a sentence."""

from dataclasses import dataclass
from typing import Final

from spm_ml.tables import minor_digits

_GROUP: Final = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True)
class MoneyWords:
    r"""Writes amounts of one currency, given in minor units, in whole currency units.

    >>> MoneyWords("USD").amount(1_240_051)
    '12\xa0401'
    >>> MoneyWords("JPY").amount(-7900.4)
    '-7\xa0900'
    """

    currency: str

    def amount(self, minor: float) -> str:
        """The amount without decimals, its thousands apart."""
        whole = round(minor / 10 ** minor_digits(self.currency))
        return f"{whole:,}".replace(",", _GROUP)
