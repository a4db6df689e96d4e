"""Exchange rates as the contract has them: what one unit of a currency is worth in the organisation's own."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Context, Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

from spm_ml.connectors.export import write_export
from spm_ml.connectors.mirror import Mirror
from spm_ml.connectors.report import FetchReport
from spm_ml.settings import Organisation

RATES_FILE: Final = "fx_rates.csv"
RATE_COLUMNS: Final = ("currency", "rate_on", "rate")

BEGINNING: Final = date(2000, 1, 1)
"""From when a rate holds that has always held; older days than this are not written."""

_AS_FLOAT64: Final = Context(prec=17)
"""As many digits of a reciprocal as a float64 tells apart."""


@dataclass(frozen=True)
class Rate:
    """What one unit of a currency is worth.

    Attributes:
        currency: ISO 4217 code.
        rate_on: From when it holds.
        rate: The organisation's currency for one unit.
    """

    currency: str
    rate_on: date
    rate: Decimal


def stated(currency: str, rate_on: date, said: object, report: FetchReport, *, inverse: bool = False) -> Iterator[Rate]:
    """A rate as a system says it; none, and a warning, where it can be none.

    Args:
        currency: ISO 4217 code.
        rate_on: From when it holds.
        said: A number, or the text of one.
        report: Takes the warning.
        inverse: It says how many units of the currency one of the organisation's own is.
    """
    number = as_decimal(said)
    if not number.is_finite() or number <= 0:
        report.warnings.append(f"the exchange rate of {currency} from {rate_on} is {said}: it is left out")
        return
    yield Rate(currency, rate_on, _AS_FLOAT64.divide(Decimal(1), number) if inverse else number)


def as_decimal(said: object) -> Decimal:
    """A number of an answer, digit by digit; what is none gives no finite one."""
    try:
        return Decimal(str(said))
    except InvalidOperation:
        return Decimal("NaN")


def currencies_met(mirror: Mirror, name: str, fields: Iterable[str]) -> set[str]:
    """Currencies of the records of an object.

    Args:
        mirror: Holds them.
        name: Of the object.
        fields: In which a currency is written.
    """
    return {str(each).strip().upper() for field in fields for each in mirror.values(name, field) if each}


def counts_in(own: str, organisation: Organisation, report: FetchReport) -> bool:
    """Whether rates to a currency are rates to the organisation's; if not, a warning says so.

    Args:
        own: The currency that the system's rates are to.
        organisation: Whose rates they are to be.
        report: Takes the warning.
    """
    if own != organisation.currency:
        report.warnings.append(
            f"exchange rates of {report.system} are to {own}, but the organisation counts in "
            f"{organisation.currency}: they are not written; set currency to {own} in organisation.yaml and fetch "
            "again, or ingest fx_rates from elsewhere"
        )
    return own == organisation.currency


def write_rates(folder: Path, rates: Sequence[Rate]) -> str | None:
    """Writes the rates; of several that begin on one day the last holds.

    Args:
        folder: Where export files are.
        rates: In the order in which they were set.

    Returns:
        The file; None where there is no rate and was none before.
    """
    if not rates and not (folder / RATES_FILE).exists():
        return None
    holding = {(each.currency, max(each.rate_on, BEGINNING)): each.rate for each in rates}
    rows: Iterator[dict[str, Any]] = (
        {"currency": currency, "rate_on": day, "rate": f"{rate.normalize(_AS_FLOAT64):f}"}
        for (currency, day), rate in sorted(holding.items())
    )
    write_export(folder / RATES_FILE, RATE_COLUMNS, rows)
    return RATES_FILE
