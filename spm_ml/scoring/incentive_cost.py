"""What the running period's incentives will cost: the joint distribution of all payouts, by team and in all."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Final

import pandas as pd

from spm_ml.compensation import CompensationPlan
from spm_ml.dataset import build_dataset
from spm_ml.errors import NotReadyError
from spm_ml.forecasting import Forecaster
from spm_ml.history import SalesHistory
from spm_ml.predictions import PayCost
from spm_ml.progress import Progress, silent
from spm_ml.scoring.compute import Known
from spm_ml.scoring.pay import pay_curves, pay_ladders, pay_until
from spm_ml.scoring.pay_costs import costs_of

COMPANY: Final = "company"
"""How the table calls everybody together."""


@dataclass(frozen=True)
class IncentiveCost:
    """Payouts of a period, summed.

    Attributes:
        period: Label of the period.
        as_of: Everything is as known on this day.
        currency: ISO 4217 code.
        table: A row for the company and each manager: `group, reps, so_far, p10, p50, p90, mean, of_mean_bookings,
            not_foreseen, p25, p75`, amounts in minor units. `of_mean_bookings` is what comes out where mean bookings
            go through the plan, for comparison; `not_foreseen` counts reps who are in with what is paid so far, because
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
    ladders = pay_ladders(pay_until(known.history, known.target, plans), known.target, forecast)
    if not ladders:
        raise NotReadyError(f"no rep on a plan has a quota in {known.target.period.label}: there is nothing to pay")
    costs = costs_of(known.history, known.target, pay_curves(ladders, known.target, forecast), forecast)
    progress("forecast", 2, 2)
    table = pd.DataFrame([{"group": cost.manager_id or COMPANY, **_figures(cost)} for cost in costs])
    return IncentiveCost(known.target.period.label, known.target.as_of, dataset.currency, table)


def _figures(cost: PayCost) -> dict[str, object]:
    return {field.name: getattr(cost, field.name) for field in fields(cost) if field.name != "manager_id"}
