"""Refunds: each is settled once, against this period's credit or against what earlier payouts paid."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from spm_ml.compensation.credit import Credit
from spm_ml.compensation.plan import CompensationPlan
from spm_ml.compensation.trace import Payout, TraceLine


@dataclass
class _Paid:
    """What earlier payouts still hold of one deal."""

    credit: int = 0
    amount: int = 0
    booked_on: date = date.min


def settle_refunds(
    plan: CompensationPlan,
    entries: Sequence[Credit],
    earlier: Sequence[Payout],
) -> tuple[list[Credit], list[TraceLine]]:
    """Parts refunds of deals that earlier payouts paid from the credit that the tiers see.

    A refund first takes back this period's credit of the same deal. The rest goes against what earlier payouts hold
    of the deal: inside the clawback window it returns the same share of what was paid for it, outside it returns
    nothing. Either way it is not counted again as negative credit. Without a clawback window, or for a deal that no
    payout knows, a refund is negative credit of the period in which it comes.

    Args:
        plan: The plan.
        entries: Credits of the period, in order of their days.
        earlier: Payouts of earlier periods.

    Returns:
        The credit that the tiers see, and a `clawback` or `kept` line for each other refund.
    """
    held = _held(earlier)
    here: dict[str, int] = defaultdict(int)
    credited: list[Credit] = []
    lines: list[TraceLine] = []
    for credit in entries:
        refund = max(-credit.amount - max(here[credit.opportunity_id], 0), 0)
        paid = held.get(credit.opportunity_id)
        back = 0 if plan.clawback_days is None or paid is None else min(refund, max(paid.credit, 0))
        if back and paid is not None:
            lines.append(_settle(plan.clawback_days or 0, credit, back, paid))
        if back < -credit.amount or credit.amount > 0:
            credited.append(replace(credit, amount=credit.amount + back))
            here[credit.opportunity_id] += credit.amount + back
    return credited, lines


def _held(earlier: Sequence[Payout]) -> dict[str, _Paid]:
    held: dict[str, _Paid] = defaultdict(_Paid)
    for line in (line for paid in earlier for line in paid.lines):
        deal = held[line.opportunity_id]
        deal.credit += line.credit
        deal.amount += line.amount
        if line.credit > 0:
            deal.booked_on = max(deal.booked_on, line.booked_on)
    return held


def _settle(window: int, credit: Credit, back: int, paid: _Paid) -> TraceLine:
    inside = (credit.booked_on - paid.booked_on).days <= window
    share = Decimal(paid.amount) * back / paid.credit
    returned = int(share.quantize(Decimal(1), rounding=ROUND_HALF_UP)) if inside else 0
    paid.credit -= back
    paid.amount -= returned
    return TraceLine(
        kind="clawback" if inside else "kept",
        opportunity_id=credit.opportunity_id,
        entry=credit.entry,
        booked_on=credit.booked_on,
        credit=-back,
        tier=f"clawback within {window} days" if inside else f"refund after {window} days",
        rate=None,
        amount=-returned,
    )
