"""What reps and managers had said by the as-of day that the rep would book in the period."""

from typing import Final

import ibis
import ibis.expr.types as ir
import numpy as np

from spm_ml.features import AsOf, AsOfGrid, Stream
from spm_ml.features.day_numbers import date_of

_ = ibis._

KINDS: Final = ("commit", "best_case", "manager_override")
"""Kinds of submissions; each is a column of the dataset."""


def _said(grid: AsOfGrid) -> ir.Table:
    """The newest submission of each kind, from the day it was made to the next one or the period's end."""
    kind = ibis.window(group_by=["rep_id", "period_start", "kind"], order_by=["known_on", "submitted_at", "amount"])
    said = grid.own(grid.history.submissions)
    if grid.recent_from is not None:  # the periods before are no longer looked at
        said = said.filter(_.period_end > ibis.literal(date_of(grid.recent_from)))
    said = said.mutate(next_on=_.known_on.lead().over(kind))
    measures = {name: ibis.ifelse(_.kind == name, _.amount, 0) for name in KINDS}
    known = {f"{name}_known": (_.kind == name).cast("int64") for name in KINDS}
    return said.select(
        "rep_id",
        visible_from=ibis.greatest(_.known_on, _.period_start - ibis.interval(days=1)),
        visible_until=ibis.least(_.next_on, _.period_end),
        **measures,
        **known,
    ).filter(_.visible_from < _.visible_until)


SAID: Final = Stream("said", _said, looks_back=())


def submissions(at: AsOf) -> dict[str, np.ndarray]:
    """The columns `KINDS`: minor units, NaN where nothing was said yet."""
    return {name: np.where(at.now(SAID, f"{name}_known") > 0, at.now(SAID, name), np.nan) for name in KINDS}
