"""Inputs about pay: payouts of the reps that are on a compensation plan."""

from collections.abc import Sequence
from datetime import date

import pandas as pd

from spm_ml.compensation import CompensationPlan, Credit, Payout, payout, plan_for
from spm_ml.errors import ConfigurationError
from spm_ml.fiscal import Period
from spm_ml.history import SalesHistory
from spm_ml.metrics.fetching import fetch
from spm_ml.metrics.window import Window


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
    currency = history.organisation.currency
    foreign = sorted({plan.plan_id for plan in plans if plan.currency != currency})
    if foreign:
        raise ConfigurationError(f"plans {foreign} are not in {currency}: state their money in {currency}")
    periods = [one for one in (*window.before, *window.fiscal_periods) if one.start <= window.last]
    credits_of = _credits(history, window)
    quota_of = {
        (rep_id, start.date()): float(quota)
        for rep_id, start, quota in zip(in_force["rep_id"], in_force["period_start"], in_force["quota"], strict=True)
    }
    rows = [
        _of_rep(str(rep_id), None if pd.isna(role) else role, plans, periods, credits_of, quota_of, window)
        for rep_id, role in zip(profiles.index, profiles["role"].tolist(), strict=True)
    ]
    frame = pd.DataFrame(rows, columns=["rep_id", "on_plan", "payout", "quota_on_plan", "on_target_earnings"])
    return frame.set_index("rep_id").astype("float64")


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
    credits_of: dict[str, list[Credit]],
    quota_of: dict[tuple[str, date], float],
    window: Window,
) -> tuple[str, float, float | None, float | None, float | None]:
    paid: list[Payout] = []
    amount: float | None = None
    quota_on_plan: float | None = None
    target: float | None = None
    on_plan = 0.0
    for period in periods:
        plan = plan_for(plans, rep_id=rep_id, role=role, day=min(period.end, window.last))
        inside = period.start >= window.period.start
        on_plan = max(on_plan, float(inside and plan is not None))
        quota = quota_of.get((rep_id, period.start), 0.0)
        if plan is None or not quota > 0:
            continue
        own = [credit for credit in credits_of.get(rep_id, []) if period.contains(credit.booked_on)]
        result = payout(plan, int(quota), own, rep_id=rep_id, period=period, earlier=paid)
        paid.append(result)
        if inside:
            amount = (amount or 0.0) + result.amount
            if plan.on_target_earnings is not None:
                target = (target or 0.0) + float(plan.minor(plan.on_target_earnings))
                quota_on_plan = (quota_on_plan or 0.0) + quota
    return rep_id, on_plan, amount, quota_on_plan, target
