"""Inputs about pay: payouts of the reps that are on a compensation plan."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import pandas as pd

from spm_ml.compensation import (
    ClosedPeriod,
    CompensationPlan,
    Payout,
    PeriodTerms,
    TraceLine,
    pay_in_order,
    plan_for,
)
from spm_ml.errors import ConfigurationError
from spm_ml.fiscal import Period
from spm_ml.history import SalesHistory
from spm_ml.metrics.credited import Credits
from spm_ml.metrics.inputs_bookings import quota_versions, quotas_in_force
from spm_ml.metrics.inputs_people import profile_spans, profiles_at
from spm_ml.metrics.window import Window


@dataclass(frozen=True)
class PeriodPay:
    """What a plan pays one rep for one period, on what is credited so far.

    Attributes:
        period: The period.
        plan: The plan.
        payout: None where no quota above 0 is known, because tiers need one, and nothing is to be settled with somebody
            who has left. Of a closed period: as it was closed.
        pending: What a closed period would pay otherwise by now; it is paid with the first open one.
    """

    period: Period
    plan: CompensationPlan
    payout: Payout | None
    pending: tuple[TraceLine, ...] = ()


def pay_of_periods(
    history: SalesHistory,
    plans: Sequence[CompensationPlan],
    window: Window,
    closed: Sequence[ClosedPeriod] = (),
    *,
    settle: Collection[str] = (),
    reps: Collection[str] | None = None,
) -> dict[str, list[PeriodPay]]:
    """The pay of every period from the first of which data are known to the window's last, by rep_id.

    Args:
        history: What is known.
        plans: Plans to pay by.
        window: Its last day counts.
        closed: Periods that are settled: they are what they were, and differences are paid with the first open one.
        settle: People with whom the window's last period settles what is open, although they have no quota and are
            still employed. With leavers every period does.
        reps: Of these alone; None: of everybody.

    Raises:
        ConfigurationError: A plan is in another currency, or a closed period was, or was closed by another fiscal
            calendar, or two plans hold for one rep.
    """
    if not plans:
        return {}
    in_force = quotas_in_force(quota_versions(history), window.last)
    # A period of which nothing is seen yet has its plan all the same.
    through = max(window.last, window.fiscal_periods[-1].start)
    return dict(_pay_by_rep(history, plans, in_force, window, through, closed, settle, reps))


def pay_inputs(by_rep: Mapping[str, Sequence[PeriodPay]], window: Window) -> pd.DataFrame:
    """Payouts and on-target earnings of each rep on a plan, summed over the window's periods.

    Args:
        by_rep: From `pay_of_periods` of the same window.
        window: Of its periods those that have begun by its last day count.

    Returns:
        Indexed by rep_id: `on_plan` (1), `payout` (NaN where no period has a quota)`, quota_on_plan,
        on_target_earnings` (of the periods with a quota; NaN where the plan states none).
    """
    first, last = window.period.start, window.last
    rows = [
        (rep_id, *_sums([pay for pay in of_rep if first <= pay.period.start <= last]))
        for rep_id, of_rep in by_rep.items()
    ]
    frame = pd.DataFrame(rows, columns=["rep_id", "on_plan", "payout", "quota_on_plan", "on_target_earnings"])
    return frame.set_index("rep_id").astype("float64")


def _sums(inside: Sequence[PeriodPay]) -> tuple[float, float | None, float | None, float | None]:
    paid = [(pay.plan, pay.payout) for pay in inside if pay.payout is not None]
    targets = [
        (float(result.quota), float(plan.minor(plan.on_target_earnings)))
        for plan, result in paid
        if plan.on_target_earnings is not None and result.quota
    ]
    return (
        float(bool(inside)),
        sum(float(result.amount) for _, result in paid) if paid else None,
        sum(quota for quota, _ in targets) if targets else None,
        sum(target for _, target in targets) if targets else None,
    )


def _pay_by_rep(
    history: SalesHistory,
    plans: Sequence[CompensationPlan],
    in_force: pd.DataFrame,
    window: Window,
    through: date,
    closed: Sequence[ClosedPeriod],
    settle: Collection[str],
    reps: Collection[str] | None,
) -> Iterator[tuple[str, list[PeriodPay]]]:
    """Every rep, or some, with the periods that begin up to a day in which the rep is on a plan."""
    currency = history.organisation.currency
    foreign = sorted({plan.plan_id for plan in plans if plan.currency != currency})
    if foreign:
        raise ConfigurationError(f"plans {foreign} are not in {currency}: state their money in {currency}")
    settled = {one.period: one for one in closed}
    if reason := closed_otherwise(history, closed):
        raise ConfigurationError(reason)
    periods = [one for one in (*window.before, *window.fiscal_periods) if one.start <= through]
    days = {period: min(period.end, through) for period in periods}
    # Whoever changed roles was paid by the plan of the role held then.
    spans = profile_spans(history)
    roles = {period: _roles_on(spans, window, day) for period, day in days.items()}
    people = profiles_at(spans, window)
    if reps is not None:
        people = people[people.index.isin(list(reps))]
    alone = reps is not None and not any(plan.overrides for plan in (*plans, *_once_used(closed)))
    credits_of = Credits(history, window, people.index.tolist() if alone else None)
    quota_of = {
        (rep_id, start.date()): float(quota)
        for rep_id, start, quota in zip(in_force["rep_id"], in_force["period_start"], in_force["quota"], strict=True)
    }
    if periods:
        _refuse_circle(plans, roles[periods[-1]], credits_of, days[periods[-1]])
    for rep_id, left in zip(people.index.tolist(), people["left_on"].tolist(), strict=True):
        terms = []
        for period, day in days.items():
            then = settled.get(period.label)
            role = roles[period].get(rep_id)
            plan = (then and then.plan_of(rep_id)) or plan_for(
                then.plans if then else plans, rep_id=rep_id, role=role, day=day
            )
            settles = left <= pd.Timestamp(day) or (period == periods[-1] and rep_id in settle)
            if plan is None and then is None and settles:
                plan = _last_plan(rep_id, closed, period)
            if plan is not None:
                quota = int(quota_of.get((rep_id, period.start), 0.0)) if plan.holds_on(day) else 0
                terms.append(PeriodTerms(period, plan, quota, credits_of.of(rep_id, plan, period, day), settles))
        paid = pay_in_order(rep_id, terms, {label: one.payouts.get(rep_id) for label, one in settled.items()})
        pending: dict[str, list[TraceLine]] = {}
        for line in paid.pending:
            pending.setdefault(line.of_period, []).append(line)
        yield (
            rep_id,
            [
                PeriodPay(
                    one.period, one.plan, paid.payouts.get(one.period.label), tuple(pending.get(one.period.label, ()))
                )
                for one in terms
                if one.plan.holds_on(days[one.period]) or one.period.label in paid.payouts
            ],
        )


def _last_plan(rep_id: str, closed: Sequence[ClosedPeriod], period: Period) -> CompensationPlan | None:
    """The plan by which somebody was last paid, ended; its terms say what is still open of that time."""
    paid_by = (one.plan_of(rep_id) for one in sorted(closed, key=lambda one: one.start, reverse=True))
    return next((plan.ended_before(period.start) for plan in paid_by if plan is not None), None)


def closed_otherwise(history: SalesHistory, closed: Sequence[ClosedPeriod]) -> str | None:
    """Why no pay follows closed periods: one was closed in another currency, or by another fiscal calendar; or None."""
    currency = history.organisation.currency
    for one in closed:
        if one.currency != currency:
            return (
                f"{one.period} was closed in {one.currency}, and the organisation now counts in {currency}: its "
                "payouts cannot be compared; keep the currency in organisation.yaml"
            )
        now = history.calendar.period_of(one.start)
        if (now.label, now.start, now.end) != (one.period, one.start, one.end):
            return (
                f"{one.period} was closed as the days from {one.start} to {one.end}, and the fiscal calendar now cuts "
                "the year otherwise, so that days would be paid twice or not at all; keep fiscal in organisation.yaml"
            )
    return None


def _once_used(closed: Sequence[ClosedPeriod]) -> Iterator[CompensationPlan]:
    """Plans that closed periods were paid by."""
    return (plan for one in closed for plan in one.plans)


def _roles_on(spans: pd.DataFrame, window: Window, day: date) -> dict[str, str | None]:
    """Everyone's role on a day; None where none is stated."""
    held = profiles_at(spans, replace(window, last=day))["role"]
    return {
        str(rep_id): None if pd.isna(role) else str(role)
        for rep_id, role in zip(held.index.tolist(), held.tolist(), strict=True)
    }


def _refuse_circle(
    plans: Sequence[CompensationPlan], roles: Mapping[str, str | None], credits_of: Credits, day: date
) -> None:
    """Stops where somebody is paid for the team of a person who counts that one's credit by name.

    Circles of names alone are found when plans are read; who is in a team is known here.

    Raises:
        ConfigurationError: They run in a circle.
    """
    if not any(plan.overrides == "team" for plan in plans):
        return
    named = [plan for plan in plans if plan.rep_ids and not isinstance(plan.overrides, str) and plan.holds_on(day)]
    for plan in named:
        for other in plan.overrides:
            above = plan_for(plans, rep_id=other, role=roles.get(other), day=day)
            if above is None or above.overrides != "team":
                continue
            for rep_id in set(plan.rep_ids) & set(credits_of.team(other, day)):
                raise ConfigurationError(
                    f"overrides run in a circle: plan {plan.plan_id!r} pays {rep_id!r} for the credit of {other!r}, "
                    f"and plan {above.plan_id!r} pays {other!r} for the team, {rep_id!r} included: leave one out"
                )
