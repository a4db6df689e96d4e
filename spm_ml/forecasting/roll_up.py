"""Distributions of teams, regions and the company from those of their reps: one joint simulation, coherent."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm
from scipy.stats import t as student

from spm_ml.forecasting import distribution
from spm_ml.forecasting.distribution import LEVELS, Array
from spm_ml.forecasting.draws import keys_of, uniforms
from spm_ml.forecasting.forecast import AttainmentForecast

DRAWS: Final = 2_000
_AT_ONCE: Final = 400


@dataclass(frozen=True)
class GroupForecast:
    """The distribution of the summed final bookings of g groups.

    Attributes:
        keys: (g rows) `group`, `as_of`.
        draws: (g, d) simulated sums in ascending order, minor units.
        mean_bookings: (g,) sums of the members' means, minor units.
        booked: (g,) booked up to the day.
        members: (g,) rows that were added up.
    """

    keys: pd.DataFrame
    draws: Array
    mean_bookings: Array
    booked: Array
    members: NDArray[np.int64]

    @property
    def bookings(self) -> Array:
        """(g, 19) quantiles at `QUANTILE_LEVELS`, minor units."""
        return np.asarray(np.quantile(self.draws, LEVELS, axis=1).T) if len(self.draws) else np.zeros((0, LEVELS.size))

    def probability_at_least(self, amounts: ArrayLike) -> Array:
        """(g,) chance that a group books at least the amount, minor units; NaN where that is."""
        goal = np.asarray(amounts, dtype=float)
        return np.where(np.isnan(goal), np.nan, (self.draws >= goal[:, None]).mean(axis=1))


def roll_up(
    forecast: AttainmentForecast,
    groups: Sequence[str],
    *,
    counted: ArrayLike = 1.0,
    booked: ArrayLike | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> GroupForecast:
    """Adds up rows of each group and as-of day in a joint simulation.

    Every rep keeps the distribution of its own forecast exactly. What makes reps of a period, and of a team in it, good
    or bad together is the forecast's `dependence`, learnt from past errors: a Gaussian copula with shared factors,
    whose shocks have Student's t distribution because few of them were ever seen. The factors are drawn once and serve
    every grouping, so a company is what its teams are.

    Args:
        forecast: n rows.
        groups: n names; '' leaves a row out, as does a forecast that abstains.
        counted: Share of what is still to come that counts in a sum, for all or (n,): less than 1 where several reps
            are credited with the same deal (H05).
        booked: (n,) what is booked and counts in a sum, minor units; default: all of it.
        draws: Futures.
        seed: Of the futures.

    Source: Clark et al. (2004), J. Hydrometeorology 5, and Schefzik et al. (2013), Statistical Science 28(4), for
    giving calibrated margins a dependence by ranks.
    """
    names = np.asarray(groups, dtype=object)
    used = np.flatnonzero((names != "") & ~np.isnan(forecast.bookings).any(axis=1))
    keys = pd.DataFrame({"group": names[used], "as_of": forecast.keys["as_of"].to_numpy()[used]})
    code, unique = pd.factorize(pd.MultiIndex.from_frame(keys), sort=True)
    share = np.broadcast_to(np.asarray(counted, dtype=float), len(names))[used]
    firm = forecast.booked if booked is None else np.asarray(booked, dtype=float)
    total = np.zeros((len(unique), draws))
    for first in range(0, len(used), _AT_ONCE):
        rows = used[first : first + _AT_ONCE]
        level = (_ranks(_scores(forecast, rows, draws, seed)) + 0.5) / draws
        drawn = distribution.inverse(forecast.bookings[rows], forecast.floor[rows], level)
        part = share[first : first + _AT_ONCE, None] * (drawn - forecast.booked[rows, None]) + firm[rows, None]
        np.add.at(total, code[first : first + _AT_ONCE], part)
    total.sort(axis=1)
    mean = share * (forecast.mean_bookings[used] - forecast.booked[used]) + firm[used]
    size = len(unique)
    return GroupForecast(
        keys=unique.to_frame(index=False).set_axis(["group", "as_of"], axis=1) if size else keys.iloc[:0],
        draws=total,
        mean_bookings=np.bincount(code, mean, size).astype(float),
        booked=np.bincount(code, firm[used], size).astype(float),
        members=np.bincount(code, minlength=size).astype(np.int64),
    )


def _scores(forecast: AttainmentForecast, rows: NDArray[np.int64], draws: int, seed: int) -> Array:
    """(rows, draws) scores that share the shocks of their period and team."""
    dependence = forecast.dependence
    of_period, of_team = dependence.shares(forecast.elapsed_share[rows])
    period = forecast.keys["period"].astype(str).to_numpy(dtype=object)[rows]
    team = forecast.teams[rows]

    def shocks(names: Sequence[str], place: int) -> Array:
        luck = uniforms(keys_of(np.asarray(names, dtype=object)), draws, seed + place)
        return np.asarray(student.ppf(luck, dependence.freedom))

    periods, of = np.unique(period, return_inverse=True)
    teams, at = np.unique(np.char.add(np.char.add(period.astype(str), "\x1f"), team.astype(str)), return_inverse=True)
    own = norm.ppf(uniforms(keys_of(forecast.keys["rep_id"].to_numpy(dtype=object)[rows], period), draws, seed + 3))
    rest = np.sqrt(np.maximum(1 - of_period - of_team, 0.0))
    return np.asarray(
        np.sqrt(of_period)[:, None] * shocks(list(periods), 1)[of]
        + np.sqrt(of_team)[:, None] * shocks(list(teams), 2)[at]
        + rest[:, None] * own
    )


def _ranks(scores: Array) -> NDArray[np.int64]:
    """(rows, draws) rank of each draw among its row's, from 0: the margins of the copula are exact."""
    order = np.argsort(scores, axis=1)
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.broadcast_to(np.arange(scores.shape[1]), scores.shape), axis=1)
    return ranks
