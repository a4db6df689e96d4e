"""Is a forecast further off for a group than for everybody else, beyond the chance of which reps and periods?"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

_AT_ONCE: Final = 250


@dataclass(frozen=True)
class Contrast:
    """Mean of a group minus mean of the others.

    Attributes:
        group: Mean of the group.
        others: Mean of the others.
        difference: Of the two.
        low: Lower end of its interval.
        high: Upper end.
        rows: Rows of the group.
        reps: Reps they belong to.
    """

    group: float
    others: float
    difference: float
    low: float
    high: float
    rows: int
    reps: int


def contrast(
    values: ArrayLike,
    reps: ArrayLike,
    periods: ArrayLike,
    inside: ArrayLike,
    *,
    level: float = 0.95,
    draws: int = 4_000,
    seed: int = 0,
) -> Contrast | None:
    """Compares a group with everybody else, drawing whole reps and whole periods with replacement.

    Rows of a rep share the rep's luck, rows of a period that of the organisation, so each draw takes the same reps and
    periods for both means.

    Args:
        values: (n,) errors; NaN where nothing is known.
        reps: (n,) labels.
        periods: (n,) labels.
        inside: (n,) whether a row is of the group.
        level: Of the interval.
        draws: Bootstrap draws.
        seed: Of the draws.

    Returns:
        None where the group or the others hold no known row, or rows of one rep only.

    Source: Owen (2007), The pigeonhole bootstrap, Annals of Applied Statistics 1(2).
    """
    numbers = np.asarray(values, dtype=float)
    known = np.isfinite(numbers)
    numbers, mine = numbers[known], np.asarray(inside, dtype=bool)[known]
    _, rep = np.unique(np.asarray(reps)[known], return_inverse=True)
    _, period = np.unique(np.asarray(periods)[known], return_inverse=True)
    if min(len(np.unique(rep[mine])), len(np.unique(rep[~mine]))) < 2:
        return None
    shape = (int(rep.max()) + 1, int(period.max()) + 1)
    cells = [
        np.bincount(rep[rows] * shape[1] + period[rows], weight[rows], shape[0] * shape[1]).reshape(shape).astype(float)
        for rows in (mine, ~mine)
        for weight in (numbers, np.ones_like(numbers))
    ]
    group, others = float(numbers[mine].mean()), float(numbers[~mine].mean())
    drawn = _drawn(cells, draws, np.random.default_rng(seed))
    low, high = (float(end) for end in np.nanquantile(drawn, ((1 - level) / 2, (1 + level) / 2)))
    return Contrast(group, others, group - others, low, high, int(mine.sum()), len(np.unique(rep[mine])))


def _drawn(cells: list[NDArray[np.float64]], draws: int, random: np.random.Generator) -> NDArray[np.float64]:
    """(draws,) differences of resampled means; NaN where a draw holds nobody of one side."""
    reps, periods = cells[0].shape
    differences = []
    for start in range(0, draws, _AT_ONCE):
        count = min(_AT_ONCE, draws - start)
        of_reps = random.multinomial(reps, np.full(reps, 1 / reps), size=count).astype(float)
        of_periods = random.multinomial(periods, np.full(periods, 1 / periods), size=count)
        total, size, other_total, other_size = ((of_reps @ each * of_periods).sum(axis=1) for each in cells)
        with np.errstate(invalid="ignore", divide="ignore"):
            differences.append(total / size - other_total / other_size)
    return np.concatenate(differences)
