"""Keeping small groups out of sight: pooled where they can be, and never to be found by subtraction."""

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import linprog

from spm_ml.fairness.groups import NOT_ON_RECORD

OTHERS: Final = "other groups"
"""What groups below the minimum size are pooled into."""

Sizes = NDArray[np.int64]
Bools = NDArray[np.bool_]


def pooled(values: "pd.Series[str]", minimum: int) -> "pd.Series[str]":
    """Pools groups below the minimum size into `OTHERS`; where they are too few together, the next larger joins them.

    So no published group is smaller than the minimum, and none can be found as what the others leave of the whole.

    Args:
        values: Group of each rep.
        minimum: Persons that a group needs.

    >>> pooled(pd.Series(["a"] * 6 + ["b"] * 5 + ["c"]), 3).value_counts().to_dict()
    {'a': 6, 'other groups': 6}
    """
    sizes = values.value_counts().sort_index(ascending=False).sort_values(kind="stable")
    small = int((sizes < minimum).sum())
    if small:
        while small < len(sizes) and (sizes.iloc[:small].sum() < minimum or small < 2):
            small += 1
    return values.where(~values.isin(sizes.index[:small]), OTHERS)


def is_named(group: str) -> bool:
    """Whether a group can be one that others are held against."""
    return group not in {OTHERS, NOT_ON_RECORD}


def withheld(sizes: Sizes, minimum: int) -> Bools:
    """Gives which cells of a table stay unpublished when all its row and column sums are known.

    Cells below the minimum are withheld first. As long as the sums and the other cells say of a withheld cell that it
    is below the minimum, or exactly how large it is, the smallest published cell of its row or column follows.

    Args:
        sizes: (rows, columns) persons in each cell; a single row is a table of which the whole is known.
        minimum: Persons that a cell needs; an empty cell holds nobody and is no secret.

    Returns:
        (rows, columns), empty cells never.

    Source: Cox (1980), JASA 75(370), for complementary suppression; Hundepool et al. (2012), Statistical Disclosure
    Control, ch. 4, for the audit by linear programs.

    >>> withheld(np.array([[9, 1], [7, 8]]), 5).tolist()
    [[True, True], [True, True]]
    """
    hidden = (sizes > 0) & (sizes < minimum)
    safe = False
    while not safe:
        safe = True
        for row, column in np.argwhere(hidden & (sizes < minimum)):
            if not _can_be_found(sizes, hidden, row, column, minimum):
                continue
            if (cell := _next(sizes, hidden, row, column)) is not None:
                hidden[cell] = True
                safe = False
                break
    return hidden


def _can_be_found(sizes: Sizes, hidden: Bools, row: int, column: int, minimum: int) -> bool:
    """Whether everything published bounds a hidden cell below the minimum, or to one number."""
    cells = np.argwhere(hidden)
    rows, columns = sizes.shape
    sums = np.zeros((rows + columns, len(cells)))
    sums[cells[:, 0], np.arange(len(cells))] = 1
    sums[rows + cells[:, 1], np.arange(len(cells))] = 1
    left = np.where(hidden, sizes, 0)
    known = np.concatenate([left.sum(axis=1), left.sum(axis=0)]).astype(float)
    if rows == 1:
        sums, known = sums[:1], known[:1]
    target = ((cells[:, 0] == row) & (cells[:, 1] == column)).astype(float)
    least, most = (
        sign * float(linprog(sign * target, A_eq=sums, b_eq=known, bounds=(0, None)).fun) for sign in (1, -1)
    )
    return most < minimum or most - least < 1


def _next(sizes: Sizes, hidden: Bools, row: int, column: int) -> tuple[int, int] | None:
    """The smallest published cell of a cell's row and column, else of the table; None if nothing is left."""
    lines = np.zeros(sizes.shape, dtype=bool)
    lines[row], lines[:, column] = True, True
    published = ~hidden & (sizes > 0)
    for open_ in (np.argwhere(published & lines), np.argwhere(published)):
        if len(open_):
            smallest = open_[np.argmin(sizes[open_[:, 0], open_[:, 1]])]
            return int(smallest[0]), int(smallest[1])
    return None
