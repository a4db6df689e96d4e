"""Terms of a plan: what is measured, the tiers it is paid by, and what is withheld, advanced or added."""

from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from spm_ml.compensation.credit import Credit

_MOST_RATE: Final = 100
"""Times the credit; more is a slip of the pen, and beyond exact arithmetic in the end."""

_MOST_DAYS: Final = 36_600
"""A hundred years."""


class Terms(BaseModel):
    """Base of all terms: frozen, and unknown settings are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Tier(Terms):
    """What is paid between two levels of attainment.

    Attributes:
        lower: Attainment from which the tier holds, included; `from` in YAML.
        upper: Attainment up to which it holds; `to` in YAML. Only the last tier may leave it open.
        rate: Commission as a share of the credit.
        multiplier: Instead of a rate, times the component's base rate: above 1 an accelerator, below 1 a decelerator.
    """

    lower: Decimal = Field(alias="from", ge=0)
    upper: Decimal | None = Field(default=None, alias="to")
    rate: Decimal | None = Field(default=None, ge=0, le=_MOST_RATE)
    multiplier: Decimal | None = Field(default=None, ge=0, le=_MOST_RATE)

    @model_validator(mode="after")
    def _usable(self) -> Self:
        if self.upper is not None and self.upper <= self.lower:
            raise ValueError(f"tier from {self.lower} must end above its start, not at {self.upper}")
        if (self.rate is None) == (self.multiplier is None):
            raise ValueError(f"tier from {self.lower} needs either a rate or a multiplier of the base rate")
        return self

    @property
    def label(self) -> str:
        """The tier as a trace names it.

        >>> Tier(lower=Decimal("0.5"), upper=Decimal(1), rate=Decimal("0.08")).label
        '50–100 %'
        """
        if self.upper is None:
            return f"from {percent(self.lower)}"
        return f"{percent(self.lower).removesuffix(' %')}–{percent(self.upper)}"


def percent(share: Decimal) -> str:
    """A share as a trace writes it.

    >>> percent(Decimal("0.125"))
    '12.5 %'
    """
    return f"{(share * 100).normalize():f} %"


class Measure(Terms):
    """Which credit counts; by default all credit of one's own.

    Attributes:
        of: `own` credit, or that of the `team`, of everybody below, or of the reps named: an override.
        credit: Only revenue shares, only overlays, or both.
        products: Only deals with one of these products; empty: all.
        kinds: Only deals of these kinds of business; empty: all.
    """

    of: Literal["own", "team"] | tuple[str, ...] = "own"
    credit: Literal["all", "revenue", "overlay"] = "all"
    products: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if self.of == ():
            raise ValueError("a measure of named reps names at least one")
        return self

    @property
    def overrides(self) -> bool:
        """Whether it counts what others are credited with."""
        return self.of != "own"

    def counts(self, credit: Credit) -> bool:
        """Whether a credit is measured."""
        whose = (not credit.owner) if self.of == "own" else bool(credit.owner)
        return (
            whose
            and (isinstance(self.of, str) or credit.owner in self.of)
            and self.credit in ("all", credit.kind)
            and (not self.products or credit.product in self.products)
            and (not self.kinds or credit.deal_kind in self.kinds)
        )


class Component(Terms):
    """One measure and how it is paid; a plan pays the sum of its components.

    Attributes:
        name: As a trace names it.
        measure: What counts.
        quota_share: The component's own quota as a share of the rep's quota.
        mode: `marginal` pays each tier's rate on the credit inside it, `retroactive` the reached rate on all of it.
        tiers: Contiguous from 0, in attainment of the component's own quota. Credit above a last tier with an end
            earns nothing.
        base_rate: What accelerators and decelerators multiply.
        threshold: Attainment that must be reached before anything is paid; then the tiers pay from the first unit on.
        cap: Most commission of the component in a period.
    """

    name: str = Field(default="commission", min_length=1)
    measure: Measure = Measure()
    quota_share: Decimal = Field(default=Decimal(1), gt=0, le=1)
    mode: Literal["marginal", "retroactive"] = "marginal"
    tiers: tuple[Tier, ...] = Field(min_length=1)
    base_rate: Decimal | None = Field(default=None, ge=0, le=_MOST_RATE)
    threshold: Decimal | None = Field(default=None, gt=0)
    cap: Decimal | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _tiers_fit(self) -> Self:
        if self.tiers[0].lower != 0:
            raise ValueError(f"the first tier starts at {self.tiers[0].lower}: start it at 0 so that no credit is lost")
        for tier, following in pairwise(self.tiers):
            if tier.upper is None:
                raise ValueError(f"the tier from {tier.lower} has no end, but another follows: only the last may")
            if following.lower > tier.upper:
                raise ValueError(
                    f"the tiers leave a gap from {tier.upper} to {following.lower}: start the later one at {tier.upper}"
                )
            if following.lower < tier.upper:
                raise ValueError(
                    f"the tiers overlap from {following.lower} to {tier.upper}: start the later one at {tier.upper}"
                )
        if self.base_rate is None and any(tier.multiplier is not None for tier in self.tiers):
            raise ValueError("a tier has a multiplier, but there is no base_rate to multiply")
        if self.mode == "retroactive":
            for tier, following in pairwise(self.tiers):
                if self.rate_of(following) < self.rate_of(tier):
                    raise ValueError(
                        f"the retroactive tier from {following.lower} pays less on all credit than the one before it: "
                        "a deal won there would lower pay; raise its rate, or use the mode 'marginal'"
                    )
        return self

    def rate_of(self, tier: Tier) -> Decimal:
        """The tier's commission rate, multipliers worked out."""
        if tier.multiplier is not None and self.base_rate is not None:
            return tier.multiplier * self.base_rate
        return tier.rate or Decimal(0)


class Spif(Terms):
    """A bonus for each deal of some kind within some days.

    Attributes:
        name: As a trace names it.
        amount: Money for a deal, once, whatever is booked for it in later periods; or
        rate: share of the credit that each period brings of the deal.
        first_day: First booking day that counts.
        last_day: Last booking day that counts.
        product: Only deals with this product.
        kind: Only deals of this kind of business.
        minimum: Smallest credit, in currency, that counts.
    """

    name: str
    amount: Decimal | None = Field(default=None, ge=0)
    rate: Decimal | None = Field(default=None, ge=0, le=_MOST_RATE)
    first_day: date | None = None
    last_day: date | None = None
    product: str | None = None
    kind: str | None = None
    minimum: Decimal = Field(default=Decimal(0), ge=0)

    @model_validator(mode="after")
    def _usable(self) -> Self:
        if (self.amount is None) == (self.rate is None):
            raise ValueError(f"SPIF {self.name!r} needs either an amount or a rate")
        if self.first_day and self.last_day and self.last_day < self.first_day:
            raise ValueError(f"SPIF {self.name!r} ends on {self.last_day}, before it starts on {self.first_day}")
        return self


class Draw(Terms):
    """What is paid at least in a period; recoverable means an advance on later commission."""

    amount: Decimal = Field(gt=0)
    recoverable: bool = True


class Holdback(Terms):
    """A share of the commission on each deal that is paid later, if the deal has not been refunded by then.

    Attributes:
        share: Of the commission.
        release_days: Days from the deal's last booking; it is paid with the period in which the last of them falls.
    """

    share: Decimal = Field(gt=0, le=1)
    release_days: int = Field(gt=0, le=_MOST_DAYS)
