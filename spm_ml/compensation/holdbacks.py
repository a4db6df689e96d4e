"""Holdbacks: a share of the commission on each deal is withheld, and paid later unless the deal was refunded."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import chain
from typing import Literal

from spm_ml.compensation.terms import Holdback, percent
from spm_ml.compensation.tiers import rounded
from spm_ml.compensation.trace import TraceLine
from spm_ml.fiscal import Period


@dataclass
class _Deal:
    """What is known of one deal.

    Attributes:
        held: What is withheld of it.
        commission: What this period pays for it.
        booked_on: Its last booking.
    """

    held: int = 0
    commission: int = 0
    booked_on: date = date.min


def holdback_lines(
    terms: Holdback | None, commission: Sequence[TraceLine], past: Sequence[TraceLine], period: Period
) -> list[TraceLine]:
    """What the period releases of earlier deals, and what it withholds of its own.

    What earlier payouts withheld is released under the terms now in force; without such terms, at once. Negative
    commission, of refunds, first reduces what the period withholds, the earliest deals' first: a refund is not taken
    at once while what it is set against is withheld.

    Args:
        terms: Of the plan.
        commission: The period's commission lines.
        past: Lines of earlier payouts, adjusted, and of this period's refunds.
        period: The period.
    """
    deals: dict[tuple[str, str], _Deal] = defaultdict(_Deal)
    for line in chain(past, commission):
        deal = deals[line.owner, line.opportunity_id]
        deal.held += line.withheld
        if line.credit > 0:
            deal.booked_on = max(deal.booked_on, line.booked_on)
    for line in commission:
        deals[line.owner, line.opportunity_id].commission += line.amount
    against = -sum(min(withheld_of_commission(terms, deal.commission), 0) for deal in deals.values())
    lines = []
    for (owner, opportunity_id), deal in deals.items():
        if deal.held > 0 and (terms is None or deal.booked_on + timedelta(terms.release_days) <= period.end):
            lines.append(_line("release", owner, opportunity_id, deal, deal.held, "released"))
        due = max(withheld_of_commission(terms, deal.commission), 0)
        withheld = max(due - against, 0)
        against -= due - withheld
        if terms is not None and withheld:
            words = f"{percent(terms.share)} withheld for {terms.release_days} days"
            lines.append(_line("holdback", owner, opportunity_id, deal, -withheld, words))
    return lines


def withheld_of_commission(terms: Holdback | None, commission: int) -> int:
    """What is withheld of a commission, minor units."""
    return 0 if terms is None else rounded(terms.share * Decimal(commission))


def _line(
    kind: Literal["release", "holdback"], owner: str, opportunity_id: str, deal: _Deal, amount: int, words: str
) -> TraceLine:
    return TraceLine(
        kind=kind,
        opportunity_id=opportunity_id,
        entry="",
        booked_on=deal.booked_on,
        credit=0,
        tier=words,
        rate=None,
        amount=amount,
        owner=owner,
        withheld=-amount,
    )
