"""find_drift: every column of some rows against the same columns of the past, with one correction for all of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import false_discovery_control

from spm_ml.accuracy import Array
from spm_ml.drift.statistic import Blocks, Distance, Whole, bins_of, distance

ALPHA: Final = 0.05
"""Chance of any alarm where nothing has drifted."""

FEWEST_REPS: Final = 10
"""Reps with a current and a past row below which nothing is tested."""

_FEWEST_PERMUTATIONS: Final = 999
_RISES: Final = 0.5

Untested = Literal["too_few_reps", "constant", "same_for_everybody", "grows_with_time"]


@dataclass(frozen=True, eq=False)
class DriftRows:
    """Rows to be held against their past: one a rep and period.

    Attributes:
        frame: `rep_id`, `period_start` and the columns to be tested; those of the latest period are the current rows.
        columns: Names of the columns; NaN is a value of its own.
    """

    frame: pd.DataFrame
    columns: tuple[str, ...]

    @property
    def current(self) -> pd.DataFrame:
        """The rows of the latest period."""
        latest: pd.DataFrame = self.frame[self.frame["period_start"] == self.frame["period_start"].max()]
        return latest

    def matched(self) -> pd.DataFrame:
        """The rows of reps who have both a current row and a past one, by rep and period."""
        current = self.current
        past = self.frame[~self.frame.index.isin(current.index)]
        both = set(current["rep_id"]) & set(past["rep_id"])
        rows: pd.DataFrame = self.frame[self.frame["rep_id"].isin(both)]
        ordered: pd.DataFrame = rows.sort_values(["rep_id", "period_start"], ignore_index=True)
        return ordered


@dataclass(frozen=True)
class ColumnDrift:
    """What was found of one column.

    Attributes:
        column: Its name.
        rows: Current rows compared, one a rep.
        past_rows: Past rows of the same reps.
        distance: What was measured; None where it was not tested.
        adjusted_p: After Benjamini and Hochberg's correction for all columns tested together; None likewise.
        untested: Why it was not tested.
        current_missing: Share of current rows without a value.
        past_missing: Likewise of the past rows.
    """

    column: str
    rows: int
    past_rows: int
    distance: Distance | None
    adjusted_p: float | None
    untested: Untested | None
    current_missing: float
    past_missing: float

    @property
    def is_beyond_chance(self) -> bool:
        """Whether which rows happened to be current does not explain the distance."""
        return self.adjusted_p is not None and self.adjusted_p <= ALPHA

    @property
    def is_unseen(self) -> bool:
        """Whether the periods differ less from each other than this one does."""
        found = self.distance
        return found is not None and (found.usual_before is None or found.value > found.usual_before)


def find_drift(families: Sequence[DriftRows], *, seed: int = 0) -> tuple[ColumnDrift, ...]:
    """Compares the current rows of each family with their past, column by column.

    Each rep is held against itself: which of its rows is the current one is permuted within the rep, so that how reps
    differ from each other is no drift, and rows of one rep are not counted as independent. Columns that must change
    (they only grow with time, or are the same for everybody in a period) are not tested: they would always alarm. Rows
    from before a column was first known are not compared: they say only that the records had just begun.

    Args:
        families: Rows that share reps and periods, each with its columns.
        seed: Of the permutations.

    Returns:
        One entry a column, in the order given. Over all columns tested the correction holds the expected share of
        false alarms, and with no drift at all the chance of any, to `ALPHA`.

    Source: Benjamini & Hochberg (1995), JRSS B 57(1).
    """
    total = sum(len(family.columns) for family in families)
    permutations = max(_FEWEST_PERMUTATIONS, ceil(2 * total / ALPHA))
    found = [one for family in families for one in _family(family, permutations, seed)]
    tested = [one.distance.p_value for one in found if one.distance is not None]
    adjusted = iter(false_discovery_control(tested) if tested else ())
    return tuple(one if one.distance is None else replace(one, adjusted_p=float(next(adjusted))) for one in found)


def _family(family: DriftRows, permutations: int, seed: int) -> list[ColumnDrift]:
    rows = family.matched()
    reps = np.asarray(pd.factorize(rows["rep_id"])[0], dtype=np.int64)
    periods = np.asarray(np.unique(rows["period_start"].to_numpy(), return_inverse=True)[1], dtype=np.int64)
    blocks: dict[bytes, Blocks] = {}
    found = []
    for name in family.columns:
        values = rows[name].to_numpy(dtype=float)
        kept = _known_by_then(values, reps, periods)
        own = blocks.setdefault(kept.tobytes(), _blocks(reps[kept], periods[kept], permutations, seed))
        found.append(_column(name, values[kept], own))
    return found


def _blocks(reps: Whole, periods: Whole, permutations: int, seed: int) -> Blocks:
    return Blocks(np.unique(reps, return_inverse=True)[1], periods, permutations, seed)


def _known_by_then(values: Array, reps: Whole, periods: Whole) -> NDArray[np.bool_]:
    """(n,) the rows to compare: those before a column was first known say only that the records had just begun.

    They are left out where no rep's value went missing again, and so are reps who then have no past row.
    """
    kept = np.ones(values.shape, dtype=bool)
    if not values.size:
        return kept
    current = periods == periods.max()
    known = ~np.isnan(values)
    known_before = np.zeros_like(known)
    for at in range(1, values.size):
        known_before[at] = reps[at] == reps[at - 1] and (known_before[at - 1] or known[at - 1])
    if (known_before & ~known & ~current).any():
        return kept
    kept = known | known_before | current
    with_past = np.bincount(reps[kept & ~current], minlength=int(reps.max()) + 1) > 0
    return np.asarray(kept & with_past[reps])


def _untested(values: Array, blocks: Blocks) -> Untested | None:
    if np.unique(values).size <= 1:
        return "constant"
    if all(np.unique(values[blocks.period == period]).size == 1 for period in range(int(blocks.period.max()) + 1)):
        return "same_for_everybody"
    past = ~blocks.current
    steps = np.diff(values[past])[np.diff(blocks.rep[past]) == 0]
    steps = steps[~np.isnan(steps)]
    for direction in (1, -1):
        if steps.size and (direction * steps >= 0).all() and (direction * steps > 0).mean() > _RISES:
            return "grows_with_time"
    return None


def _column(name: str, values: Array, blocks: Blocks) -> ColumnDrift:
    why: Untested | None = "too_few_reps" if blocks.size.size < FEWEST_REPS else _untested(values, blocks)
    now, before = (values[blocks.current], values[~blocks.current]) if values.size else (values, values)
    return ColumnDrift(
        column=name,
        rows=now.size,
        past_rows=before.size,
        distance=None if why else distance(bins_of(values, blocks.rep), blocks),
        adjusted_p=None,
        untested=why,
        current_missing=_missing(now),
        past_missing=_missing(before),
    )


def _missing(values: Array) -> float:
    return float(np.isnan(values).mean()) if values.size else 0.0
