"""A compensation plan in plain words, and as a picture."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from markupsafe import Markup

from serving import formats
from serving.charts.pay_curve import pay_curve
from serving.formats import Money
from spm_ml.compensation import CompensationPlan, Component, Measure, Payout, Spif, Tier, commission_on

_STEPS: Final = 120
_LEAST: Final = Decimal("1.5")
"""Attainment up to which the picture goes at least."""


@dataclass(frozen=True)
class PlanWords:
    """A plan.

    Attributes:
        name: As statements show it.
        version: Changes with any term.
        quota: That the tiers are measured by.
        components: What each part counts and pays.
        rules: What holds for all of them.
        chart: Commission over attainment.
    """

    name: str
    version: str
    quota: str
    components: tuple[str, ...]
    rules: tuple[str, ...]
    chart: Markup


def plan_words(plan: CompensationPlan, paid: Payout, money: Money) -> PlanWords:
    """The words and the picture of the plan behind a payout."""
    return PlanWords(
        name=plan.name or plan.plan_id,
        version=plan.version,
        quota=money.full(paid.quota),
        components=tuple(_component(component, plan, money) for component in plan.components),
        rules=tuple(_rules(plan, money)),
        chart=_chart(plan, paid, money),
    )


def _component(component: Component, plan: CompensationPlan, money: Money) -> str:
    share = formats.percent(float(component.quota_share))
    quota = "" if component.quota_share == 1 else f" Its own quota is {share} of it."
    way = (
        "The rate that is reached holds for all of it"
        if component.mode == "retroactive"
        else "Each rate holds for the credit inside its range"
    )
    tiers = "; ".join(_tier(component, tier) for tier in component.tiers)
    top = component.tiers[-1].upper
    beyond = f" Above {formats.percent(float(top))} nothing more is paid." if top is not None else ""
    threshold = (
        f" Nothing is paid below {formats.percent(float(component.threshold))}, and everything from there on."
        if component.threshold is not None
        else ""
    )
    cap = "" if component.cap is None else f" At most {money.full(float(plan.minor(component.cap)))} a period."
    name = f"{component.name[:1].upper()}{component.name[1:]}"
    return f"{name} counts {_measure(component.measure)}.{quota} {way}: {tiers}.{beyond}{threshold}{cap}"


def _tier(component: Component, tier: Tier) -> str:
    rate = formats.percent(float(component.rate_of(tier)), digits=1)
    if tier.upper is None and not tier.lower:
        return f"{rate} of all credit"
    if tier.upper is None:
        return f"{rate} from {formats.percent(float(tier.lower))} of the quota on"
    return f"{rate} up to {formats.percent(float(tier.upper))} of the quota"


def _measure(measure: Measure) -> str:
    of = {"own": "your own", "team": "your team's"}
    whose = of[measure.of] if isinstance(measure.of, str) else f"the credit of {', '.join(measure.of)} and its"
    credit = {"all": "credit", "revenue": "revenue credit", "overlay": "overlay credit"}[measure.credit]
    kinds = f" of {' and '.join(measure.kinds)} business" if measure.kinds else ""
    products = f" with {' or '.join(measure.products)}" if measure.products else ""
    return f"{whose} {credit}{kinds}{products}"


def _rules(plan: CompensationPlan, money: Money) -> Iterator[str]:
    if plan.cap is not None:
        yield f"All commission together is at most {money.full(float(plan.minor(plan.cap)))} a period."
    if plan.draw is not None:
        back = "taken back from later pay" if plan.draw.recoverable else "yours to keep"
        yield f"At least {money.full(float(plan.minor(plan.draw.amount)))} is paid a period; what fills up is {back}."
    if plan.holdback is not None:
        yield (
            f"{formats.percent(float(plan.holdback.share))} of the commission on a deal is withheld and paid with the "
            f"period in which {plan.holdback.release_days} days after its last booking end, unless it is refunded."
        )
    if plan.clawback_days is not None:
        yield (
            f"A deal that is refunded within {plan.clawback_days} days of its last booking returns its share of what "
            "was paid for it; later refunds return nothing."
        )
    else:
        yield "A refund counts as negative credit of the period in which it comes."
    yield from (_spif(spif, plan, money) for spif in plan.spifs)
    yield "What is entered late, corrected or reversed after a period is closed is settled once, with the next one."


def _spif(spif: Spif, plan: CompensationPlan, money: Money) -> str:
    worth = (
        money.full(float(plan.minor(spif.amount)))
        if spif.amount is not None
        else f"{formats.percent(float(spif.rate or 0), digits=1)} of the credit"
    )
    about = [
        f"with {spif.product}" if spif.product else "",
        f"of {spif.kind} business" if spif.kind else "",
        f"of {money.full(float(plan.minor(spif.minimum)))} or more" if spif.minimum else "",
        f"from {formats.day(spif.first_day)}" if spif.first_day else "",
        f"until {formats.day(spif.last_day)}" if spif.last_day else "",
    ]
    return f"{spif.name}: {worth} for each deal {' '.join(part for part in about if part)}".rstrip() + "."


def _chart(plan: CompensationPlan, paid: Payout, money: Money) -> Markup:
    """The commission if every component is at the same attainment."""
    own = [part.quota for part in paid.components]
    ends = [bound for component in plan.components for tier in component.tiers for bound in (tier.lower, tier.upper)]
    last = max(_LEAST, *(bound + Decimal("0.25") for bound in ends if bound is not None))
    at = [float(last) * step / _STEPS for step in range(_STEPS + 1)]
    points = [(share, float(commission_on(plan, paid.quota, [round(share * quota) for quota in own]))) for share in at]
    reached = float(paid.attainment or 0)
    now = (reached, float(paid.commission)) if 0 <= reached <= float(last) else None
    at_quota = commission_on(plan, paid.quota, own)
    stands = f" Now at {formats.percent(reached)}: {money.full(paid.commission)}."
    return pay_curve(
        points,
        now,
        share=formats.percent,
        tick=money.tick,
        title=f"Commission over attainment, in {money.currency}",
        description=f"At exactly the quota {money.full(at_quota)}; at {formats.percent(float(last))} of it "
        f"{money.full(points[-1][1])}.{stands}",
        key="plan-curve",
    )
