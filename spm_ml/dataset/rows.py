"""The rows of a dataset: which reps have one on which as-of day, and who they were on it."""

from typing import Final

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa

from spm_ml.features import AsOfGrid, ratio
from spm_ml.features.day_numbers import between, day_numbers

_ = ibis._

MANAGER_ROLE: Final = "manager"
"""Role, in any case, of people who manage even if nobody reports to them yet."""

TEXTS: Final = ("name", "role", "team", "region", "segment", "territory", "manager_id")
"""Columns of the profile that a row carries as they are."""


def rep_rows(grid: AsOfGrid) -> tuple[dict[str, np.ndarray], pd.DataFrame]:
    """One row for each rep with a profile in force on the as-of day who is employed on some day of its period.

    A rep who leaves keeps rows to the end of the period; one who starts later in it has rows from the day on which
    the profile came into force. Managers have rows from the day of their first deal, credit or quota on. Rows are in
    the order of period, rep and as-of day.

    Returns:
        Columns as arrays (rows,): `rep_index, slot`, those of `features.grid.Slots`, `hired_on, left_on, has_left,
        started, fte, territory_potential, first_index, periods_of_history, periods_since_last_year, exposure`; and
        the row's `rep_id` and texts of the profile.
    """
    profiles = grid.own_profiles
    version, slot = _in_force(grid, profiles)
    rep_index = grid.rep_ids.get_indexer(profiles["rep_id"])
    hired_on, left_on = day_numbers(profiles["hired_on"])[version], day_numbers(profiles["left_on"])[version]
    slots = grid.slots
    employed = (hired_on <= slots.period_end[slot]) & ~(left_on < slots.period_start[slot])
    employed &= ~_manages_only(grid, rep_index[version], slots.as_of[slot])
    kept = np.flatnonzero(employed)
    kept = kept[np.lexsort((slot[kept], rep_index[version[kept]], slots.period_start[slot[kept]]))]
    version, slot, hired_on, left_on = version[kept], slot[kept], hired_on[kept], left_on[kept]
    columns = {name: values[slot] for name, values in vars(slots).items()}
    columns |= {
        "rep_index": rep_index[version],
        "slot": slot,
        "hired_on": hired_on,
        "left_on": left_on,
        "has_left": left_on <= columns["as_of"],
        "started": hired_on <= columns["as_of"],
        "fte": profiles["fte"].to_numpy(np.float64)[version],
        "territory_potential": profiles["territory_potential"].to_numpy(np.float64)[version],
        "first_index": grid.first_index[rep_index[version]],
    }
    columns["periods_of_history"] = np.maximum(columns["period_index"] - columns["first_index"], 0)
    columns["periods_since_last_year"] = columns["period_index"] - grid.last_year_index(columns["period_index"])
    columns["exposure"] = _exposure(grid, columns)
    return columns, profiles[["rep_id", *TEXTS]].take(version).reset_index(drop=True)


def _in_force(grid: AsOfGrid, profiles: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """The version of the profile and the as-of day of every pair of which the one holds on the other."""
    valid_from = day_numbers(profiles["valid_from"])
    same_rep = (profiles["rep_id"] == profiles["rep_id"].shift(-1)).to_numpy(bool)
    next_from = np.where(same_rep, np.append(valid_from[1:], np.inf), np.inf)
    return between(grid.slots.as_of, valid_from, next_from)


def _manages_only(grid: AsOfGrid, rep_index: np.ndarray, as_of: np.ndarray) -> np.ndarray:
    """Whether others report to the rep on the as-of day, or did, who had never had a deal, a credit or a quota."""
    profiles, history = grid.profiles, grid.history
    named = profiles.loc[profiles["manager_id"].notna(), ["manager_id", "valid_from"]]
    called = profiles.loc[profiles["role"].str.lower() == MANAGER_ROLE, ["rep_id", "valid_from"]]
    managers = pd.concat([frame.set_axis(["rep_id", "day"], axis=1) for frame in (named, called)])
    own = ibis.union(
        history.ledger.select("rep_id", day="recorded_on"),
        history.bookings.select("rep_id", day="recorded_on"),
        history.quotas.select("rep_id", day="known_on"),
    )
    asked = grid.keep("managers", pa.table({"rep_id": pa.array(managers["rep_id"].unique(), pa.string())}))
    owners = (
        own.semi_join(asked, "rep_id")
        .group_by("rep_id")
        .agg(day=_.day.min())
        .to_pyarrow()
        .to_pandas(date_as_object=False)
    )
    manages_from, owns_from = (
        day_numbers(frame.groupby("rep_id")["day"].min().reindex(grid.rep_ids))[rep_index]
        for frame in (managers, owners)
    )
    alone: np.ndarray = (manages_from <= as_of) & ~(owns_from <= as_of)
    return alone


def _exposure(grid: AsOfGrid, row: dict[str, np.ndarray]) -> np.ndarray:
    """Share of the period's selling days on which the rep is employed, as known on the day, × FTE."""
    days = grid.calendar_days
    end = np.where(row["has_left"], np.fmin(row["left_on"], row["period_end"]), row["period_end"])
    first, last = days.place(np.maximum(row["hired_on"], row["period_start"])), days.place(end)
    employed = days.selling_day_number[last] - days.selling_day_number[first] + days.selling_day[first]
    total = row["period_selling_days"]
    exposure: np.ndarray = ratio(np.maximum(employed, 0), total) * np.where(np.isnan(row["fte"]), 1.0, row["fte"])
    return exposure
