"""RepPeriodDataset: one row for each rep, period and as-of day, and how it is built from a history."""

from spm_ml.dataset.build import as_of_grid, build_dataset, write_dataset
from spm_ml.dataset.refresh import Refreshed, refresh_dataset
from spm_ml.dataset.schema import COLUMNS, DatasetColumn, SchemaError, label_names
from spm_ml.dataset.stored import current_dataset, is_stored, read_current
from spm_ml.dataset.table import RepPeriodDataset

__all__ = [
    "COLUMNS",
    "DatasetColumn",
    "Refreshed",
    "RepPeriodDataset",
    "SchemaError",
    "as_of_grid",
    "build_dataset",
    "current_dataset",
    "is_stored",
    "label_names",
    "read_current",
    "refresh_dataset",
    "write_dataset",
]
