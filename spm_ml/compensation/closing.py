"""Closed pay periods: what was paid as it stood then, and what comes to light later as adjustments of the next one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final

from pydantic import TypeAdapter, ValidationError

from spm_ml.compensation.adjustments import adjustment_lines
from spm_ml.compensation.credit import Credit
from spm_ml.compensation.payouts import payout, settlement
from spm_ml.compensation.plan import CompensationPlan
from spm_ml.compensation.trace import Payout, TraceLine
from spm_ml.errors import DataError
from spm_ml.fiscal import Period


@dataclass(frozen=True)
class ClosedPeriod:
    """A period whose payouts are settled for good.

    Attributes:
        period: The label.
        start: First day.
        end: Last day.
        closed_at: When (UTC).
        as_of: What was known at the end of this day was paid.
        data_version: Version of the tables.
        currency: Of all amounts.
        plans: Every plan as it was then: the period keeps them whatever becomes of the files.
        payouts: By rep_id; whoever is not in it was paid nothing.
    """

    period: str
    start: date
    end: date
    closed_at: datetime
    as_of: date
    data_version: int
    currency: str
    plans: tuple[CompensationPlan, ...]
    payouts: Mapping[str, Payout]

    def plan_of(self, rep_id: str) -> CompensationPlan | None:
        """The plan that a rep was paid by; None for whoever was paid nothing."""
        paid = self.payouts.get(rep_id)
        if paid is None:
            return None
        return next(one for one in self.plans if (one.plan_id, one.version) == (paid.plan_id, paid.plan_version))


@dataclass(frozen=True)
class PeriodTerms:
    """What is known now of one rep and period.

    Attributes:
        period: The period.
        plan: The plan; of a closed period the one that it was closed with.
        quota: In force, minor units; 0 where none is known.
        entries: Signed credits of the period.
        settles: Without a quota, what earlier periods left open is settled all the same: the person has left.
    """

    period: Period
    plan: CompensationPlan
    quota: int
    entries: Sequence[Credit]
    settles: bool = False


@dataclass(frozen=True)
class PaidPeriods:
    """The payouts of one rep.

    Attributes:
        payouts: By label: the snapshot of a closed period, else what it pays on what is known now. A period without a
            quota above 0 is not in it, because tiers need one, unless it settles something.
        pending: What closed periods would pay otherwise by now, and no closed one has settled: it is part of the first
            open payout.
    """

    payouts: Mapping[str, Payout]
    pending: tuple[TraceLine, ...]


def pay_in_order(
    rep_id: str, known: Sequence[PeriodTerms], closed: Mapping[str, Payout | None] | None = None
) -> PaidPeriods:
    """Works out every period of one rep, one after another.

    A closed period is what it was. What is known now is worked out for it beside, with all periods before it as they
    are known now, and the difference to everything that closed periods have paid for it goes into the first open one.

    Args:
        rep_id: The rep.
        known: The periods in order.
        closed: Snapshots by label; None for a closed period in which the rep was paid nothing.

    Raises:
        DataError: As for `payout`.
    """
    closed = closed or {}
    paid: list[Payout] = []
    as_known: list[Payout] = []  # every period as it would be paid had everything been known in time
    restated: dict[str, Payout] = {}
    for terms in known:
        label = terms.period.label
        snapshot = closed.get(label)
        now = _worked_out(rep_id, terms, snapshot, as_known)
        if label in closed:
            if now is not None:
                restated[label] = now
            if snapshot is not None:
                paid.append(snapshot)
                now = now or _of_itself(snapshot)
        else:
            due = _worked_out(rep_id, terms, None, paid, list(restated.values())) if closed else now
            if due is not None and (due.quota or due.lines):
                paid.append(due)
        if now is not None:
            as_known.append(now)
    settled = [one for one in closed.values() if one is not None]
    pending = adjustment_lines(settled, list(restated.values()))
    return PaidPeriods({one.period: one for one in paid}, tuple(pending))


def _worked_out(
    rep_id: str,
    terms: PeriodTerms,
    snapshot: Payout | None,
    earlier: Sequence[Payout],
    restated: Sequence[Payout] = (),
) -> Payout | None:
    """The payout, or the settlement of whoever has left or was settled then; None for others without a quota."""
    plan, entries, period = terms.plan, terms.entries, terms.period
    if terms.quota > 0:
        return payout(plan, terms.quota, entries, rep_id=rep_id, period=period, earlier=earlier, restated=restated)
    if terms.settles or (snapshot is not None and not snapshot.quota):
        return settlement(plan, entries, rep_id=rep_id, period=period, earlier=earlier, restated=restated)
    return None


def _of_itself(snapshot: Payout) -> Payout:
    """A snapshot without what it adjusted of periods before: those are known as a whole."""
    return replace(snapshot, lines=tuple(line for line in snapshot.lines if not line.of_period))


def payout_text(result: Payout) -> str:
    """A payout as JSON: amounts are whole minor units, rates exact decimals; equal payouts give equal text."""
    return _PAYOUT.dump_json(result, exclude_defaults=True).decode()


def payout_of_text(text: str) -> Payout:
    """Reads what `payout_text` wrote.

    Raises:
        DataError: It is no payout.
    """
    try:
        return _PAYOUT.validate_json(text)
    except ValidationError as error:
        raise DataError(f"a stored statement cannot be read: {error.error_count()} values are wrong") from error


_PAYOUT: Final = TypeAdapter(Payout)
