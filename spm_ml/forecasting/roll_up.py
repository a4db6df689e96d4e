"""Distributions of teams, regions and the company from those of their reps: one joint simulation, coherent."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri, stdtrit

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

    @cached_property
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
    return roll_up_each(forecast, [groups], counted=counted, booked=booked, draws=draws, seed=seed)[0]


def roll_up_each(
    forecast: AttainmentForecast,
    groupings: Sequence[Sequence[str]],
    *,
    counted: ArrayLike = 1.0,
    booked: ArrayLike | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> list[GroupForecast]:
    """What `roll_up` gives for each of several groupings, of futures that are drawn once.

    Args:
        forecast: n rows.
        groupings: n names each, as in `roll_up`.
        counted: As in `roll_up`.
        booked: As in `roll_up`.
        draws: Futures.
        seed: Of the futures.
    """
    answered: NDArray[np.bool_] = np.asarray(~np.isnan(forecast.bookings).any(axis=1))
    share = np.broadcast_to(np.asarray(counted, dtype=float), len(forecast))
    firm = forecast.booked if booked is None else np.asarray(booked, dtype=float)
    as_of = forecast.keys["as_of"].to_numpy()
    sums = [_Sums.of(np.asarray(names, dtype=object), answered, as_of, draws) for names in groupings]
    if sums:
        rows = np.flatnonzero(np.any([own.code >= 0 for own in sums], axis=0))
        for some, drawn in futures(forecast, rows, draws, seed=seed):
            part = share[some, None] * (drawn - forecast.booked[some, None]) + firm[some, None]
            for own in sums:
                own.add(some, part)
    mean = share * (forecast.mean_bookings - forecast.booked) + firm
    return [own.finished(mean, firm) for own in sums]


@dataclass(frozen=True)
class _Sums:
    """Sums of one grouping: `code` is (n,) the group of each row, −1 for none, `total` is (g, draws)."""

    code: NDArray[np.int64]
    keys: pd.DataFrame
    total: Array

    @classmethod
    def of(
        cls, names: NDArray[np.object_], answered: NDArray[np.bool_], as_of: NDArray[np.datetime64], draws: int
    ) -> Self:
        used = np.flatnonzero((names != "") & answered)
        keys = pd.DataFrame({"group": names[used], "as_of": as_of[used]})
        number, unique = pd.factorize(pd.MultiIndex.from_frame(keys), sort=True)
        code = np.full(len(names), -1, dtype=np.int64)
        code[used] = number
        if len(unique):
            keys = unique.to_frame(index=False).set_axis(["group", "as_of"], axis=1)
        return cls(code, keys, np.zeros((len(unique), draws)))

    def add(self, rows: NDArray[np.int64], part: Array) -> None:
        """Adds (rows, draws) to the groups of those rows."""
        for place, group in enumerate(self.code[rows].tolist()):
            if group >= 0:
                self.total[group] += part[place]

    def finished(self, mean: Array, firm: Array) -> GroupForecast:
        """Puts the draws in order, and adds up (n,) means and what is firm."""
        self.total.sort(axis=1)
        used, size = self.code >= 0, len(self.total)
        code = self.code[used]
        return GroupForecast(
            keys=self.keys,
            draws=self.total,
            mean_bookings=np.bincount(code, mean[used], size).astype(float),
            booked=np.bincount(code, firm[used], size).astype(float),
            members=np.bincount(code, minlength=size).astype(np.int64),
        )


def futures(
    forecast: AttainmentForecast, rows: NDArray[np.int64], draws: int = DRAWS, *, seed: int = 0
) -> Iterator[tuple[NDArray[np.int64], Array]]:
    """Gives some of the rows and their (rows, draws) final bookings, minor units, until all had their turn.

    A column is one future of all rows: what they share, they share in it. The ranks of a row's scores say which of its
    evenly spaced quantiles each future gets, so the margins of the copula are exact.

    Args:
        forecast: n rows.
        rows: Places of those to draw; their forecasts do not abstain.
        draws: Futures.
        seed: Of the futures.
    """
    level = (np.arange(draws) + 0.5) / draws
    scores = _Scores.of(forecast, rows, draws, seed)
    for first in range(0, len(rows), _AT_ONCE):
        some = slice(first, first + _AT_ONCE)
        order = np.argsort(scores.of_rows(some), axis=1)
        ladder = distribution.at_levels(forecast.bookings[rows[some]], forecast.floor[rows[some]], level)
        drawn = np.empty_like(ladder)
        np.put_along_axis(drawn, order, ladder, axis=1)
        yield rows[some], drawn


@dataclass(frozen=True)
class _Scores:
    """Normal scores of rows that share the shocks of their period and team.

    Attributes:
        shares: (rows,) of the variance: the period's, the team's, and the rest.
        shocks: (k, draws) of the periods, of the teams, and of each rep in a period.
        places: (rows,) which of the shocks each row has.
    """

    shares: tuple[Array, Array, Array]
    shocks: tuple[Array, Array, Array]
    places: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]

    @classmethod
    def of(cls, forecast: AttainmentForecast, rows: NDArray[np.int64], draws: int, seed: int) -> Self:
        dependence = forecast.dependence
        of_period, of_team = dependence.shares(forecast.elapsed_share[rows])
        period = forecast.keys["period"].astype(str).to_numpy(dtype=object)[rows]
        rep = forecast.keys["rep_id"].to_numpy(dtype=object)[rows]
        at_period, periods = pd.factorize(period, sort=True)
        at_team, teams = pd.factorize(_joined(period, forecast.teams[rows]), sort=True)
        reps, at_rep = np.unique(keys_of(rep, period), return_inverse=True)
        freedom = np.float64(dependence.freedom)
        shared = [
            stdtrit(freedom, uniforms(keys_of(names), draws, seed + place))
            for place, names in ((1, periods), (2, teams))
        ]
        own = ndtri(uniforms(reps, draws, seed + 3))
        rest = np.maximum(1 - of_period - of_team, 0.0)
        return cls((of_period, of_team, rest), (shared[0], shared[1], own), (at_period, at_team, at_rep))

    def of_rows(self, some: slice) -> Array:
        """(some, draws) scores."""
        parts = (
            np.sqrt(share[some])[:, None] * shocks[place[some]]
            for share, shocks, place in zip(self.shares, self.shocks, self.places, strict=True)
        )
        period, team, own = parts
        return np.asarray(period + team + own)


def _joined(first: NDArray[np.object_], second: NDArray[np.object_]) -> NDArray[np.object_]:
    """(n,) both texts of each row as one."""
    return np.asarray(pd.Series(first, dtype=object) + "\x1f" + pd.Series(second, dtype=object), dtype=object)
