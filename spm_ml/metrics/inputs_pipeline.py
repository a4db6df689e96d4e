"""Inputs about open deals: the pipeline on the last day, what its stages are usually worth, and what was forecast."""

from datetime import date

import ibis
import ibis.expr.types as ir
import pandas as pd

from spm_ml.metrics.deal_states import at, has_amount, owner, touched_recently
from spm_ml.metrics.fetching import fetch, fetch_by_rep
from spm_ml.metrics.window import Window, same_point


def open_inputs(states: ir.Table, window: Window, rates: pd.DataFrame, zombie_after_days: int) -> pd.DataFrame:
    """Open deals of each rep at the end of the last day, zombies left out, indexed by rep_id.

    Args:
        states: From `deal_states`.
        window: Period and day.
        rates: From `stage_win_rates`.
        zombie_after_days: Age at which an untouched deal is left out.

    Returns:
        `open_deals, open_amount, open_valued` (deals with an amount)`, open_with_expected` (deals with an expected
        close); `in_period_deals, open_amount_in_period, in_period_valued` for those expected to close from the last
        day to the period's end; `stage_weighted_amount`, and `unrated_deals` whose stage has no rate.
    """
    rows = _open_deals(states, window.last, zombie_after_days)
    inside = (rows.expected_close_on >= ibis.literal(max(window.last, window.period.start))) & (
        rows.expected_close_on <= window.period.end
    )
    frame = fetch(
        rows.mutate(inside=inside.fill_null(False), valued=has_amount(rows))
        .group_by("rep_id", "stage_position")
        .aggregate(
            open_deals=ibis._.count(),
            open_amount=ibis._.amount.sum().fill_null(0).cast("int64"),
            open_valued=ibis._.valued.sum(),
            open_with_expected=ibis._.expected_close_on.count(),
            in_period_deals=ibis._.inside.sum(),
            open_amount_in_period=ibis._.amount.sum(where=ibis._.inside).fill_null(0).cast("int64"),
            in_period_valued=(ibis._.inside & ibis._.valued).sum(),
        )
    )
    frame = frame.astype({name: "float64" for name in frame.columns if name != "rep_id"})
    rate = frame["stage_position"].map(rates.set_index("stage_position")["rate"])
    frame["stage_weighted_amount"] = frame["open_amount"] * rate.fillna(0.0)
    frame["unrated_deals"] = frame["open_deals"].where(rate.isna(), 0.0)
    return frame.drop(columns="stage_position").groupby("rep_id").sum()


def stage_win_rates(states: ir.Table, window: Window, zombie_after_days: int) -> pd.DataFrame:
    """The share of deals, by stage, that were won before the end of a period in which they were open at this point.

    Pooled over the finished periods before the one that holds the last day, by deals, for the whole organisation.

    Returns:
        `stage_position, rate`; a stage that was never open at this point is missing.
    """
    current = window.current
    points = [
        (same_point(window.calendar, current, window.last, period), period.end)
        for period in (*window.before, *window.fiscal_periods)
        if period.end < current.start
    ]
    if not points:
        return pd.DataFrame({"stage_position": [], "rate": []})
    grid = ibis.memtable(
        {"point": [point for point, _ in points], "ends_on": [end for _, end in points]},
        schema={"point": "date", "ends_on": "date"},
    )
    was_open = states.filter(states.outcome == "open").join(
        grid, [ibis._.valid_from <= grid.point, ibis._.valid_to > grid.point]
    )
    age = was_open.point.delta(was_open.valid_from, unit="day")
    was_open = was_open.filter(age <= zombie_after_days).select("opportunity_id", "stage_position", "point", "ends_on")
    ended = states.filter(states.outcome == "won").select(
        won_id="opportunity_id", won_from="valid_from", won_to="valid_to"
    )
    joined = was_open.left_join(
        ended,
        [
            was_open.opportunity_id == ended.won_id,
            ended.won_from <= was_open.ends_on,
            ended.won_to > was_open.ends_on,
        ],
    )
    rates = joined.group_by("stage_position").aggregate(rate=joined.won_id.count().cast("float64") / joined.count())
    return fetch(rates).astype("float64")


def forecast_inputs(states: ir.Table, window: Window, zombie_after_days: int) -> pd.DataFrame:
    """Deals that were forecast for the period when it began, and what became of them, indexed by rep_id.

    Forecast are deals open at the end of the eve of the period and expected to close in it. They count for who closed
    them, or owns them on the last day.

    Returns:
        `forecast_deals, forecast_not_won, pushed_deals` (still open and expected after the period).
    """
    period = window.period
    before = _open_deals(states, window.eve, zombie_after_days)
    forecast = before.filter(before.expected_close_on >= period.start, before.expected_close_on <= period.end).select(
        "opportunity_id"
    )
    rows = at(states, window.last).semi_join(forecast, "opportunity_id")
    pushed = (rows.outcome == "open") & (rows.expected_close_on > period.end)
    rows = rows.select(rep_id=owner(rows), not_won=rows.outcome != "won", pushed=pushed.fill_null(False))
    return fetch_by_rep(
        rows.group_by("rep_id").aggregate(
            forecast_deals=rows.count(), forecast_not_won=rows.not_won.sum(), pushed_deals=rows.pushed.sum()
        )
    )


def _open_deals(states: ir.Table, day: date, zombie_after_days: int) -> ir.Table:
    rows = at(states, day)
    return rows.filter(rows.outcome == "open", touched_recently(rows, day, zombie_after_days))
