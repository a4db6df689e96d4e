"""HubSpot's exchange rates: company currency for one unit of another, as the contract has them."""

from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from spm_ml.connectors.mirror import Mirror, Record
from spm_ml.connectors.rates import Rate, stated
from spm_ml.connectors.report import FetchReport

RATES: Final = "exchange_rates"
RATE_FIELDS: Final = ("fromCurrencyCode", "toCurrencyCode", "effectiveAt", "conversionRate")


def exchange_rate(said: dict[str, Any]) -> Record:
    """A rate as the account's settings say it."""
    return Record(str(said["id"]), {name: said[name] for name in RATE_FIELDS})


def account_rates(mirror: Mirror, own: str, zone: ZoneInfo, report: FetchReport) -> list[Rate]:
    """Rates to the company currency, oldest first; those to one that the company had before are left out.

    Args:
        mirror: Holds them.
        own: The company currency.
        zone: Where days are cut off.
        report: Is told what is left out.
    """
    rows = [said for _, said in mirror.live(RATES) if said["toCurrencyCode"] == own != said["fromCurrencyCode"]]
    rows.sort(key=lambda said: datetime.fromisoformat(said["effectiveAt"]))
    return [
        rate
        for said in rows
        for rate in stated(
            said["fromCurrencyCode"],
            datetime.fromisoformat(said["effectiveAt"]).astimezone(zone).date(),
            said["conversionRate"],
            report,
        )
    ]
