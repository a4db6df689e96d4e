"""What came of a row after its as-of day: targets and labels, for fitting and measuring, never for features."""

from typing import Final

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from spm_ml.dataset.schema import label_names
from spm_ml.features import STAGE, AsOf, AsOfGrid, Stream, ratio
from spm_ml.features.bookings import booked_by_period, quota_versions
from spm_ml.features.day_numbers import day_numbers, number_of
from spm_ml.features.pipeline import open_states

_ = ibis._


def _still_booked(grid: AsOfGrid) -> ir.Table:
    """Bookings of a period from the days on which their deal was open and the booking not yet recorded."""
    bookings = grid.own(grid.history.bookings).select(
        "opportunity_id", "rep_id", "recorded_on", "booked_on", credited="amount"
    )
    booked_in = grid.days.select("period_start", "period_end", booked_on="day")
    stages = {f"in_stage_{each}": _.stage_position == each for each in range(1, grid.stage_count + 1)}
    return (
        open_states(grid)
        .inner_join(bookings, ["opportunity_id", "rep_id"])
        .inner_join(booked_in, "booked_on")
        .select(
            "rep_index",
            "credited",
            visible_from=ibis.greatest(_.visible_from, _.period_start - ibis.interval(days=1)),
            visible_until=ibis.least(_.visible_until, _.recorded_on, _.period_end),
            **stages,
        )
        .filter(_.visible_from < _.visible_until)
    )


STILL_BOOKED: Final = Stream(
    "still_booked",
    _still_booked,
    looks_back=(),
    products=((f"stage_{STAGE}", f"in_stage_{STAGE}", "credited"),),
)


def labels(at: AsOf) -> dict[str, np.ndarray]:
    """The columns `label_won_stage_k`: what is booked in the period after the day from deals open in stage k."""
    names = label_names(at.grid.stage_count)
    return {
        name: np.where(at.row.finished, at.now(STILL_BOOKED, f"stage_{position}"), np.nan)
        for position, name in enumerate(names, start=1)
    }


def targets(at: AsOf) -> dict[str, np.ndarray]:
    """The columns `finished, actual_bookings, quota_final, actual_attainment, censored`; NaN while not finished.

    A period is finished when the watermark has reached its end; what is recorded later than that restates it.
    """
    grid, row = at.grid, at.row
    finished = row.period_end <= number_of(grid.history.watermark)
    booked = _of_rows(at, booked_by_period(grid).group_by(["rep_id", "period_index"]).agg(value=_.amount.sum()))
    ends = grid.periods.select("period_index", end="period_end")
    in_force = (
        quota_versions(grid)
        .inner_join(ends, "period_index")
        .filter((_.recorded_on <= _.end) & (_.known_until.isnull() | (_.known_until > _.end)))
        .select("rep_id", "period_index", value="amount")
    )
    actual_bookings = np.where(finished, np.nan_to_num(booked), np.nan)
    quota_final = np.where(finished, _of_rows(at, in_force), np.nan)
    return {
        "finished": finished,
        "actual_bookings": actual_bookings,
        "quota_final": quota_final,
        "actual_attainment": ratio(actual_bookings, quota_final),
        "censored": _leaves(at),
    }


def _of_rows(at: AsOf, by_rep_and_period: ir.Table) -> np.ndarray:
    """(rows,) the `value` of each row's rep and period, float64; NaN = there is none."""
    values = by_rep_and_period.inner_join(at.grid.reps, "rep_id").select("rep_index", "period_index", "value")
    found = values.to_pyarrow().to_pandas().set_index(["rep_index", "period_index"])["value"]
    rows = pd.MultiIndex.from_arrays([at.row.rep_index, at.row.period_index])
    return np.asarray(found.reindex(rows), dtype=np.float64)


def _leaves(at: AsOf) -> np.ndarray:
    """Whether the rep, as far as is known at the watermark, leaves before the period's end."""
    grid, row = at.grid, at.row
    rep_index = grid.rep_ids.get_indexer(grid.profiles["rep_id"])
    left_on = day_numbers(grid.profiles["left_on"])
    known = left_on <= number_of(grid.history.watermark)
    left = pd.DataFrame({"rep_index": rep_index[known], "left_on": left_on[known]}).drop_duplicates()
    pairs = pd.DataFrame({"row": np.arange(len(at)), "rep_index": row.rep_index}).merge(left, on="rep_index")
    within = (pairs["left_on"] >= row.period_start[pairs["row"]]) & (pairs["left_on"] < row.period_end[pairs["row"]])
    leaves = np.zeros(len(at), dtype=bool)
    leaves[pairs.loc[within, "row"]] = True
    return leaves
