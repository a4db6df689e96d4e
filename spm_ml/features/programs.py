"""Features of the training programs a rep has taken."""

from typing import Final

import ibis
import ibis.expr.types as ir
import numpy as np

from spm_ml.features.as_of import AsOf
from spm_ml.features.feature import Feature, Stream
from spm_ml.features.grid import AsOfGrid

_ = ibis._


def _completions(grid: AsOfGrid) -> ir.Table:
    return (
        grid.history.table("enrolments")
        .filter(_.completed_on.notnull())
        .select(
            "rep_id",
            visible_from=_.completed_on,
            programs=ibis.literal(1, "int64"),
        )
    )


def _last_completion(grid: AsOfGrid) -> ir.Table:
    return (
        grid.history.table("enrolments")
        .filter(_.completed_on.notnull())
        .select("rep_id", visible_from=_.completed_on, day=_.completed_on.delta(ibis.date("1970-01-01"), unit="day"))
    )


COMPLETIONS: Final = Stream("completions", _completions, log="enrolments", looks_back=())
LAST_COMPLETION: Final = Stream("last_completion", _last_completion, "latest", log="enrolments", looks_back=())


def days_since_program(at: AsOf) -> np.ndarray:
    """Days since the last completed program; empty before the first."""
    days: np.ndarray = at.row.as_of - at.now(LAST_COMPLETION, "day")
    return days


FEATURES: Final = (
    Feature(
        "programs_taken",
        "programs",
        "count",
        "Programs completed by the as-of day.",
        lambda at: at.now(COMPLETIONS, "programs"),
    ),
    Feature("days_since_program", "programs", "days", "Days since the last completed program.", days_since_program),
)
