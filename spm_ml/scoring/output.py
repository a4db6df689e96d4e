"""Published forecasts as the table that `spm score --out` writes."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from spm_ml.settings import QUANTILE_LEVELS
from spm_ml.tables import minor_digits

if TYPE_CHECKING:
    from spm_ml.scoring.run import ScoringResult

_LEVELS = tuple(f"{round(100 * level):02d}" for level in QUANTILE_LEVELS)


def prediction_rows(result: "ScoringResult") -> pd.DataFrame:
    """Gives one row a rep and as-of day: the backtest's columns without actuals, money as decimals of the currency.

    Columns: `forecaster, rep_id, period, as_of, quota, booked_to_date, q05 … q95, mean, p_hit` of the data contract
    (quantiles and mean of attainment; NaN without quota), then `week, team, risk_band, abstention, main_reason,
    hazards, mean_bookings, b05 … b95` (bookings).
    """
    unit = 10 ** minor_digits(result.batch.currency)
    rows = result.predictions
    nothing = (np.nan,) * len(_LEVELS)
    bookings = np.array([row.bookings_quantiles or nothing for row in rows], dtype=float).reshape(-1, len(_LEVELS))
    quota = np.array([row.quota or np.nan for row in rows], dtype=float)
    mean = np.array([np.nan if row.mean_bookings is None else row.mean_bookings for row in rows], dtype=float)
    attainment = bookings / quota[:, None]
    columns: dict[str, object] = {
        "forecaster": [result.batch.forecaster] * len(rows),
        "rep_id": [row.rep_id for row in rows],
        "period": [row.period for row in rows],
        "as_of": pd.to_datetime([row.as_of for row in rows]),
        "quota": [np.nan if row.quota is None else row.quota / unit for row in rows],
        "booked_to_date": [row.booked / unit for row in rows],
        **{f"q{level}": attainment[:, at] for at, level in enumerate(_LEVELS)},
        "mean": mean / quota,
        "p_hit": np.array([np.nan if row.p_hit is None else row.p_hit for row in rows], dtype=float),
        "week": [row.week for row in rows],
        "team": [row.team for row in rows],
        "risk_band": [row.risk_band for row in rows],
        "abstention": [row.abstention.reason if row.abstention else "" for row in rows],
        "main_reason": [row.main_reason for row in rows],
        "hazards": [";".join(row.hazards) for row in rows],
        "mean_bookings": mean / unit,
        **{f"b{level}": bookings[:, at] / unit for at, level in enumerate(_LEVELS)},
    }
    return pd.DataFrame(columns)
