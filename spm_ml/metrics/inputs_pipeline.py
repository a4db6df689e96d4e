"""Inputs about open deals: the pipeline on the last day, what its stages are usually worth, and what was forecast."""

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa

from spm_ml.metrics.deal_states import at, has_amount, owner, touched_recently
from spm_ml.metrics.fetching import fetch, fetch_by_rep, table_of
from spm_ml.metrics.window import Window, same_point


def open_inputs(states: ir.Table, grid: ir.Table, rates: pd.DataFrame, zombie_after_days: int) -> pd.DataFrame:
    """Open deals of each rep at the end of each window's last day, zombies left out, indexed by window and rep_id.

    Args:
        states: From `deal_states`.
        grid: From `window_grid`.
        rates: From `stage_win_rates`.
        zombie_after_days: Age at which an untouched deal is left out.

    Returns:
        `open_deals, open_amount, open_valued` (deals with an amount)`, open_with_expected` (deals with an expected
        close); `in_period_deals, open_amount_in_period, in_period_valued` for those expected to close from the last
        day to the period's end; `stage_weighted_amount`, and `unrated_deals` whose stage has no rate.
    """
    rows = _open_deals(states, grid, "last_on", zombie_after_days)
    expected = rows.expected_close_on
    inside = (expected >= rows.last_on) & (expected >= rows.starts_on) & (expected <= rows.ends_on)
    frame = fetch(
        rows.mutate(inside=inside.fill_null(False), valued=has_amount(rows))
        .group_by("window", "rep_id", "stage_position")
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
    frame = frame.merge(rates, on=["window", "stage_position"], how="left")
    frame["stage_weighted_amount"] = frame["open_amount"] * frame["rate"].fillna(0.0)
    frame["unrated_deals"] = frame["open_deals"].where(frame["rate"].isna(), 0)
    sums = frame.drop(columns=["stage_position", "rate"]).groupby(["window", "rep_id"]).sum()
    return sums.astype("float64")


def stage_win_rates(states: ir.Table, windows: Sequence[Window], zombie_after_days: int) -> pd.DataFrame:
    """The share of deals, by stage, that were won before the end of a period in which they were open at this point.

    Pooled over the finished periods before the one that holds a window's last day, by deals, for the whole
    organisation.

    Returns:
        `window, stage_position, rate`; a stage that was never open at this point is missing.
    """
    points = [
        (window.period.label, same_point(window.calendar, window.current, window.last, period), period.end)
        for window in windows
        for period in (*window.before, *window.fiscal_periods)
        if period.end < window.current.start
    ]
    grid = table_of({"window": pa.string(), "point_on": pa.date32(), "closes_on": pa.date32()}, points)
    was_open = _open_deals(states, grid, "point_on", zombie_after_days)
    was_open = was_open.select("opportunity_id", "stage_position", "window", "closes_on")
    won = states.filter(states.outcome == "won").select(
        won_id="opportunity_id", won_from="valid_from", won_to="valid_to"
    )
    joined = was_open.left_join(
        won,
        [
            was_open.opportunity_id == won.won_id,
            won.won_from <= was_open.closes_on,
            won.won_to > was_open.closes_on,
        ],
    )
    rate = joined.won_id.count().cast("float64") / joined.count()
    return fetch(joined.group_by("window", "stage_position").aggregate(rate=rate))


def forecast_inputs(states: ir.Table, grid: ir.Table, zombie_after_days: int) -> pd.DataFrame:
    """Deals that were forecast for each window when it began, and what became of them, by window and rep_id.

    Forecast are deals open at the end of the eve of the period and expected to close in it. They count for who closed
    them, or owns them on the last day.

    Returns:
        `forecast_deals, forecast_not_won, pushed_deals` (still open and expected after the period).
    """
    before = _open_deals(states, grid, "eve_on", zombie_after_days)
    expected = before.expected_close_on
    forecast = before.filter(expected >= before.starts_on, expected <= before.ends_on)
    rows = at(states, grid, "last_on").semi_join(forecast, ["window", "opportunity_id"])
    pushed = (rows.outcome == "open") & (rows.expected_close_on > rows.ends_on)
    rows = rows.select("window", rep_id=owner(rows), not_won=rows.outcome != "won", pushed=pushed.fill_null(False))
    return fetch_by_rep(
        rows.group_by("window", "rep_id").aggregate(
            forecast_deals=rows.count(), forecast_not_won=rows.not_won.sum(), pushed_deals=rows.pushed.sum()
        )
    )


def _open_deals(states: ir.Table, grid: ir.Table, day: str, zombie_after_days: int) -> ir.Table:
    rows = at(states, grid, day)
    return rows.filter(rows.outcome == "open", touched_recently(rows, day, zombie_after_days))
