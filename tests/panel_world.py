"""Rep-periods that are nothing but series: months of bookings, with what is booked on the eve and half-way."""

import numpy as np
import pandas as pd

from spm_ml.dataset import RepPeriodDataset
from spm_ml.dataset.schema import COLUMNS, dtypes

FEATURES = ("bookings_last_1", "bookings_last_2", "bookings_mean", "periods_of_history")
HALF_WAY = 0.4
EMPTY = {"text": "", "date": pd.NaT, "count": 0, "money": 0, "number": np.nan, "flag": False}


def make_months(values: np.ndarray, *, running: bool = True) -> RepPeriodDataset:
    """Gives (reps, months) values as a dataset; the last month is running, its outcome unknown, if asked for."""
    parts = []
    for month in range(values.shape[1]):
        start = pd.Timestamp(2020, 1, 1) + pd.DateOffset(months=month)
        end = start + pd.DateOffset(months=1) - pd.Timedelta(days=1)
        past, unknown = values[:, :month], running and month == values.shape[1] - 1
        for week, elapsed in ((0, 0), (2, 10)):
            columns: dict[str, object] = {each.name: EMPTY[each.kind] for each in COLUMNS} | {
                "rep_id": [f"R{rep:02d}" for rep in range(len(values))],
                "period": f"{start:%Y-%m}",
                "as_of": start - pd.Timedelta(days=1) + pd.Timedelta(weeks=week),
                "week": week,
                "period_start": start,
                "period_end": end,
                "period_selling_days": 20,
                "elapsed_selling_days": elapsed,
                "booked_to_date": np.rint(values[:, month] * HALF_WAY) if week else 0,
                "exposure": 1.0,
                "abstention": "quota_missing",
                "actual_bookings": np.nan if unknown else values[:, month],
                "bookings_last_1": past[:, -1] if month > 0 else np.nan,
                "bookings_last_2": past[:, -2] if month > 1 else np.nan,
                "bookings_mean": past.mean(axis=1) if month else np.nan,
                "periods_of_history": float(month),
            }
            parts.append(pd.DataFrame(columns, index=range(len(values))))
    types = dtypes(FEATURES, 0)
    frame = pd.concat(parts, ignore_index=True).loc[:, list(types)].astype(types)
    return RepPeriodDataset(frame, FEATURES, (), "USD", 1, "months", frame["as_of"].max().date())


def noise(reps: int, months: int, seed: int) -> np.ndarray:
    """Gives series that hold nothing but each rep's mean."""
    rng = np.random.default_rng(seed)
    return np.rint(rng.lognormal(13, 0.5, (reps, 1)) * rng.gamma(4, 0.25, (reps, months)))


def quarterly_rush(reps: int, months: int, seed: int) -> np.ndarray:
    """Gives the same with three times as much in each quarter's last month."""
    return noise(reps, months, seed) * np.where(np.arange(months) % 3 == 2, 3.0, 1.0)
