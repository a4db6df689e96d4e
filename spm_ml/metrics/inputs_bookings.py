"""Inputs about bookings and quotas, by rep."""

from datetime import date

import numpy as np
import pandas as pd

from spm_ml.fiscal import FiscalCalendar, Period
from spm_ml.history import SalesHistory
from spm_ml.metrics.fetching import fetch
from spm_ml.metrics.window import Window, same_point


def daily_bookings(history: SalesHistory, as_of: date) -> pd.DataFrame:
    """Credited bookings of each rep and day up to the as-of day.

    Returns:
        `rep_id, booked_on` (datetime64)`, revenue, overlay` in minor units.
    """
    bookings = history.bookings
    rows = bookings.filter(bookings.booked_on <= as_of)
    return fetch(
        rows.group_by("rep_id", "booked_on").aggregate(
            revenue=rows.amount.sum(where=rows.credit == "revenue").fill_null(0).cast("int64"),
            overlay=rows.amount.sum(where=rows.credit == "overlay").fill_null(0).cast("int64"),
        )
    )


def booked_between(daily: pd.DataFrame, first: date, last: date) -> pd.DataFrame:
    """Σ `revenue` and `overlay` of each rep from one day to another, indexed by rep_id."""
    inside = daily["booked_on"].between(pd.Timestamp(first), pd.Timestamp(last))
    return daily[inside].groupby("rep_id")[["revenue", "overlay"]].sum().astype("float64")


def booking_inputs(daily: pd.DataFrame, window: Window) -> pd.DataFrame:
    """Bookings of each rep in the window and in what it is compared with.

    Returns:
        Indexed by rep_id, each name with `_revenue` and `_overlay`: `booked`; `last_month` (of a finished quarter);
        `prior`, `year_before` (up to the same point). A column that is not defined for the window, or that the data
        do not reach back to, is missing.
    """
    calendar, period = window.calendar, window.period
    spans = {"booked": (period.start, window.last)}
    if window.single:
        if window.finished and calendar.periods_a_year == 4:
            spans["last_month"] = (last_fiscal_month(calendar, period), period.end)
        for name, other in (("prior", calendar.previous(period)), ("year_before", calendar.same_last_year(period))):
            if other in window.before:
                spans[name] = (other.start, same_point(calendar, period, window.last, other))
    parts = [booked_between(daily, first, last).add_prefix(f"{name}_") for name, (first, last) in spans.items()]
    return pd.concat(parts, axis=1).fillna(0.0)


def last_fiscal_month(calendar: FiscalCalendar, quarter: Period) -> date:
    """First day of a quarter's last fiscal month, by the same calendar cut into months."""
    monthly = calendar.settings.model_copy(update={"period": "month"})
    return FiscalCalendar(monthly, calendar.timezone).period_of(quarter.end).start


def usual_share(daily: pd.DataFrame, window: Window) -> float | None:
    """The organisation's usual cumulative share of bookings at this point of the period.

    Σ booked by the same selling day ÷ Σ booked, over the finished periods before; 1 after the last selling day.
    """
    if window.period_days and window.elapsed_days >= window.period_days:
        return 1.0
    if not window.single or not window.before:
        return None
    by_then = total = 0.0
    for other in window.before:
        point = same_point(window.calendar, window.period, window.last, other)
        by_then += booked_between(daily, other.start, point)["revenue"].sum()
        total += booked_between(daily, other.start, other.end)["revenue"].sum()
    return by_then / total if total > 0 else None


def quota_versions(history: SalesHistory) -> pd.DataFrame:
    """Every version of every quota, oldest first, days as datetime64."""
    frame = fetch(history.quotas.select("rep_id", "period_start", "period_end", "amount", "known_on"))
    return frame.sort_values(["rep_id", "period_start", "known_on"], ignore_index=True)


def quotas_in_force(versions: pd.DataFrame, last: date) -> pd.DataFrame:
    """One row a rep and period: the quota known last by the day (by the period's end once it is over), and the first.

    Returns:
        `rep_id, period_start, period_end, quota, quota_original`.
    """
    in_time = (versions["known_on"] <= versions["period_end"]) & (versions["known_on"] <= pd.Timestamp(last))
    known = versions[in_time]
    grouped = known.groupby(["rep_id", "period_start", "period_end"], sort=False)["amount"]
    return grouped.agg(quota="last", quota_original="first").astype("float64").reset_index()


def quota_inputs(in_force: pd.DataFrame, window: Window) -> pd.DataFrame:
    """Σ quota of each rep over the window's periods, indexed by rep_id; reps without one are missing.

    Returns:
        `quota, quota_original, quotas_known` (1).
    """
    first, last = pd.Timestamp(window.period.start), pd.Timestamp(window.period.end)
    inside = in_force[(in_force["period_start"] >= first) & (in_force["period_end"] <= last)]
    return inside.groupby("rep_id")[["quota", "quota_original"]].sum().assign(quotas_known=1.0)


def results_by_period(daily: pd.DataFrame, in_force: pd.DataFrame, window: Window) -> pd.DataFrame:
    """Bookings and quota of each rep and finished period up to the last day.

    Returns:
        `rep_id, period_start, period_end, booked, quota`; the quota is NaN where none is known.
    """
    periods = [one for one in (*window.before, *window.fiscal_periods) if one.end <= window.last]
    ends = pd.DataFrame(
        {
            "period_start": pd.to_datetime([one.start for one in periods]),
            "period_end": pd.to_datetime([one.end for one in periods]),
        }
    )
    if not periods:
        return ends.assign(rep_id=pd.Series(dtype=object), booked=0.0, quota=0.0)
    place = np.searchsorted(ends["period_start"].to_numpy(), daily["booked_on"].to_numpy(), side="right") - 1
    inside = (place >= 0) & (daily["booked_on"].to_numpy() <= ends["period_end"].to_numpy()[np.maximum(place, 0)])
    rows = daily[inside].assign(period_start=ends["period_start"].to_numpy()[place[inside]])
    booked = rows.assign(booked=rows["revenue"] + rows["overlay"]).groupby(["rep_id", "period_start"])["booked"].sum()
    quotas = in_force[in_force["period_end"] <= pd.Timestamp(window.last)]
    both = pd.concat([booked, quotas.set_index(["rep_id", "period_start"])["quota"]], axis=1).reset_index()
    both["booked"] = both["booked"].fillna(0.0)
    return both.merge(ends, on="period_start")
