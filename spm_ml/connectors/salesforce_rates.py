"""Salesforce's exchange rates: dated ones, or the undated ones of its currencies with the days of their changes.

Salesforce says how many units of a currency one unit of the corporate currency is, the contract the inverse.
"""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from spm_ml.connectors.mirror import Mirror, Pass, Record
from spm_ml.connectors.rates import BEGINNING, Rate, as_decimal, stated
from spm_ml.connectors.report import FetchReport

CURRENCY_TYPE: Final = "CurrencyType"
DATED: Final = "DatedConversionRate"
FIELDS: Final = {
    CURRENCY_TYPE: ("Id", "SystemModstamp", "IsoCode", "ConversionRate", "IsCorporate"),
    DATED: ("Id", "SystemModstamp", "IsoCode", "ConversionRate", "StartDate"),
}


def corporate_currency(mirror: Mirror) -> str | None:
    """The currency that all rates are to."""
    return next((str(said["IsoCode"]) for _, said in mirror.live(CURRENCY_TYPE) if said["IsCorporate"]), None)


def dated_rates(mirror: Mirror, own: str, report: FetchReport) -> list[Rate]:
    """Rates of the dated objects, oldest first.

    Args:
        mirror: Holds them.
        own: The corporate currency.
        report: Is told what is left out.
    """
    return list(_rates(mirror, DATED, own, report))


def undated_rates(mirror: Mirror, own: str, zone: ZoneInfo, report: FetchReport) -> list[Rate]:
    """Rates of the currencies, oldest first: the first that was met has always held, another one since it was set.

    Salesforce forgets the rate before; it is kept here, so that a new one does not change what was.

    Args:
        mirror: Holds the currencies, and keeps their rates.
        own: The corporate currency.
        zone: Where days are cut off.
        report: Is told what is left out.
    """
    kept = f"{CURRENCY_TYPE} to {own}"
    last = {said["IsoCode"]: said for said in _by_day(mirror, kept)}
    changed = []
    for _, said in mirror.live(CURRENCY_TYPE):
        before = last.get(said["IsoCode"])
        if before is None:
            day = BEGINNING
        elif as_decimal(before["ConversionRate"]) == as_decimal(said["ConversionRate"]):
            continue
        else:
            set_on = datetime.fromisoformat(said["SystemModstamp"]).astimezone(zone).date()
            day = max(set_on, date.fromisoformat(before["StartDate"]))
        content = {name: said[name] for name in ("IsoCode", "ConversionRate")} | {"StartDate": day.isoformat()}
        changed.append(Record(f"{said['IsoCode']} {day}", content))
    mirror.take(kept, changed, Pass(1, ()), also={})
    return list(_rates(mirror, kept, own, report))


def _by_day(mirror: Mirror, name: str) -> list[dict[str, Any]]:
    return sorted((said for _, said in mirror.live(name)), key=lambda said: str(said["StartDate"]))


def _rates(mirror: Mirror, name: str, own: str, report: FetchReport) -> Iterator[Rate]:
    for said in _by_day(mirror, name):
        if said["IsoCode"] != own:
            day = date.fromisoformat(said["StartDate"])
            yield from stated(said["IsoCode"], day, said["ConversionRate"], report, inverse=True)
