"""Closing a pay period, and the closed periods that later pay is worked out with."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final

import ibis

from spm_ml.compensation import (
    ClosedPeriod,
    CompensationPlan,
    Payout,
    payout_of_text,
    payout_text,
    plans_json,
    plans_of,
    plans_of_json,
)
from spm_ml.errors import DataError, did_you_mean
from spm_ml.fiscal import Period
from spm_ml.history import SalesHistory
from spm_ml.metrics.fetching import fetch
from spm_ml.metrics.inputs_pay import PeriodPay, closed_otherwise, pay_of_periods
from spm_ml.metrics.window import Window
from spm_ml.predictions import Leaver, NewClosing, PayClosing, PayStatement, PredictionStore
from spm_ml.settings import Workspace
from spm_ml.tables import minor_digits

OPERATOR: Final = "operator"


class OpenPeriodError(DataError):
    """The period still runs."""


@dataclass(frozen=True)
class Unsettled:
    """Somebody to whom a closed period would pay something else by now, and who has no open payout to settle it with.

    Attributes:
        rep_id: The person.
        period: Label of the closed period.
        amount: What is missing, or negative, too much; minor units.
    """

    rep_id: str
    period: str
    amount: int


def closed_periods(
    workspace: Workspace, *, by: datetime | None = None, known_on: date | None = None
) -> tuple[ClosedPeriod, ...]:
    """The closed periods of a workspace, in order.

    Args:
        workspace: Whose.
        by: Only those that were closed by this moment.
        known_on: Only those that were closed on what was known on this day or before: whoever looks back to a day sees
            the pay of that day.
    """
    if not workspace.has_predictions:
        return ()
    with PredictionStore.of(workspace) as store:
        kept = [one for one in store.closings.every(by=by) if known_on is None or one.as_of <= known_on]
        return tuple(_closed(one, store.closings.statements(one.period)) for one in kept)


def payable_plans(
    workspace: Workspace, history: SalesHistory, closed: Sequence[ClosedPeriod]
) -> tuple[tuple[CompensationPlan, ...], str | None]:
    """The workspace's plans; none, and why, where no pay can follow what is closed: figures without pay need not wait.

    Args:
        workspace: Whose.
        history: Its data.
        closed: Its closed periods.

    Raises:
        ConfigurationError: A plan cannot be read.
    """
    plans, reason = tuple(plans_of(workspace)), closed_otherwise(history, closed)
    return (plans, None) if reason is None or not plans else ((), reason)


def close_period(
    workspace: Workspace,
    history: SalesHistory,
    plans: Sequence[CompensationPlan],
    label: str,
    *,
    as_of: date | None = None,
    settle: Collection[str] = (),
) -> tuple[PayClosing, tuple[Unsettled, ...]]:
    """Closes a pay period for good.

    With whoever has left, what earlier periods leave open is settled: adjustments, clawbacks, and what was withheld and
    is due. Nothing waits for a quota that will never come, nor for a plan: where none holds any more, the terms of the
    last one that paid them are used, and kept with the period.

    Args:
        workspace: Whose store takes the statements.
        history: The data.
        plans: The plans in force.
        label: The period.
        as_of: What was known at the end of this day is paid; default, and at most, the watermark.
        settle: People who are still employed and have no quota for the period, such as those who have another job
            now: what is open is settled with them as with leavers.

    Returns:
        The closing; and to whom adjustments of earlier periods could not be paid with it.

    Raises:
        OpenPeriodError: The period still runs on that day.
        ClosedAlreadyError: It is closed.
        ClosingOrderError: Another period comes first, or the data or the clock have gone back.
        DataError: The label is no period, nobody is paid for it, or there is nothing to settle with somebody.
        ConfigurationError: A plan is in another currency, or two plans hold for one rep.
    """
    day = min(as_of or history.watermark, history.watermark)
    period, currency = history.calendar.parse(label), history.organisation.currency
    new = NewClosing(
        period=period.label,
        period_start=period.start,
        period_end=period.end,
        as_of=day,
        data_version=history.version,
        data_hash=history.data_hash,
        currency=currency,
        minor_digits=minor_digits(currency),
        plans=plans_json(plans),
    )
    with PredictionStore.of(workspace) as store:
        store.closings.check(new)
    if day < period.end:
        raise OpenPeriodError(
            f"{period.label} runs until {period.end}, and what is known ends on {day}: close it when data up to its "
            "end, and what is usually entered late, are ingested"
        )
    known = history.as_of(day)
    window = Window.of(known.calendar, known.periods(), day, period.label)
    by_rep = pay_of_periods(known, plans, window, closed_periods(workspace), settle=settle)
    paid = [found for pays in by_rep.values() if (found := _payout_of(pays, period)) is not None]
    if not paid:
        raise DataError(f"nobody is paid for {period.label}: look at roles and reps of the plans, and at quotas")
    settled = {one.rep_id for one in paid if not one.quota}
    if others := sorted(set(settle) - settled):
        raise DataError(
            f"there is nothing to settle with {others[0]!r} in {period.label}: only with people who have no quota "
            f"then, are on a plan and have something open{did_you_mean(others[0], by_rep)}"
        )
    ended = {pay.plan for pays in by_rep.values() for pay in pays if pay.period == period} - set(plans)
    new = replace(new, plans=plans_json([*plans, *sorted(ended, key=lambda plan: (plan.plan_id, plan.version))]))
    with PredictionStore.of(workspace) as store:
        closing = store.closings.close(
            new, [statement_of(one) for one in paid], actor=OPERATOR, leavers=leavers_of(known)
        )
    return closing, unsettled(by_rep, {one.rep_id for one in paid})


def leavers_of(history: SalesHistory) -> list[Leaver]:
    """Everybody whose last day is over, as known then, by rep_id."""
    day = history.as_of_day or history.watermark
    profiles = history.profiles
    rows = profiles.filter(profiles.left_on <= ibis.literal(day)).select("rep_id", "valid_from", "name", "manager_id")
    last = fetch(rows).sort_values(["rep_id", "valid_from"]).drop_duplicates("rep_id", keep="last")
    last = last.astype(object).where(last.notna(), None)
    return [
        Leaver(rep_id, name or "", manager_id)
        for rep_id, name, manager_id in zip(last["rep_id"], last["name"], last["manager_id"], strict=True)
    ]


def unsettled(by_rep: dict[str, list[PeriodPay]], paid: set[str]) -> tuple[Unsettled, ...]:
    """Differences of closed periods that wait for a payout, of everybody who is not among those paid."""
    return tuple(
        Unsettled(rep_id, pay.period.label, amount)
        for rep_id, pays in by_rep.items()
        if rep_id not in paid
        for pay in pays
        if (amount := sum(line.amount for line in pay.pending))
    )


def statement_of(result: Payout) -> PayStatement:
    """A payout as the store keeps it."""
    return PayStatement(result.rep_id, result.plan_id, result.plan_version, result.amount, payout_text(result))


def changed_plans(closed: ClosedPeriod, plans: Sequence[CompensationPlan]) -> tuple[str, ...]:
    """Plans that a closed period paid by and whose terms for it are others, or none, in the files now."""
    paid_by = {(one.plan_id, one.version) for rep_id in closed.payouts if (one := closed.plan_of(rep_id)) is not None}
    ended = {(one.plan_id, one.version) for one in closed.plans if not one.holds_on(closed.end)}
    now = {(plan.plan_id, plan.version) for plan in plans if plan.holds_on(closed.end)}
    return tuple(sorted({plan_id for plan_id, version in paid_by - ended if (plan_id, version) not in now}))


def _payout_of(pays: Sequence[PeriodPay], period: Period) -> Payout | None:
    return next((pay.payout for pay in pays if pay.period == period), None)


def _closed(closing: PayClosing, statements: Sequence[PayStatement]) -> ClosedPeriod:
    return ClosedPeriod(
        period=closing.period,
        start=closing.period_start,
        end=closing.period_end,
        closed_at=closing.closed_at,
        as_of=closing.as_of,
        data_version=closing.data_version,
        currency=closing.currency,
        plans=plans_of_json(closing.plans),
        payouts={one.rep_id: payout_of_text(one.body) for one in statements},
    )
