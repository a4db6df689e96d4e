"""Series of finished periods: one row a rep, one column a period of an unbroken calendar."""

from dataclasses import dataclass, replace
from typing import Any, Final, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spm_ml.features.bookings import LAGS
from spm_ml.forecasting.distribution import Array

DAYS_OF_YEAR: Final = 365.25

DEEPEST: Final = 120
"""Periods of history that are looked at; older ones say nothing more."""

PRIOR_PERIODS: Final = 2.0
"""Periods of a series at which its own size counts as much as the median series'."""

SMALLEST_SHARE: Final = 0.001
"""Share of the median series' size below which a series is not taken to be."""

_MONTHS_OF_QUARTER: Final = 3


@dataclass(frozen=True)
class Panel:
    """What was known of n series when one period was about to be forecast.

    Attributes:
        values: (n, T) bookings in minor units, the period before the target last; NaN where there was none.
        target: Number of the forecast period in the calendar; column j has number target − T + j.
        season: Periods of a year.
    """

    values: Array
    target: int
    season: int

    @property
    def usual(self) -> float:
        """Mean of the median series, minor units, at least 1."""
        own = self._means()
        return max(float(np.median(own[own > 0])), 1.0) if (own > 0).any() else 1.0

    def sizes(self, usual: float) -> Array:
        """Gives (n,) positive usual sizes: each series' mean, in logarithms shrunk towards that of a panel's median."""
        counted = (~np.isnan(self.values)).sum(axis=1)
        above = np.log(np.maximum(self._means() / usual, SMALLEST_SHARE)) * counted / (counted + PRIOR_PERIODS)
        return np.asarray(usual * np.exp(above))

    def numbers(self) -> NDArray[np.int64]:
        """Gives (T + 1,) numbers of the columns in the calendar, the target last."""
        return np.arange(self.target - self.values.shape[1], self.target + 1)

    def before(self, number: int) -> "Panel":
        """Gives what was known when an earlier period was about to be forecast."""
        return Panel(self.values[:, : number - (self.target - self.values.shape[1])], number, self.season)

    def _means(self) -> Array:
        counted = (~np.isnan(self.values)).sum(axis=1)
        return np.asarray(np.nansum(np.abs(self.values), axis=1) / np.maximum(counted, 1))

    def where(self, rows: NDArray[np.bool_]) -> "Panel":
        """Gives the chosen series."""
        return Panel(self.values[rows], self.target, self.season)


@dataclass(frozen=True)
class Calendar:
    """Numbers periods by the day they begin.

    Attributes:
        first: First day of period 0.
        days: Mean length of a period; 4-4-5 months are a twelfth of a year on average.
    """

    first: pd.Timestamp
    days: float

    @classmethod
    def of(cls, frame: pd.DataFrame) -> Self:
        """Reads it from rows of a dataset; at least one."""
        periods = frame.drop_duplicates("period_start")
        length = (periods["period_end"] - periods["period_start"]).dt.days + 1
        return cls(periods["period_start"].min(), float(length.mean()))

    @property
    def season(self) -> int:
        """Periods of a year; 1 where a year holds less than two."""
        return max(round(DAYS_OF_YEAR / self.days), 1)

    def number(self, start: "pd.Series[pd.Timestamp]") -> NDArray[np.int64]:
        """Gives (n,) numbers of the periods that begin on the days."""
        return np.rint(((start - self.first).dt.days / self.days).to_numpy(dtype=float)).astype(np.int64)


def cycle(season: int, periods: int) -> int:
    """Gives after how many periods reps can be expected to share a pattern again.

    A year where the past holds two of them. Before that months repeat by their place in the quarter.

    >>> cycle(12, 9), cycle(12, 30), cycle(4, 9), cycle(4, 5)
    (3, 12, 4, 1)
    """
    if season > 1 and periods >= 2 * season:
        return season
    return _MONTHS_OF_QUARTER if season == 4 * _MONTHS_OF_QUARTER and periods > _MONTHS_OF_QUARTER else 1


@dataclass(frozen=True)
class SeriesBook:
    """The finished periods of every rep that was learnt from.

    Attributes:
        calendar: Of the periods.
        reps: (n,) ids.
        values: (n, T) final bookings in minor units; NaN where the rep had no such period.
    """

    calendar: Calendar
    reps: tuple[str, ...]
    values: Array

    @classmethod
    def of(cls, frame: pd.DataFrame) -> Self:
        """Rebuilds the series from rows of finished periods; at least one."""
        calendar = Calendar.of(frame)
        return cls(calendar, *_series(frame, calendar, int(calendar.number(frame["period_start"]).max()) + 1))

    def joined(self, frame: pd.DataFrame) -> Self:
        """With the series of other reps, in the periods of this book alone.

        Args:
            frame: Rows of their finished periods.
        """
        reps, values = _series(frame, self.calendar, self.values.shape[1])
        return replace(self, reps=(*self.reps, *reps), values=np.concatenate([self.values, values]))

    @property
    def panel(self) -> Panel:
        """All series, before the period after the newest one."""
        return Panel(self.values[:, -DEEPEST:], self.values.shape[1], self.calendar.season)

    def known_at(self, frame: pd.DataFrame, number: int) -> Panel:
        """Gives what was known of each row's rep when its period, of that number, was about to be forecast.

        Periods up to four back are as the row itself knows them on its as-of day, so that what was booked late counts
        from when it was recorded. Older ones come from the series that were learnt from, and never from the row's own
        period or a later one. For a rep not among them the row's own mean stands for the older periods.
        """
        row = {rep: index for index, rep in enumerate(self.reps)}
        where = np.array([row.get(str(rep), -1) for rep in frame["rep_id"]], dtype=int)
        past = max(number, 0)
        values = np.full((len(frame), max(past, max(LAGS))), np.nan)
        shared, shift = min(past, self.values.shape[1]), values.shape[1] - past
        values[:, shift : shift + shared] = np.where((where >= 0)[:, None], self.values[where, :shared], np.nan)
        for lag in LAGS:
            if f"bookings_last_{lag}" in frame:
                own = frame[f"bookings_last_{lag}"].to_numpy(dtype=float)
                values[:, -lag] = np.where(np.isnan(own), values[:, -lag], own)
        values[where < 0] = _with_older(values[where < 0], frame.loc[where < 0])
        return Panel(values[:, -DEEPEST:], number, self.calendar.season)

    def to_state(self) -> dict[str, Any]:
        """Gives the JSON form."""
        known = [[None if np.isnan(value) else value for value in series] for series in self.values.tolist()]
        first = self.calendar.first.date().isoformat()
        return {"first": first, "days": self.calendar.days, "reps": list(self.reps), "values": known}

    @classmethod
    def of_state(cls, state: dict[str, Any]) -> Self:
        """Reads the JSON form."""
        calendar = Calendar(pd.Timestamp(state["first"]).as_unit("s"), state["days"])
        return cls(calendar, tuple(state["reps"]), np.array(state["values"], dtype=float))


def _series(frame: pd.DataFrame, calendar: Calendar, periods: int) -> tuple[tuple[str, ...], Array]:
    """Ids of the reps, sorted, and their final bookings in the first periods of a calendar."""
    numbered = frame.assign(number=calendar.number(frame["period_start"]))
    last = numbered.drop_duplicates(["rep_id", "number"], keep="last")
    wide = last.pivot(index="rep_id", columns="number", values="actual_bookings")
    wide = wide.reindex(columns=range(periods)).sort_index()
    return tuple(str(rep) for rep in wide.index), wide.to_numpy(dtype=float)


def _with_older(values: Array, frame: pd.DataFrame) -> Array:
    """Fills periods older than the lags with what the row's mean over all its periods leaves for them."""
    periods = np.nan_to_num(frame["periods_of_history"].to_numpy(dtype=float)).astype(int)
    total = np.nan_to_num(frame["bookings_mean"].to_numpy(dtype=float)) * periods
    known = (~np.isnan(values)).sum(axis=1)
    older = np.minimum(periods, values.shape[1]) - known
    rest = (total - np.nansum(values, axis=1)) / np.maximum(periods - known, 1)
    filled = values.copy()
    for index in np.flatnonzero(older > 0):
        free = np.flatnonzero(np.isnan(filled[index]))[-older[index] :]
        filled[index, free] = rest[index]
    return filled
