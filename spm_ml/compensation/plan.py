"""CompensationPlan: components, draw, cap, holdback, SPIFs and clawback window, and who is on it when."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from graphlib import CycleError, TopologicalSorter
from hashlib import sha256
from typing import Any, Final, Literal, Self

from pydantic import Field, ValidationError, model_validator

from spm_ml.compensation.terms import Component, Draw, Holdback, Spif, Terms
from spm_ml.errors import ConfigurationError
from spm_ml.tables import minor_digits
from spm_ml.yaml_file import YamlDocument, validation_problems


class CompensationPlan(Terms):
    """How credits become pay in one period; money is decimal in `currency`.

    A plan with a single component may state the component's settings without `components`.

    Attributes:
        plan_id: Names the plan; versions of it that follow each other in time share it.
        name: Shown on statements.
        currency: ISO 4217 code; the organisation's.
        components: What is measured and how it is paid.
        draw: Least payment of a period.
        cap: Most commission of all components in a period; SPIFs come on top.
        holdback: What is paid later.
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
    components: tuple[Component, ...] = Field(min_length=1)
    draw: Draw | None = None
    cap: Decimal | None = Field(default=None, ge=0)
    holdback: Holdback | None = None
    spifs: tuple[Spif, ...] = ()
    clawback_days: int | None = Field(default=None, ge=0)
    on_target_earnings: Decimal | None = Field(default=None, gt=0)
    roles: tuple[str, ...] = ()
    rep_ids: tuple[str, ...] = ()
    valid_from: date | None = None
    valid_to: date | None = None

    @model_validator(mode="after")
    def _usable(self) -> Self:
        names = [component.name for component in self.components]
        if len(set(names)) < len(names):
            raise ValueError(f"components {names} share a name: a trace could not tell them apart")
        if len({component.measure.of for component in self.components if component.measure.overrides}) > 1:
            raise ValueError("components count the credit of different others: keep to the team, or to the same reps")
        if self.valid_from and self.valid_to and self.valid_to < self.valid_from:
            raise ValueError(f"the plan ends on {self.valid_to}, before it starts on {self.valid_from}")
        return self

    def minor(self, amount: Decimal) -> Decimal:
        """An amount in minor units of the plan's currency."""
        return amount.scaleb(minor_digits(self.currency))

    @property
    def overrides(self) -> Literal["team"] | tuple[str, ...]:
        """Whose credit counts beside the rep's own: the team's, or that of named reps; empty: nobody's."""
        counted = (component.measure.of for component in self.components)
        return next((of for of in counted if of != "own"), ())

    def holds_on(self, day: date) -> bool:
        """Whether the plan is in force on a day."""
        return (self.valid_from or day) <= day <= (self.valid_to or day)

    def ended_before(self, day: date) -> Self:
        """The plan with a last day before this one: its terms settle what is open, and nothing is earned."""
        before = day - timedelta(days=1)
        return self.model_copy(update={"valid_to": min(self.valid_to or before, before)})

    @property
    def version(self) -> str:
        """Eight characters that change with any term of the plan."""
        return sha256(self.model_dump_json(by_alias=True).encode()).hexdigest()[:8]

    @classmethod
    def parse(cls, content: object, *, where: str, document: YamlDocument | None = None) -> Self:
        """Checks a plan that was read from `where`.

        Args:
            content: The plan's settings.
            where: For the message.
            document: Of the content, for the lines in the message.

        Raises:
            ConfigurationError: It names each setting that is unknown or wrong.
        """
        unwritten: tuple[str | int, ...] = ()
        if isinstance(content, Mapping) and "components" not in content:
            content, unwritten = _with_component(content), _ONLY
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            problems = validation_problems(error, whole="plan", document=document, unwritten=unwritten)
            raise ConfigurationError(f"{where} is no compensation plan: {problems}") from error


_ONLY: Final = ("components", 0)
_OF_COMPONENT: Final = frozenset(Component.model_fields) - frozenset(CompensationPlan.model_fields)


def _with_component(content: Mapping[str, Any]) -> dict[str, Any]:
    """A plan that states the settings of its only component itself, spelt out."""
    component = {name: value for name, value in content.items() if name in _OF_COMPONENT}
    rest = {name: value for name, value in content.items() if name not in _OF_COMPONENT}
    return rest | {"components": [component]}


def check_plans(plans: Sequence[CompensationPlan]) -> None:
    """Refuses plans that cannot hold together.

    Raises:
        ConfigurationError: Two versions of a plan hold on the same day, or people are paid for each other's credit.
    """
    for number, plan in enumerate(plans):
        for other in plans[:number]:
            if plan.plan_id == other.plan_id and _days_in_common(plan, other):
                raise ConfigurationError(
                    f"plan {plan.plan_id!r} stands there twice for the same days: end the older version with valid_to "
                    "before the newer one's valid_from, or rename one"
                )
    for day in sorted({plan.valid_from or date.min for plan in plans}):
        counted = TopologicalSorter(_counted_by(plan for plan in plans if plan.holds_on(day)))
        try:
            counted.prepare()
        except CycleError as error:
            circle = " counts the credit of ".join(repr(name) for name in reversed(error.args[1]))
            raise ConfigurationError(f"overrides run in a circle: {circle}: leave one of them out") from None


def _days_in_common(one: CompensationPlan, other: CompensationPlan) -> bool:
    first = max(one.valid_from or date.min, other.valid_from or date.min)
    return first <= min(one.valid_to or date.max, other.valid_to or date.max)


def _counted_by(plans: Iterable[CompensationPlan]) -> dict[str, set[str]]:
    """Whose credit, named one by one, counts for whom."""
    counted: dict[str, set[str]] = {}
    for plan in plans:
        for rep_id in plan.rep_ids:
            for component in plan.components:
                if not isinstance(component.measure.of, str):
                    counted.setdefault(rep_id, set()).update(component.measure.of)
    return counted


def plan_for(plans: Iterable[CompensationPlan], *, rep_id: str, role: str | None, day: date) -> CompensationPlan | None:
    """The plan a rep is on: one that names the rep, else one for the role, else one for everyone.

    Raises:
        ConfigurationError: Two plans of the same rank hold on the day.
    """
    holding = [plan for plan in plans if plan.holds_on(day)]
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
