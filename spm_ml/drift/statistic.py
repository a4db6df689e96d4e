"""The distance of one sample from its past, each rep held against itself, and what chance alone makes of it."""

from dataclasses import dataclass
from functools import cached_property
from math import sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from scipy.stats import t as student

from spm_ml.accuracy import Array

Whole = NDArray[np.int64]

CUTS: Final = 20
"""Values between which distributions are compared; a finer grid tells no more of some dozens of rows."""

_CELLS: Final = 4_000_000
"""Permuted rows that are looked at together: a bound on memory."""

_TIE: Final = 1e-12
_ENOUGH_PERIODS: Final = 3


@dataclass(frozen=True, eq=False)
class Blocks:
    """Rows in blocks: each rep has one row that is current, and past ones.

    Attributes:
        rep: (n,) number of the rep, 0 … r − 1.
        period: (n,) number of the period; the largest is the current one.
        permutations: How often the current row of each rep is drawn anew from all rows of the rep.
        seed: Of the draws.
    """

    rep: Whole
    period: Whole
    permutations: int
    seed: int

    @cached_property
    def size(self) -> Whole:
        """(r,) rows of each rep."""
        return np.bincount(self.rep)

    @cached_property
    def current(self) -> NDArray[np.bool_]:
        """(n,) which rows are current."""
        return np.asarray(self.period == self.period.max())

    @cached_property
    def drawn(self) -> Whole:
        """(permutations, r) a row of each rep, drawn with equal chances."""
        order = np.argsort(self.rep, kind="stable")
        first = np.cumsum(self.size) - self.size
        random = np.random.default_rng(self.seed).random((self.permutations, self.size.size))
        return np.asarray(order[first + (random * self.size).astype(np.int64)], dtype=np.int64)


@dataclass(frozen=True)
class Distance:
    """How far the current rows are from the past.

    Attributes:
        value: Greatest gap between two cumulative distributions, 0–1: of where the current rows stand among all rows of
            their rep, and of where a row drawn at random would.
        threshold: What chance alone exceeds in 5 % of permutations.
        p_value: Share of permutations that reach the value, the observed one included.
        usual_before: How far an earlier period is from the others, measured alike: the greatest distance, or where
            three can be compared what one period more would exceed in 5 %, if that is more; None: none can be compared.
    """

    value: float
    threshold: float
    p_value: float
    usual_before: float | None


def bins_of(values: Array, rep: Whole) -> Whole:
    """(n,) number of the bin of each value, after each rep's own level was taken away.

    Values become ranks from 0 to 1 (a missing value ranks lowest, equal values share a rank), of which the mean rank of
    the rep is subtracted: outliers do not decide, and how reps differ from each other does not hide a change.

    >>> bins_of(np.array([1.0, 3.0, 10.0, 30.0]), np.array([0, 0, 1, 1])).tolist()
    [0, 1, 0, 1]
    """
    ranks = rankdata(np.where(np.isnan(values), -np.inf, values)) / values.size
    own = ranks - (np.bincount(rep, ranks) / np.bincount(rep))[rep]
    own = own.round(12)
    cuts = np.unique(np.quantile(own, np.arange(1, CUTS) / CUTS, method="lower"))
    return np.asarray(np.searchsorted(cuts, own, side="left"), dtype=np.int64)


def distance(bins: Whole, blocks: Blocks) -> Distance:
    """Measures one column.

    Under the hypothesis that a rep's rows are exchangeable (the period matters not), which of them is current is a
    draw with equal chances, made for each rep independently. What the rows would be on average over all draws is the
    past that the current ones are held against, so that a rep with many rows counts no more than one with few.

    Source: Good (2005), Permutation, Parametric and Bootstrap Tests of Hypotheses, ch. 3 (blocks); Phipson & Smyth
    (2010), Statistical Applications in Genetics and Molecular Biology 9(1), for counting the observed one.
    """
    count = int(bins.max()) + 1
    expected = _expected(bins, blocks, count)
    value = _gap(np.bincount(bins[blocks.current], minlength=count) / blocks.size.size, expected)
    by_chance = np.concatenate([_gaps(bins, part, count, expected) for part in _parts(blocks.drawn)])
    return Distance(
        value=value,
        threshold=float(np.quantile(by_chance, 0.95)),
        p_value=float((1 + (by_chance >= value - _TIE).sum()) / (1 + by_chance.size)),
        usual_before=_usual_before(bins, blocks, count),
    )


def _expected(bins: Whole, blocks: Blocks, count: int, kept: NDArray[np.bool_] | None = None) -> Array:
    weight = 1.0 / blocks.size[blocks.rep]
    if kept is not None:
        weight = np.where(kept[blocks.rep], weight, 0.0)
    total = np.bincount(bins, weight, count)
    return np.asarray(total / total.sum())


def _gap(shares: Array, expected: Array) -> float:
    return float(np.abs(np.cumsum(shares - expected)).max())


def _gaps(bins: Whole, drawn: Whole, count: int, expected: Array) -> Array:
    places = bins[drawn] + count * np.arange(len(drawn))[:, None]
    shares = np.bincount(places.ravel(), minlength=count * len(drawn)).reshape(len(drawn), count) / drawn.shape[1]
    return np.asarray(np.abs(np.cumsum(shares - expected, axis=1)).max(axis=1))


def _parts(drawn: Whole) -> list[Whole]:
    return np.array_split(drawn, max(1, -(-drawn.size // _CELLS)))


def _usual_before(bins: Whole, blocks: Blocks, count: int) -> float | None:
    """Of past periods in which at least half of the reps have a row.

    Source: Hahn & Meeker (1991), Statistical Intervals, ch. 4, for the bound of one more of a normal sample.
    """
    found = []
    for period in np.unique(blocks.period[~blocks.current]):
        own = blocks.period == period
        kept = np.bincount(blocks.rep[own], minlength=blocks.size.size) > 0
        if 2 * kept.sum() >= kept.size:
            expected = _expected(bins, blocks, count, kept)
            found.append(_gap(np.bincount(bins[own], minlength=count) / own.sum(), expected))
    size = len(found)
    if size < _ENOUGH_PERIODS:
        return max(found, default=None)
    spread = float(np.std(found, ddof=1)) * sqrt(1 + 1 / size)
    return max(max(found), float(np.mean(found)) + float(student.ppf(0.95, size - 1)) * spread)
