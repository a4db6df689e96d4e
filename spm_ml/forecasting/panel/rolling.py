"""Rolling origins: what each member would have forecast of the newest finished periods, from what was known then."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spm_ml.features.bookings import LAGS
from spm_ml.forecasting.distribution import LEVELS, Array
from spm_ml.forecasting.panel.histories import Panel, SeriesBook
from spm_ml.forecasting.panel.members import MEMBERS, PLAIN, Members
from spm_ml.forecasting.panel.selection import Selection
from spm_ml.forecasting.protocol import FitSettings

ORIGINS: Final = 6
"""Newest finished periods that are forecast anew."""

MIN_PAST: Final = 2
"""Finished periods before an origin."""

MIN_SERIES: Final = 10
"""Series with two values before an origin, so that members know their errors."""


@dataclass(frozen=True)
class Rolled:
    """Past rows with the forecasts that the chosen members would have made.

    Attributes:
        selection: The weights, from the first row of each rep-period.
        chosen: (n,) which rows of the frame belong to an origin.
        eve: (n, 19) quantiles as of the eve, minor units; NaN where no row was chosen.
    """

    selection: Selection
    chosen: NDArray[np.bool_]
    eve: Array


def roll(frame: pd.DataFrame, book: SeriesBook, settings: FitSettings) -> Rolled | None:
    """Forecasts the newest periods, each by members fitted to the periods before it; None where none has enough past.

    Args:
        frame: Past rows, several to a rep-period.
        book: The series of the same rows.
        settings: Seed and threads.
    """
    number = book.calendar.number(frame["period_start"])
    origins = [origin for origin in range(MIN_PAST, book.values.shape[1]) if _has_past(book, origin)][-ORIGINS:]
    if not origins:
        return None
    made: dict[str, Array] = {name: np.full((len(frame), LEVELS.size), np.nan) for name in MEMBERS}
    size = np.ones(len(frame))
    for origin in origins:
        members = Members.fit(MEMBERS, book.panel.before(origin), settings)
        own = np.flatnonzero(number == origin)
        panel, of_row = distinct(book, frame.iloc[own], origin)
        size[own] = panel.sizes(book.panel.usual)[of_row]
        for name, quantiles in members.forecast(panel).items():
            made[name][own] = quantiles[of_row]
    unknown = np.isnan(made[PLAIN]).any(axis=1)
    made = {name: np.where(np.isnan(quantiles), made[PLAIN], quantiles) for name, quantiles in made.items()}
    chosen = np.isin(number, origins) & ~unknown
    first = np.zeros(len(frame), dtype=bool)
    first[np.flatnonzero(chosen)[~frame.loc[chosen].duplicated(["rep_id", "period"]).to_numpy()]] = True
    if not first.any():
        return None
    actual = frame["actual_bookings"].to_numpy(dtype=float)
    selection = Selection.choose(
        {name: quantiles[first] / size[first, None] for name, quantiles in made.items()},
        actual[first] / size[first],
        pd.factorize(frame["rep_id"])[0][first],
        len(origins),
        plain=PLAIN,
    )
    eve = sum((weight * made[name] for name, weight in selection.weights.items()), np.zeros_like(made[PLAIN]))
    return Rolled(selection, chosen, eve)


def distinct(book: SeriesBook, frame: pd.DataFrame, number: int) -> tuple[Panel, NDArray[np.int64]]:
    """Gives the different pasts among rows of one period, and which of them each row has."""
    keys = ["rep_id", "bookings_mean", "periods_of_history"]
    keys += [name for name in (f"bookings_last_{lag}" for lag in LAGS) if name in frame]
    of_row = np.asarray(frame.groupby(keys, dropna=False, sort=False).ngroup(), dtype=np.int64)
    first = np.flatnonzero(~pd.Series(of_row).duplicated().to_numpy())
    return book.known_at(frame.iloc[first].reset_index(drop=True), number), of_row


def _has_past(book: SeriesBook, origin: int) -> bool:
    return int(((~np.isnan(book.values[:, :origin])).sum(axis=1) >= MIN_PAST).sum()) >= MIN_SERIES
