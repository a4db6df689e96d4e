"""Commission of a plan's components: where running credit meets tiers, and what caps leave of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from spm_ml.compensation.credit import Credit
from spm_ml.compensation.plan import CompensationPlan
from spm_ml.compensation.terms import Component, percent
from spm_ml.compensation.trace import ComponentPay, TraceLine


@dataclass(frozen=True)
class Commission:
    """What the components of a plan pay together.

    Attributes:
        lines: A line for each part of a credit in a tier.
        components: By component.
        total: Σ of the lines, minor units.
        capped_off: What the caps took away.
    """

    lines: tuple[TraceLine, ...]
    components: tuple[ComponentPay, ...]
    total: int
    capped_off: int


@dataclass(frozen=True)
class _Band:
    """A stretch of running credit that is paid at one rate; None is without bound."""

    label: str
    rate: Decimal
    lower: int | None
    upper: int | None


def rounded(exact: Decimal) -> int:
    """Half a minor unit is rounded away from 0."""
    return int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def commission(plan: CompensationPlan, quota: int, credited: Sequence[Credit]) -> Commission:
    """Works out the commission on a period's credits.

    Rounding and caps apply to the running total, so each line is the difference of two running totals, and the lines
    add up exactly to the rounded, capped commission whatever the order of credits.

    Args:
        plan: The plan.
        quota: The rep's, minor units.
        credited: In the order of their days.
    """
    running = _Running(plan)
    lines: list[TraceLine] = []
    components: list[ComponentPay] = []
    for component in plan.components:
        own = [credit for credit in credited if component.measure.counts(credit)]
        goal, net = component_quota(component, quota), sum(credit.amount for credit in own)
        before, position = running.paid, 0
        running.begin(component)
        bands = _bands(component, goal, net)
        for credit in own:
            for band, part in _parts(bands, position, position + credit.amount):
                lines.append(_line(component, credit, band, part, running.add(part * band.rate)))
            position += credit.amount
        components.append(ComponentPay(component.name, goal, net, running.paid - before))
    return Commission(tuple(lines), tuple(components), running.paid, running.uncapped - running.paid)


def commission_on(plan: CompensationPlan, quota: int, credited: Sequence[int]) -> int:
    """Commission on the net credit of each component, minor units; the same in whatever order the credit came.

    Args:
        plan: The plan.
        quota: The rep's, minor units.
        credited: Net credit that each component's tiers see, in the order of the components; below 0 it takes back
            what the first tier pays.
    """
    running = _Running(plan)
    for component, net in zip(plan.components, credited, strict=True):
        running.begin(component)
        bands = _bands(component, component_quota(component, quota), net)
        running.add(sum((part * band.rate for band, part in _parts(bands, 0, net)), Decimal(0)))
    return running.paid


def component_quota(component: Component, quota: int) -> int:
    """The component's own quota, minor units; at least 1, because tiers are shares of it."""
    return max(rounded(component.quota_share * quota), 1)


class _Running:
    """Commission so far, exact, and what is left of it after caps and rounding."""

    def __init__(self, plan: CompensationPlan) -> None:
        self._cap = None if plan.cap is None else plan.minor(plan.cap)
        self._plan = plan
        self._before, self._exact, self._exact_before = Decimal(0), Decimal(0), Decimal(0)
        self._own_cap: Decimal | None = None
        self.paid = 0

    def begin(self, component: Component) -> None:
        self._before += self._capped
        self._exact_before += self._exact
        self._exact = Decimal(0)
        self._own_cap = None if component.cap is None else self._plan.minor(component.cap)

    def add(self, exact: Decimal) -> int:
        """Adds to the component's commission; gives by how much what is paid changed."""
        before, self._exact = self.paid, self._exact + exact
        total = self._before + self._capped
        self.paid = rounded(total if self._cap is None else min(total, self._cap))
        return self.paid - before

    @property
    def uncapped(self) -> int:
        return rounded(self._exact_before + self._exact)

    @property
    def _capped(self) -> Decimal:
        return self._exact if self._own_cap is None else min(self._exact, self._own_cap)


def _bands(component: Component, goal: int, credited: int) -> list[_Band]:
    """The component's tiers in whole minor units of running credit.

    The first band has no lower bound, so that a net refund takes back what its rate paid. Retroactive components have
    one band, of the tier that all credit together reaches; one whose threshold is not reached pays nothing.
    """
    first = component.tiers[0]
    if component.threshold is not None and 0 <= credited < component.threshold * goal:
        return [_Band(f"below the threshold of {percent(component.threshold)}", Decimal(0), None, None)]
    reached = next((tier for tier in reversed(component.tiers) if credited >= tier.lower * goal), first)
    tiers = component.tiers if component.mode == "marginal" else (reached,)
    starts = [None, *(rounded(tier.lower * goal) for tier in tiers[1:])]
    top = component.tiers[-1].upper
    ceiling = None if top is None else rounded(top * goal)
    bands = [
        _Band(tier.label, component.rate_of(tier), lower, upper)
        for tier, lower, upper in zip(tiers, starts, [*starts[1:], ceiling], strict=True)
    ]
    return bands if ceiling is None else [*bands, _Band("above the last tier", Decimal(0), ceiling, None)]


def _parts(bands: Sequence[_Band], start: int, end: int) -> Iterator[tuple[_Band, int]]:
    """Cuts a credit that moves the running total from `start` to `end` where bands meet, in the order of the move."""
    low, high, sign = (start, end, 1) if end >= start else (end, start, -1)
    for band in bands if sign > 0 else reversed(bands):
        inside = min(high, high if band.upper is None else band.upper) - max(
            low, low if band.lower is None else band.lower
        )
        if inside > 0:
            yield band, sign * inside


def _line(component: Component, credit: Credit, band: _Band, part: int, amount: int) -> TraceLine:
    return TraceLine(
        kind="commission",
        opportunity_id=credit.opportunity_id,
        entry=credit.entry,
        booked_on=credit.booked_on,
        credit=part,
        tier=band.label,
        rate=band.rate,
        amount=amount,
        component=component.name,
        owner=credit.owner,
    )
