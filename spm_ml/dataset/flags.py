"""Hazard codes and abstentions of a row: what its reader should mistrust, as known at the end of the as-of day."""

from typing import Final

import ibis
import ibis.expr.types as ir
import numpy as np

from spm_ml.features import AsOf, AsOfGrid, Row, Stream
from spm_ml.features.bookings import LARGEST_BOOKING, QUOTAS, SIGNS
from spm_ml.features.flow import push_rate_28
from spm_ml.features.pipeline import AGED_OUT, LARGEST_DUE, OPEN, OVERDUE
from spm_ml.features.profile import MOVES, ramping
from spm_ml.history import SalesHistory

_ = ibis._

PUSHED_SHARE: Final = 0.25
"""Overdue share of the open amount, or pushes a deal in 28 days, from which H03 is flagged."""
WHALE_SHARE: Final = 0.5
"""Share of booked + due in the period above which one deal decides it (H18)."""
HOCKEY_STICK_SHARE: Final = 0.4
"""Share of bookings in the last fifth of selling days, twice the even share, above which H24 is flagged."""


def foreign_deals(history: SalesHistory) -> ir.Table:
    """`opportunity_id` of the deals that are not in the organisation's currency, as their newest rows say."""
    deals = history.source("opportunities")
    if history.one_currency:
        return deals.limit(0).select("opportunity_id")
    currency = _.currency.strip().upper()
    other = deals.filter(currency != history.organisation.currency)
    return other.select("opportunity_id")


def _foreign(grid: AsOfGrid) -> ir.Table:
    """Changes of deals that are not in the organisation's currency."""
    return grid.ledger.semi_join(foreign_deals(grid.history), "opportunity_id").select(
        "rep_index", visible_from=_.recorded_on, changes=ibis.literal(1, "int64")
    )


FOREIGN: Final = Stream("foreign", _foreign, looks_back=())


def organisation_hazards(row: Row) -> dict[str, np.ndarray]:
    """Hazards of the organisation as a whole, which everybody's rows of a day carry alike.

    Args:
        row: With what `organisation_readings` gives.
    """
    return {
        "H24": (row.organisation_booked > 0) & (row.organisation_late > HOCKEY_STICK_SHARE * row.organisation_booked),
        "H25": row.organisation_changes == 0,
    }


def _conditions(at: AsOf) -> dict[str, np.ndarray]:
    """Whether each hazard is there, (rows,); what is not known is not there."""
    row = at.row
    open_amount = at.now(OPEN, "amount")
    due = np.nan_to_num(at.now(LARGEST_DUE, "amount"))
    largest = np.maximum(due, np.nan_to_num(at.now(LARGEST_BOOKING, "amount")))
    in_play = row.booked_to_date + row.open_in_period
    return {
        "H02": at.now(SIGNS, "backdated") > 0,
        "H03": ((open_amount > 0) & (at.now(OVERDUE, "amount") >= PUSHED_SHARE * open_amount))
        | (push_rate_28(at) >= PUSHED_SHARE),
        "H04": at.now(OPEN, "inherited") > 0,
        "H05": at.now(SIGNS, "split") > 0,
        "H06": np.isnan(row.quota) | (row.quota == 0) | (at.now(QUOTAS, "changed") > 0),
        "H07": (ramping(at) == 1) | (row.exposure < 1),
        "H08": row.has_left,
        "H09": at.now(MOVES, "moves") > 0,
        "H10": at.now(FOREIGN, "changes") > 0,
        "H13": at.now(SIGNS, "reversed") > 0,
        "H17": at.now(AGED_OUT, "count") > 0,
        "H18": (in_play > 0) & (largest > WHALE_SHARE * in_play),
        "H19": row.periods_of_history < at.grid.history.organisation.min_history_periods,
        **organisation_hazards(row),
    }


def hazards(at: AsOf) -> np.ndarray:
    """Codes of the hazards that each row carries, in order, separated by `;`."""
    conditions = _conditions(at)
    codes = tuple(conditions)
    carried = np.array(list(conditions.values()), dtype=bool).T @ (1 << np.arange(len(codes)))
    sets, of_row = np.unique(carried, return_inverse=True)
    texts = [";".join(code for bit, code in enumerate(codes) if one >> bit & 1) for one in sets.tolist()]
    return np.array(texts, dtype=object)[of_row]


def abstention(at: AsOf) -> np.ndarray:
    """Why attainment cannot be given, a key of `ABSTENTION_REASONS`; `''` if it can."""
    row = at.row
    reasons = {
        "left": row.has_left,
        "not_started": ~row.started,
        "quota_missing": np.isnan(row.quota),
        "quota_zero": row.quota == 0,
    }
    chosen: np.ndarray = np.select(list(reasons.values()), list(reasons), default="")
    return chosen.astype(object)
