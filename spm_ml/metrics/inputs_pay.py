"""Inputs about pay: payouts of the reps that are on a compensation plan."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import pandas as pd

from spm_ml.compensation import CompensationPlan, Credit, Payout, payout, plan_for
from spm_ml.errors import ConfigurationError
from spm_ml.fiscal import Period
from spm_ml.history import SalesHistory
from spm_ml.metrics.fetching import fetch
from spm_ml.metrics.inputs_bookings import quota_versions, quotas_in_force
from spm_ml.metrics.inputs_people import profile_spans, profiles_at
from spm_ml.metrics.window import Window


@dataclass(frozen=True)
class PeriodPay:
    """What a plan pays one rep for one period, on what is credited so far.

    Attributes:
        period: The period.
        plan: The plan.
        payout: None where no quota above 0 is known: tiers need one.
    """

    period: Period
    plan: CompensationPlan
    payout: Payout | None


def running_pay(history: SalesHistory, plans: Sequence[CompensationPlan], window: Window) -> dict[str, PeriodPay]:
    """The pay of the window's last period by rep_id, of the reps on a plan.

    Args:
        history: What is known.
        plans: The organisation's plans.
        window: Payouts of earlier periods are worked out too, for clawbacks and draws.

    Raises:
        ConfigurationError: A plan is in another currency, or two plans hold for one rep.
    """
    last = window.fiscal_periods[-1]
    return {
        rep_id: pay
        for rep_id, of_rep in pay_of_periods(history, plans, window).items()
        for pay in of_rep
        if pay.period == last
    }


def pay_of_periods(
    history: SalesHistory, plans: Sequence[CompensationPlan], window: Window
) -> dict[str, list[PeriodPay]]:
    """The pay of every period from the first of which data are known to the window's last, by rep_id.

    Args:
        history: What is known.
        plans: Plans to pay by.
        window: Its last day counts.

    Raises:
        ConfigurationError: A plan is in another currency, or two plans hold for one rep.
    """
    if not plans:
        return {}
    profiles = profiles_at(profile_spans(history), window)
    in_force = quotas_in_force(quota_versions(history), window.last)
    # A period of which nothing is seen yet has its plan all the same.
    through = max(window.last, window.fiscal_periods[-1].start)
    return dict(_pay_by_rep(history, plans, profiles, in_force, window, through))


def pay_inputs(
    history: SalesHistory,
    plans: Sequence[CompensationPlan],
    profiles: pd.DataFrame,
    in_force: pd.DataFrame,
    window: Window,
) -> pd.DataFrame | None:
    """Payouts and on-target earnings of each rep on a plan, summed over the window's periods.

    Args:
        history: What is known.
        plans: The organisation's plans.
        profiles: From `profiles_at`.
        in_force: From `quotas_in_force`.
        window: Payouts of earlier periods are worked out too, for clawbacks and draws.

    Returns:
        None without plans; else indexed by rep_id: `on_plan` (1), `payout` (NaN where no period has a quota)`,
        quota_on_plan, on_target_earnings` (of the periods with a quota; NaN where the plan states none).

    Raises:
        ConfigurationError: A plan is in another currency, or two plans hold for one rep.
    """
    if not plans:
        return None
    rows = [
        (rep_id, *_sums([pay for pay in of_rep if pay.period.start >= window.period.start]))
        for rep_id, of_rep in _pay_by_rep(history, plans, profiles, in_force, window, window.last)
    ]
    frame = pd.DataFrame(rows, columns=["rep_id", "on_plan", "payout", "quota_on_plan", "on_target_earnings"])
    return frame.set_index("rep_id").astype("float64")


def _sums(inside: Sequence[PeriodPay]) -> tuple[float, float | None, float | None, float | None]:
    paid = [(pay.plan, pay.payout) for pay in inside if pay.payout is not None]
    targets = [
        (float(result.quota), float(plan.minor(plan.on_target_earnings)))
        for plan, result in paid
        if plan.on_target_earnings is not None
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
    profiles: pd.DataFrame,
    in_force: pd.DataFrame,
    window: Window,
    through: date,
) -> Iterator[tuple[str, list[PeriodPay]]]:
    """Every rep, with the periods that begin up to a day in which the rep is on a plan."""
    currency = history.organisation.currency
    foreign = sorted({plan.plan_id for plan in plans if plan.currency != currency})
    if foreign:
        raise ConfigurationError(f"plans {foreign} are not in {currency}: state their money in {currency}")
    periods = [one for one in (*window.before, *window.fiscal_periods) if one.start <= through]
    credits_of = _Credits(history, window)
    quota_of = {
        (rep_id, start.date()): float(quota)
        for rep_id, start, quota in zip(in_force["rep_id"], in_force["period_start"], in_force["quota"], strict=True)
    }
    for rep_id, role in zip(profiles.index.tolist(), profiles["role"].tolist(), strict=True):
        known_role = None if pd.isna(role) else role
        yield str(rep_id), _of_rep(str(rep_id), known_role, plans, periods, credits_of, quota_of, through)


class _Credits:
    """Credits by whom they count for."""

    def __init__(self, history: SalesHistory, window: Window) -> None:
        self._history = history
        self._own = _credits(history, window)
        self._below: dict[date, dict[str, list[str]]] = {}

    def of(self, rep_id: str, plan: CompensationPlan, period: Period, day: date) -> list[Credit]:
        """The rep's own of a period, and those of the others whose credit counts for the rep on the day."""
        others = self._team(rep_id, day) if plan.overrides == "team" else plan.overrides
        return [
            credit if owner == rep_id else replace(credit, owner=owner)
            for owner in (rep_id, *(other for other in others if other != rep_id))
            for credit in self._own.get(owner, ())
            if period.contains(credit.booked_on)
        ]

    def _team(self, rep_id: str, day: date) -> list[str]:
        """Everybody below on the day."""
        if day not in self._below:
            below: dict[str, list[str]] = {}
            for path in self._history.tree(day)["path"]:
                for manager in path[:-1]:
                    below.setdefault(manager, []).append(path[-1])
            self._below[day] = below
        return self._below[day].get(rep_id, [])


def _credits(history: SalesHistory, window: Window) -> dict[str, list[Credit]]:
    """Every credit up to the last day by rep, in the order of days."""
    deals = history.table("opportunities").select("opportunity_id", "product", "kind")
    bookings = history.bookings
    rows = bookings.filter(bookings.booked_on <= window.last).left_join(deals, "opportunity_id")
    frame = fetch(
        rows.select("rep_id", "opportunity_id", "booked_on", "recorded_on", "amount", "credit", "product", "kind")
    ).sort_values(["rep_id", "booked_on", "recorded_on", "opportunity_id", "amount"])
    credit_of: dict[str, list[Credit]] = {}
    for number, row in enumerate(frame.to_dict("records")):
        credit = Credit(
            entry=f"{row['opportunity_id']}/{number}",
            opportunity_id=row["opportunity_id"],
            booked_on=row["booked_on"].date(),
            amount=row["amount"],
            kind=row["credit"],
            product=None if pd.isna(row["product"]) else row["product"],
            deal_kind=None if pd.isna(row["kind"]) else row["kind"],
        )
        credit_of.setdefault(row["rep_id"], []).append(credit)
    return credit_of


def _of_rep(
    rep_id: str,
    role: str | None,
    plans: Sequence[CompensationPlan],
    periods: Sequence[Period],
    credits_of: _Credits,
    quota_of: Mapping[tuple[str, date], float],
    last: date,
) -> list[PeriodPay]:
    paid: list[Payout] = []
    found = []
    for period in periods:
        day = min(period.end, last)
        plan = plan_for(plans, rep_id=rep_id, role=role, day=day)
        if plan is None:
            continue
        quota, result = quota_of.get((rep_id, period.start), 0.0), None
        if quota > 0:
            entries = credits_of.of(rep_id, plan, period, day)
            result = payout(plan, int(quota), entries, rep_id=rep_id, period=period, earlier=paid)
            paid.append(result)
        found.append(PeriodPay(period, plan, result))
    return found
