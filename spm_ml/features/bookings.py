"""Streams of credited bookings and quotas: of the running period, of those before, and summed over all finished ones.

Everything is as known at the end of the as-of day: a booking that is entered after its period restates that period
from the day it is recorded on, and a quota counts from the day it became known.
"""

from typing import Final

import ibis
import ibis.expr.types as ir

from spm_ml.features.day_numbers import date_of
from spm_ml.features.feature import Stream
from spm_ml.features.grid import AsOfGrid

_ = ibis._

LAGS: Final = (1, 2, 3, 4)
"""How many periods back the single past periods go."""


def booked_by_period(grid: AsOfGrid) -> ir.Table:
    """The reps' bookings with the period of their event day: `rep_id, period_index, recorded_on, amount, late`."""
    return grid.shared("booked_by_period", lambda: _booked_by_period(grid))


def _booked_by_period(grid: AsOfGrid) -> ir.Table:
    bookings = grid.own(grid.history.bookings)
    return bookings.inner_join(grid.days, bookings.booked_on == grid.days.day).select(
        "rep_id", "period_index", "recorded_on", "amount", "late"
    )


def _seen_from(grid: AsOfGrid, lag: int) -> ir.Table:
    """For each period, the days at whose ends it lies `lag` periods back: `period_index, seen_from, seen_until`."""
    return grid.periods.select(
        period_index=_.period_index - lag, seen_from=_.period_start - ibis.interval(days=1), seen_until=_.period_end
    )


def _seen_last_year(grid: AsOfGrid) -> ir.Table:
    return grid.periods.select(
        period_index=_.last_year_index, seen_from=_.period_start - ibis.interval(days=1), seen_until=_.period_end
    )


def _visible(dated: ir.Table, seen: ir.Table, *, ends: bool = False, **measures: ir.Value) -> ir.Table:
    """Spans that begin when the record is known and its period is looked at, and end with that look."""
    joined = dated.inner_join(seen, "period_index")
    until = ibis.least(_.seen_until, _.known_until) if ends else _.seen_until
    return joined.select(
        "rep_id", visible_from=ibis.greatest(_.recorded_on, _.seen_from), visible_until=until, **measures
    ).filter(_.visible_from < _.visible_until)


def _past_and_running(grid: AsOfGrid) -> ir.Table:
    """Measures `lag_0` (the running period) to `lag_4` and `last_year`: credited bookings of that period."""
    booked = booked_by_period(grid)
    looks = {f"lag_{lag}": _seen_from(grid, lag) for lag in (0, *LAGS)} | {"last_year": _seen_last_year(grid)}
    spans = [
        _visible(booked, seen, **{name: (_.amount if name == look else ibis.literal(0, "int64")) for name in looks})
        for look, seen in looks.items()
    ]
    return ibis.union(*spans)


def _signs(grid: AsOfGrid) -> ir.Table:
    """Measures of the running period that hazards are read from: `reversed`, `backdated` and `split` bookings."""
    own = grid.own(grid.history.bookings).select("opportunity_id")
    bookings = grid.history.bookings.semi_join(own, "opportunity_id")
    recorded_in = grid.days.select(look_day="day", look_start="period_start", look_until="period_end")
    booked_in = grid.days.select(booked_on="day", booked_period_end="period_end")
    if grid.recent_from is not None:  # the periods of those before are no longer looked at
        bookings = bookings.filter(_.recorded_on > ibis.literal(date_of(grid.recent_from)))
    together = ibis.window(group_by=["opportunity_id", "booked_on", "recorded_on"])
    several = _.rep_id.min().over(together) != _.rep_id.max().over(together)
    return (
        bookings.mutate(
            split=(several | (_.credit == "overlay")).cast("int64"),
            # a day belongs to the period that is looked at from its end: a period's last day is the next one's eve
            look_day=_.recorded_on + ibis.interval(days=1),
        )
        .inner_join(recorded_in, "look_day")
        .inner_join(booked_in, "booked_on")
        .select(
            "rep_id",
            "split",
            visible_from=_.recorded_on,
            visible_until=_.look_until,
            reversed=(_.amount < 0).cast("int64"),
            backdated=(_.recorded_on > _.booked_period_end).cast("int64"),
        )
        .filter(_.visible_from < _.visible_until)
    )


def _largest(grid: AsOfGrid) -> ir.Table:
    return _visible(booked_by_period(grid), _seen_from(grid, 0), amount=_.amount)


def quota_versions(grid: AsOfGrid) -> ir.Table:
    """Versions of quotas: `rep_id, period_index, recorded_on, known_until, amount, before, number (0 = original)`."""
    return grid.shared("quota_versions", lambda: _quota_versions(grid))


def _quota_versions(grid: AsOfGrid) -> ir.Table:
    quotas = grid.own(grid.history.quotas)
    versions = ibis.window(group_by=["rep_id", "period_start"], order_by=["known_on", "amount"])
    dated = quotas.mutate(
        recorded_on=_.known_on,
        known_until=_.known_on.lead().over(versions),
        before=_.amount.lag().over(versions),
        number=ibis.row_number().over(versions),
    )
    periods = grid.periods.select("period_index", "period_start")
    return dated.inner_join(periods, "period_start").select(
        "rep_id", "period_index", "recorded_on", "known_until", "amount", "before", "number"
    )


def _quotas(grid: AsOfGrid) -> ir.Table:
    """Measures `amount`, `known` and `changed` of the quota in force, `original`, and `last_amount`, `last_known`."""
    versions = quota_versions(grid)
    zero = ibis.literal(0, "int64")
    running, last = _seen_from(grid, 0), _seen_from(grid, 1)
    names = ("amount", "known", "changed", "original", "last_amount", "last_known")

    def spans(seen: ir.Table, *, ends: bool, **measures: ir.Value) -> ir.Table:
        return _visible(versions, seen, ends=ends, **{name: measures.get(name, zero) for name in names})

    changed = (_.before.notnull() & (_.before != _.amount)).cast("int64")
    first = _.number == 0
    return ibis.union(
        spans(running, ends=True, amount=_.amount, known=ibis.literal(1, "int64")),
        spans(running, ends=False, changed=changed, original=ibis.ifelse(first, _.amount, 0)),
        spans(last, ends=True, last_amount=_.amount, last_known=ibis.literal(1, "int64")),
    )


def finished_bookings(grid: AsOfGrid) -> ir.Table:
    """The reps' bookings of periods of their own history: `rep_id, period_index, day, booked, late`.

    `day` is the day from which they are part of a finished period; `late` counts those in the periods' ends.
    """
    return (
        booked_by_period(grid)
        .inner_join(grid.periods.select("period_index", end="period_end"), "period_index")
        .inner_join(grid.staff.select("rep_id", "first_index"), "rep_id")
        .filter(_.period_index >= _.first_index)
        .select(
            "rep_id",
            "period_index",
            day=ibis.greatest(_.recorded_on, _.end),
            booked=_.amount,
            late=ibis.ifelse(_.late, _.amount, 0),
        )
    )


def _finished(grid: AsOfGrid) -> ir.Table:
    """Changes of what a rep's finished periods add up to, each period as known by then.

    Measures: `booked` and `booked_squared` (exact), `late` (booked in the periods' ends) and, over periods whose quota
    is known and positive, `attainment` (nine decimals, so that sums stay exact), `with_quota` and `at_quota`.
    """
    by_day = ["rep_id", "period_index", "day"]
    zero = ibis.literal(0, "int64")
    booked = finished_bookings(grid).mutate(quota=zero)
    quotas = (
        quota_versions(grid)
        .inner_join(grid.periods.select("period_index", end="period_end"), "period_index")
        .inner_join(grid.reps.select("rep_id", "first_index"), "rep_id")
        .filter(_.period_index >= _.first_index)
        .select(
            *by_day[:2],
            day=ibis.greatest(_.recorded_on, _.end),
            booked=zero,
            late=zero,
            quota=_.amount - _.before.fill_null(0),
        )
    )
    changes = booked.union(quotas).group_by(by_day).agg(booked=_.booked.sum(), late=_.late.sum(), quota=_.quota.sum())
    so_far = ibis.window(group_by=by_day[:2], order_by="day", preceding=None, following=0)
    states = changes.mutate(total=_.booked.sum().over(so_far), quota_now=_.quota.sum().over(so_far))
    positive = _.quota_now > 0
    states = states.mutate(
        squared=_.total.cast("decimal(19, 0)") * _.total.cast("decimal(19, 0)"),
        attainment=ibis.ifelse(positive, _.total / _.quota_now, 0.0).cast("decimal(28, 9)"),
        with_quota=positive.cast("int64"),
        at_quota=(positive & (_.total >= _.quota_now)).cast("int64"),
    )
    each = ibis.window(group_by=by_day[:2], order_by="day")
    step = {
        name: _[name] - _[name].lag().over(each).fill_null(0)
        for name in ("squared", "attainment", "with_quota", "at_quota")
    }
    return states.select("rep_id", "booked", "late", visible_from=_.day, **step)


BOOKED: Final = Stream("booked", _past_and_running, log="ledger", looks_back=())
SIGNS: Final = Stream("booking_signs", _signs, log="ledger", looks_back=())
LARGEST_BOOKING: Final = Stream("largest_booking", _largest, "largest", log="ledger", looks_back=())
QUOTAS: Final = Stream("quotas", _quotas, looks_back=())
FINISHED: Final = Stream("finished", _finished, log="ledger", looks_back=())
