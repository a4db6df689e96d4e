"""Payout: the immutable result of a plan for one rep and period, with the trace that adds up to it."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal


@dataclass(frozen=True)
class TraceLine:
    """One step from a deal to money: deal → credit → tier → amount.

    Attributes:
        kind: `commission` of a tier, `spif`, `clawback` of what an earlier payout paid, or `kept`: a refund after the
            clawback window, which returns nothing.
        opportunity_id: The deal.
        entry: The ledger entry that is settled.
        booked_on: Day of the entry.
        credit: Minor units of credit that fell into the tier or were taken back; 0 for SPIFs, whose credit stands in
            the commission lines.
        tier: Tier or SPIF.
        rate: Commission rate, None where a fixed amount or an earlier payment decides.
        amount: Minor units, after the cap; the lines add up to the payout's parts.
    """

    kind: Literal["commission", "spif", "clawback", "kept"]
    opportunity_id: str
    entry: str
    booked_on: date
    credit: int
    tier: str
    rate: Decimal | None
    amount: int


@dataclass(frozen=True)
class Payout:
    """What a plan pays one rep for one period, all in minor units.

    Attributes:
        rep_id: The rep.
        plan_id: The plan.
        period: Label of the period.
        period_start: First day of the period.
        currency: Of all amounts.
        quota: In force.
        credited: Net credit that the tiers saw.
        commission: Σ of the commission lines, after the cap.
        capped_off: Commission that the cap took away.
        spif: Σ of the SPIF lines.
        clawback: Σ of the clawback lines, 0 or negative.
        draw_advance: Paid to reach the draw.
        draw_repaid: Kept back to recover earlier advances.
        draw_balance: Advances still to be recovered after this period.
        lines: The trace.
    """

    rep_id: str
    plan_id: str
    period: str
    period_start: date
    currency: str
    quota: int
    credited: int
    commission: int
    capped_off: int
    spif: int
    clawback: int
    draw_advance: int
    draw_repaid: int
    draw_balance: int
    lines: tuple[TraceLine, ...]

    @property
    def earned(self) -> int:
        """Commission, SPIFs and clawbacks; negative when more is returned than earned."""
        return self.commission + self.spif + self.clawback

    @property
    def amount(self) -> int:
        """What is paid: earned, plus what fills up to the draw, minus what recovers earlier draws."""
        return self.earned + self.draw_advance - self.draw_repaid

    @property
    def attainment(self) -> Decimal:
        """Credit as a share of the quota."""
        return Decimal(self.credited) / self.quota
