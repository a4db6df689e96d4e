"""payout(): credits, tiers, SPIFs, clawbacks and draw of one rep and period, in exact arithmetic.

Tiers, accelerators, draws, caps and SPIFs as in Cichelli, Compensating the Sales Force (McGraw-Hill).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

from spm_ml.compensation.credit import Credit
from spm_ml.compensation.plan import CompensationPlan, Spif, Tier
from spm_ml.compensation.settlement import settle_refunds
from spm_ml.compensation.trace import Payout, TraceLine
from spm_ml.errors import DataError
from spm_ml.fiscal import Period


def payout(
    plan: CompensationPlan,
    quota: int,
    entries: Iterable[Credit],
    *,
    rep_id: str,
    period: Period,
    earlier: Sequence[Payout] = (),
) -> Payout:
    """Works out what a plan pays one rep for one period.

    Args:
        plan: The plan the rep is on.
        quota: Quota in force, minor units.
        entries: The period's signed credits of the rep.
        rep_id: The rep.
        period: The period.
        earlier: The rep's payouts of earlier periods, the latest snapshot of each: for clawbacks and draw balances.

    Returns:
        The payout; its trace adds up to the cent.

    Raises:
        DataError: The quota is not above 0, a ledger entry is given twice or lies outside the period, or `earlier`
            holds another rep, a later period or a period twice.
    """
    in_order = sorted(entries, key=lambda credit: credit.booked_on)
    before = _in_order(earlier, rep_id, period)
    _check(quota, in_order, rep_id, period)
    credited, settled = settle_refunds(plan, in_order, before)
    commission, capped_off = _commission(plan, quota, credited)
    spifs = [line for spif in plan.spifs for line in _spif_lines(plan, spif, credited)]
    clawback = sum(line.amount for line in settled)
    spif_total = sum(line.amount for line in spifs)
    commission_total = sum(line.amount for line in commission)
    balance = before[-1].draw_balance if before else 0
    advance, repaid, balance = _draw(plan, commission_total + spif_total + clawback, balance)
    return Payout(
        rep_id=rep_id,
        plan_id=plan.plan_id,
        period=period.label,
        period_start=period.start,
        currency=plan.currency,
        quota=quota,
        credited=sum(credit.amount for credit in credited),
        commission=commission_total,
        capped_off=capped_off,
        spif=spif_total,
        clawback=clawback,
        draw_advance=advance,
        draw_repaid=repaid,
        draw_balance=balance,
        lines=(*commission, *spifs, *settled),
    )


def commission_on(plan: CompensationPlan, quota: int, credited: int) -> int:
    """Commission on a period's net credit, minor units, cap applied; the same in whatever order the credit came.

    Args:
        plan: The plan.
        quota: In force, minor units.
        credited: Net credit that the tiers see, minor units; below 0 it takes back what the first tier pays.
    """
    parts = _parts(_bands(plan, quota, credited), 0, credited)
    exact = sum((part * plan.rate_of(tier) for tier, part in parts if tier is not None), Decimal(0))
    return _rounded(exact if plan.cap is None else min(exact, plan.minor(plan.cap)))


def payout_at(plan: CompensationPlan, so_far: Payout, more: int) -> int:
    """What would be paid for a running period if so much more were credited by its end, minor units.

    SPIFs and clawbacks stay what they are so far: they hang on single deals, which nobody knows yet.

    Args:
        plan: The plan that `so_far` was worked out with.
        so_far: The period's payout on what is credited so far.
        more: Credit still to come, minor units; negative: of what is credited, so much will be taken back.
    """
    earned = commission_on(plan, so_far.quota, so_far.credited + more) + so_far.spif + so_far.clawback
    advanced = so_far.draw_advance if plan.draw is not None and plan.draw.recoverable else 0
    advance, repaid, _ = _draw(plan, earned, so_far.draw_balance + so_far.draw_repaid - advanced)
    return earned + advance - repaid


def _in_order(earlier: Sequence[Payout], rep_id: str, period: Period) -> list[Payout]:
    ordered = sorted(earlier, key=lambda paid: paid.period_start)
    starts = [paid.period_start for paid in ordered]
    if any(paid.rep_id != rep_id or paid.period_start >= period.start for paid in ordered):
        raise DataError(f"earlier payouts of rep {rep_id!r} before {period.label} include another rep or later period")
    if len(set(starts)) < len(starts):
        raise DataError(f"rep {rep_id!r} has several earlier payouts for one period: give the latest snapshot of each")
    return ordered


def _check(quota: int, entries: Sequence[Credit], rep_id: str, period: Period) -> None:
    if quota <= 0:
        raise DataError(f"rep {rep_id!r} has a quota of {quota} in {period.label}: tiers need a quota above 0")
    seen: set[str] = set()
    for credit in entries:
        if credit.entry in seen:
            raise DataError(f"ledger entry {credit.entry!r} of rep {rep_id!r} is given twice; each is settled once")
        seen.add(credit.entry)
        if not period.contains(credit.booked_on):
            raise DataError(
                f"ledger entry {credit.entry!r} of rep {rep_id!r} is booked on {credit.booked_on}, "
                f"outside {period.label} ({period.start} to {period.end})"
            )


def _rounded(exact: Decimal) -> int:
    return int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def _commission(plan: CompensationPlan, quota: int, credited: Sequence[Credit]) -> tuple[list[TraceLine], int]:
    """Commission lines, and what the cap took away.

    Rounding and cap apply to the running total, so each line is the difference of two running totals and the lines
    add up exactly to the rounded, capped commission whatever the order of credits.
    """
    cap = None if plan.cap is None else plan.minor(plan.cap)
    bands = _bands(plan, quota, sum(credit.amount for credit in credited))
    lines: list[TraceLine] = []
    position, exact, paid = 0, Decimal(0), 0
    for credit in credited:
        for tier, part in _parts(bands, position, position + credit.amount):
            rate = Decimal(0) if tier is None else plan.rate_of(tier)
            exact += part * rate
            total = _rounded(exact if cap is None else min(exact, cap))
            label = "above the last tier" if tier is None else tier.label
            lines.append(_line("commission", credit, part, label, rate, total - paid))
            paid = total
        position += credit.amount
    return lines, _rounded(exact) - paid


def _bands(plan: CompensationPlan, quota: int, credited: int) -> list[tuple[Tier | None, int | None, int | None]]:
    """Tiers with their bounds in whole minor units of running credit; None is without bound, or above the last tier.

    The first band has no lower bound, so that a net refund takes back what its rate paid. Retroactive plans have one
    band, of the tier that all credit together reaches.
    """
    reached = next((tier for tier in reversed(plan.tiers) if credited >= tier.lower * quota), plan.tiers[0])
    tiers = plan.tiers if plan.mode == "marginal" else (reached,)
    starts = [None, *(_rounded(tier.lower * quota) for tier in tiers[1:])]
    top = plan.tiers[-1].upper
    if top is None:
        return list(zip(tiers, starts, [*starts[1:], None], strict=True))
    ceiling = _rounded(top * quota)
    return [*zip(tiers, starts, [*starts[1:], ceiling], strict=True), (None, ceiling, None)]


def _parts(
    bands: Sequence[tuple[Tier | None, int | None, int | None]], start: int, end: int
) -> Iterator[tuple[Tier | None, int]]:
    """Cuts a credit that moves the running total from `start` to `end` where bands meet, in the order of the move."""
    low, high, sign = (start, end, 1) if end >= start else (end, start, -1)
    for tier, lower, upper in bands if sign > 0 else reversed(bands):
        inside = min(high, high if upper is None else upper) - max(low, low if lower is None else lower)
        if inside > 0:
            yield tier, sign * inside


def _spif_lines(plan: CompensationPlan, spif: Spif, credited: Sequence[Credit]) -> Iterator[TraceLine]:
    net: dict[str, int] = defaultdict(int)
    first: dict[str, Credit] = {}
    for credit in credited:
        net[credit.opportunity_id] += credit.amount
        if credit.amount > 0:
            first.setdefault(credit.opportunity_id, credit)
    for opportunity_id, credit in first.items():
        counts = (
            net[opportunity_id] > 0
            and net[opportunity_id] >= plan.minor(spif.minimum)
            and (spif.product is None or credit.product == spif.product)
            and (spif.kind is None or credit.deal_kind == spif.kind)
            and (spif.first_day is None or credit.booked_on >= spif.first_day)
            and (spif.last_day is None or credit.booked_on <= spif.last_day)
        )
        if counts:
            bonus = plan.minor(spif.amount) if spif.amount is not None else net[opportunity_id] * (spif.rate or 0)
            yield _line("spif", credit, 0, spif.name, spif.rate, _rounded(Decimal(bonus)))


def _draw(plan: CompensationPlan, earned: int, balance: int) -> tuple[int, int, int]:
    """Advance, repayment and balance after this period."""
    floor = 0 if plan.draw is None else _rounded(plan.minor(plan.draw.amount))
    if plan.draw is not None and earned < floor:
        advance = floor - earned
        return advance, 0, balance + (advance if plan.draw.recoverable else 0)
    repaid = min(balance, max(earned - floor, 0))
    return 0, repaid, balance - repaid


def _line(
    kind: Literal["commission", "spif"], credit: Credit, part: int, tier: str, rate: Decimal | None, amount: int
) -> TraceLine:
    return TraceLine(kind, credit.opportunity_id, credit.entry, credit.booked_on, part, tier, rate, amount)
