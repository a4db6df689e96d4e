"""payout(): credits, tiers, SPIFs, refunds, holdback, adjustments and draw of one rep and period, in exact arithmetic.

settlement(): what of that is still due to somebody without a quota.

Tiers, accelerators, draws, caps and SPIFs as in Cichelli, Compensating the Sales Force (McGraw-Hill).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from spm_ml.compensation.adjustments import adjustment_lines
from spm_ml.compensation.credit import Credit
from spm_ml.compensation.holdbacks import holdback_lines, withheld_of_commission
from spm_ml.compensation.plan import CompensationPlan
from spm_ml.compensation.settlement import Paid, paid_for, settle_refunds
from spm_ml.compensation.terms import Draw, Measure, Spif
from spm_ml.compensation.tiers import commission, commission_on, component_quota, rounded
from spm_ml.compensation.trace import LineKind, Payout, TraceLine
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
    restated: Sequence[Payout] = (),
) -> Payout:
    """Works out what a plan pays one rep for one period.

    Args:
        plan: The plan the rep is on.
        quota: Quota in force, minor units.
        entries: The period's signed credits of the rep, and of those whose credit counts for the rep.
        rep_id: The rep.
        period: The period.
        earlier: The rep's payouts of earlier periods: for clawbacks, holdbacks and draws.
        restated: What earlier, closed periods would pay with what is known now; what `earlier` paid for them less, or
            more, is paid or taken here.

    Returns:
        The payout; its trace adds up to the cent.

    Raises:
        DataError: The quota is not above 0, a ledger entry is given twice or lies outside the period, `earlier` holds
            another rep, a later period or a period twice; or `restated` does.
    """
    if quota <= 0:
        raise DataError(f"rep {rep_id!r} has a quota of {quota} in {period.label}: tiers need a quota above 0")
    return _worked_out(plan, quota, entries, rep_id=rep_id, period=period, earlier=earlier, restated=restated)


def settlement(
    plan: CompensationPlan,
    entries: Iterable[Credit],
    *,
    rep_id: str,
    period: Period,
    earlier: Sequence[Payout] = (),
    restated: Sequence[Payout] = (),
) -> Payout:
    """Works out what is still open between a company and somebody who has no quota any more, such as a leaver.

    Adjustments of closed periods, clawbacks of refunds and the release of what was withheld are due as for everybody.
    Nothing is earned: tiers and SPIFs need a quota, and so does the advance of a draw. What is payable first repays
    what is left of earlier advances.

    Args:
        plan: The plan in force, whose holdback and clawback hold.
        entries: The period's signed credits; of these only refunds of deals that were paid for count.
        rep_id: The person.
        period: The period that it is paid with.
        earlier: As for `payout`.
        restated: As for `payout`.

    Returns:
        A payout without quota, credit and commission; without lines where nothing is open. A negative amount is owed
        by the person.

    Raises:
        DataError: As for `payout`.
    """
    return _worked_out(plan, 0, entries, rep_id=rep_id, period=period, earlier=earlier, restated=restated)


def _worked_out(
    plan: CompensationPlan,
    quota: int,
    entries: Iterable[Credit],
    *,
    rep_id: str,
    period: Period,
    earlier: Sequence[Payout],
    restated: Sequence[Payout],
) -> Payout:
    in_order = sorted(entries, key=lambda credit: credit.booked_on)
    before = _in_order(earlier, rep_id, period)
    _check(in_order, rep_id, period)
    now = _in_order(restated, rep_id, period)
    adjusted = adjustment_lines(before, now)
    past = _past(before, now)
    credited, settled = settle_refunds(plan, in_order, past)
    if not quota:
        credited = []
    paid = commission(plan, quota, credited)
    spifs = [line for spif in plan.spifs for line in _spif_lines(plan, spif, credited, [*past, *settled])]
    held = holdback_lines(plan.holdback, paid.lines, [*past, *settled], period)
    lines = (*paid.lines, *spifs, *settled, *adjusted, *held)
    payable = sum(line.amount for line in lines)
    balance = before[-1].draw_balance if before else 0
    advance, repaid, balance = _draw(plan.draw if quota else None, plan, payable, balance)
    return Payout(
        rep_id=rep_id,
        plan_id=plan.plan_id,
        plan_version=plan.version,
        period=period.label,
        period_start=period.start,
        currency=plan.currency,
        quota=quota,
        credited=sum(credit.amount for credit in credited if _is_measured(plan, credit)),
        components=paid.components if quota else (),
        commission=paid.total,
        capped_off=paid.capped_off,
        spif=_sum(lines, "spif"),
        clawback=_sum(lines, "clawback"),
        adjustment=_sum(lines, "adjustment"),
        withheld=_sum(lines, "holdback"),
        released=_sum(lines, "release"),
        draw_advance=advance,
        draw_repaid=repaid,
        draw_balance=balance,
        lines=lines,
    )


def payout_at(plan: CompensationPlan, so_far: Payout, more: int) -> int:
    """What would be paid for a running period if so much more were credited to the rep by its end, minor units.

    What is still to come is credited to each component in the mix of what is credited so far, or where nothing is, in
    full to those that count every deal and in the share of the quota to the others. SPIFs, refunds and adjustments stay
    what they are so far, and so does the credit of others: they hang on single deals, which nobody knows yet.

    Args:
        plan: The plan that `so_far` was worked out with.
        so_far: The period's payout on what is credited so far.
        more: Credit still to come, minor units; negative: of what is credited, so much will be taken back.
    """
    credited = [
        part.credited + rounded(more * share) for part, share in zip(so_far.components, _mix(plan, so_far), strict=True)
    ]
    return _paid_on(plan, so_far, credited)


def payout_at_quota(plan: CompensationPlan, so_far: Payout) -> int:
    """What would be paid if each component ended at exactly its own quota, minor units.

    Args:
        plan: The plan that `so_far` was worked out with.
        so_far: The period's payout on what is credited so far; what does not hang on the tiers stays as it is.
    """
    return _paid_on(plan, so_far, [component_quota(component, so_far.quota) for component in plan.components])


def _paid_on(plan: CompensationPlan, so_far: Payout, credited: Sequence[int]) -> int:
    total = commission_on(plan, so_far.quota, credited)
    more_withheld = withheld_of_commission(plan.holdback, max(total, 0)) - withheld_of_commission(
        plan.holdback, max(so_far.commission, 0)
    )
    withheld = so_far.withheld - more_withheld
    payable = total + so_far.spif + so_far.clawback + so_far.adjustment + withheld + so_far.released
    advanced = so_far.draw_advance if plan.draw is not None and plan.draw.recoverable else 0
    advance, repaid, _ = _draw(plan.draw, plan, payable, so_far.draw_balance + so_far.draw_repaid - advanced)
    return payable + advance - repaid


def _mix(plan: CompensationPlan, so_far: Payout) -> list[Decimal]:
    """The share of the credit still to come that each component counts."""
    shares = []
    for component, part in zip(plan.components, so_far.components, strict=True):
        measure = component.measure
        if measure.overrides:
            share = Decimal(0)
        elif measure == Measure():
            share = Decimal(1)
        elif so_far.credited > 0:
            share = min(max(Decimal(part.credited) / so_far.credited, Decimal(0)), Decimal(1))
        else:
            share = component.quota_share
        shares.append(share)
    return shares


def _past(before: Sequence[Payout], restated: Sequence[Payout]) -> list[TraceLine]:
    """What is settled of earlier periods, adjustments included: of restated ones, what is known of them now."""
    known = {one.period for one in restated}
    kept = (line for one in before for line in one.lines if (line.of_period or one.period) not in known)
    return [*kept, *(line for one in restated for line in one.lines)]


def _in_order(earlier: Sequence[Payout], rep_id: str, period: Period) -> list[Payout]:
    ordered = sorted(earlier, key=lambda paid: paid.period_start)
    starts = [paid.period_start for paid in ordered]
    if any(paid.rep_id != rep_id or paid.period_start >= period.start for paid in ordered):
        raise DataError(f"earlier payouts of rep {rep_id!r} before {period.label} include another rep or later period")
    if len(set(starts)) < len(starts):
        raise DataError(f"rep {rep_id!r} has several earlier payouts for one period: give the latest snapshot of each")
    return ordered


def _check(entries: Sequence[Credit], rep_id: str, period: Period) -> None:
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


def _is_measured(plan: CompensationPlan, credit: Credit) -> bool:
    return any(component.measure.counts(credit) for component in plan.components)


def _sum(lines: Iterable[TraceLine], kind: LineKind) -> int:
    return sum(line.amount for line in lines if line.kind == kind)


def _spif_lines(
    plan: CompensationPlan, spif: Spif, credited: Sequence[Credit], past: Sequence[TraceLine]
) -> Iterator[TraceLine]:
    had = set() if spif.amount is None else _still_paid(spif.name, past)
    paid = paid_for(past)
    net: dict[str, int] = defaultdict(int)
    first: dict[str, Credit] = {}
    for credit in (credit for credit in credited if not credit.owner):
        net[credit.opportunity_id] += credit.amount
        if credit.amount > 0:
            first.setdefault(credit.opportunity_id, credit)
    for opportunity_id, credit in first.items():
        counts = (
            net[opportunity_id] > 0
            and opportunity_id not in had
            and net[opportunity_id] >= plan.minor(spif.minimum)
            and (spif.product is None or credit.product == spif.product)
            and (spif.kind is None or credit.deal_kind == spif.kind)
            and (spif.first_day is None or credit.booked_on >= spif.first_day)
            and (spif.last_day is None or credit.booked_on <= spif.last_day)
        )
        if counts:
            before = paid.get(("", opportunity_id), Paid())
            bonus = (
                before.bonus(spif.name, spif.rate or Decimal(0), net[opportunity_id])
                if spif.amount is None
                else plan.minor(spif.amount)
            )
            yield TraceLine(
                kind="spif",
                opportunity_id=opportunity_id,
                entry=credit.entry,
                booked_on=credit.booked_on,
                credit=0,
                tier=spif.name,
                rate=spif.rate,
                amount=rounded(Decimal(bonus)),
            )


def _still_paid(name: str, past: Sequence[TraceLine]) -> set[str]:
    """Deals for which earlier payouts paid a bonus, unless clawbacks have returned all that was paid for them."""
    own = [line for line in past if not line.owner]
    left: dict[str, int] = defaultdict(int)
    for line in own:
        left[line.opportunity_id] += line.amount + line.withheld
    returned = {line.opportunity_id for line in own if line.kind == "clawback" and left[line.opportunity_id] <= 0}
    return {line.opportunity_id for line in own if (line.kind, line.tier) == ("spif", name)} - returned


def _draw(terms: Draw | None, plan: CompensationPlan, payable: int, balance: int) -> tuple[int, int, int]:
    """Advance, repayment and balance after this period."""
    floor = 0 if terms is None else rounded(plan.minor(terms.amount))
    if terms is not None and payable < floor:
        advance = floor - payable
        return advance, 0, balance + (advance if terms.recoverable else 0)
    repaid = min(balance, max(payable - floor, 0))
    return 0, repaid, balance - repaid
