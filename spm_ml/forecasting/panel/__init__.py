"""Forecasts from series of finished periods alone, for organisations without deals or with a short history."""

from spm_ml.forecasting.panel.ensemble import PanelEnsemble
from spm_ml.forecasting.panel.histories import Panel
from spm_ml.forecasting.panel.selection import Selection

__all__ = ["Panel", "PanelEnsemble", "Selection"]
