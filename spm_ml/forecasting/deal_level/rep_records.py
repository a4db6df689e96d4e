"""How each rep's deals moved against what is usual, shrunk towards usual where there is little history."""

from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import pandas as pd

from spm_ml.forecasting.deal_level.pipeline import Pipeline, ramp, reach, segments_of
from spm_ml.forecasting.distribution import Array

MOVES: Final = ("won", "lost", "advanced", "created", "larger")
"""What is compared: deals won, lost and moved a stage by week, deals created by period, and their size."""

FORGETTING: Final = 0.96
"""Weight of a period against the one after it: skills move slowly."""

_PRIOR_EVENTS: Final = {"won": 80.0, "lost": 80.0, "advanced": 100.0, "created": 12.0, "larger": 5.0}
"""Expected events at which the rep's own record counts half. Of the first three it is blended with what the spread
between reps says (`_events_of_spread`)."""

_SPREAD_REPS: Final = 60.0
"""Reps at which the measured spread counts as much as `_PRIOR_EVENTS`."""

_IDLE: Final = (28.0, 84.0)


@dataclass(frozen=True)
class RepRecords:
    """Observed and expected events of every rep, by period.

    Expected events are the organisation's rate for deals of the same segment, stage, week of the period, expected close
    (overdue, in the period, later) and time without a change: indirect standardisation. The record is
    ln((observed + k) ÷ (expected + k)), the posterior mean of a Gamma frailty with k prior events.

    Attributes:
        periods: First days of the periods, ascending, as ISO text.
        reps: Ids.
        observed: (moves, periods, reps).
        expected: (moves, periods, reps).
        prior: Expected events that the prior counts for, by move.

    Source: Breslow & Day (1987), Statistical Methods in Cancer Research II, ch. 2 (standardised ratios); Clayton &
    Kaldor (1987), Biometrics 43 (Gamma–Poisson shrinkage of them).
    """

    periods: tuple[str, ...]
    reps: tuple[str, ...]
    observed: Array
    expected: Array
    prior: dict[str, float]

    @classmethod
    def fit(cls, pipeline: Pipeline) -> Self:
        """Counts events of finished periods."""
        parts = [*_weekly_moves(pipeline), _creations(pipeline)]
        parts.append(_sizes(pipeline))
        frame = pipeline.frame
        periods = np.sort(frame["period_start"].unique())
        reps = np.sort(frame["rep_id"].unique().astype(object))
        shape = (len(MOVES), len(periods), len(reps))
        observed, expected = np.zeros(shape), np.zeros(shape)
        for number, part in enumerate(parts):
            place = (np.searchsorted(periods, part["period_start"]), pd.Index(reps).get_indexer(part["rep_id"]))
            np.add.at(observed[number], place, part["observed"].to_numpy(dtype=float))
            np.add.at(expected[number], place, part["expected"].to_numpy(dtype=float))
        prior = {move: _events_of_spread(observed[number], expected[number], move) for number, move in enumerate(MOVES)}
        named = tuple(pd.Timestamp(period).date().isoformat() for period in periods)
        return cls(named, tuple(map(str, reps)), observed, expected, prior)

    def of(self, frame: pd.DataFrame) -> Array:
        """(n, moves) log ratios from the periods before each row's own; 0 = as usual, and for unknown reps."""
        seen, due = _discounted(self.observed), _discounted(self.expected)
        periods = np.array(self.periods, dtype="datetime64[s]")
        before = np.searchsorted(periods, frame["period_start"].to_numpy(), side="left")
        rep = pd.Index(self.reps).get_indexer(pd.Index(frame["rep_id"]))
        prior = np.array([self.prior[move] for move in MOVES])[:, None]
        own = rep >= 0
        observed = np.where(own, seen[:, before, rep], 0.0) + prior
        expected = np.where(own, due[:, before, rep], 0.0) + prior
        return np.asarray(np.log(np.maximum(observed, 1e-9) / expected).T)

    def joined(self, others: Self) -> Self:
        """With the events of other reps; the prior stays."""
        periods = tuple(sorted({*self.periods, *others.periods}))
        shape = (len(MOVES), len(periods), len(self.reps) + len(others.reps))
        observed, expected = np.zeros(shape), np.zeros(shape)
        for part, first in ((self, 0), (others, len(self.reps))):
            place = np.searchsorted(periods, part.periods)
            observed[:, place, first : first + len(part.reps)] = part.observed
            expected[:, place, first : first + len(part.reps)] = part.expected
        return type(self)(periods, (*self.reps, *others.reps), observed, expected, self.prior)

    def to_state(self) -> dict[str, Any]:
        """Gives the JSON form."""
        return {
            "periods": list(self.periods),
            "reps": list(self.reps),
            "observed": self.observed.tolist(),
            "expected": self.expected.tolist(),
            "prior": self.prior,
        }

    @classmethod
    def of_state(cls, state: dict[str, Any]) -> Self:
        """Reads the JSON form."""
        shape = (len(MOVES), len(state["periods"]), len(state["reps"]))
        observed, expected = (np.array(state[name], dtype=float).reshape(shape) for name in ("observed", "expected"))
        return cls(tuple(state["periods"]), tuple(state["reps"]), observed, expected, state["prior"])


def _discounted(events: Array) -> Array:
    """(moves, periods + 1, reps) sums over the periods before each, older ones weighing less."""
    sums = np.zeros((events.shape[0], events.shape[1] + 1, events.shape[2]))
    for period in range(events.shape[1]):
        sums[:, period + 1] = FORGETTING * sums[:, period] + events[:, period]
    return sums


def _events_of_spread(observed: Array, expected: Array, move: str) -> float:
    """Prior events: 1 ÷ variance of the reps' true ratios, by moments, blended with the usual number."""
    usual = _PRIOR_EVENTS[move]
    if move in ("created", "larger"):
        return usual
    seen, due = observed.sum(axis=0), expected.sum(axis=0)
    reps = float((due > 0).sum())
    if reps < 2:
        return usual
    excess = float(((seen - due) ** 2 - seen).sum() / max(float((due**2).sum()), 1e-9))
    variance = (reps * max(excess, 1e-3) + _SPREAD_REPS / usual) / (reps + _SPREAD_REPS)
    return 1.0 / variance


def _weekly_moves(pipeline: Pipeline) -> list[pd.DataFrame]:
    """What became of each open deal until the next as-of day, and what usually becomes of such deals."""
    deals, row, frame = pipeline.deals, pipeline.row, pipeline.frame
    code = pipeline.code
    as_of = deals["as_of"].to_numpy()
    days = np.unique(frame["as_of"].to_numpy())
    slot = np.searchsorted(days, as_of)
    order = np.lexsort((slot, code))
    code, slot, stage = code[order], slot[order], deals["stage"].to_numpy()[order]
    follows = np.append((code[1:] == code[:-1]) & (slot[1:] == slot[:-1] + 1), False)
    later = np.append(stage[1:], 0)
    known = slot < len(days) - 1
    booked = pipeline.bookings.loc[pipeline.bookings["amount"] > 0].groupby("opportunity_id")["recorded_on"].min()
    recorded = booked.reindex(pipeline.names).to_numpy()[code]
    next_day = np.append(days, days[-1])[slot + 1]
    won = known & ~follows & (recorded > as_of[order]) & (recorded <= next_day)
    forgotten = deals["idle_days"].to_numpy()[order] > _IDLE[1]
    lost = known & ~follows & ~won & ~forgotten
    advanced = follows & (later > stage)
    due, beyond = (deals[name].to_numpy()[order] for name in ("due_days", "due_after_period"))
    owner = row[order]
    cell = _cells(
        segments_of(frame).to_numpy()[owner],
        stage,
        frame["week"].to_numpy()[owner],
        np.where(beyond > 0, 2, np.where(due < 0, 0, 1)),
        np.digitize(deals["idle_days"].to_numpy()[order], _IDLE),
    )
    weeks = ((next_day - as_of[order]) / np.timedelta64(7, "D")) * known
    total = np.bincount(cell, weeks)
    owners, starts = frame["rep_id"].to_numpy(dtype=object), frame["period_start"].to_numpy()
    moves = []
    for happened in (won, lost, advanced):
        rate = np.bincount(cell, happened) / np.maximum(total, 1e-9)
        observed = np.bincount(owner, happened, len(frame))
        expected = np.bincount(owner, rate[cell] * weeks, len(frame))
        moves.append(
            pd.DataFrame({"rep_id": owners, "period_start": starts, "observed": observed, "expected": expected})
        )
    return moves


def _cells(*keys: np.ndarray) -> np.ndarray:
    """(m,) number of the combination of keys."""
    number = np.zeros(len(keys[0]), dtype=np.int64)
    for key in keys:
        code, levels = pd.factorize(key)
        number = number * max(len(levels), 1) + code
    return np.asarray(pd.factorize(number)[0])


def first_sights(pipeline: Pipeline) -> pd.DataFrame:
    """Every deal once, `rep_id, created_on, amount`, as first seen; with those that were booked before they were."""
    deals = pipeline.deals
    order = np.lexsort((pipeline.row, deals["as_of"].to_numpy(), pipeline.code))
    first = order[np.unique(pipeline.code[order], return_index=True)[1]]
    deals = deals.iloc[first]
    seen = pd.DataFrame(
        {
            "rep_id": pipeline.owners[first],
            "opportunity_id": pipeline.opportunity_ids[first],
            "amount": deals["amount"].to_numpy(),
            "created_on": (deals["as_of"] - pd.to_timedelta(deals["age_days"], unit="D")).to_numpy(),
            "order": deals["as_of"].to_numpy(),
        }
    )
    booked = pipeline.bookings.loc[
        (pipeline.bookings["amount"] > 0) & ~pipeline.bookings["overlay"],
        ["rep_id", "opportunity_id", "amount", "created_on"],
    ].assign(order=pd.Timestamp.max.as_unit("s"))
    both = pd.concat([seen, booked], ignore_index=True).sort_values(["order", "rep_id"], kind="stable")
    return both.drop_duplicates("opportunity_id")[["rep_id", "created_on", "amount"]]


def _placed(pipeline: Pipeline) -> pd.DataFrame:
    """`first_sights` with the period of each creation; those created before the first period are left out."""
    first = first_sights(pipeline)
    starts = np.sort(pipeline.frame["period_start"].unique())
    place = np.searchsorted(starts, first["created_on"].to_numpy().astype(starts.dtype), side="right") - 1
    return first.assign(period_start=starts[np.maximum(place, 0)])[place >= 0]


def _creations(pipeline: Pipeline) -> pd.DataFrame:
    frame = pipeline.frame.drop_duplicates(["rep_id", "period_start"], keep="last").reset_index(drop=True)
    counted = _placed(pipeline).groupby(["rep_id", "period_start"]).size()
    keys = pd.MultiIndex.from_frame(frame[["rep_id", "period_start"]])
    made = counted.reindex(keys).fillna(0.0).to_numpy(dtype=float)
    able = reach(frame) * ramp(frame)
    segment, levels = pd.factorize(segments_of(frame))
    rate = np.bincount(segment, made, len(levels)) / np.maximum(np.bincount(segment, able, len(levels)), 1e-9)
    return frame[["rep_id", "period_start"]].assign(observed=made, expected=rate[segment] * able)


def _sizes(pipeline: Pipeline) -> pd.DataFrame:
    """Sizes: deals × the ratio of their geometric mean to the segment's stands for observed, deals for expected."""
    first = _placed(pipeline)
    first = first[first["amount"] > 0]
    known = pipeline.frame.drop_duplicates("rep_id", keep="last").set_index("rep_id")
    segment = segments_of(known).reindex(first["rep_id"]).fillna("").to_numpy()
    size = np.log(first["amount"].to_numpy(dtype=float))
    usual = pd.Series(size).groupby(segment).transform("mean").to_numpy() if len(first) else size
    own = pd.DataFrame({"rep_id": first["rep_id"].to_numpy(), "period_start": first["period_start"].to_numpy()})
    grouped = own.assign(gain=size - usual).groupby(["rep_id", "period_start"])["gain"].agg(["mean", "size"])
    return grouped.reset_index().assign(
        observed=grouped["size"].to_numpy() * np.exp(grouped["mean"].to_numpy()), expected=grouped["size"].to_numpy()
    )
