"""The rows of a dataset: which reps have one on which as-of day, and who they were on it."""

from typing import Final

import ibis
import ibis.expr.types as ir

from spm_ml.features import AsOfGrid

_ = ibis._

MANAGER_ROLE: Final = "manager"
"""Role, in any case, of people who manage even if nobody reports to them yet."""


def rep_rows(grid: AsOfGrid) -> ir.Table:
    """One row for each rep with a profile in force on the as-of day who is employed on some day of its period.

    A rep who leaves keeps rows to the end of the period; one who starts later in it has rows from the day on which
    the profile came into force. Managers have rows from the day of their first deal, credit or quota on.

    Returns:
        `rep_index, slot, rep_id`, the columns of `AsOfGrid.slots`, the profile on the day, `periods_of_history,
        periods_since_last_year, exposure`.
    """
    rows = _employed(grid).anti_join(_managers_only(grid), ["rep_id", "slot"])
    return _with_exposure(grid, _with_history(grid, rows))


def _employed(grid: AsOfGrid) -> ir.Table:
    rep = ibis.window(group_by="rep_id", order_by="valid_from")
    profiles = grid.history.profiles.mutate(next_from=_.valid_from.lead().over(rep)).drop("valid_to")
    profiles = profiles.inner_join(grid.reps, "rep_id")
    slots = grid.slots
    return slots.inner_join(
        profiles,
        [
            profiles.valid_from <= slots.as_of,
            profiles.next_from.isnull() | (profiles.next_from > slots.as_of),
            profiles.hired_on <= slots.period_end,
            profiles.left_on.isnull() | (profiles.left_on >= slots.period_start),
        ],
    ).mutate(has_left=(_.left_on <= _.as_of).fill_null(False), started=_.hired_on <= _.as_of)


def _managers_only(grid: AsOfGrid) -> ir.Table:
    """Reps and as-of days on which others report to them, or did, and they never had a deal, a credit or a quota."""
    history = grid.history
    dated = [
        history.ledger.select("rep_id", day="recorded_on"),
        history.bookings.select("rep_id", day="recorded_on"),
        history.quotas.select("rep_id", day="known_on"),
    ]
    own = ibis.union(*dated).group_by("rep_id").agg(own_from=_.day.min())
    named = history.profiles.filter(_.manager_id.notnull()).select("valid_from", rep_id="manager_id")
    called = history.profiles.filter(_.role.lower() == MANAGER_ROLE).select("valid_from", "rep_id")
    managers = named.union(called.select("valid_from", "rep_id")).group_by("rep_id").agg(from_day=_.valid_from.min())
    return (
        managers.left_join(own, "rep_id")
        .cross_join(grid.slots.select("slot", "as_of"))
        .filter((_.from_day <= _.as_of) & (_.own_from.isnull() | (_.own_from > _.as_of)))
        .select("rep_id", "slot")
    )


def _with_history(grid: AsOfGrid, rows: ir.Table) -> ir.Table:
    """Adds how many periods the rep has finished, counted from when records begin."""
    last_year = grid.periods.select("period_index", "last_year_index")
    return rows.inner_join(last_year, "period_index").mutate(
        periods_of_history=ibis.greatest(_.period_index - _.first_index, 0),
        periods_since_last_year=_.period_index - _.last_year_index,
    )


def _with_exposure(grid: AsOfGrid, rows: ir.Table) -> ir.Table:
    """Adds the share of the period's selling days on which the rep is employed, as known on the day, × FTE."""
    first = grid.days.select(first_day="day", first_number="selling_day_number", first_selling="selling_day")
    last = grid.days.select(last_day="day", last_number="selling_day_number")
    employed = _.last_number - _.first_number + _.first_selling
    return (
        rows.mutate(
            first_day=ibis.greatest(_.hired_on, _.period_start),
            last_day=ibis.ifelse(_.has_left, ibis.least(_.left_on, _.period_end), _.period_end),
        )
        .inner_join(first, "first_day")
        .inner_join(last, "last_day")
        .mutate(
            exposure=ibis.greatest(employed, 0)
            / ibis.ifelse(_.period_selling_days > 0, _.period_selling_days, None)
            * _.fte.fill_null(1.0)
        )
    )
