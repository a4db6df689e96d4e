"""The deal-level model: chances of open deals, a count for what is not created yet, added up by Monte Carlo."""

from spm_ml.forecasting.deal_level.forecaster import DealLevel
from spm_ml.forecasting.deal_level.futures import FuturesModel, RepFutures

__all__ = ["DealLevel", "FuturesModel", "RepFutures"]
