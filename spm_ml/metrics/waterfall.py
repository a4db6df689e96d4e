"""The pipeline waterfall: from the pipeline that was expected to close in a window to what is left of it.

Two snapshots are compared, deal by deal, so that every deal adds up:
entering amount + amount change = leaving amount, and each deal enters and leaves under one heading.
Headings follow the pipeline flow of Salesforce's Pipeline Inspection; the netting is the house's.
"""

from datetime import date
from typing import Final

import ibis
import ibis.expr.types as ir
import pandas as pd

from spm_ml.history import SalesHistory
from spm_ml.metrics.deal_states import at, deal_states, owner, touched_recently, window_grid
from spm_ml.metrics.fetching import fetch_by_rep, of_window
from spm_ml.metrics.inputs_people import members_of, profile_spans, profiles_at
from spm_ml.metrics.metric import Level
from spm_ml.metrics.window import Window

WATERFALL_PARTS: Final = ("start", "new", "pulled_in", "pushed_out", "lost", "won", "amount_changes", "end")
"""start + new + pulled_in − pushed_out − lost − won + amount_changes = end."""


def pipeline_waterfall(history: SalesHistory, first: date, last: date, level: Level) -> pd.DataFrame:
    """The movement of the pipeline expected to close between two days, in minor units; it adds up exactly.

    A deal counts wholly for who owns it at the end, or owned it when it closed, so inherited pipeline is in the heir's
    start. Deals without an amount count as 0.

    Args:
        history: What is known; `history.as_of(day)` for an earlier answer.
        first: First day of the window.
        last: Last day of the window; a later day than the newest record reads the pipeline as it stands now.
        level: What a row is.

    Returns:
        `key`, `start` (expected in the window, at the end of the day before), `new` (created or reopened),
        `pulled_in` (not expected in the window before; or won early), `pushed_out` (open, but now expected outside, or
        aged out), `lost`, `won` (gross of later reversals of other windows' wins), `amount_changes`, `end`, and
        `aged_out`: the part of `pushed_out` that only became a zombie (H17). int64.
    """
    as_of = history.as_of_day or history.watermark
    window = Window.between(history.calendar, history.periods(), as_of, first, last)
    zombie_after_days = history.organisation.zombie_after_days
    every = waterfall_inputs(deal_states(history), window_grid([window]), zombie_after_days)
    by_rep = of_window(every, window.period.label)
    members = members_of(profiles_at(profile_spans(history), window), level, window, by_rep.index)
    columns = [*WATERFALL_PARTS, "aged_out"]
    sums = members.merge(by_rep[columns], left_on="rep_id", right_index=True, how="left").groupby("key")[columns].sum()
    return sums.fillna(0).astype("int64").reset_index()


def waterfall_inputs(states: ir.Table, grid: ir.Table, zombie_after_days: int) -> pd.DataFrame:
    """The parts of each rep, indexed by window and rep_id.

    Returns:
        `WATERFALL_PARTS`, `aged_out`, `waterfall_deals` that took part and `waterfall_valued`, those with an amount.
    """
    rows = _journeys(states, grid, zombie_after_days)
    nothing = ibis.literal(0, "int64")

    def when(condition: ir.BooleanValue, amount: ir.IntegerValue) -> ir.IntegerValue:
        value: ir.IntegerValue = ibis.ifelse(condition, amount, nothing).sum().cast("int64")
        return value

    stays, wins, loses = rows.stays, rows.wins, rows.loses
    leaves = ~(stays | wins | loses)
    return fetch_by_rep(
        rows.group_by("window", "rep_id").aggregate(
            start=when(rows.began & rows.expected_before, rows.entering),
            new=when(~rows.began & rows.expected_before, rows.entering),
            pulled_in=when(~rows.expected_before, rows.entering),
            pushed_out=when(leaves, rows.leaving),
            lost=when(loses, rows.leaving),
            won=when(wins, rows.leaving),
            amount_changes=(rows.leaving - rows.entering).sum().cast("int64"),
            end=when(stays, rows.leaving),
            aged_out=when(leaves & rows.still_expected, rows.leaving),
            waterfall_deals=rows.count(),
            waterfall_valued=((rows.entering != 0) | (rows.leaving != 0)).sum(),
        )
    )


def _journeys(states: ir.Table, grid: ir.Table, zombie_after_days: int) -> ir.Table:
    """One row a window and deal that took part: how it entered the window's pipeline and how it stands at the end."""
    before = at(states, grid, "eve_on")
    before = before.select(
        before_window="window",
        before_id="opportunity_id",
        before_open=before.outcome == "open",
        before_amount="amount",
        before_expected=_expected(before, before.expected_close_on)
        & touched_recently(before, "eve_on", zombie_after_days),
    )
    rows = at(states, grid, "last_on")
    rows = rows.left_join(before, [rows.window == before.before_window, rows.opportunity_id == before.before_id])
    is_open = rows.outcome == "open"
    closed_here = (~is_open & (rows.closed_on > rows.eve_on)).fill_null(False)
    still_expected = _expected(rows, rows.expected_close_on)
    rows = rows.mutate(
        is_open=is_open,
        existed=rows.before_id.notnull(),
        began=rows.before_open.fill_null(False),
        still_expected=still_expected & is_open,
        stays=is_open & still_expected & touched_recently(rows, "last_on", zombie_after_days),
        wins=closed_here & (rows.outcome == "won"),
        loses=closed_here & (rows.outcome == "lost"),
    )
    rows = rows.mutate(
        leaving=ibis.ifelse(rows.loses, ibis.coalesce(rows.open_amount, rows.amount), rows.amount).fill_null(0)
    )
    reopened = rows.existed & ~rows.began
    known_then = ibis.cases(
        (rows.began, rows.before_expected),
        (reopened, rows.stays | rows.wins | rows.loses),
        else_=_expected(rows, rows.initial_expected_close_on),
    )
    entering = ibis.cases((rows.began, rows.before_amount), (reopened, rows.leaving), else_=rows.initial_amount)
    rows = rows.mutate(expected_before=known_then.fill_null(False), entering=entering.fill_null(0))
    lost_from_here = rows.loses & _expected(rows, rows.open_expected_close_on)
    took_part = rows.expected_before | rows.stays | rows.wins | lost_from_here
    counted = rows.is_open | rows.wins | rows.loses
    return rows.filter(took_part & counted).mutate(rep_id=owner(rows))


def _expected(rows: ir.Table, day: ir.DateValue) -> ir.BooleanValue:
    inside: ir.BooleanValue = ((day >= rows.starts_on) & (day <= rows.ends_on)).fill_null(False)
    return inside
