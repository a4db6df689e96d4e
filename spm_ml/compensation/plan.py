"""CompensationPlan: tiers, accelerators, draw, cap, SPIFs and clawback window, read from YAML."""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from spm_ml.errors import ConfigurationError
from spm_ml.settings import Workspace, validation_problems
from spm_ml.tables import minor_digits


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Tier(_Frozen):
    """What is paid between two levels of attainment.

    Attributes:
        lower: Attainment from which the tier holds, included; `from` in YAML.
        upper: Attainment up to which it holds; `to` in YAML. Only the last tier may leave it open.
        rate: Commission as a share of the credit.
        multiplier: An accelerator instead of a rate: times the plan's base rate.
    """

    lower: Decimal = Field(alias="from", ge=0)
    upper: Decimal | None = Field(default=None, alias="to")
    rate: Decimal | None = Field(default=None, ge=0)
    multiplier: Decimal | None = Field(default=None, ge=0)

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
        lower = f"{(self.lower * 100).normalize():f}"
        return f"from {lower} %" if self.upper is None else f"{lower}–{(self.upper * 100).normalize():f} %"


class Spif(_Frozen):
    """A bonus for each deal of some kind within some days.

    Attributes:
        name: As a trace names it.
        amount: Money for a deal; or
        rate: share of the deal's credit.
        first_day: First booking day that counts.
        last_day: Last booking day that counts.
        product: Only deals with this product.
        kind: Only deals of this kind of business.
        minimum: Smallest credit, in currency, that counts.
    """

    name: str
    amount: Decimal | None = Field(default=None, ge=0)
    rate: Decimal | None = Field(default=None, ge=0)
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


class Draw(_Frozen):
    """What is paid at least in a period; recoverable means an advance on later commission."""

    amount: Decimal = Field(gt=0)
    recoverable: bool = True


class CompensationPlan(_Frozen):
    """How credits become pay in one period; money is decimal in `currency`.

    Attributes:
        plan_id: Names the plan.
        name: Shown on statements.
        currency: ISO 4217 code; the organisation's.
        mode: `marginal` pays each tier's rate on the credit inside it, `retroactive` the reached rate on all of it.
        tiers: Contiguous from 0. Credit above a last tier with an end earns nothing.
        base_rate: What accelerators multiply.
        draw: Least payment of a period.
        cap: Most commission of a period; SPIFs come on top.
        spifs: Bonuses.
        clawback_days: A deal refunded within so many days of its booking returns what was paid for it, later refunds
            return nothing. None: refunds count as negative credit when they come.
        on_target_earnings: Base and variable pay of one period at 100 % of the quota.
        roles: Roles on the plan; empty with `rep_ids` empty: everyone.
        rep_ids: Reps on the plan by name.
        valid_from: First day; None: always.
        valid_to: Last day; None: still.
    """

    plan_id: str = Field(min_length=1)
    name: str = ""
    currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$")
    mode: Literal["marginal", "retroactive"] = "marginal"
    tiers: tuple[Tier, ...] = Field(min_length=1)
    base_rate: Decimal | None = Field(default=None, ge=0)
    draw: Draw | None = None
    cap: Decimal | None = Field(default=None, ge=0)
    spifs: tuple[Spif, ...] = ()
    clawback_days: int | None = Field(default=None, ge=0)
    on_target_earnings: Decimal | None = Field(default=None, gt=0)
    roles: tuple[str, ...] = ()
    rep_ids: tuple[str, ...] = ()
    valid_from: date | None = None
    valid_to: date | None = None

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
            raise ValueError("a tier has a multiplier, but the plan has no base_rate to multiply")
        return self

    def rate_of(self, tier: Tier) -> Decimal:
        """The tier's commission rate, accelerators worked out."""
        if tier.multiplier is not None and self.base_rate is not None:
            return tier.multiplier * self.base_rate
        return tier.rate or Decimal(0)

    def minor(self, amount: Decimal) -> Decimal:
        """An amount in minor units of the plan's currency."""
        return amount.scaleb(minor_digits(self.currency))

    @property
    def version(self) -> str:
        """Eight characters that change with any term of the plan."""
        return sha256(self.model_dump_json(by_alias=True).encode()).hexdigest()[:8]

    @classmethod
    def parse(cls, content: object, *, where: str) -> Self:
        """Checks a plan that was read from `where`.

        Raises:
            ConfigurationError: One line for each setting that is unknown or wrong.
        """
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            problems = validation_problems(error, whole="plan")
            raise ConfigurationError(f"{where} is no compensation plan: {problems}") from error


def read_plans(path: Path) -> tuple[CompensationPlan, ...]:
    """Reads every plan of a YAML file (one a document) or of the YAML files of a folder.

    Raises:
        ConfigurationError: A file is unreadable, a plan is wrong, or two plans share a plan_id.
    """
    files = sorted([*path.glob("*.yaml"), *path.glob("*.yml")]) if path.is_dir() else [path]
    plans: dict[str, CompensationPlan] = {}
    for file in files:
        try:
            documents = list(yaml.safe_load_all(file.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise ConfigurationError(f"{file} cannot be read as YAML: {error}") from error
        for number, document in enumerate(documents, start=1):
            plan = CompensationPlan.parse(document, where=f"{file}, document {number}")
            if plan.plan_id in plans:
                raise ConfigurationError(f"{file}, document {number}: plan_id {plan.plan_id!r} is taken; rename one")
            plans[plan.plan_id] = plan
    return tuple(plans.values())


def plans_of(workspace: Workspace) -> tuple[CompensationPlan, ...]:
    """The plans that a workspace took over at ingest; none if none ever came.

    Raises:
        ConfigurationError: As `read_plans`.
    """
    return read_plans(workspace.comp_plans) if workspace.comp_plans.exists() else ()


def plans_text(plans: Iterable[CompensationPlan]) -> str:
    """The plans as YAML, in the order of their ids: equal plans give equal text, and `read_plans` reads it."""
    ordered = sorted(plans, key=lambda plan: plan.plan_id)
    return yaml.safe_dump_all((plan.model_dump(mode="json", by_alias=True) for plan in ordered), sort_keys=False)


def plan_for(plans: Iterable[CompensationPlan], *, rep_id: str, role: str | None, day: date) -> CompensationPlan | None:
    """The plan a rep is on: one that names the rep, else one for the role, else one for everyone.

    Raises:
        ConfigurationError: Two plans of the same rank hold on the day.
    """
    holding = [
        plan
        for plan in plans
        if (plan.valid_from is None or plan.valid_from <= day) and (plan.valid_to is None or day <= plan.valid_to)
    ]
    ranks: Sequence[list[CompensationPlan]] = (
        [plan for plan in holding if rep_id in plan.rep_ids],
        [plan for plan in holding if role is not None and role in plan.roles],
        [plan for plan in holding if not plan.rep_ids and not plan.roles],
    )
    chosen = next((rank for rank in ranks if rank), [])
    if len(chosen) > 1:
        names = " and ".join(repr(plan.plan_id) for plan in chosen)
        raise ConfigurationError(f"rep {rep_id!r} is on plans {names} on {day}: narrow their roles, reps or days")
    return chosen[0] if chosen else None
