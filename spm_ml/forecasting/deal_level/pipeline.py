"""Rows of a dataset and the open deals behind them, as arrays that every part of the deal-level model shares."""

import hashlib
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spm_ml.dataset import RepPeriodDataset
from spm_ml.dataset.deals import DEAL_COLUMNS
from spm_ml.forecasting.distribution import Array
from spm_ml.forecasting.draws import Keys, keys_of
from spm_ml.forecasting.protocol import READ_BY_NAME, readable_rows

Ints = NDArray[np.int64]

_RAMP_FROM, _RAMP_TO = 30.0, 210.0
"""Days after hiring between which a new rep's creation of deals grows to the usual rate."""

_DEAL_COLUMNS: Final = tuple(column.name for column in DEAL_COLUMNS if column.kind != "text")

_READ: Final = (
    "win_rate_364",
    "cycle_days_364",
    "created_count_28",
    "created_count_91",
    "won_count_28",
    "lost_count_28",
    "activity_28",
    "open_count",
    "territory_potential",
    "fte",
    "tenure_days",
    "period_number",
)
"""Features of the rep that are read where the dataset has them."""

_KEPT: Final = frozenset((*_READ, *READ_BY_NAME, "elapsed_share"))
"""Features that the model, or what corrects it, reads."""


@dataclass(frozen=True)
class Pipeline:
    """n rows and the m open deals of them.

    Attributes:
        frame: (n rows) with `days_left` (days to the period's end) and of the features those that the model reads, NaN
            where the dataset lacks them.
        deals: (m rows) columns of `spm_ml.dataset.deals.DEAL_COLUMNS` other than the texts.
        row: (m,) row of each deal.
        code: (m,) number of each deal, the same on all days.
        names: Ids of the deals by number.
        bookings: Credited bookings of the rows' reps and periods.
    """

    frame: pd.DataFrame
    deals: pd.DataFrame
    row: Ints
    code: Ints
    names: "pd.Index[str]"
    bookings: pd.DataFrame

    @classmethod
    def of(cls, dataset: RepPeriodDataset) -> Self:
        """Takes a dataset apart."""
        unread = set(dataset.feature_names) - _KEPT  # most of a row, and rows are copied for each fit
        frame = readable_rows(dataset).drop(columns=list(unread)).copy()  # in one piece: more columns are added
        lacking = {name: np.nan for name in _READ if name not in frame}
        frame = frame.assign(days_left=(frame["period_end"] - frame["as_of"]).dt.days, **lacking)
        code, names = pd.factorize(dataset.deals["opportunity_id"])
        row = np.asarray(dataset.deal_rows, dtype=np.int64)
        return cls(frame, dataset.deals[list(_DEAL_COLUMNS)], row, code, pd.Index(names), dataset.bookings)

    def where(self, mask: NDArray[np.bool_]) -> Self:
        """The chosen rows with their deals and the bookings of their periods."""
        own = (self.row >= 0) & mask[self.row]
        code, numbers = pd.factorize(self.code[own])
        position = np.cumsum(mask) - 1
        return type(self)(
            self.frame[mask].reset_index(drop=True),
            self.deals[own].reset_index(drop=True),
            position[self.row[own]],
            code,
            self.names[numbers],
            self.bookings[self._booked_in(mask)].reset_index(drop=True),
        )

    def of_deals(self, chosen: Ints) -> Self:
        """All rows with the chosen of their deals."""
        deals = self.deals.iloc[chosen].reset_index(drop=True)
        return replace(self, deals=deals, row=self.row[chosen], code=self.code[chosen])

    def _booked_in(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """(bookings,) which belong to a rep and period of the chosen rows."""
        rows = len(self.frame)
        rep = pd.factorize(pd.concat([self.frame["rep_id"], self.bookings["rep_id"]]))[0]
        starts = pd.concat([self.frame["period_start"], self.bookings["period_start"]])
        period, periods = pd.factorize(starts)
        number = rep * np.int64(len(periods)) + period
        return np.isin(number[rows:], number[:rows][mask])

    @property
    def digest(self) -> bytes:
        """Equal for equal rows, deals and bookings in the same order."""
        digest = hashlib.blake2b(digest_size=16)
        for table in (self.frame, self.deals, self.bookings):
            digest.update("\x1f".join(map(str, table.columns)).encode())
            digest.update(pd.util.hash_pandas_object(table, index=False).to_numpy().tobytes())
        for numbers in (self.row, self.code, self.keys):
            digest.update(np.ascontiguousarray(numbers).data)
        return digest.digest()

    @property
    def opportunity_ids(self) -> NDArray[np.object_]:
        """(m,) id of each deal."""
        return np.asarray(self.names.to_numpy(dtype=object)[self.code])

    @property
    def keys(self) -> Keys:
        """(m,) random-number key of each deal."""
        return np.asarray(keys_of(self.names.to_numpy(dtype=object))[self.code])

    @property
    def owners(self) -> NDArray[np.object_]:
        """(m,) rep of each deal."""
        return np.asarray(self.frame["rep_id"].to_numpy(dtype=object)[self.row])

    def of_rows(self, column: str) -> Array:
        """(m,) a column of each deal's row."""
        return self.frame[column].to_numpy(dtype=float)[self.row]

    @property
    def won(self) -> Array:
        """(m,) 1 where anything is booked from the deal in the period after the day, else 0; NaN while unknown."""
        booked = self.deals["booked_later"].to_numpy(dtype=float)
        return np.where(np.isnan(booked), np.nan, booked > 0)


def ramp(frame: pd.DataFrame) -> Array:
    """(n,) share of the usual creation of deals that a rep of that tenure has reached, .1–1."""
    tenure = np.nan_to_num(frame["tenure_days"].to_numpy(dtype=float), nan=_RAMP_TO)
    return np.asarray(np.clip((tenure - _RAMP_FROM) / (_RAMP_TO - _RAMP_FROM), 0.1, 1.0))


def reach(frame: pd.DataFrame) -> Array:
    """(n,) territory potential × exposure: how much a rep can work on in the period, against a usual one."""
    potential = np.nan_to_num(frame["territory_potential"].to_numpy(dtype=float), nan=1.0)
    exposure = np.nan_to_num(frame["exposure"].to_numpy(dtype=float), nan=1.0)
    return np.asarray(np.clip(potential, 0.2, 5.0) * np.clip(exposure, 0.05, 1.0))


def segments_of(frame: pd.DataFrame) -> pd.Series:
    """The segment of each row; '' where it is not known."""
    return frame["segment"].fillna("").astype(str)
