"""Trailing sums by mlforecast's feature engine: `python with_mlforecast.py DAILY OURS FILE NAMES THREADS`.

Runs in an environment of its own and imports nothing of ours: mlforecast wants an older pandas. Each rep and measure
is a series with a value every day; a trailing sum is the rolling mean of the days before × its window, and what is
known at the end of an as-of day is what the engine gives for the day after.
"""

import sys

import numpy as np
import pandas as pd
from mlforecast import MLForecast
from mlforecast.lag_transforms import RollingMean


def main() -> None:
    """Writes the features."""
    daily, rows = pd.read_parquet(sys.argv[1]), pd.read_parquet(sys.argv[2], columns=["rep_id", "as_of"])
    wanted = [(name, *name.rpartition("_")[::2]) for name in sys.argv[4].split(",")]
    measures = list(dict.fromkeys(measure for _, measure, _ in wanted))
    windows = sorted({int(days) for _, _, days in wanted})
    reps = pd.Index(daily["rep_id"].unique())
    begin = daily["day"].min()
    days = pd.date_range(begin, max(daily["day"].max(), rows["as_of"].max() + pd.Timedelta(days=1)))
    counts = np.zeros((len(reps), len(measures), len(days)))
    place = (daily["day"] - begin).dt.days.to_numpy()
    counts[reps.get_indexer(daily["rep_id"]), :, place] = daily[measures].to_numpy()
    series = pd.DataFrame(
        {
            "unique_id": np.repeat(np.arange(counts.shape[0] * counts.shape[1], dtype=np.int32), len(days)),
            "ds": np.tile(days.to_numpy(), counts.shape[0] * counts.shape[1]),
            "y": counts.ravel(),
        }
    )
    engine = MLForecast(
        models=[], freq="D", lag_transforms={1: [RollingMean(days) for days in windows]}, num_threads=int(sys.argv[5])
    )
    made = engine.preprocess(series, dropna=False, validate_data=False)
    rep = reps.get_indexer(rows["rep_id"])
    day = (rows["as_of"] - begin).dt.days.to_numpy() + 1
    for name, measure, length in wanted:
        known = (rep >= 0) & (day >= 0)
        position = (rep * len(measures) + measures.index(measure)) * len(days) + day
        means = made[f"rolling_mean_lag1_window_size{length}"].to_numpy()[np.where(known, position, 0)]
        rows[name] = np.where(known, means * int(length), np.nan)
    rows.to_parquet(sys.argv[3], index=False)


if __name__ == "__main__":
    main()
