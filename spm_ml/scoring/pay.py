"""What each rep's compensation plan pays: so far, and over the whole distribution of bookings."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd

from spm_ml.compensation import CompensationPlan, Payout, payout_at, payout_at_quota
from spm_ml.forecasting import AttainmentForecast, distribution
from spm_ml.forecasting.distribution import Array
from spm_ml.history import SalesHistory
from spm_ml.metrics.inputs_pay import running_pay
from spm_ml.metrics.window import Window
from spm_ml.predictions import ExpectedPay, PayOutlook
from spm_ml.scoring.target import ScoringTarget

_HALF_PERCENTS: Final = np.arange(1, 200) / 200
"""Levels at which bookings go through a plan; every second is the middle of one of a hundred equal shares."""

_STORED: Final = tuple(round(200 * level) - 1 for level in (0.1, 0.25, 0.5, 0.75, 0.9))


def pay_outlooks(
    history: SalesHistory, target: ScoringTarget, plans: Sequence[CompensationPlan], forecast: AttainmentForecast | None
) -> Mapping[str, PayOutlook]:
    """Gives the pay of every rep who is on a plan and has a quota, by rep_id.

    A plan is no straight line, so the payout of the expected bookings is not the expected payout: each of many
    quantiles of the bookings goes through the plan. Where others' credit counts too, nothing is expected: what is still
    to come of theirs is forecast for each of them, not together with the rep's own.

    Args:
        history: What is known on the target's day.
        target: Its period is paid for.
        plans: The organisation's plans.
        forecast: Rows of the target's day, and perhaps of others; None where all forecasts are withheld.

    Raises:
        ConfigurationError: A plan is in another currency, or two plans hold for one rep.
    """
    window = Window.of(history.calendar, history.periods(), target.as_of, target.period.label)
    more = {} if forecast is None else _still_to_come(forecast, target)
    return {
        rep_id: _outlook(pay.plan, pay.payout, more.get(rep_id))
        for rep_id, pay in running_pay(history, plans, window).items()
        if pay.payout is not None
    }


def _still_to_come(forecast: AttainmentForecast, target: ScoringTarget) -> dict[str, Array]:
    """(199,) bookings still to come of each rep with a forecast on the target's day, at `_HALF_PERCENTS`."""
    known = ~np.isnan(forecast.bookings).any(axis=1)
    chosen = np.flatnonzero(known & (forecast.keys["as_of"] == pd.Timestamp(target.as_of)).to_numpy(dtype=bool))
    if not len(chosen):
        return {}
    levels = np.broadcast_to(_HALF_PERCENTS, (len(chosen), _HALF_PERCENTS.size))
    final = distribution.inverse(forecast.bookings[chosen], forecast.floor[chosen], levels)
    more = final - forecast.booked[chosen, None]
    return dict(zip(forecast.keys["rep_id"].to_numpy(dtype=object)[chosen].tolist(), more, strict=True))


def _outlook(plan: CompensationPlan, so_far: Payout, more: Array | None) -> PayOutlook:
    return PayOutlook(
        plan_id=plan.plan_id,
        plan_name=plan.name or plan.plan_id,
        plan_version=plan.version,
        commission=so_far.commission,
        spif=so_far.spif,
        clawback=so_far.clawback,
        draw=so_far.draw_advance - so_far.draw_repaid,
        at_quota=payout_at_quota(plan, so_far),
        expected=None if more is None or plan.overrides else _expected(plan, so_far, more),
        adjustment=so_far.adjustment,
        holdback=so_far.withheld + so_far.released,
    )


def _expected(plan: CompensationPlan, so_far: Payout, more: Array) -> ExpectedPay:
    payouts = [payout_at(plan, so_far, round(amount)) for amount in more.tolist()]
    ordered = sorted(payouts)  # a plan that pays less above some level is no rising line
    middles = payouts[::2]
    p10, p25, p50, p75, p90 = (ordered[place] for place in _STORED)
    return ExpectedPay(p10, p25, p50, p75, p90, mean=sum(middles) / len(middles))
