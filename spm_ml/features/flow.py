"""Features of what happened to a rep's deals lately: created, won, lost, reversed, pushed, slipped, moved, received.

Windows count events by the day they were recorded; the last day of a window is the as-of day.
"""

from typing import Final

import ibis
import ibis.expr.types as ir
import numpy as np

from spm_ml.features.as_of import AsOf
from spm_ml.features.feature import Feature, Stream, Unit, ratio
from spm_ml.features.grid import AsOfGrid
from spm_ml.features.pipeline import OPEN

_ = ibis._

YEAR: Final = 364
"""Fifty-two weeks: a year's window that always holds the same number of each weekday."""


_WAS_WON: Final = (_.previous_outcome == "won").fill_null(False)
_WAS_LOST: Final = (_.previous_outcome == "lost").fill_null(False)
_WON: Final = (_.outcome == "won") & ~_WAS_WON
_LOST: Final = (_.outcome == "lost") & ~_WAS_LOST


EVENTS: Final = ("created", "won", "lost", "reversed", "pushed", "slipped", "advanced", "regressed", "received")
"""What a change of a deal may be."""


def _flow(grid: AsOfGrid) -> ir.Table:
    """Changes as spans that never end: `<event>_count` (whether it was one), the deal's `value`, days it `moved_by`."""
    due_before = grid.days.select(previous_expected_close_on="day", due_by="period_end")
    stays_open = (_.outcome == "open") & (_.previous_outcome == "open")
    pushed = stays_open & (_.expected_close_on > _.previous_expected_close_on)
    events = {
        "created": _.event_number == 0,
        "won": _WON,
        "lost": _LOST,
        "reversed": (_.outcome != "won") & _WAS_WON,
        "pushed": pushed,
        "slipped": pushed & (_.expected_close_on > _.due_by),
        "advanced": stays_open & (_.stage_position > _.previous_stage_position),
        "regressed": stays_open & (_.stage_position < _.previous_stage_position),
        "received": stays_open & (_.rep_id != _.previous_rep_id),
    }
    happened = {f"{name}_count": events[name].fill_null(False) for name in EVENTS}
    return grid.ledger.left_join(due_before, "previous_expected_close_on").select(
        "rep_index",
        visible_from=_.recorded_on,
        value=ibis.ifelse(events["reversed"], _.previous_amount, _.amount).fill_null(0),
        moved_by=_.expected_close_on.delta(_.previous_expected_close_on, unit="day").fill_null(0),
        **happened,
    )


def _closes(grid: AsOfGrid) -> ir.Table:
    """Wins and losses, as spans that never end: of few kinds, because they are read over a whole year."""
    return grid.ledger.filter(_WON | _LOST).select(
        "rep_index",
        visible_from=_.recorded_on,
        won_count=_WON.fill_null(False),
        lost_count=_LOST.fill_null(False),
        amount=_.amount.fill_null(0),
        days=_.event_on.delta(_.created_on, unit="day"),
    )


def _reconstructed(grid: AsOfGrid) -> ir.Table:
    changes = grid.ledger.filter(_.history_reconstructed)
    return changes.select("rep_index", visible_from=_.recorded_on, changes=ibis.literal(1, "int64"))


FLOW: Final = Stream(
    "flow",
    _flow,
    log="ledger",
    looks_back=(28, 91),
    windows=True,
    products=(
        *((f"{event}_amount", f"{event}_count", "value") for event in EVENTS),
        ("pushed_days", "pushed_count", "moved_by"),
    ),
)
CLOSES: Final = Stream(
    "closes",
    _closes,
    log="ledger",
    looks_back=(YEAR,),
    windows=True,
    products=(("won_amount", "won_count", "amount"), ("cycle_days", "won_count", "days")),
)
RECONSTRUCTED: Final = Stream("reconstructed", _reconstructed, log="ledger", looks_back=())


def _year(at: AsOf, measure: str) -> np.ndarray:
    return at.trailing(CLOSES, measure, YEAR, partly=True)


def win_rate_364(at: AsOf) -> np.ndarray:
    """Won ÷ (won + lost), by deals closed in the last 52 weeks or as far back as records go."""
    won = _year(at, "won_count")
    return ratio(won, won + _year(at, "lost_count"))


def average_deal_364(at: AsOf) -> np.ndarray:
    """Amount won ÷ deals won in the last 52 weeks."""
    return ratio(_year(at, "won_amount"), _year(at, "won_count"))


def cycle_days_364(at: AsOf) -> np.ndarray:
    """Mean days from creation to the winning day, of deals won in the last 52 weeks."""
    return ratio(_year(at, "cycle_days"), _year(at, "won_count"))


def push_rate_28(at: AsOf) -> np.ndarray:
    """Pushes in the last 28 days ÷ deals open 28 days ago or created since."""
    exposed = at.ago(OPEN, "count", 28) + at.trailing(FLOW, "created_count", 28)
    return ratio(at.trailing(FLOW, "pushed_count", 28), exposed)


def _recent(event: str, measure: str, days: int, text: str) -> Feature:
    unit: Unit = "money" if measure == "amount" else "count"
    name = f"{event}_{measure}"
    kind = "Amount of deals" if measure == "amount" else "Deals"
    return Feature(
        f"{name}_{days}",
        "flow",
        unit,
        f"{kind} {text} in the last {days} days.",
        lambda at: at.trailing(FLOW, name, days),
    )


_WINDOWS: Final = (
    ("created", 28, "created"),
    ("created", 91, "created"),
    ("won", 28, "won"),
    ("lost", 28, "lost"),
    ("reversed", 91, "whose win was undone"),
    ("pushed", 28, "whose expected close was moved to a later day"),
    ("slipped", 28, "whose expected close was moved out of its period"),
    ("advanced", 28, "moved to a later stage"),
    ("regressed", 28, "moved back to an earlier stage"),
    ("received", 91, "taken over from another rep"),
)

FEATURES: Final = (
    *(_recent(event, measure, days, text) for event, days, text in _WINDOWS for measure in ("amount", "count")),
    Feature("push_rate_28", "flow", "ratio", "Pushes in the last 28 days ÷ deals open in them.", push_rate_28),
    Feature(
        "pushed_days_28",
        "flow",
        "days",
        "Days by which expected closes were moved back in the last 28 days.",
        lambda at: at.trailing(FLOW, "pushed_days", 28),
    ),
    Feature("win_rate_364", "flow", "ratio", "Won ÷ (won + lost) deals of the last 52 weeks.", win_rate_364),
    Feature("average_deal_364", "flow", "money", "Mean amount of deals won in the last 52 weeks.", average_deal_364),
    Feature("cycle_days_364", "flow", "days", "Mean days from creation to win in the last 52 weeks.", cycle_days_364),
)
