"""Payout: the immutable result of a plan for one rep and period, with the trace that adds up to it."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

LineKind = Literal["commission", "spif", "clawback", "kept", "adjustment", "holdback", "release", "forfeit"]


@dataclass(frozen=True)
class TraceLine:
    """One step from a deal to money: deal → credit → tier → amount.

    Attributes:
        kind: `commission` of a tier; `spif`; `clawback` of what an earlier payout paid; `kept`: a refund after the
            clawback window, which returns nothing; `adjustment` of a closed period; `holdback`: what is paid later;
            `release` of that; or `forfeit`: what was withheld of a deal that was refunded.
        opportunity_id: The deal.
        entry: The ledger entry that is settled; of an adjustment, holdback or release, which concern several, empty.
        booked_on: Day of the entry, or of the deal's last booking.
        credit: Minor units of credit that fell into the tier or were taken back; 0 for SPIFs, whose credit stands in
            the commission lines.
        tier: Tier, SPIF or rule, in words.
        rate: Commission rate, None where a fixed amount or an earlier payment decides.
        amount: Minor units, after the caps; the lines add up to the payout's parts.
        component: Of the plan; empty where the line concerns none alone.
        owner: Whose credit it is where the payout is an override; empty: the rep's own.
        withheld: Change of what is withheld of the deal, minor units.
        of_period: Label of the closed period that an adjustment mends.
    """

    kind: LineKind
    opportunity_id: str
    entry: str
    booked_on: date
    credit: int
    tier: str
    rate: Decimal | None
    amount: int
    component: str = ""
    owner: str = ""
    withheld: int = 0
    of_period: str = ""


@dataclass(frozen=True)
class ComponentPay:
    """What one component of a plan pays, minor units.

    Attributes:
        name: Of the component.
        quota: Its own quota.
        credited: Net credit that its tiers saw.
        commission: Σ of its lines.
    """

    name: str
    quota: int
    credited: int
    commission: int


@dataclass(frozen=True)
class Payout:
    """What a plan pays one rep for one period, all in minor units.

    Attributes:
        rep_id: The rep.
        plan_id: The plan.
        plan_version: Of the plan's terms.
        period: Label of the period.
        period_start: First day of the period.
        currency: Of all amounts.
        quota: In force; 0 in the settlement of somebody who has none any more.
        credited: Net credit that at least one component saw.
        components: What each component pays; none in a settlement.
        commission: Σ of the commission lines, after the caps.
        capped_off: Commission that the caps took away.
        spif: Σ of the SPIF lines.
        clawback: Σ of the clawback lines, 0 or negative.
        adjustment: Σ of the adjustment lines: what closed periods paid too little, or negative, too much.
        withheld: Σ of the holdback lines, 0 or negative.
        released: Σ of the release lines, 0 or more.
        draw_advance: Paid to reach the draw.
        draw_repaid: Kept back to recover earlier advances.
        draw_balance: Advances still to be recovered after this period.
        lines: The trace.
    """

    rep_id: str
    plan_id: str
    plan_version: str
    period: str
    period_start: date
    currency: str
    quota: int
    credited: int
    components: tuple[ComponentPay, ...]
    commission: int
    capped_off: int
    spif: int
    clawback: int
    adjustment: int
    withheld: int
    released: int
    draw_advance: int
    draw_repaid: int
    draw_balance: int
    lines: tuple[TraceLine, ...]

    @property
    def earned(self) -> int:
        """Commission, SPIFs, clawbacks and adjustments; negative when more is returned than earned."""
        return self.commission + self.spif + self.clawback + self.adjustment

    @property
    def payable(self) -> int:
        """What is earned, less what is withheld of it, plus what is released: Σ of all lines."""
        return self.earned + self.withheld + self.released

    @property
    def amount(self) -> int:
        """What is paid: payable, plus what fills up to the draw, minus what recovers earlier draws."""
        return self.payable + self.draw_advance - self.draw_repaid

    @property
    def attainment(self) -> Decimal | None:
        """Credit as a share of the quota; None in a settlement."""
        return Decimal(self.credited) / self.quota if self.quota else None
