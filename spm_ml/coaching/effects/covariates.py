"""What was known about a rep when the decision was taken, as numbers without a currency.

Lagged attainment comes first, since managers decide on it; it is read from the results of the periods before and not
from the eve's features, as a manager knows on the day what is entered in the books a week later.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

OF_QUOTA: Final = (
    "bookings_last_1",
    "bookings_last_2",
    "bookings_mean",
    "open_amount",
    "open_amount_in_period",
    "open_amount_overdue",
    "created_amount_91",
)
"""Amounts, as shares of the quota of the period (of the rep's mean bookings where there is none)."""

LOGGED: Final = ("quota", "tenure_days", "territory_potential", "average_deal_364", "cycle_days_364")
AS_THEY_ARE: Final = (
    "win_rate_364",
    "fte",
    "exposure",
    "ramping",
    "periods_of_history",
    "programs_taken",
    "overdue_share",
)
LAGS: Final = ("attainment_lag_1", "attainment_lag_1_squared", "attainment_lag_2", "attainment_mean")
NAMES: Final = (*LAGS, *OF_QUOTA, *LOGGED, *AS_THEY_ARE)

_MOST: Final = 2.0
"""Attainment and shares of quota beyond this say no more about the next period."""


def known_on_the_eve(frame: pd.DataFrame, results: Floats, rep: Ints, place: Ints) -> Floats:
    """(n, k) the covariates `NAMES` of each row, NaN where unknown.

    Args:
        frame: Of `RepPeriods`, (n, …).
        results: (R, T) attainment of each period.
        rep: (n,) row of `results`.
        place: (n,) period of each row.
    """
    past = np.clip(results, 0, _MOST)
    lag_1, lag_2 = _lagged(past, 1)[rep, place], _lagged(past, 2)[rep, place]
    count = np.cumsum(np.isfinite(past), axis=1)
    mean = np.where(count > 0, np.cumsum(np.nan_to_num(past), axis=1) / np.maximum(count, 1), np.nan)
    quota = frame["quota"].where(frame["quota"] > 0)
    unit = quota.fillna(frame["bookings_mean"].where(frame["bookings_mean"] > 0))
    columns: list[Floats | pd.Series] = [lag_1, (lag_1 - 1) ** 2, lag_2, _lagged(mean, 1)[rep, place]]
    columns += [(_column(frame, name) / unit).clip(-1, 2 * _MOST) for name in OF_QUOTA]
    columns += [np.log1p(_column(frame, name).clip(lower=0)) for name in LOGGED]
    columns += [_column(frame, name) for name in AS_THEY_ARE]
    return np.column_stack([np.asarray(column, dtype=np.float64) for column in columns])


def _lagged(values: Floats, back: int) -> Floats:
    """(R, T) each cell's value `back` periods before."""
    lagged = np.full(values.shape, np.nan)
    lagged[:, back:] = values[:, : max(values.shape[1] - back, 0)]
    return lagged


def _column(frame: pd.DataFrame, name: str) -> pd.Series:
    return frame[name].astype(float) if name in frame else pd.Series(np.nan, index=frame.index)


def design(known: Floats, groups: tuple[Ints, ...]) -> Floats:
    """(n, m) standardised numbers: medians where unknown, a flag for that, and an indicator of each group's values."""
    if not len(known):
        return known
    unknown = ~np.isfinite(known)
    some = ~unknown.all(axis=0)
    middle = np.zeros(known.shape[1])
    middle[some] = np.nanmedian(known[:, some], axis=0)
    indicators = [(codes[:, None] == np.unique(codes)[None, 1:]).astype(np.float64) for codes in groups]
    whole = np.column_stack([np.where(unknown, middle, known), _distinct(unknown.astype(np.float64)), *indicators])
    spread = whole.std(axis=0)
    varies = spread > 1e-9
    return np.asarray((whole[:, varies] - whole[:, varies].mean(axis=0)) / spread[varies])


def _distinct(flags: Floats) -> Floats:
    return np.unique(flags, axis=1)
