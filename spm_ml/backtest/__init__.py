"""Rolling-origin backtest of forecasters, the forecast-value-added table, and the paired comparison of two of them."""

from spm_ml.backtest.comparison import Comparison
from spm_ml.backtest.result import Backtest
from spm_ml.backtest.run import run_backtest
from spm_ml.backtest.stored import current_backtest

__all__ = ["Backtest", "Comparison", "current_backtest", "run_backtest"]
