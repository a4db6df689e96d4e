"""The open deals behind the rows, kept as states that hold for some days, and the bookings that came of them.

A deal that nobody touches for weeks is one state but many deal-weeks: only the states are kept, and the deals of rows
are made of them when somebody asks.
"""

from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from spm_ml.dataset.schema import DTYPES, DatasetColumn, empty, pinned
from spm_ml.features.day_numbers import day_numbers, days_of, places

DEAL_COLUMNS: Final = (
    DatasetColumn("rep_id", "text", "Owner on the as-of day.", "key"),
    DatasetColumn("as_of", "date", "Everything is as known at the end of this day.", "key"),
    DatasetColumn("opportunity_id", "text", "The deal, open and touched within `zombie_after_days`.", "key"),
    DatasetColumn("stage", "count", "Position of its stage, 1 …"),
    DatasetColumn("amount", "money", "Its amount; 0 = not stated."),
    DatasetColumn("age_days", "number", "Days since it was created."),
    DatasetColumn("stage_days", "number", "Days since its stage was entered."),
    DatasetColumn("idle_days", "number", "Days since its last change."),
    DatasetColumn("due_days", "number", "Days until its expected close, negative = overdue; empty = not stated."),
    DatasetColumn("due_after_period", "number", "Days from the period's end to its expected close; empty likewise."),
    DatasetColumn("pushes", "count", "How often its expected close was moved to a later day."),
    DatasetColumn("steps", "count", "How often it moved to a later stage."),
    DatasetColumn("amount_growth", "number", "Amount ÷ the first amount that was stated; empty = none was."),
    DatasetColumn("inherited", "flag", "Another rep opened it."),
    DatasetColumn("reconstructed", "flag", "It has no ledger of changes."),
    DatasetColumn("booked_later", "number", "What its owner books from it in the period after the day.", "target"),
    DatasetColumn("won_on", "date", "The first day of those bookings; empty = none.", "target"),
)
"""Columns of `RepPeriodDataset.deals`."""

STATE_COLUMNS: Final = (
    DatasetColumn("rep_id", "text", "Owner.", "key"),
    DatasetColumn("opportunity_id", "text", "The deal, open and touched within `zombie_after_days`.", "key"),
    DatasetColumn("visible_from", "date", "First day of the period at whose end the state holds.", "key"),
    DatasetColumn("visible_until", "date", "First day at whose end it no longer holds, or the period's last."),
    DatasetColumn("changed_on", "date", "Day of the deal's last change."),
    DatasetColumn("stage", "count", "Position of its stage, 1 …"),
    DatasetColumn("amount", "money", "Its amount; 0 = not stated."),
    DatasetColumn("created_on", "date", "Day on which it was created."),
    DatasetColumn("stage_since", "date", "Day on which its stage was entered."),
    DatasetColumn("expected_close_on", "date", "Its expected close; empty = not stated."),
    DatasetColumn("pushes", "count", "As in `DEAL_COLUMNS`."),
    DatasetColumn("steps", "count", "Likewise."),
    DatasetColumn("amount_growth", "number", "Likewise."),
    DatasetColumn("inherited", "flag", "Likewise."),
    DatasetColumn("reconstructed", "flag", "Likewise."),
)
"""Columns of `RepPeriodDataset.states`: those that hold on some row, in the order of period and key.

They are cut where a period of the rows begins, on its eve: what is recorded after a period changes none of its states.
"""

BOOKING_COLUMNS: Final = (
    DatasetColumn("rep_id", "text", "Who is credited.", "key"),
    DatasetColumn("opportunity_id", "text", "The deal.", "key"),
    DatasetColumn("period_start", "date", "First day of the period it counts for."),
    DatasetColumn("booked_on", "date", "The day it counts for."),
    DatasetColumn("recorded_on", "date", "The day it was entered."),
    DatasetColumn("created_on", "date", "The day the deal was created."),
    DatasetColumn("amount", "money", "Signed credited amount."),
    DatasetColumn("overlay", "flag", "Credit beside the revenue, which a team counts once (H05)."),
)
"""Columns of `RepPeriodDataset.bookings`: credited bookings of the rows' reps and periods, finished or not."""

BOOKING_ORDER: Final = ("period_start", "rep_id", "recorded_on", "booked_on", "opportunity_id", "amount", "overlay")
"""In what order they are."""

_ALIKE: Final = ("opportunity_id", "stage", "amount", "pushes", "steps", "amount_growth", "inherited", "reconstructed")
"""What a deal's row takes from its state as it is."""

_STATE_KEY: Final = [column.name for column in STATE_COLUMNS if column.role == "key"]
_DAY_BITS, _DAY_ZERO = 23, 1 << 22


def empty_frame(columns: tuple[DatasetColumn, ...]) -> pd.DataFrame:
    """A frame without rows of the declared types."""
    return empty({column.name: DTYPES[column.kind] for column in columns})


def pinned_to(columns: tuple[DatasetColumn, ...], table: pa.Table | None) -> pd.DataFrame:
    """The Arrow table as a frame with the declared columns, order and types; see `pinned`.

    Raises:
        SchemaError: A column is missing.
    """
    return pinned(table, {column.name: DTYPES[column.kind] for column in columns})


def period_starts_of(states: pd.DataFrame, starts: np.ndarray) -> np.ndarray:
    """(states,) first day of the period that each lies in.

    Args:
        states: Columns of `STATE_COLUMNS`.
        starts: (periods,) first days of periods, ascending.
    """
    eves = starts.astype("datetime64[D]") - 1
    place = np.searchsorted(eves, states["visible_from"].to_numpy().astype("datetime64[D]"), side="right") - 1
    found: np.ndarray = starts[np.maximum(place, 0)]
    return found


def in_state_order(states: pd.DataFrame, starts: np.ndarray) -> pd.DataFrame:
    """The states in the order of period and key, with an index 0 … n − 1."""
    by_key = states.assign(_start=period_starts_of(states, starts)).sort_values(["_start", *_STATE_KEY], kind="stable")
    return by_key.drop(columns="_start").reset_index(drop=True)


def states_in(states: pd.DataFrame, frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Which states hold on which rows.

    Args:
        states: Columns of `STATE_COLUMNS`.
        frame: Rows of a dataset.

    Returns:
        (deals,) place of the state and of the row of each open deal, in the order of the rows and of the states.
    """
    order, first, lengths = _rows_of(states, frame)
    state = np.repeat(np.arange(len(states)), lengths)
    row = order[np.arange(len(state)) + (first - np.cumsum(lengths) + lengths)[state]]
    by_row = np.argsort(row, kind="stable")
    return state[by_row], row[by_row]


def held(states: pd.DataFrame, frame: pd.DataFrame) -> np.ndarray:
    """(states,) whether each holds on any of the rows.

    Args:
        states: Columns of `STATE_COLUMNS`.
        frame: Rows of a dataset.
    """
    rep, reps = pd.factorize(frame["rep_id"])
    owner = reps.get_indexer(pd.Index(states["rep_id"]))
    begins, until = (_days(states[name]) for name in ("visible_from", "visible_until"))
    return holds(owner, begins, until, rep, _days(frame["as_of"]), len(reps))


def holds(
    owner: np.ndarray, begins: np.ndarray, until: np.ndarray, rep: np.ndarray, as_of: np.ndarray, reps: int
) -> np.ndarray:
    """(states,) whether each holds on any of the rows.

    Args:
        owner: (states,) number of the rep; −1 = somebody without rows.
        begins: (states,) first day, counted from 1970-01-01.
        until: (states,) the day after the last.
        rep: (rows,) number of the rep; −1 = somebody without states.
        as_of: (rows,) the day.
        reps: How many there are.
    """
    days = np.unique(as_of)
    rows_before = np.zeros((reps + 1, len(days) + 1), dtype=np.int32)  # the last of nobody
    rows_before[rep[rep >= 0], places(days, as_of[rep >= 0]) + 1] = 1
    rows_before = np.cumsum(rows_before, axis=1, dtype=np.int32)
    on_rows: np.ndarray = rows_before[owner, places(days, until)] > rows_before[owner, places(days, begins)]
    return on_rows


def _rows_of(states: pd.DataFrame, frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places of the rows in the order of rep and day; where in it the rows of each state begin, and how many."""
    rep, reps = pd.factorize(frame["rep_id"])
    key = _keys(rep, _days(frame["as_of"]))
    order = np.argsort(key, kind="stable")
    owner = reps.get_indexer(pd.Index(states["rep_id"]))
    first, until = (
        np.searchsorted(key[order], _keys(owner, _days(states[name]))) for name in ("visible_from", "visible_until")
    )
    return order, first, np.where(owner >= 0, np.maximum(until - first, 0), 0)


def deals_of(states: pd.DataFrame, frame: pd.DataFrame, bookings: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    """The open deals of every row.

    Args:
        states: Columns of `STATE_COLUMNS`, in their order.
        frame: Rows of a dataset.
        bookings: Columns of `BOOKING_COLUMNS`; at least those of the rows' reps and periods.

    Returns:
        Columns of `DEAL_COLUMNS`, ordered by row and deal; and (deals,) place of the row.
    """
    state, row = states_in(states, frame)
    as_of = day_numbers(frame["as_of"])[row]
    day = {name: day_numbers(states[name])[state] for name in ("changed_on", "created_on", "stage_since")}
    due = day_numbers(states["expected_close_on"])[state]
    booked_later, won_on = _later(states, frame, bookings, state, row)
    columns = {
        "rep_id": states["rep_id"].take(state).reset_index(drop=True),
        "as_of": days_of(as_of),
        "age_days": as_of - day["created_on"],
        "stage_days": as_of - day["stage_since"],
        "idle_days": as_of - day["changed_on"],
        "due_days": due - as_of,
        "due_after_period": due - day_numbers(frame["period_end"])[row],
        "booked_later": booked_later,
        "won_on": days_of(won_on),
        **{name: states[name].take(state).reset_index(drop=True) for name in _ALIKE},
    }
    types: dict[str, Any] = {column.name: DTYPES[column.kind] for column in DEAL_COLUMNS}
    return pd.DataFrame(columns)[list(types)].astype(types), row


def states_of(deals: pd.DataFrame) -> pd.DataFrame:
    """States of one day each, which give these deals on these days again; for deals that no history holds.

    Args:
        deals: Columns of `DEAL_COLUMNS` but for the targets, which follow from the bookings.
    """
    as_of = day_numbers(deals["as_of"])
    columns = {
        "rep_id": deals["rep_id"],
        "visible_from": days_of(as_of),
        "visible_until": days_of(as_of + 1),
        "changed_on": days_of(as_of - deals["idle_days"].to_numpy()),
        "created_on": days_of(as_of - deals["age_days"].to_numpy()),
        "stage_since": days_of(as_of - deals["stage_days"].to_numpy()),
        "expected_close_on": days_of(as_of + deals["due_days"].to_numpy()),
        **{name: deals[name] for name in _ALIKE},
    }
    types: dict[str, Any] = {column.name: DTYPES[column.kind] for column in STATE_COLUMNS}
    states = pd.DataFrame(columns)[list(types)].astype(types)
    return states.sort_values(_STATE_KEY, kind="stable", ignore_index=True)


def _later(
    states: pd.DataFrame, frame: pd.DataFrame, bookings: pd.DataFrame, state: np.ndarray, row: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What each open deal books in the period after the day, and the first day of it; NaN while it is not finished."""
    finished = frame["actual_bookings"].notna().to_numpy()[row]
    of_state, of_booking = _numbered(states, bookings)
    booked = pd.DataFrame(
        {"deal": of_booking, "amount": bookings["amount"].to_numpy()}
        | {name: _days(bookings[name]) for name in ("booked_on", "recorded_on")}
    )
    asked = np.flatnonzero(finished & np.isin(of_state, of_booking)[state])
    pairs = pd.DataFrame({"open": asked, "deal": of_state[state[asked]]}).merge(booked, on="deal")
    of = row[pairs["open"]]
    as_of, start, end = (_days(frame[name])[of] for name in ("as_of", "period_start", "period_end"))
    pairs = pairs[(pairs["recorded_on"] > as_of) & (pairs["booked_on"] >= start) & (pairs["booked_on"] <= end)]
    later = np.where(finished, np.bincount(pairs["open"], pairs["amount"], minlength=len(row)), np.nan)
    won_on = np.full(len(row), np.nan)
    firsts = pairs[pairs["amount"] > 0].groupby("open")["booked_on"].min()
    won_on[firsts.index] = firsts
    return later, won_on


def _numbered(states: pd.DataFrame, bookings: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """A number for the rep and deal of every state and of every booking."""
    rep, deal = (
        pd.factorize(pd.concat([states[name], bookings[name]], ignore_index=True))[0].astype(np.int64)
        for name in ("rep_id", "opportunity_id")
    )
    number = (rep << 32) | deal
    return number[: len(states)], number[len(states) :]


def _days(days: pd.Series) -> np.ndarray:
    """Days since 1970-01-01, int64, of a column without empty cells."""
    return days.to_numpy().astype("datetime64[D]").astype(np.int64)


def _keys(rep: np.ndarray, day: np.ndarray) -> np.ndarray:
    keys: np.ndarray = (rep.astype(np.int64) << _DAY_BITS) | (day + _DAY_ZERO)
    return keys
