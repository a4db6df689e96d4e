"""Refunds: each is settled once, against this period's credit or against what earlier payouts paid."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from spm_ml.compensation.credit import Credit
from spm_ml.compensation.plan import CompensationPlan
from spm_ml.compensation.tiers import rounded
from spm_ml.compensation.trace import TraceLine

Deal = tuple[str, str]
"""Whose credit, empty for one's own, and the deal."""


@dataclass
class Paid:
    """What earlier payouts still hold of one deal.

    Attributes:
        counted: Credit as each component counted it; under no name, refunds that clawbacks settled.
        amount: What was paid for it, clawbacks taken off.
        withheld: What is withheld of it.
        bonuses: The part of `amount` that each SPIF paid.
        highest: The most credit that was held.
        booked_on: Its last booking.
    """

    counted: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    amount: int = 0
    withheld: int = 0
    bonuses: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    highest: int = 0
    booked_on: date = date.min

    @property
    def credit(self) -> int:
        """Credit that at least one component counted, refunds taken off; several may have counted the same."""
        return max((credit for component, credit in self.counted.items() if component), default=0) + self.counted[""]

    def add(self, line: TraceLine) -> None:
        """Takes up a line, later ones after earlier ones."""
        if line.kind == "spif":
            self.bonuses[line.tier] += line.amount
        elif line.kind == "clawback" and self.amount > 0:
            left = 1 + Decimal(line.amount) / self.amount
            self.bonuses = defaultdict(Decimal, {name: bonus * left for name, bonus in self.bonuses.items()})
        self.counted[line.component] += line.credit
        self.highest = max(self.highest, self.credit)
        self.amount += line.amount
        self.withheld += line.withheld
        if line.credit > 0:
            self.booked_on = max(self.booked_on, line.booked_on)

    def bonus(self, name: str, rate: Decimal, net: int) -> Decimal:
        """What a SPIF pays for a period's net credit of the deal, minor units.

        Credit that was taken back and comes again is paid no second time, as far as the bonus for it was not returned.
        Credit is known of deals that a component counts.
        """
        again = rate * (self.highest - self.credit)
        return max(rate * net - min(again, max(self.bonuses[name], Decimal(0))), Decimal(0))


def settle_refunds(
    plan: CompensationPlan,
    entries: Sequence[Credit],
    past: Sequence[TraceLine],
) -> tuple[list[Credit], list[TraceLine]]:
    """Parts refunds of deals that earlier payouts paid from the credit that the tiers see.

    A refund first takes back this period's credit of the same deal. The rest goes against what earlier payouts hold
    of the deal: inside the clawback window it returns the same share of what was paid for it, and forfeits that share
    of what was withheld; outside it returns nothing. Either way it is not counted again as negative credit. Without a
    clawback window, or for a deal that no payout knows, a refund is negative credit of the period in which it comes.

    Args:
        plan: The plan.
        entries: Credits of the period, in order of their days.
        past: Of earlier payouts, adjusted.

    Returns:
        The credit that the tiers see, and a `clawback`, `forfeit` or `kept` line for each other refund.
    """
    held = paid_for(past)
    here: dict[Deal, int] = defaultdict(int)
    credited: list[Credit] = []
    lines: list[TraceLine] = []
    for credit in entries:
        deal = (credit.owner, credit.opportunity_id)
        refund = max(-credit.amount - max(here[deal], 0), 0)
        paid = held.get(deal)
        back = 0 if plan.clawback_days is None or paid is None else min(refund, max(paid.credit, 0))
        if back and paid is not None:
            lines += _settle(plan.clawback_days or 0, credit, back, paid)
        if back < -credit.amount or credit.amount > 0:
            credited.append(replace(credit, amount=credit.amount + back))
            here[deal] += credit.amount + back
    return credited, lines


def paid_for(past: Sequence[TraceLine]) -> dict[Deal, Paid]:
    """What lines of payouts say of each deal, in order of their days."""
    held: dict[Deal, Paid] = defaultdict(Paid)
    for line in sorted(past, key=lambda line: line.booked_on):
        held[line.owner, line.opportunity_id].add(line)
    return held


def _settle(window: int, credit: Credit, back: int, paid: Paid) -> list[TraceLine]:
    inside = (credit.booked_on - paid.booked_on).days <= window
    returned, forfeited = (
        rounded(Decimal(amount) * back / paid.credit) if inside else 0 for amount in (paid.amount, paid.withheld)
    )
    paid.counted[""] -= back
    paid.amount -= returned
    paid.withheld -= forfeited
    settled = TraceLine(
        kind="clawback" if inside else "kept",
        opportunity_id=credit.opportunity_id,
        entry=credit.entry,
        booked_on=credit.booked_on,
        credit=-back,
        tier=f"clawback within {window} days" if inside else f"refund after {window} days",
        rate=None,
        amount=-returned,
        owner=credit.owner,
    )
    if not forfeited:
        return [settled]
    lost = replace(settled, kind="forfeit", credit=0, tier="withheld of a refunded deal", amount=0, withheld=-forfeited)
    return [settled, lost]
