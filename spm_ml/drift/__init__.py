"""Are the rows that are forecast now unlike those the model learnt from? Thresholds by permutation, not by custom."""

from spm_ml.drift.columns import ColumnDrift, DriftRows, find_drift

__all__ = ["ColumnDrift", "DriftRows", "find_drift"]
