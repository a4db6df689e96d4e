"""Hazard codes and abstentions of a row: what its reader should mistrust, as known at the end of the as-of day."""

from functools import reduce
from operator import add
from typing import Final

import ibis
import ibis.expr.types as ir

from spm_ml.features import AsOf, AsOfGrid, Stream
from spm_ml.features.bookings import FINISHED, LARGEST_BOOKING, QUOTAS, SIGNS
from spm_ml.features.feature import Expression
from spm_ml.features.flow import FLOW, push_rate_28
from spm_ml.features.pipeline import AGED_OUT, LARGEST_DUE, OPEN, OVERDUE
from spm_ml.features.profile import MOVES, ramping

_ = ibis._

PUSHED_SHARE: Final = 0.25
"""Overdue share of the open amount, or pushes a deal in 28 days, from which H03 is flagged."""
WHALE_SHARE: Final = 0.5
"""Share of booked + due in the period above which one deal decides it (H18)."""
HOCKEY_STICK_SHARE: Final = 0.4
"""Share of bookings in the last fifth of selling days, twice the even share, above which H24 is flagged."""


def _foreign(grid: AsOfGrid) -> ir.Table:
    """Changes of deals that are not in the organisation's currency, which a deal never changes."""
    currency = _.currency.strip().upper()
    other = grid.history.source("opportunities").filter(currency != grid.history.organisation.currency)
    return grid.history.ledger.semi_join(other, "opportunity_id").select(
        "rep_id", visible_from=_.recorded_on, changes=ibis.literal(1, "int64")
    )


FOREIGN: Final = Stream("foreign", _foreign)


def organisation_readings(at: AsOf) -> dict[str, Expression]:
    """Sums over all reps known on the as-of day, gone ones too, to be added to readings before these meet the rows."""
    day = ibis.window(group_by="slot")
    known = at.row.known_from <= at.row.as_of
    changes = at.trailing(FLOW, "changes", at.grid.history.organisation.stale_after_days)
    return {
        "organisation_late": ibis.ifelse(known, at.now(FINISHED, "late"), 0).sum().over(day),
        "organisation_booked": ibis.ifelse(known, at.now(FINISHED, "booked"), 0).sum().over(day),
        "organisation_changes": ibis.ifelse(known, changes, None).sum().over(day),
    }


def _conditions(at: AsOf) -> dict[str, Expression]:
    row = at.row
    open_amount = at.now(OPEN, "amount")
    due = at.now(LARGEST_DUE, "amount").fill_null(0)
    largest = ibis.greatest(due, at.now(LARGEST_BOOKING, "amount").fill_null(0))
    in_play = row.booked_to_date + row.open_in_period
    return {
        "H02": at.now(SIGNS, "backdated") > 0,
        "H03": ((open_amount > 0) & (at.now(OVERDUE, "amount") >= PUSHED_SHARE * open_amount))
        | (push_rate_28(at) >= PUSHED_SHARE),
        "H04": at.now(OPEN, "inherited") > 0,
        "H05": at.now(SIGNS, "split") > 0,
        "H06": row.quota.isnull() | (row.quota == 0) | (at.now(QUOTAS, "changed") > 0),
        "H07": (ramping(at) == 1) | (row.exposure < 1),
        "H08": row.has_left,
        "H09": at.now(MOVES, "moves") > 0,
        "H10": at.now(FOREIGN, "changes") > 0,
        "H13": at.now(SIGNS, "reversed") > 0,
        "H17": at.now(AGED_OUT, "count") > 0,
        "H18": (in_play > 0) & (largest > WHALE_SHARE * in_play),
        "H19": row.periods_of_history < at.grid.history.organisation.min_history_periods,
        "H24": (row.organisation_booked > 0) & (row.organisation_late > HOCKEY_STICK_SHARE * row.organisation_booked),
        "H25": row.organisation_changes == 0,
    }


def hazards(at: AsOf) -> Expression:
    """Codes of the hazards that the row carries, in order, separated by `;`."""
    parts = [ibis.ifelse(condition.fill_null(False), f";{code}", "") for code, condition in _conditions(at).items()]
    return reduce(add, parts).substr(1)


def abstention(at: AsOf) -> Expression:
    """Why attainment cannot be given, a key of `ABSTENTION_REASONS`; `''` if it can."""
    row = at.row
    return ibis.cases(
        (row.has_left, "left"),
        (~row.started, "not_started"),
        (row.quota.isnull(), "quota_missing"),
        (row.quota == 0, "quota_zero"),
        else_="",
    )
