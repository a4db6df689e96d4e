"""Features of who the rep is on the day, and where in the period the day lies."""

from typing import Final

import ibis
import ibis.expr.types as ir
import numpy as np

from spm_ml.features.as_of import AsOf
from spm_ml.features.feature import Feature, Stream, ratio
from spm_ml.features.grid import AsOfGrid

_ = ibis._

RAMP_DAYS: Final = 180
"""Days after hiring during which a rep counts as ramping (H07), about two quarters."""


def _moves(grid: AsOfGrid) -> ir.Table:
    """Changes of manager, team or territory (H09), visible until the period of the change has been looked at."""
    rep = ibis.window(group_by="rep_id", order_by="valid_from")
    names = ("manager_id", "team", "territory")
    before = {f"{name}_before": _[name].lag().over(rep) for name in names}
    differs = [~_[name].identical_to(_[f"{name}_before"]) for name in names]
    looked_at = grid.days.select(look_day="day", visible_until="period_end")
    return (
        grid.own(grid.history.profiles)
        .mutate(**before, number=ibis.row_number().over(rep))
        .filter((_.number > 0) & ibis.or_(*differs))
        .mutate(look_day=_.valid_from + ibis.interval(days=1))
        .inner_join(looked_at, "look_day")
        .select("rep_id", "visible_until", visible_from=_.valid_from, moves=ibis.literal(1, "int64"))
        .filter(_.visible_from < _.visible_until)
    )


MOVES: Final = Stream("moves", _moves, looks_back=())


def tenure_days(at: AsOf) -> np.ndarray:
    """Days since the rep was hired; empty before."""
    days = at.row.as_of - at.row.hired_on
    return np.where(days >= 0, days, np.nan)


def ramping(at: AsOf) -> np.ndarray:
    """1 while the rep is ramping, else 0; empty before the rep is hired."""
    days = tenure_days(at)
    return np.where(np.isnan(days), np.nan, days < RAMP_DAYS)


def elapsed_share(at: AsOf) -> np.ndarray:
    """Elapsed ÷ all selling days of the period."""
    return ratio(at.row.elapsed_selling_days, at.row.period_selling_days)


FEATURES: Final = (
    Feature("tenure_days", "profile", "days", "Days since the rep was hired.", tenure_days),
    Feature("ramping", "profile", "number", f"1 in the first {RAMP_DAYS} days after hiring, else 0.", ramping),
    Feature("fte", "profile", "ratio", "Full-time equivalent.", lambda at: at.row.fte),
    Feature(
        "territory_potential",
        "profile",
        "ratio",
        "Potential of the territory, 1 = average.",
        lambda at: at.row.territory_potential,
    ),
    Feature("elapsed_share", "profile", "ratio", "Elapsed share of the period's selling days.", elapsed_share),
    Feature(
        "period_number",
        "profile",
        "number",
        "Number of the period in the fiscal year.",
        lambda at: at.row.period_number,
    ),
)
