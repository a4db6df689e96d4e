"""Features of what a rep does: calls, mails, meetings, and how long ago the last of them was."""

from typing import Final

import ibis
import ibis.expr.types as ir
import numpy as np

from spm_ml.features.as_of import AsOf
from spm_ml.features.feature import Feature, Stream
from spm_ml.features.grid import AsOfGrid

_ = ibis._


def _activity(grid: AsOfGrid) -> ir.Table:
    """Activities from the day on which they have happened and are known: `activities`, `meetings`, `on_deals`."""
    return grid.history.activity_days.select(
        "rep_id",
        "activities",
        "meetings",
        "on_deals",
        visible_from=ibis.greatest(_.occurred_on, _.recorded_on),
    )


def _last_activity(grid: AsOfGrid) -> ir.Table:
    occurred = _.occurred_on.delta(ibis.date("1970-01-01"), unit="day")
    return grid.history.activity_days.select(
        "rep_id", visible_from=ibis.greatest(_.occurred_on, _.recorded_on), day=occurred
    )


ACTIVITY: Final = Stream("activity", _activity, log="activity", looks_back=(7, 28, 91), windows=True)
LAST_ACTIVITY: Final = Stream("last_activity", _last_activity, "latest", log="activity", looks_back=())


def days_since_activity(at: AsOf) -> np.ndarray:
    """Days since the rep's last known activity; empty while there is none."""
    days: np.ndarray = at.row.as_of - at.now(LAST_ACTIVITY, "day")
    return days


def _recent(name: str, measure: str, days: int, text: str) -> Feature:
    return Feature(
        f"{name}_{days}",
        "activity",
        "count",
        f"{text} in the last {days} days.",
        lambda at: at.trailing(ACTIVITY, measure, days),
    )


FEATURES: Final = (
    *(_recent("activity", "activities", days, "Activities") for days in (7, 28, 91)),
    *(_recent("meetings", "meetings", days, "Meetings and demos") for days in (7, 28, 91)),
    _recent("activity_on_deals", "on_deals", 28, "Activities that name a deal"),
    Feature("days_since_activity", "activity", "days", "Days since the last known activity.", days_since_activity),
)
