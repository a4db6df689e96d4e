"""Rolling-origin backtest of forecasters, the forecast-value-added table, and the paired comparison of two of them."""

from spm_ml.backtest.comparison import Comparison
from spm_ml.backtest.result import Backtest
from spm_ml.backtest.run import run_backtest
from spm_ml.backtest.stored import current_backtest
from spm_ml.backtest.track_record import stored_track_record, track_record

__all__ = ["Backtest", "Comparison", "current_backtest", "run_backtest", "stored_track_record", "track_record"]
