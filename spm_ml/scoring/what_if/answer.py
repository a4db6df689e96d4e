"""Answers a what-if question: the distribution before and after, and one part a change that add up to the difference.

The changes are supposed one after another in the order given, and a change's part is what it moves at its place
(sequential differences). They add up exactly, whatever the changes have to do with each other; another order can divide
the same difference otherwise.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final

import numpy as np

from spm_ml.forecasting import one_distribution
from spm_ml.forecasting.distribution import LEVELS
from spm_ml.scoring.what_if.changes import RefusedError, Supposed, applied
from spm_ml.scoring.what_if.pay import SHOWN, ExpectedPayouts
from spm_ml.scoring.what_if.rep import MEDIAN, StoredRep
from spm_ml.settings import RiskBands

METHOD: Final = "sequential"

_LEVELS: Final = LEVELS.tolist()


class UnansweredError(Exception):
    """There is no answer, for a reason.

    Attributes:
        where: The place in the question, `changes.0` or `rep_id`.
        rule: The reason.
    """

    def __init__(self, where: str, rule: str) -> None:
        super().__init__(f"{where}: {rule}")
        self.where = where
        self.rule = rule


@dataclass(frozen=True)
class _Figures:
    """A distribution in what is reported of it; amounts are rounded to minor units, so that differences add up."""

    quantiles: list[float]
    median: int
    mean: int
    quota: int | None
    p_hit: float | None

    @property
    def attainment(self) -> float | None:
        return self.median / self.quota if self.quota else None


def answer(rep: StoredRep, question: Mapping[str, Any]) -> dict[str, Any]:
    """Answers one question, in JSON form and units of the currency.

    Args:
        rep: Whom it is about.
        question: `rep_id`; `changes`; `programs`, what is published of each that is named; `digits` of the minor
            unit; `bands`, the thresholds of the risk bands.

    Raises:
        UnansweredError: There is no forecast to start from, or a change cannot be answered.
    """
    if rep.quantiles is None:
        raise UnansweredError("rep_id", rep.abstention or "no_forecast")
    unit, bands = 10 ** question["digits"], _bands(**question["bands"])
    supposed = Supposed(rep.quota, None if rep.futures is None else rep.futures.base)
    figures = before = _published(rep)
    reached = [before]
    parts: list[dict[str, Any]] = []
    for number, change in enumerate(question["changes"]):
        try:
            effect = applied(change, rep, supposed, question["programs"])
        except RefusedError as error:
            raise UnansweredError(f"changes.{number}", error.rule) from error
        supposed, earlier = effect.supposed, figures
        figures = _ordered(_figures(rep, supposed, earlier, effect.redrawn), earlier)
        reached.append(figures)
        parts.append(
            {
                "kind": change["kind"],
                "deal_id": change.get("deal_id"),
                "program_id": change.get("program_id"),
                "median_bookings": (figures.median - earlier.median) / unit,
                "mean_bookings": (figures.mean - earlier.mean) / unit,
                "median_attainment": _difference(figures.attainment, earlier.attainment),
                "p_hit": _difference(figures.p_hit, earlier.p_hit),
                "mean_pay": None,
                "p_win_before": effect.chances and effect.chances[0],
                "p_win_after": effect.chances and effect.chances[1],
                "interval": effect.interval and [round(amount) / unit for amount in effect.interval],
                "note": effect.note,
            }
        )
    paid = _paid(rep, reached)
    for part, before_it, after_it in zip(parts, paid, paid[1:], strict=False):
        part["mean_pay"] = (after_it.mean - before_it.mean) / unit
    return {
        "rep_id": question["rep_id"],
        "method": METHOD,
        "before": _outlook(before, unit, bands),
        "after": _outlook(figures, unit, bands),
        "parts": parts,
        "pay": _pay(rep, paid, unit),
    }


def _paid(rep: StoredRep, reached: Sequence[_Figures]) -> list[ExpectedPayouts]:
    """The payouts as published and after each change, means rounded to minor units; empty where none is expected."""
    published = rep.published_pay
    if published is None or rep.pay is None:
        return []
    # Means move by what the changes move: that of the published payouts rests on finer levels.
    paid = [replace(published, mean=round(rep.pay.mean))]
    for then, now in pairwise(reached):
        if (now.quantiles, now.quota) == (then.quantiles, then.quota):
            paid.append(paid[-1])
            continue
        found = rep.pay.over(np.array(now.quantiles), rep.floor, now.quota)
        paid.append(replace(found, mean=round(rep.pay.mean + found.mean - published.mean)))
    return paid


def _pay(rep: StoredRep, paid: Sequence[ExpectedPayouts], unit: int) -> dict[str, Any] | None:
    """The payouts before and after all changes."""
    if not paid or rep.pay is None:
        return None

    def written(payouts: ExpectedPayouts) -> dict[str, Any]:
        names = (f"p{100 * level:.0f}" for level in SHOWN)
        shown = {name: amount / unit for name, amount in zip(names, payouts.quantiles, strict=True)}
        return shown | {"mean": payouts.mean / unit}

    return {"plan_id": rep.pay.plan.plan_id, "before": written(paid[0]), "after": written(paid[-1])}


@lru_cache(8)
def _bands(high_below: float, medium_below: float) -> RiskBands:
    return RiskBands(high_below=high_below, medium_below=medium_below)


def _published(rep: StoredRep) -> _Figures:
    assert rep.quantiles is not None and rep.mean is not None  # noqa: S101, PT018 - asked only where there is a forecast
    quantiles = rep.quantiles.tolist()
    return _Figures(quantiles, round(quantiles[MEDIAN]), round(rep.mean), rep.quota or None, rep.p_hit)


def _figures(rep: StoredRep, supposed: Supposed, then: _Figures, redrawn: bool) -> _Figures:
    quota = supposed.quota or None
    if not redrawn:
        if quota == then.quota:
            return then
        reached = None if quota is None else one_distribution.probability_at_least(then.quantiles, rep.floor, quota)
        return replace(then, quota=quota, p_hit=reached)
    quantiles = supposed.quantiles(rep).tolist()
    mean = one_distribution.mean(quantiles, rep.floor)
    reached = None if quota is None else one_distribution.probability_at_least(quantiles, rep.floor, quota)
    return _Figures(quantiles, round(quantiles[MEDIAN]), round(mean), quota, reached)


def _ordered(now: _Figures, then: _Figures) -> _Figures:
    """Where no quantile falls, or none rises, neither do mean and chance, which rest on estimated tails too."""
    if now.quota != then.quota:
        return now
    steps = [after - before for after, before in zip(now.quantiles, then.quantiles, strict=True)]
    if min(steps) >= 0:
        pick = max
    elif max(steps) <= 0:
        pick = min
    else:
        return now
    chance = None if now.p_hit is None or then.p_hit is None else pick(now.p_hit, then.p_hit)
    return replace(now, mean=pick(now.mean, then.mean), p_hit=chance)


def _outlook(figures: _Figures, unit: int, bands: RiskBands) -> dict[str, Any]:
    bookings, quota = figures.quantiles, figures.quota
    return {
        "quota": None if quota is None else quota / unit,
        "distribution": {
            "levels": _LEVELS,
            "bookings": [round(amount) / unit for amount in bookings],
            "attainment": [round(amount / quota, 6) for amount in bookings] if quota else None,
            "mean_bookings": figures.mean / unit,
        },
        "median_bookings": figures.median / unit,
        "median_attainment": figures.attainment,
        "p_hit": figures.p_hit,
        "risk_band": None if figures.p_hit is None else bands.band(figures.p_hit),
    }


def _difference(now: float | None, then: float | None) -> float | None:
    return None if now is None or then is None else now - then
