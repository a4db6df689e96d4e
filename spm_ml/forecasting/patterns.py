"""What past periods teach about any period: the pace at which bookings land, and what becomes of open pipeline."""

from typing import Final, TypeAlias

import numpy as np
import pandas as pd

from spm_ml.forecasting.distribution import Array

Learnt: TypeAlias = dict[str, list[float]]
"""Named columns of numbers, without NaN; empty when the rows taught nothing."""

MIN_SHARE: Final = 0.05
"""Share of a period's pace below which what is booked says too little to be divided by it."""


def learn_pace(frame: pd.DataFrame) -> Learnt:
    """Learns the usual cumulative share of a period's bookings (H24).

    Σ booked ÷ Σ final at each week of past periods, made non-decreasing, as a curve over the share of selling days that
    are over, from 0 at the start to 1 at the end.
    """
    weekly = frame.groupby("week").agg(
        elapsed=("elapsed_share", "mean"), booked=("booked_to_date", "sum"), final=("actual_bookings", "sum")
    )
    inner = weekly[(weekly["final"] > 0) & (weekly["elapsed"] > 0) & (weekly["elapsed"] < 1)].sort_values("elapsed")
    if inner.empty:
        return {}
    share = np.maximum.accumulate(np.clip(inner["booked"] / inner["final"], 0, 1))
    return {"elapsed": [0.0, *inner["elapsed"].tolist(), 1.0], "share": [0.0, *share.tolist(), 1.0]}


def usual_share(frame: pd.DataFrame, pace: Learnt) -> Array:
    """Gives the share usually booked at each row's as-of day; NaN when no pace was learnt."""
    if not pace:
        return np.full(len(frame), np.nan)
    return np.asarray(np.interp(frame["elapsed_share"].to_numpy(dtype=float), pace["elapsed"], pace["share"]))


def paced(frame: pd.DataFrame, share: Array) -> Array:
    """Divides what is booked by the share of the period; the historical mean where that share is below `MIN_SHARE`."""
    booked = frame["booked_to_date"].to_numpy(dtype=float)
    early = ~(share >= MIN_SHARE)
    return np.where(early, frame["bookings_mean"].to_numpy(dtype=float), booked / np.where(early, 1.0, share))


def learn_stage_rates(frame: pd.DataFrame) -> Learnt:
    """Learns which share of an open amount is won in time, by stage and week.

    Σ won later in the period from deals open in the stage ÷ Σ open in the stage; 0 where nothing was open.
    """
    stages = [column for column in open_amount_columns(frame) if _label_of(column) in frame.columns]
    if not stages or frame.empty:
        return {}
    by_week = frame.groupby("week")
    opened = by_week[stages].sum()
    won = by_week[[_label_of(stage) for stage in stages]].sum().set_axis(stages, axis=1)
    rates = (won / opened.where(opened > 0)).fillna(0.0).clip(lower=0.0)
    return {"week": [float(week) for week in rates.index], **{stage: rates[stage].tolist() for stage in stages}}


def expected_by_stage(frame: pd.DataFrame, rates: Learnt) -> dict[str, Array]:
    """Gives open amount × rate of its stage and week, (n,) minor units, for each column of open amounts."""
    week = frame["week"].to_numpy(dtype=float)
    return {
        stage: frame[stage].to_numpy(dtype=float) * np.interp(week, rates["week"], rate)
        for stage, rate in rates.items()
        if stage != "week"
    }


def expected_from_pipeline(frame: pd.DataFrame, rates: Learnt) -> Array:
    """Gives the sum of `expected_by_stage`, (n,) minor units; NaN without rates or where an amount is unknown."""
    total = np.full(len(frame), 0.0 if rates else np.nan)
    for expected in expected_by_stage(frame, rates).values():
        total += expected
    return total


def learn_uncreated_share(frame: pd.DataFrame, from_pipeline: Array, scale: Array) -> Learnt:
    """Learns what comes beyond today's pipeline, as a share of the rep's usual period, by week.

    Σ (remaining bookings − expected from the pipeline) ÷ Σ usual size; 0 at least.

    Args:
        frame: Past rows.
        from_pipeline: (n,) expected from the pipeline, minor units; NaN counts as nothing.
        scale: (n,) usual sizes, minor units.
    """
    if frame.empty:
        return {}
    beyond = frame["actual_bookings"] - frame["booked_to_date"] - np.nan_to_num(from_pipeline)
    weekly = pd.DataFrame({"week": frame["week"], "beyond": beyond, "scale": scale}).groupby("week").sum()
    share = (weekly["beyond"] / weekly["scale"]).clip(lower=0.0)
    return {"week": [float(week) for week in share.index], "share": share.tolist()}


def open_amount_columns(frame: pd.DataFrame) -> list[str]:
    """Gives the columns of open amounts by stage, in the order of the stages."""
    return [str(column) for column in frame.columns if str(column).startswith("open_amount_stage_")]


def _label_of(stage_column: str) -> str:
    return stage_column.replace("open_amount_", "label_won_")
