"""Bookings that come after a row's day, by what they come from."""

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spm_ml.forecasting.deal_level.pipeline import Pipeline
from spm_ml.forecasting.distribution import Array

_DAYS: Final = 200_000
"""More days than any date has since 1970."""


def later_bookings(frame: pd.DataFrame, bookings: pd.DataFrame) -> Array:
    """(n,) how many of the bookings of the row's rep and period are recorded after its day."""
    code, known = pd.factorize(pd.MultiIndex.from_frame(bookings[["rep_id", "period_start"]]))
    if not len(known):
        return np.zeros(len(frame))
    place = pd.Index(known).get_indexer(pd.MultiIndex.from_frame(frame[["rep_id", "period_start"]]))
    recorded = np.sort(code * _DAYS + _day(bookings["recorded_on"]))
    end = np.searchsorted(recorded, (place + 1) * _DAYS)
    seen = np.searchsorted(recorded, place * _DAYS + _day(frame["as_of"]), side="right")
    return np.where(place >= 0, end - seen, 0).astype(float)


def kinds_of_bookings(pipeline: Pipeline) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Bookings from deals that the rep owned on some as-of day, shares of others' deals, and what was taken back."""
    booked = pipeline.bookings
    owner, reps = pd.factorize(pipeline.frame["rep_id"])
    pairs = np.unique(owner[pipeline.row] * len(pipeline.names) + pipeline.code)
    rep = pd.Index(reps).get_indexer(pd.Index(booked["rep_id"]))
    deal = pipeline.names.get_indexer(pd.Index(booked["opportunity_id"]))
    owned = (rep >= 0) & (deal >= 0) & np.isin(rep * len(pipeline.names) + deal, pairs)
    gained = booked["amount"].to_numpy() > 0
    return booked[gained & owned], booked[gained & ~owned], booked[booked["amount"] < 0]


def _day(dates: pd.Series) -> NDArray[np.int64]:
    return np.asarray(dates.to_numpy().astype("datetime64[D]").astype(np.int64))
