"""Few as-of days: spans are added up on the days that are read alone, so that little leaves the engine.

A build of one as-of day, as every score is, would else fetch each change of the whole history to read a few sums.
"""

from collections.abc import Sequence
from typing import Final

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from spm_ml.features.day_numbers import dates_of
from spm_ml.features.feature import Stream
from spm_ml.features.grid import AsOfGrid

_ = ibis._

FEW: Final = 24
"""So many days are told apart in the engine; each makes an expression longer."""

BEGINS, ENDS = "_begins", "_ends"


def days_read(grid: AsOfGrid, stream: Stream, days: int) -> np.ndarray:
    """The days on which a stream is read, counted from 1970-01-01, ascending.

    Args:
        grid: Its as-of days.
        stream: Says how many days before them it is read.
        days: How many days before them it is read now; where the stream does not say so, these alone are given.
    """
    declared = (0, *(stream.looks_back or ()))
    return np.unique(np.concatenate([grid.slots.as_of - back for back in (declared if days in declared else (days,))]))


def held_on(spans: ir.Table, days: np.ndarray) -> ir.Table:
    """The spans that hold on one of the days, with the place of the first such day and of the first one after them.

    Args:
        spans: With `visible_from` and perhaps `visible_until`.
        days: (d,) ascending.

    Returns:
        The spans with `BEGINS` (0 … d − 1) and `ENDS` (1 … d).
    """
    asked = [ibis.literal(day.as_py()) for day in dates_of(days)]
    last = ibis.literal(len(days), "int64")
    ends = last
    if "visible_until" in spans.columns:
        ends = ibis.ifelse(spans.visible_until.isnull(), last, _days_before(spans.visible_until, asked))
    placed = spans.mutate(**{BEGINS: _days_before(spans.visible_from, asked), ENDS: ends})
    return placed.filter(_[BEGINS] < _[ENDS])


def reduced(spans: ir.Table, days: np.ndarray, measures: Sequence[str], *, add: bool) -> pa.Table:
    """What the spans of a rep add up to, or the greatest of them, by the days on which they hold.

    Args:
        spans: With `rep_index`, the days of their visibility and the measures.
        days: (d,) on which they are read, ascending.
        measures: Columns.
        add: Add them up; else take the greatest.

    Returns:
        Spans that give the same on those days: `rep_index, visible_from, visible_until` and the measures.
    """
    held = held_on(spans, days).group_by("rep_index", BEGINS, ENDS)
    table = held.agg(**{name: _[name].sum() if add else _[name].max() for name in measures}).to_pyarrow()
    begins, ends = (table[name].to_numpy() for name in (BEGINS, ENDS))
    until = pa.array(np.append(days, 0)[ends].astype(np.int32), mask=ends == len(days)).cast(pa.date32())
    content = {"rep_index": table["rep_index"], "visible_from": dates_of(days[begins]), "visible_until": until}
    return pa.table(content | {name: table[name] for name in measures})


def _days_before(day: ir.Value, asked: Sequence[ir.Scalar]) -> ir.Value:
    """How many of the days lie before each day."""
    return sum(((each < day).cast("int64") for each in asked), start=ibis.literal(0, "int64"))
