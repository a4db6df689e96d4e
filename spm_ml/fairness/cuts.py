"""Cuts of the people by a protected attribute or a pair of them, with what must not be shown."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
import pandas as pd

from spm_ml.fairness.disclosure import is_named, pooled, withheld

SEPARATOR: Final = ", "
"""Between the two groups of an intersection."""


@dataclass(frozen=True)
class Cell:
    """One group of a cut.

    Attributes:
        group: Its name.
        reps: Who is in it.
        hidden: It must not be shown.
        named: It can be one that others are held against.
    """

    group: str
    reps: "pd.Index[str]"
    hidden: bool
    named: bool


@dataclass(frozen=True)
class Cut:
    """People by the groups of an attribute, small ones pooled, or by those of two.

    Attributes:
        attribute: Its name; `one and other` for two.
        first: (reps,) group of each, indexed by rep.
        second: (reps,) group of the second attribute; None for a cut by one.
    """

    attribute: str
    first: "pd.Series[str]"
    second: "pd.Series[str] | None" = None

    def cells(self, reps: "pd.Index[str]", minimum: int) -> tuple[Cell, ...]:
        """Gives the cells in which any of some people are; small ones, and what would give them away, hidden.

        Args:
            reps: Whom to count.
            minimum: Persons that a cell needs.
        """
        first = self.first[reps]
        one = self.second is None
        second = pd.Series("", index=first.index) if self.second is None else self.second[reps]
        sizes = pd.crosstab(second, first) if one else pd.crosstab(first, second)
        hidden = withheld(sizes.to_numpy(dtype=np.int64), minimum)
        found = []
        for row, column in np.argwhere(sizes.to_numpy() > 0):
            names = (str(sizes.index[row]), str(sizes.columns[column]))
            mine = (second == names[0]) & (first == names[1]) if one else (first == names[0]) & (second == names[1])
            parts = names[1:] if one else names
            found.append(
                Cell(
                    SEPARATOR.join(parts),
                    first.index[mine],
                    bool(hidden[row, column]),
                    all(is_named(part) for part in parts),
                )
            )
        return tuple(found)


def cuts_of(known: pd.DataFrame, minimum: int) -> tuple[tuple[Cut, ...], tuple[str, ...]]:
    """Gives a cut by each attribute and each pair, and in words which attributes cannot be compared.

    Args:
        known: (reps, attributes) group of each rep.
        minimum: Persons that a group needs.
    """
    columns = {str(name): pooled(known[name], minimum) for name in known}
    usable = {name: values for name, values in columns.items() if values.nunique() > 1}
    notes = tuple(
        f"{name}: all are of one group, or the others are fewer than {minimum}"
        for name in columns
        if name not in usable
    )
    return tuple(_each(usable)), notes


def _each(columns: "dict[str, pd.Series[str]]") -> Iterator[Cut]:
    for name, values in columns.items():
        yield Cut(name, values)
    for one, other in combinations(columns, 2):
        yield Cut(f"{one} and {other}", columns[one], columns[other])
