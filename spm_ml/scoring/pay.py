"""What each rep's compensation plan pays: so far, and over the whole distribution of bookings."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spm_ml.compensation import ClosedPeriod, CompensationPlan, Payout, payout_at, payout_at_quota
from spm_ml.forecasting import AttainmentForecast, distribution
from spm_ml.forecasting.distribution import Array
from spm_ml.history import SalesHistory
from spm_ml.metrics.inputs_pay import PeriodPay, pay_of_periods
from spm_ml.metrics.window import Window
from spm_ml.predictions import ExpectedPay, PayOutlook
from spm_ml.predictions.chances import FINE_LEVELS
from spm_ml.scoring.target import ScoringTarget

_HALF_PERCENTS: Final = np.array(FINE_LEVELS)
"""Levels at which bookings go through a plan; every second is the middle of one of a hundred equal shares."""

_STORED: Final = tuple(round(200 * level) - 1 for level in (0.1, 0.25, 0.5, 0.75, 0.9))


@dataclass(frozen=True)
class PayLadder:
    """The payout of one rep over the whole distribution of bookings.

    Attributes:
        pay: Plan and payout on what is credited so far.
        so_far: The payout of `pay`.
        bookings: (199,) final bookings at `_HALF_PERCENTS`, minor units; None where nothing is forecast.
        payouts: (199,) what is paid at each of them, minor units; None likewise.
    """

    pay: PeriodPay
    so_far: Payout
    bookings: Array | None
    payouts: Array | None


@dataclass(frozen=True)
class PayCurve:
    """What of one rep's ladder costs of many are added up from.

    Attributes:
        so_far: Paid on what is credited so far, minor units.
        at_mean: What the mean bookings pay; None where nothing is forecast.
        bookings: As in `PayLadder`.
        payouts: As in `PayLadder`.
    """

    so_far: int
    at_mean: int | None = None
    bookings: Array | None = None
    payouts: Array | None = None


def pay_until(
    history: SalesHistory,
    target: ScoringTarget,
    plans: Sequence[CompensationPlan],
    closed: Sequence[ClosedPeriod] = (),
    *,
    reps: Collection[str] | None = None,
) -> dict[str, list[PeriodPay]]:
    """The pay of every period up to the target's on what is credited so far, by rep_id.

    Args:
        history: What is known on the target's day.
        target: Its period is the last.
        plans: The organisation's plans.
        closed: Pay periods that are settled.
        reps: Of these alone; None: of everybody.

    Raises:
        ConfigurationError: A plan is in another currency, or two plans hold for one rep.
    """
    return pay_of_periods(history, plans, window_of(history, target), closed, reps=reps)


def window_of(history: SalesHistory, target: ScoringTarget) -> Window:
    """The target's period as it stands on its day."""
    return Window.of(history.calendar, history.periods(), target.as_of, target.period.label)


def pay_ladders(
    paid: Mapping[str, Sequence[PeriodPay]], target: ScoringTarget, forecast: AttainmentForecast | None
) -> dict[str, PayLadder]:
    """Gives every rep who is on a plan and has a quota, by rep_id.

    A plan is no straight line, so the payout of the expected bookings is not the expected payout: each of many
    quantiles of the bookings goes through the plan. Where others' credit counts too, nothing is expected: what is still
    to come of theirs is forecast for each of them, not together with the rep's own.

    Args:
        paid: From `pay_until`.
        target: Its period is paid for.
        forecast: Rows of the target's day, and perhaps of others; None where all forecasts are withheld.
    """
    final = {} if forecast is None else _final_bookings(forecast, target)
    return {
        rep_id: _ladder(pay, pay.payout, *final.get(rep_id, (None, 0.0)))
        for rep_id, of_rep in paid.items()
        for pay in of_rep
        if pay.period == target.period and pay.payout is not None
    }


def pay_curves(
    ladders: Mapping[str, PayLadder], target: ScoringTarget, forecast: AttainmentForecast | None
) -> dict[str, PayCurve]:
    """What costs are added up from, by rep_id.

    Args:
        ladders: From `pay_ladders` of the same forecast.
        target: Its period is paid for.
        forecast: What the ladders rest on.
    """
    still: dict[str, float] = {}
    if forecast is not None:
        chosen = rows_of_day(forecast, target)
        more = (forecast.mean_bookings - forecast.booked)[chosen].tolist()
        still = dict(zip(forecast.keys["rep_id"].to_numpy(dtype=object)[chosen].tolist(), more, strict=True))
    return {rep_id: _curve(ladder, still.get(rep_id)) for rep_id, ladder in ladders.items()}


def _curve(ladder: PayLadder, still: float | None) -> PayCurve:
    if ladder.payouts is None or still is None:
        return PayCurve(ladder.so_far.amount)
    at_mean = payout_at(ladder.pay.plan, ladder.so_far, round(still))
    return PayCurve(ladder.so_far.amount, at_mean, ladder.bookings, ladder.payouts)


def pay_outlooks(ladders: Mapping[str, PayLadder]) -> Mapping[str, PayOutlook]:
    """Gives the pay that stands beside every rep's forecast, by rep_id."""
    return {rep_id: _outlook(ladder) for rep_id, ladder in ladders.items()}


def _final_bookings(forecast: AttainmentForecast, target: ScoringTarget) -> dict[str, tuple[Array, float]]:
    """(199,) final bookings at `_HALF_PERCENTS` of each rep with a forecast on the target's day, and those so far."""
    chosen = rows_of_day(forecast, target)
    if not len(chosen):
        return {}
    levels = np.broadcast_to(_HALF_PERCENTS, (len(chosen), _HALF_PERCENTS.size))
    final = distribution.inverse(forecast.bookings[chosen], forecast.floor[chosen], levels)
    booked = forecast.booked[chosen].tolist()
    reps = forecast.keys["rep_id"].to_numpy(dtype=object)[chosen].tolist()
    return dict(zip(reps, zip(final, booked, strict=True), strict=True))


def rows_of_day(forecast: AttainmentForecast, target: ScoringTarget) -> NDArray[np.int64]:
    """Places of the rows of the target's day whose forecast does not abstain."""
    known = ~np.isnan(forecast.bookings).any(axis=1)
    return np.flatnonzero(known & (forecast.keys["as_of"] == pd.Timestamp(target.as_of)).to_numpy(dtype=bool))


def _ladder(pay: PeriodPay, so_far: Payout, final: Array | None, booked: float) -> PayLadder:
    if final is None or pay.plan.overrides:
        return PayLadder(pay, so_far, None, None)
    payouts = [payout_at(pay.plan, so_far, round(amount)) for amount in (final - booked).tolist()]
    return PayLadder(pay, so_far, final, np.array(payouts, dtype=float))


def _outlook(ladder: PayLadder) -> PayOutlook:
    plan, so_far = ladder.pay.plan, ladder.so_far
    return PayOutlook(
        plan_id=plan.plan_id,
        plan_name=plan.name or plan.plan_id,
        plan_version=plan.version,
        commission=so_far.commission,
        spif=so_far.spif,
        clawback=so_far.clawback,
        draw=so_far.draw_advance - so_far.draw_repaid,
        at_quota=payout_at_quota(plan, so_far),
        expected=None if ladder.payouts is None else _expected(ladder.payouts),
        adjustment=so_far.adjustment,
        holdback=so_far.withheld + so_far.released,
    )


def _expected(payouts: Array) -> ExpectedPay:
    ordered = np.sort(payouts)  # a plan that pays less above some level is no rising line
    middles = payouts[::2].tolist()
    p10, p25, p50, p75, p90 = (int(ordered[place]) for place in _STORED)
    return ExpectedPay(p10, p25, p50, p75, p90, mean=sum(middles) / len(middles))
