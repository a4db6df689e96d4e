"""Feature and Stream: how one feature is written down, and what it is allowed to read.

A feature is a few lines of arithmetic over readings, each an array with one value a row. A reading is the state of a
stream at the end of an as-of day. A stream is a table of spans, an Ibis expression: an amount that counts for a rep
from one day until another. Whoever writes a stream answers for one thing: no span may start, end or change because of
something recorded after its own days. `spm check-leakage` tests it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import ibis.expr.types as ir
import numpy as np

if TYPE_CHECKING:
    from spm_ml.features.as_of import AsOf
    from spm_ml.features.grid import AsOfGrid

Unit = Literal["money", "count", "ratio", "days", "number"]
"""`money` is minor units of the organisation's currency; `ratio` has no unit; `number` is a position or a code."""

Log = Literal["ledger", "activity", "enrolments"]
"""Records that begin on some day; what there was before is unknown, not nothing."""

STAGE: Final = "{stage}"
"""Stands in a feature's name for the position of an open stage: such a feature is one column for each stage."""


@dataclass(frozen=True)
class Stream:
    """A table of spans from which features read.

    Attributes:
        name: Names the stream within a build; two streams of one build never share it.
        spans: Gives one row for each span: `rep_id` (or `rep_index` of the grid), `visible_from` (first day at
            whose end it counts), optionally `visible_until` (first day at whose end it no longer counts; NULL = for
            good), and measures. Measures of sums must be exact (integer, decimal or boolean, which counts as 1 where
            it is true), so that no order of adding changes a bit.
        kind: `sum` adds the visible spans, `largest` takes the greatest of them, `latest` the greatest ever begun.
        log: What the stream is read from: before that begins, or without it, nothing is known, and readings are NaN
            rather than 0. Bookings belong to the ledger.
        looks_back: How many days before the as-of day it is read beside the day itself, so that it is read from the
            engine once for all of them; for any other number it is read again.
        windows: It is read by `AsOf.trailing` alone, over days of `looks_back`: what both ends of every window hold is
            left out, so that a build of few days does not read the past.
        products: More measures of a stream of sums: name, a boolean measure and the integer one that counts where it
            is true; one for each open stage, where they hold `{stage}`. Most are true of few spans, so it is cheaper
            to name them than to let the engine multiply.
    """

    name: str
    spans: Callable[["AsOfGrid"], ir.Table]
    kind: Literal["sum", "latest", "largest"] = "sum"
    log: Log | None = None
    looks_back: tuple[int, ...] | None = None
    windows: bool = False
    products: tuple[tuple[str, str, str], ...] = ()

    def products_of(self, stages: int) -> list[tuple[str, str, str]]:
        """The products, given the number of open stages."""
        positions = range(1, stages + 1)
        return [
            (name.replace(STAGE, str(each)), flag.replace(STAGE, str(each)), value)
            for name, flag, value in self.products
            for each in (positions if STAGE in name else (0,))
        ]


@dataclass(frozen=True)
class Feature:
    """One column that a model may learn from (one column a stage, if the name holds `{stage}`).

    Attributes:
        name: Column name.
        group: File that defines it, or `custom`.
        unit: Unit of its values.
        description: One line for the catalogue and the pages.
        values: Gives a value for each row from an `AsOf`; takes the stage's position (1 …) too if the name holds
            `{stage}`. NaN = not known, or not defined.

    >>> feature = Feature("open_amount_stage_{stage}", "pipeline", "money", "Open amount in the stage.", print)
    >>> feature.names(2)
    ('open_amount_stage_1', 'open_amount_stage_2')
    """

    name: str
    group: str
    unit: Unit
    description: str
    values: Callable[..., np.ndarray]

    @property
    def by_stage(self) -> bool:
        """Whether there is one column for each open stage."""
        return STAGE in self.name

    def names(self, stages: int) -> tuple[str, ...]:
        """Column names, given the number of open stages."""
        if not self.by_stage:
            return (self.name,)
        return tuple(self.name.replace(STAGE, str(position)) for position in range(1, stages + 1))

    def columns(self, at: "AsOf") -> dict[str, np.ndarray]:
        """The columns' values by name, each (rows,)."""
        names = self.names(at.grid.stage_count)
        if not self.by_stage:
            return {self.name: self.values(at)}
        return {name: self.values(at, position) for position, name in enumerate(names, start=1)}


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Part ÷ whole, row by row; NaN where the whole is not above 0.

    >>> ratio(np.array([1.0, 2.0]), np.array([4.0, 0.0]))
    array([0.25,  nan])
    """
    return part / np.where(whole > 0, whole, np.nan)
