"""Forecasters of final bookings and quota attainment, each answering with a distribution or a named abstention.

To add one, write a class with the methods of `Forecaster` in a file of its own and add it to `FORECASTERS`; the
contract suite, the backtest, the value-added table and the gate then cover it.
"""

from pathlib import Path
from typing import Final

from spm_ml.errors import ConfigurationError, did_you_mean
from spm_ml.forecasting.baseline import Baseline
from spm_ml.forecasting.baselines import (
    HistoricalMean,
    LastPeriod,
    RunRateLinear,
    RunRateSeasonal,
    SamePeriodLastYear,
    WeightedPipeline,
)
from spm_ml.forecasting.deal_level import DealLevel
from spm_ml.forecasting.explanation import Explanation
from spm_ml.forecasting.forecast import AttainmentForecast
from spm_ml.forecasting.panel import PanelEnsemble
from spm_ml.forecasting.protocol import FitSettings, Forecaster, read_state
from spm_ml.forecasting.quantile_boosting import LightGbmQuantiles
from spm_ml.forecasting.roll_up import GroupForecast, roll_up
from spm_ml.forecasting.submissions import ManagerOverride, RepBestCase, RepCommit

FORECASTERS: Final[tuple[type[Forecaster], ...]] = (
    RunRateLinear,
    RunRateSeasonal,
    LastPeriod,
    SamePeriodLastYear,
    HistoricalMean,
    WeightedPipeline,
    RepCommit,
    RepBestCase,
    ManagerOverride,
    LightGbmQuantiles,
    PanelEnsemble,
    DealLevel,
)
"""Every forecaster, simple rules first, then what people submit; calling one without arguments gives it with default
settings."""


def forecaster_class(name: str) -> type[Forecaster]:
    """Gives the forecaster of that slug.

    Raises:
        ConfigurationError: There is none.

    >>> forecaster_class("last_period").label
    'Last period'
    """
    by_name = {each.name: each for each in FORECASTERS}
    if name not in by_name:
        raise ConfigurationError(
            f"there is no forecaster {name!r}{did_you_mean(name, by_name)}; there are {', '.join(by_name)}"
        )
    return by_name[name]


def forecaster(name: str, settings: FitSettings = FitSettings()) -> Forecaster:  # noqa: B008 - frozen
    """Makes an unfitted forecaster by its slug.

    Raises:
        ConfigurationError: There is none of that name.
    """
    return forecaster_class(name)(settings)


def load_forecaster(folder: Path) -> Forecaster:
    """Reads a saved forecaster of any kind.

    Raises:
        ConfigurationError: The folder holds none, or one that this version cannot read.
    """
    name, _ = read_state(folder)
    return forecaster_class(name).load(folder)


__all__ = [
    "FORECASTERS",
    "AttainmentForecast",
    "Baseline",
    "DealLevel",
    "Explanation",
    "FitSettings",
    "Forecaster",
    "GroupForecast",
    "HistoricalMean",
    "LastPeriod",
    "LightGbmQuantiles",
    "ManagerOverride",
    "PanelEnsemble",
    "RepBestCase",
    "RepCommit",
    "RunRateLinear",
    "RunRateSeasonal",
    "SamePeriodLastYear",
    "WeightedPipeline",
    "forecaster",
    "forecaster_class",
    "load_forecaster",
    "roll_up",
]
