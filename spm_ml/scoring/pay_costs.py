"""What everybody's payouts add up to: the joint distribution, of each manager's people and of all."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

import numpy as np

from spm_ml.forecasting import AttainmentForecast
from spm_ml.forecasting.distribution import Array
from spm_ml.forecasting.roll_up import DRAWS, futures
from spm_ml.history import SalesHistory
from spm_ml.predictions import PayCost
from spm_ml.scoring.pay import PayCurve, rows_of_day
from spm_ml.scoring.target import ScoringTarget

EVERYBODY: Final = ""
"""Whose people the whole company is."""

_LEVELS: Final = (0.1, 0.25, 0.5, 0.75, 0.9)


def costs_of(
    history: SalesHistory,
    target: ScoringTarget,
    curves: Mapping[str, PayCurve],
    forecast: AttainmentForecast | None,
) -> tuple[PayCost, ...]:
    """The payouts of everybody, and of each manager's people, added up over joint futures.

    Args:
        history: What is known on the target's day.
        target: Its period is paid for.
        curves: Of every rep on a plan, by rep_id; none gives no costs.
        forecast: What the futures are drawn from; None where all forecasts are withheld.
    """
    return _summed(curves, forecast, target, _groups(history, target, sorted(curves)))


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
    curves: Mapping[str, PayCurve],
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
    foreseen = {rep_id for rep_id, curve in curves.items() if curve.payouts is not None}
    for rep_id, final in _drawn(forecast, target, foreseen):
        curve = curves[rep_id]
        assert curve.bookings is not None  # noqa: S101 - `foreseen` has no others
        assert curve.payouts is not None  # noqa: S101 - likewise
        paid = np.interp(final, curve.bookings, curve.payouts)
        for group in member_of[rep_id]:
            total[group] += paid
            at_mean[group] += curve.at_mean or 0
    for rep_id in sorted(curves.keys() - foreseen):
        for group in member_of[rep_id]:
            total[group] += curves[rep_id].so_far
            at_mean[group] += curves[rep_id].so_far
            not_foreseen[group] += 1
    return tuple(
        PayCost(
            manager_id=group,
            reps=len(reps),
            so_far=sum(curves[rep_id].so_far for rep_id in reps),
            p10=p10,
            p50=p50,
            p90=p90,
            mean=float(total[group].mean()),
            of_mean_bookings=at_mean[group],
            not_foreseen=not_foreseen[group],
            p25=p25,
            p75=p75,
        )
        for group, reps in groups.items()
        for p10, p25, p50, p75, p90 in [np.quantile(total[group], _LEVELS).tolist()]
    )


def _drawn(
    forecast: AttainmentForecast | None, target: ScoringTarget, foreseen: Collection[str]
) -> Iterator[tuple[str, Array]]:
    """Each rep's final bookings in every joint future."""
    if forecast is None:
        return
    rep_ids = forecast.keys["rep_id"].to_numpy(dtype=object)
    rows = np.array([row for row in rows_of_day(forecast, target) if rep_ids[row] in foreseen], dtype=np.int64)
    for some, drawn in futures(forecast, rows):
        yield from zip(rep_ids[some].tolist(), drawn, strict=True)
