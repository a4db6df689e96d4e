"""Adds up what is booked, open deals and arrivals by Monte Carlo: many futures of every row, in bounded memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spm_ml.forecasting.distribution import Array
from spm_ml.forecasting.draws import Keys, other, uniforms

DRAWS: Final = 256
AT_ONCE: Final = 400_000
"""Deals × draws that are held at a time."""

_MOST_ARRIVALS: Final = 400
_COMPOUNDS: Final = {"arrivals": (1, 1.0), "shared": (2, 1.0), "undone": (3, -1.0)}
"""Random sums besides the open deals: what their random numbers are told apart by, and their sign."""


@dataclass(frozen=True)
class Parameters:
    """What n rows and their m open deals are drawn from. Deals are sorted by row.

    Attributes:
        row: (m,) row of each deal, ascending.
        deal_keys: (m,) of the deals.
        log_odds: (m,) of being won in time.
        amounts: (m,) what is expected to be booked from it if it is won, before `shares`, minor units.
        shares: (k,) quantiles of booked ÷ expected.
        row_keys: (n,) of the reps and periods.
        booked: (n,) minor units.
        log_counts: (n,) log of expected further bookings.
        dispersion: Of the negative binomial of their number.
        sizes: (n,) usual size of the rep's deals, minor units.
        ratios: (k,) quantiles of size ÷ usual size.
        shared: (n,) expected number of shares of others' deals.
        shared_ratios: (k,) quantiles of their size ÷ usual size.
        undone: (n,) expected number of bookings that are taken back.
        undone_ratios: (k,) quantiles of their size ÷ usual size.
        may_fall: Whether refunds may take final bookings below what is booked.
    """

    row: NDArray[np.int64]
    deal_keys: Keys
    log_odds: Array
    amounts: Array
    shares: Array
    row_keys: Keys
    booked: Array
    log_counts: Array
    dispersion: float
    sizes: Array
    ratios: Array
    shared: Array
    shared_ratios: Array
    undone: Array
    undone_ratios: Array
    may_fall: bool

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.booked)

    def open_means(self) -> Array:
        """(m,) expected bookings from each open deal, minor units."""
        chance = 1.0 / (1.0 + np.exp(-self.log_odds))
        return np.asarray(chance * self.amounts * self.shares.mean())

    def arrival_means(self) -> Array:
        """(n,) expected bookings from deals that are not open yet, minor units."""
        return np.asarray(np.exp(self.log_counts) * self.sizes * self.ratios.mean())

    def shared_means(self) -> Array:
        """(n,) expected shares of others' deals, minor units."""
        return np.asarray(self.shared * self.sizes * self.shared_ratios.mean())

    def undone_means(self) -> Array:
        """(n,) expected amount taken back, minor units, ≥ 0."""
        return np.asarray(self.undone * self.sizes * self.undone_ratios.mean())


def simulate(parameters: Parameters, *, draws: int = DRAWS, seed: int = 0) -> Iterator[tuple[slice, Array]]:
    """Gives (rows, draws) final bookings in ascending order along each row, a slice of rows at a time."""
    starts = np.searchsorted(parameters.row, np.arange(parameters.rows + 1))
    first = 0
    while first < parameters.rows:
        # as many rows as hold the allowed number of deals, at least one, at most as many as that many draws
        last = int(np.searchsorted(starts, starts[first] + AT_ONCE // draws, side="right")) - 1
        last = min(max(last, first + 1), first + max(AT_ONCE // (8 * draws), 1), parameters.rows)
        chosen = slice(first, last)
        opened = _open(parameters, chosen, starts, draws, seed)
        sums = compounds(parameters, chosen, draws=draws, seed=seed)
        yield chosen, final_bookings(parameters.booked[chosen], opened, sums, may_fall=parameters.may_fall)
        first = last


def final_bookings(booked: Array, opened: Array, sums: tuple[Array, ...], *, may_fall: bool) -> Array:
    """(n, draws) final bookings in ascending order along each row.

    Args:
        booked: (n,) minor units.
        opened: (n, draws) bookings from open deals; overwritten.
        sums: (n, draws) each, from `compounds`.
        may_fall: Whether refunds may take final bookings below what is booked.
    """
    for part in sums:
        opened += part
    total = booked[:, None] + (opened if may_fall else np.maximum(opened, 0.0))
    total.sort(axis=1)
    return np.asarray(total)


def at_levels(ordered: Array, levels: Array) -> Array:
    """(n, k) values at levels between 0 and 1 of each row's ordered draws, linear between plotting positions.

    Args:
        ordered: (n, draws) ascending.
        levels: (n, k).

    Source: Hyndman & Fan (1996), The American Statistician 50(4), definition 5.
    """
    count = ordered.shape[1]
    low, share = places_of(levels, count)
    below = np.take_along_axis(ordered, low, axis=1)
    above = np.take_along_axis(ordered, np.minimum(low + 1, count - 1), axis=1)
    return np.asarray(below + share * (above - below))


def places_of(levels: Array, count: int) -> tuple[NDArray[np.int64], Array]:
    """(n, k) the draw below each level, of so many in order, and the share of the way to the next one."""
    position = np.clip(levels * count - 0.5, 0, count - 1)
    low = np.floor(position).astype(np.int64)
    return low, position - low


def _open(parameters: Parameters, rows: slice, starts: NDArray[np.int64], draws: int, seed: int) -> Array:
    total = np.zeros((rows.stop - rows.start, draws))
    deals = slice(int(starts[rows.start]), int(starts[rows.stop]))
    if deals.start == deals.stop:
        return total
    booked = outcomes(parameters, deals, draws=draws, seed=seed)
    own = parameters.row[deals] - rows.start
    present, begin = np.unique(own, return_index=True)
    total[present] = np.add.reduceat(booked, begin, axis=0)
    return total


def outcomes(parameters: Parameters, deals: slice, *, draws: int = DRAWS, seed: int = 0) -> Array:
    """(deals, draws) what is booked from each open deal, minor units; 0 where it is not won in time."""
    chance = (1.0 / (1.0 + np.exp(-parameters.log_odds[deals]))).astype(np.float32)[:, None]
    luck = uniforms(parameters.deal_keys[deals], draws, seed)
    won = luck < chance
    # given a win, luck ÷ chance is uniform again: it chooses the share
    place = (np.where(won, luck, 0.0) / chance * np.float32(len(parameters.shares) - 1e-3)).astype(np.int64)
    return np.where(won, parameters.shares[place], 0.0) * parameters.amounts[deals, None]


def compounds(parameters: Parameters, rows: slice, *, draws: int = DRAWS, seed: int = 0) -> tuple[Array, ...]:
    """(rows, draws) each: arrivals, shares of others' deals, and less what is undone, minor units."""
    return tuple(_compound(parameters, part, rows, draws, seed) for part in _COMPOUNDS)


def _compound(parameters: Parameters, part: str, rows: slice, draws: int, seed: int) -> Array:
    """(rows, draws) sums of a random number of sizes."""
    place, sign = _COMPOUNDS[part]
    keys = other(parameters.row_keys[rows], place)
    if part == "arrivals":
        mean, dispersion, ratios = np.exp(parameters.log_counts[rows]), parameters.dispersion, parameters.ratios
    else:
        mean, dispersion, ratios = getattr(parameters, part)[rows], 0.0, getattr(parameters, f"{part}_ratios")
    number = _counts(uniforms(keys, draws, seed), mean, dispersion)
    total = np.zeros(number.shape)
    for event in range(int(number.max(initial=0))):
        some = (number > event).any(axis=1)
        luck = uniforms(other(keys[some], 10 + event), draws, seed)
        size = ratios[(luck * np.float32(len(ratios) - 1e-3)).astype(np.int64)]
        total[some] += np.where(number[some] > event, size, 0.0)
    return np.asarray(sign * total * parameters.sizes[rows, None])


def _counts(luck: NDArray[np.float32], mean: Array, dispersion: float) -> NDArray[np.int64]:
    """(n, draws) negative binomial numbers by inversion: the number of steps of the distribution below the luck."""
    if dispersion > 0:
        size = 1.0 / dispersion
        chance = size * np.log(size / (size + mean))
        ratio, more = mean / (mean + size), size
    else:
        chance, ratio, more = -mean, mean, 0.0
    chance = np.exp(chance)
    below, number = chance.copy(), np.zeros(luck.shape, dtype=np.int64)
    for step in range(1, _MOST_ARRIVALS):
        beyond = luck > below[:, None]
        if not beyond.any():
            break
        number += beyond
        chance = chance * ratio * ((step - 1 + more) if dispersion > 0 else 1.0) / step
        below = below + chance
    return number
