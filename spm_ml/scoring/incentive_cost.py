"""What the running period's incentives will cost: the joint distribution of all payouts, by team and in all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import pandas as pd

from spm_ml.compensation import CompensationPlan, payout_at
from spm_ml.dataset import build_dataset
from spm_ml.errors import NotReadyError
from spm_ml.forecasting import AttainmentForecast, Forecaster
from spm_ml.forecasting.roll_up import DRAWS, futures
from spm_ml.history import SalesHistory
from spm_ml.progress import Progress, silent
from spm_ml.scoring.compute import Known
from spm_ml.scoring.pay import PayLadder, pay_ladders, rows_of_day
from spm_ml.scoring.target import ScoringTarget

COMPANY: Final = "company"
_LEVELS: Final = (0.1, 0.5, 0.9)


@dataclass(frozen=True)
class IncentiveCost:
    """Payouts of a period, summed.

    Attributes:
        period: Label of the period.
        as_of: Everything is as known on this day.
        currency: ISO 4217 code.
        table: A row for the company and each manager: `group, reps, so_far, p10, p50, p90, mean, of_mean_bookings,
            not_foreseen`, amounts in minor units. `of_mean_bookings` is what comes out where the mean bookings go
            through the plan, for comparison; `not_foreseen` counts reps who are in with what is paid so far, because
            nothing is forecast for them or their plan pays for what others book.
    """

    period: str
    as_of: date
    currency: str
    table: pd.DataFrame


def incentive_cost(
    history: SalesHistory,
    forecaster: Forecaster,
    plans: Sequence[CompensationPlan],
    *,
    as_of: date | None = None,
    progress: Progress = silent,
) -> IncentiveCost:
    """Puts simulated futures of all reps through their plans, and adds them up.

    Reps share good and bad periods, so the company's cost is spread more widely than if each were on its own. Between
    the payouts at every half percent of a rep's distribution lines are straight.

    Args:
        history: What is known.
        forecaster: Fitted; its forecast is planned with.
        plans: Plans to pay by, in force or a draft.
        as_of: Day to forecast from; default, and at most, the watermark.
        progress: Told while it runs.

    Raises:
        NotReadyError: No rep on a plan has a quota.
        ConfigurationError: A plan is in another currency, or two plans hold for one rep.
    """
    known = Known.on(history, as_of)
    dataset = build_dataset(known.history, as_of_days=[known.target.as_of], progress=progress)
    progress("forecast", 0, 2)
    forecast = forecaster.predict(dataset)
    progress("forecast", 1, 2)
    ladders = pay_ladders(known.history, known.target, plans, forecast)
    if not ladders:
        raise NotReadyError(f"no rep on a plan has a quota in {known.target.period.label}: there is nothing to pay")
    table = _summed(ladders, forecast, known.target, _groups(known.history, known.target, list(ladders)))
    progress("forecast", 2, 2)
    return IncentiveCost(known.target.period.label, known.target.as_of, dataset.currency, table)


def _groups(history: SalesHistory, target: ScoringTarget, reps: Sequence[str]) -> dict[str, list[str]]:
    """The company, and everybody below each manager."""
    groups = {COMPANY: list(reps)}
    on_plan = set(reps)
    for path in history.tree(target.as_of)["path"]:
        if path[-1] in on_plan:
            for manager in path[:-1]:
                groups.setdefault(manager, []).append(path[-1])
    return groups


def _summed(
    ladders: Mapping[str, PayLadder],
    forecast: AttainmentForecast,
    target: ScoringTarget,
    groups: Mapping[str, Sequence[str]],
) -> pd.DataFrame:
    member_of: dict[str, list[str]] = {}
    for group, reps in groups.items():
        for rep_id in reps:
            member_of.setdefault(rep_id, []).append(group)
    total = {group: np.zeros(DRAWS) for group in groups}
    at_mean = dict.fromkeys(groups, 0.0)
    not_foreseen = dict.fromkeys(groups, 0)
    rep_ids = forecast.keys["rep_id"].to_numpy(dtype=object)
    foreseen = {rep_id for rep_id, ladder in ladders.items() if ladder.payouts is not None}
    rows = np.array([row for row in rows_of_day(forecast, target) if rep_ids[row] in foreseen], dtype=np.int64)
    for some, drawn in futures(forecast, rows):
        for row, final in zip(some.tolist(), drawn, strict=True):
            ladder = ladders[rep_ids[row]]
            assert ladder.bookings is not None  # noqa: S101 - `foreseen` has no others
            assert ladder.payouts is not None  # noqa: S101 - likewise
            paid = np.interp(final, ladder.bookings, ladder.payouts)
            more = forecast.mean_bookings[row] - forecast.booked[row]
            plugged = payout_at(ladder.pay.plan, ladder.so_far, round(more))
            for group in member_of[rep_ids[row]]:
                total[group] += paid
                at_mean[group] += plugged
    for rep_id in set(ladders) - foreseen:
        for group in member_of[rep_id]:
            total[group] += ladders[rep_id].so_far.amount
            at_mean[group] += ladders[rep_id].so_far.amount
            not_foreseen[group] += 1
    return pd.DataFrame(
        {
            "group": group,
            "reps": len(reps),
            "so_far": sum(ladders[rep_id].so_far.amount for rep_id in reps),
            **{f"p{100 * level:.0f}": float(np.quantile(total[group], level)) for level in _LEVELS},
            "mean": float(total[group].mean()),
            "of_mean_bookings": at_mean[group],
            "not_foreseen": not_foreseen[group],
        }
        for group, reps in groups.items()
    )
