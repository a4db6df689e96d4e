"""What may be changed, one after another: each kind knows what it makes of a rep's futures."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from statistics import NormalDist
from typing import Any, Final

import numpy as np

from spm_ml.forecasting.deal_level.monte_carlo import DRAWS
from spm_ml.forecasting.distribution import Array
from spm_ml.scoring.what_if.rep import StoredRep

INTERVAL: Final = 0.9
"""Level of the interval in which a program's effect is published."""

_Z: Final = NormalDist().inv_cdf((1 + INTERVAL) / 2)
_LUCK: Final = np.random.default_rng(0).permutation(
    [NormalDist().inv_cdf((place + 0.5) / DRAWS) for place in range(DRAWS)]
)
"""Normal scores of the futures for what is not known of a program's effect: mean 0, in an order of their own."""


class RefusedError(Exception):
    """A change that cannot be answered.

    Attributes:
        rule: The rule it breaks; `unknown_deal` where no such deal is open.
    """

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


@dataclass(frozen=True)
class Supposed:
    """What is supposed of a rep so far.

    Attributes:
        quota: Minor units.
        opened: (deals, DRAWS) bookings from open deals; None where the forecaster does not forecast from deals.
        shift: (DRAWS,) added to final bookings, minor units; None for nothing.
    """

    quota: int | None
    opened: Array | None
    shift: Array | None = None

    def quantiles(self, rep: StoredRep) -> Array:
        """(19,) of final bookings: as published, moved by what the changes move in the draws."""
        assert rep.quantiles is not None  # noqa: S101 - whoever has none is not asked
        draws = rep.draws(self.opened)
        if self.shift is not None:
            draws = np.sort(np.maximum(draws + self.shift, rep.floor))
        moved = rep.quantiles + (rep.read(draws) - rep.base)
        return np.maximum(np.maximum.accumulate(moved), rep.floor)


@dataclass(frozen=True)
class Effect:
    """What one change does, besides the numbers.

    Attributes:
        supposed: What is supposed from then on.
        redrawn: Whether bookings change; else the quota alone does, or nothing.
        chances: Chance that the deal is won in time, before and after.
        interval: 90 % interval of what a program adds to bookings, minor units.
        note: What a reader should know.
    """

    supposed: Supposed
    redrawn: bool = False
    chances: tuple[float, float] | None = None
    interval: tuple[float, float] | None = None
    note: str = ""


def applied(change: Mapping[str, Any], rep: StoredRep, supposed: Supposed, programs: Mapping[str, Any]) -> Effect:
    """Supposes one more change.

    Args:
        change: Its `kind` and what belongs to it; amounts in minor units, days as ISO text.
        rep: Of whom.
        supposed: What is supposed already.
        programs: What is published of each program that is named, for this rep.

    Raises:
        RefusedError: The deal is not open, a day lies outside of what can be answered, or deals are unknown.
    """
    kind = change["kind"]
    if kind == "quota":
        return Effect(replace(supposed, quota=change["quota"]))
    if kind == "program_taken":
        return _program(programs[change["program_id"]], rep, supposed)
    return _deal(change, rep, supposed)


def _deal(change: Mapping[str, Any], rep: StoredRep, supposed: Supposed) -> Effect:
    futures, opened = rep.futures, supposed.opened
    if futures is None or opened is None:
        raise RefusedError("model_reads_no_deals")
    place = futures.place(change["deal_id"])
    if place is None:
        raise RefusedError("unknown_deal")
    before = futures.chance(place)
    if change["kind"] == "deal_dropped":
        booked, after = np.zeros(DRAWS), 0.0
    elif change["kind"] == "deal_won":
        day, amount = change.get("won_on"), change.get("amount")
        if day is not None and not rep.as_of < date.fromisoformat(day) <= rep.period_end:
            raise RefusedError("outside_the_rest_of_the_period")
        booked = futures.won(place) if amount is None else np.full(DRAWS, float(amount))
        after = 1.0
    else:
        day = date.fromisoformat(change["close_date"])
        if day <= rep.as_of:
            raise RefusedError("not_after_the_as_of_day")
        booked, after = futures.moved(place, (day - rep.as_of).days, (day - rep.period_end).days)
    changed = opened.copy()
    changed[place] = booked
    return Effect(replace(supposed, opened=changed), True, (before, after))


def _program(option: Mapping[str, Any] | None, rep: StoredRep, supposed: Supposed) -> Effect:
    if option is None or option["effect"] is None:
        why = option and option["evidence"]
        return Effect(supposed, note=f"No effect is claimed for this rep{f' ({why})' if why else ''}: nothing changes.")
    if not supposed.quota:
        return Effect(supposed, note="The effect is a share of the quota, and there is no quota: nothing changes.")
    reach = rep.share_left * supposed.quota
    middle = option["effect"] * reach - option["time_lost"] * supposed.quota
    spread = (option["high"] - option["low"]) / (2 * _Z) * reach
    shift = middle + spread * _LUCK
    interval = (middle - _Z * spread, middle + _Z * spread)
    note = (
        f"As if the effect of a full period ({option['evidence']}) worked from the day after the as-of day, for the "
        f"{rep.share_left:.0%} of the period that is left; time lost to the program is taken off. In fact effects are "
        "measured in the first full period after a program."
    )
    shift = shift if supposed.shift is None else supposed.shift + shift
    return Effect(replace(supposed, shift=shift), redrawn=True, interval=interval, note=note)
