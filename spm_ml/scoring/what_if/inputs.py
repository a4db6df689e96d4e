"""What is kept of a scored batch for what-if questions, as JSON text."""

import json
from collections.abc import Mapping
from datetime import date
from math import isfinite
from typing import Any

import numpy as np
import pandas as pd

from spm_ml.dataset import RepPeriodDataset
from spm_ml.forecasting import AttainmentForecast, DealLevel, Forecaster
from spm_ml.hazards import Abstention
from spm_ml.predictions import WhatIfInputs
from spm_ml.scoring.pay import PayLadder
from spm_ml.scoring.what_if.pay import pay_inputs


def what_if_inputs(
    dataset: RepPeriodDataset,
    forecast: AttainmentForecast,
    forecaster: Forecaster,
    as_of: date,
    stale: Abstention | None = None,
    pay: Mapping[str, PayLadder] | None = None,
) -> WhatIfInputs:
    """Takes them out of what was forecast.

    Args:
        dataset: n rows.
        forecast: n answers.
        forecaster: Whose answers they are; deals can be changed where it forecasts from deals.
        as_of: The board's day: its rows alone are kept.
        stale: Why no forecast is given at all, if the data are too old (H25).
        pay: Payouts over the forecast, by rep_id.
    """
    on_board = (dataset.frame["as_of"] == pd.Timestamp(as_of)).to_numpy(dtype=bool)
    rows = dataset.where(on_board)
    found = forecaster.futures(rows) if isinstance(forecaster, DealLevel) and stale is None else None
    nothing: list[dict[str, Any] | None] = [None] * len(rows)
    model, states = (None, nothing) if found is None else (found[0], [*found[1]])
    mean, p_hit = forecast.mean_bookings, forecast.p_hit
    reps = {}
    for at, record, state in zip(np.flatnonzero(on_board).tolist(), rows.frame.to_dict("records"), states, strict=True):
        why = stale or forecast.abstentions[at]
        known = stale is None and bool(np.isfinite(forecast.bookings[at]).all())
        floor = float(forecast.floor[at])
        body: dict[str, Any] = {
            "as_of": as_of.isoformat(),
            "period_end": record["period_end"].date().isoformat(),
            "quota": int(record["quota"]) if isfinite(record["quota"]) else None,
            "floor": floor if isfinite(floor) else None,
            "abstention": why and why.reason,
            "share_left": 1.0 - float(forecast.elapsed_share[at]),
            "quantiles": forecast.bookings[at].tolist() if known else None,
            "mean": float(mean[at]) if known else None,
            "p_hit": float(p_hit[at]) if known and isfinite(p_hit[at]) else None,
            "futures": state if known else None,
            "pay": pay_inputs((pay or {}).get(record["rep_id"]), float(forecast.booked[at])) if known else None,
        }
        reps[str(record["rep_id"])] = _text(body)
    return WhatIfInputs(_text(None if model is None else model.to_state()), reps)


def _text(body: object) -> str:
    return json.dumps(body, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
