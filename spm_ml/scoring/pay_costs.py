"""What everybody's payouts add up to: the joint distribution, of each manager's people and of all."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

import numpy as np

from spm_ml.compensation import payout_at
from spm_ml.forecasting import AttainmentForecast
from spm_ml.forecasting.distribution import Array
from spm_ml.forecasting.roll_up import DRAWS, futures
from spm_ml.history import SalesHistory
from spm_ml.predictions import PayCost
from spm_ml.scoring.pay import PayLadder, rows_of_day
from spm_ml.scoring.target import ScoringTarget

EVERYBODY: Final = ""
"""Whose people the whole company is."""

_LEVELS: Final = (0.1, 0.5, 0.9)


def costs_of(
    history: SalesHistory,
    target: ScoringTarget,
    ladders: Mapping[str, PayLadder],
    forecast: AttainmentForecast | None,
) -> tuple[PayCost, ...]:
    """The payouts of everybody, and of each manager's people, added up over joint futures.

    Args:
        history: What is known on the target's day.
        target: Its period is paid for.
        ladders: Of every rep on a plan; none gives no costs.
        forecast: What the futures are drawn from; None where all forecasts are withheld.
    """
    return _summed(ladders, forecast, target, _groups(history, target, list(ladders)))


def _groups(history: SalesHistory, target: ScoringTarget, reps: Sequence[str]) -> dict[str, list[str]]:
    """The company, and everybody below each manager."""
    groups = {EVERYBODY: list(reps)} if reps else {}
    on_plan = set(reps)
    for path in history.tree(target.as_of)["path"]:
        if path[-1] in on_plan:
            for manager in path[:-1]:
                groups.setdefault(manager, []).append(path[-1])
    return groups


def _summed(
    ladders: Mapping[str, PayLadder],
    forecast: AttainmentForecast | None,
    target: ScoringTarget,
    groups: Mapping[str, Sequence[str]],
) -> tuple[PayCost, ...]:
    member_of: dict[str, list[str]] = {}
    for group, reps in groups.items():
        for rep_id in reps:
            member_of.setdefault(rep_id, []).append(group)
    total = {group: np.zeros(DRAWS) for group in groups}
    at_mean = dict.fromkeys(groups, 0.0)
    not_foreseen = dict.fromkeys(groups, 0)
    foreseen = {rep_id for rep_id, ladder in ladders.items() if ladder.payouts is not None}
    for rep_id, final, more in _drawn(forecast, target, foreseen):
        ladder = ladders[rep_id]
        assert ladder.bookings is not None  # noqa: S101 - `foreseen` has no others
        assert ladder.payouts is not None  # noqa: S101 - likewise
        paid = np.interp(final, ladder.bookings, ladder.payouts)
        plugged = payout_at(ladder.pay.plan, ladder.so_far, round(more))
        for group in member_of[rep_id]:
            total[group] += paid
            at_mean[group] += plugged
    for rep_id in set(ladders) - foreseen:
        for group in member_of[rep_id]:
            total[group] += ladders[rep_id].so_far.amount
            at_mean[group] += ladders[rep_id].so_far.amount
            not_foreseen[group] += 1
    return tuple(
        PayCost(
            manager_id=group,
            reps=len(reps),
            so_far=sum(ladders[rep_id].so_far.amount for rep_id in reps),
            p10=p10,
            p50=p50,
            p90=p90,
            mean=float(total[group].mean()),
            of_mean_bookings=at_mean[group],
            not_foreseen=not_foreseen[group],
        )
        for group, reps in groups.items()
        for p10, p50, p90 in [np.quantile(total[group], _LEVELS).tolist()]
    )


def _drawn(
    forecast: AttainmentForecast | None, target: ScoringTarget, foreseen: Collection[str]
) -> Iterator[tuple[str, Array, float]]:
    """Each rep's final bookings in every joint future, and what is still to come of the mean ones."""
    if forecast is None:
        return
    rep_ids = forecast.keys["rep_id"].to_numpy(dtype=object)
    rows = np.array([row for row in rows_of_day(forecast, target) if rep_ids[row] in foreseen], dtype=np.int64)
    for some, drawn in futures(forecast, rows):
        for row, final in zip(some.tolist(), drawn, strict=True):
            yield rep_ids[row], final, float(forecast.mean_bookings[row] - forecast.booked[row])
