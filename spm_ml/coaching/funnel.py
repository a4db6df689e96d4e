"""The organisation's sales funnel as a Markov chain, and how much of a better behaviour shows within one period.

Deals move through the open stages and are won or lost at constant rates a day, which the ledger shows: moves ÷ days
spent in a stage. Pipeline created better today is mostly won later, so a lasting gain of 10 % in what a rep creates
brings less than 10 % in the period in which it begins. Source: Kulkarni (2016), Modeling and Analysis of Stochastic
Systems, ch. 6, for continuous-time Markov chains.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import ibis
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.linalg import expm

from spm_ml.history import SalesHistory

_ = ibis._

Floats = npt.NDArray[np.float64]

USUAL_PERIOD_BEFORE: Final = 0.3
"""Share of bookings whose deals were created in the period before, where the ledger tells nothing."""

USUAL_PASS_THROUGH: Final = {"created": 0.4, "win_rate": 0.4, "deal_size": 0.4, "cycle": 0.4}
"""Share of a gain that shows in the same period where the ledger tells nothing."""

_LONGEST_DWELL: Final = 180
"""Days without any change after which a deal counts as forgotten."""

_LEAST_MOVES: Final = 20
_STEP: Final = 0.01


@dataclass(frozen=True, eq=False)
class Funnel:
    """Rates a day of leaving each open stage.

    Attributes:
        advanced, won, lost: (stages,) to the next stage, and out of the pipeline.
        moves: Moves that these rest on.
        same_period: Share of the won amount that was created in the period in which it was won; NaN: unknown.
        period_before: Share that was created in the period before that; NaN: unknown.
    """

    advanced: Floats
    won: Floats
    lost: Floats
    moves: int
    same_period: float
    period_before: float = float("nan")

    def pass_through(self, days: float) -> dict[str, float]:
        """Share of a lasting small gain in each behaviour that shows in the bookings of the period in which it begins.

        Args:
            days: Length of the period, calendar days.

        Returns:
            By behaviour: d log bookings ÷ d log pipeline created, odds of winning, deal size, speed.
        """
        found = dict(USUAL_PASS_THROUGH)
        if np.isfinite(self.same_period):
            found |= {"created": self.same_period, "deal_size": self.same_period}
        if self.moves < _LEAST_MOVES or not (self.won > 0).any():
            return found
        eve, more = self._pipeline(), float(np.exp(_STEP))
        half = float(np.exp(_STEP / 2))
        likelier = replace(self, won=self.won * half, lost=self.lost / half)
        faster = replace(self, advanced=self.advanced * more)
        if not self.advanced.any():
            faster = replace(self, won=self.won * more, lost=self.lost * more)
        usual = self._booked(eve, days)
        for name, changed in (("win_rate", likelier), ("cycle", faster)):
            found[name] = float(np.clip(np.log(changed._booked(eve, days) / usual) / _STEP, 0, 1))
        return found

    def _generator(self) -> Floats:
        """(stages, stages) d open ÷ dt = generator · open."""
        leaving = np.diag(-(self.advanced + self.won + self.lost))
        return np.asarray(leaving + np.diag(self.advanced[:-1], -1))

    def _pipeline(self) -> Floats:
        """(stages,) open when one unit a day has always been created."""
        entering = np.eye(len(self.won))[0]
        return np.asarray(np.linalg.lstsq(-self._generator(), entering, rcond=None)[0])

    def _booked(self, eve: Floats, days: float) -> float:
        """Booked in a period that begins with a pipeline, while one unit a day is added to its first stage."""
        stages = len(eve)
        system = np.zeros((stages + 2, stages + 2))
        system[:stages, :stages] = self._generator()
        system[0, stages] = 1.0
        system[stages + 1, :stages] = self.won
        start = np.concatenate([eve, [1.0, 0.0]])
        return float((expm(system * days) @ start)[-1])


def funnels_of(history: SalesHistory, segments: pd.Series[str], starts: Floats) -> dict[str, Funnel]:
    """The funnel of each segment, and under `''` that of everybody, from moves and days in each stage of the ledger.

    Args:
        history: For the ledger.
        segments: Segment by rep; deals of other reps count for everybody only.
        starts: First days of the periods, ascending, datetime64.
    """
    deal = ibis.window(group_by="opportunity_id", order_by="event_number")
    spans = history.ledger.mutate(
        until=_.event_on.lead().over(deal),
        to_stage=_.stage_position.lead().over(deal),
        to_outcome=_.outcome.lead().over(deal),
    ).filter((_.outcome == "open") & _.stage_position.notnull())
    days = ibis.coalesce(_.until, ibis.literal(history.watermark)).delta(_.event_on, unit="day")
    moved = (_.to_outcome == "open") & (_.to_stage > _.stage_position)
    counted = (
        spans.mutate(days=ibis.greatest(ibis.least(days, _LONGEST_DWELL), 0))
        .group_by("rep_id", "stage_position")
        .agg(
            days=_.days.sum(),
            advanced=moved.fill_null(False).sum(),
            won=(_.to_outcome == "won").fill_null(False).sum(),
            lost=(_.to_outcome == "lost").fill_null(False).sum(),
        )
    )
    rows: pd.DataFrame = counted.order_by(["rep_id", "stage_position"]).execute()
    wins = history.ledger.filter((_.outcome == "won") & ~(_.previous_outcome == "won").fill_null(False))
    won: pd.DataFrame = wins.select("rep_id", "created_on", "event_on", "amount").execute()
    closed, created = (
        np.searchsorted(starts, pd.to_datetime(won[name]).to_numpy(dtype=starts.dtype), side="right")
        for name in ("event_on", "created_on")
    )
    shares = {name: won["amount"].where(created == closed - ago, 0) for ago, name in enumerate(("same", "before"))}
    won = won.assign(**shares)[created > 0]
    everybody, winners = rows["rep_id"].map(segments), won["rep_id"].map(segments)
    found = {"": _funnel(rows, won)}
    for segment in sorted(everybody.dropna().unique()):
        found[str(segment)] = _funnel(rows[everybody == segment], won[winners == segment])
    return found


def _funnel(rows: pd.DataFrame, won: pd.DataFrame) -> Funnel:
    """Rates from days and moves by stage; stages that nobody ever left are left out."""
    amount = float(won["amount"].sum())
    known = amount > 0 and len(won) >= _LEAST_MOVES
    same, before = (float(won[name].sum()) / amount if known else float("nan") for name in ("same", "before"))
    by_stage = rows.groupby("stage_position")[["days", "advanced", "won", "lost"]].sum().sort_index()
    by_stage = by_stage[by_stage[["advanced", "won", "lost"]].sum(axis=1) > 0]
    if by_stage.empty:
        return Funnel(np.zeros(1), np.zeros(1), np.zeros(1), 0, same, before)
    moves = by_stage[["advanced", "won", "lost"]].to_numpy(dtype=np.float64)
    rates = moves / np.maximum(by_stage["days"].to_numpy(dtype=np.float64), 1.0)[:, None]
    rates[-1, 0] = 0.0
    return Funnel(rates[:, 0], rates[:, 1], rates[:, 2], int(moves.sum()), same, before)
