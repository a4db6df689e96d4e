"""What came of a row after its as-of day: targets and labels, for fitting and measuring, never for features."""

from typing import Final

import ibis
import ibis.expr.types as ir

from spm_ml.dataset.schema import label_names
from spm_ml.features import AsOf, AsOfGrid, Stream
from spm_ml.features.bookings import booked_by_period, quota_versions
from spm_ml.features.pipeline import open_states

_ = ibis._


def _still_booked(grid: AsOfGrid) -> ir.Table:
    """Bookings of a period from the days on which their deal was open and the booking not yet recorded."""
    bookings = grid.history.bookings.select("opportunity_id", "rep_id", "recorded_on", "booked_on", credited="amount")
    booked_in = grid.days.select("period_start", "period_end", booked_on="day")
    stages = {
        f"stage_{position}": ibis.ifelse(_.stage_position == position, _.credited, 0)
        for position in range(1, grid.stage_count + 1)
    }
    return (
        open_states(grid)
        .inner_join(bookings, ["opportunity_id", "rep_id"])
        .inner_join(booked_in, "booked_on")
        .select(
            "rep_id",
            visible_from=ibis.greatest(_.visible_from, _.period_start - ibis.interval(days=1)),
            visible_until=ibis.least(_.visible_until, _.recorded_on, _.period_end),
            **stages,
        )
        .filter(_.visible_from < _.visible_until)
    )


STILL_BOOKED: Final = Stream("still_booked", _still_booked)


def labels(at: AsOf) -> dict[str, object]:
    """Expressions of `label_won_stage_k`: what is booked in the period after the day from deals open in stage k."""
    names = label_names(at.grid.stage_count)
    return {
        name: ibis.ifelse(at.row.finished, at.now(STILL_BOOKED, f"stage_{position}"), None)
        for position, name in enumerate(names, start=1)
    }


def with_targets(grid: AsOfGrid, rows: ir.Table) -> ir.Table:
    """Adds `finished, actual_bookings, quota_final, actual_attainment, censored` to rows of `rep_index, period_index`.

    A period is finished when the watermark has reached its end; what is recorded later than that restates it.
    """
    watermark = ibis.literal(grid.history.watermark)
    by_period = ["rep_id", "period_index"]
    booked = booked_by_period(grid).group_by(by_period).agg(booked_in_period=_.amount.sum())
    ends = grid.periods.select("period_index", end="period_end")
    final = (
        quota_versions(grid)
        .inner_join(ends, "period_index")
        .filter((_.recorded_on <= _.end) & (_.known_until.isnull() | (_.known_until > _.end)))
        .select(*by_period, quota_at_end="amount")
    )
    left_in = grid.days.select("period_index", "period_end", left_on="day")
    leavers = (
        grid.history.profiles.filter(_.left_on <= watermark)
        .inner_join(left_in, "left_on")
        .filter(_.left_on < _.period_end)
        .select(*by_period)
        .distinct()
        .mutate(leaves=True)
    )
    return (
        rows.left_join(booked, by_period, rname="{name}_booked")
        .left_join(final, by_period, rname="{name}_final")
        .left_join(leavers, by_period, rname="{name}_leaver")
        .mutate(finished=_.period_end <= watermark, censored=_.leaves.fill_null(False))
        .mutate(
            actual_bookings=ibis.ifelse(_.finished, _.booked_in_period.fill_null(0), None),
            quota_final=ibis.ifelse(_.finished, _.quota_at_end, None),
        )
        .mutate(actual_attainment=_.actual_bookings / ibis.ifelse(_.quota_final > 0, _.quota_final, None))
    )
