"""Other people's forecasters of a panel, each used where it is installed: statsforecast and AutoGluon."""

import logging
import os
import tempfile
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy.stats import norm

from spm_ml.forecasting.distribution import LEVELS, Array

Peer = Callable[[Array, int], Array]
"""Gives (n, 19) quantiles of the next value of (n, T) series with that many periods a year."""

INSIDE: Final = 90
"""Per cent of the interval from which a normal law is read."""

SHORTEST: Final = 8
"""Values below which statsforecast's models refuse a series; its mean and spread stand for them then."""


def peers(seconds: int) -> dict[str, Peer]:
    """Gives the peers that are installed, by the name of their column.

    Args:
        seconds: Time limit of AutoGluon for each origin.
    """
    made: dict[str, Peer] = {}
    if find_spec("statsforecast"):
        made |= {"AutoETS": _statsforecast("AutoETS"), "DOT": _statsforecast("DynamicOptimizedTheta")}
    if find_spec("autogluon") and find_spec("autogluon.timeseries"):
        made["AutoGluon"] = lambda values, season: _autogluon(values, season, seconds)
    return made


def _statsforecast(name: str) -> Peer:
    def forecast(values: Array, season: int) -> Array:
        from statsforecast import models

        model = getattr(models, name)
        return np.array([_normal(model, series[~np.isnan(series)], season) for series in values])

    return forecast


def _normal(model: Any, series: Array, season: int) -> Array:
    z = norm.ppf(LEVELS)
    if series.size < SHORTEST or series.std() == 0:
        return np.asarray(series.mean() + z * series.std())
    own = season if series.size > 2 * season else 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        answer = model(season_length=own).forecast(y=np.ascontiguousarray(series), h=1, level=[INSIDE])
    spread = float(answer[f"hi-{INSIDE}"][0] - answer[f"lo-{INSIDE}"][0]) / 2 / norm.ppf(0.5 + INSIDE / 200)
    return np.asarray(float(answer["mean"][0]) + z * spread)


def _autogluon(values: Array, season: int, seconds: int) -> Array:
    """Its preset medium_quality, without the pretrained models whose weights are fetched from a hub."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    from autogluon.timeseries import TimeSeriesDataFrame, TimeSeriesPredictor

    frequency, parts = {4: "QS", 12: "MS"}[season], []
    for row, series in enumerate(values):
        known = series[~np.isnan(series)]
        days = pd.date_range(end="2020-01-01", periods=known.size, freq=frequency)
        parts.append(pd.DataFrame({"item_id": f"{row:05d}", "timestamp": days, "target": known}))
    frame = TimeSeriesDataFrame.from_data_frame(pd.concat(parts))
    logging.getLogger("autogluon").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        predictor = TimeSeriesPredictor(
            prediction_length=1,
            quantile_levels=list(LEVELS),
            eval_metric="WQL",
            freq=frequency,
            path=folder,
            verbosity=0,
        )
        predictor.fit(
            frame,
            presets="medium_quality",
            excluded_model_types=["Chronos", "Chronos2", "Toto", "Toto2"],
            time_limit=seconds,
            random_seed=0,
        )
        answer = predictor.predict(frame, random_seed=0)
    return np.asarray(answer[[str(level) for level in LEVELS]].to_numpy(dtype=float))
