"""What a model was fitted on, as its training run keeps it: the rows for later comparison, and facts about them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pandas as pd

from spm_ml.dataset import RepPeriodDataset

TRAINING_ROWS: Final = "training_rows.parquet"
"""Artifact of a training run: features of the rows that its model was fitted on."""


OTHER_REPS: Final = "other_reps.parquet"
"""Artifact of a training run: ids of reps who were not drawn to be learnt from, but whom the model knows."""


def keep_training_rows(folder: Path, dataset: RepPeriodDataset, other_reps: Sequence[str] = ()) -> None:
    """Keeps the features of the rows that a model is fitted on, so that later rows can be held against them.

    Args:
        folder: Of the training run's artifacts.
        dataset: The rows.
        other_reps: Ids of reps whose records alone it knows.
    """
    finished = dataset.finished()
    columns = ["rep_id", "period_start", "week", *finished.feature_names]
    finished.frame[columns].to_parquet(folder / TRAINING_ROWS, index=False, compression="zstd")
    if other_reps:
        pd.DataFrame({"rep_id": list(other_reps)}).to_parquet(folder / OTHER_REPS, index=False, compression="zstd")


def learnt_from(dataset: RepPeriodDataset) -> dict[str, Any]:
    """Rows, feature columns and rep-periods of a dataset, and its rep-periods by data hazard."""
    finished = dataset.finished().frame
    return {
        "rows": len(finished),
        "columns": len(dataset.feature_names),
        "rep_periods": len(finished.drop_duplicates(["rep_id", "period"])),
        "hazards": hazards_by_rep_period(finished),
    }


def hazards_by_rep_period(frame: pd.DataFrame) -> dict[str, int]:
    """Rep-periods that carry each code on any of their days."""
    codes = frame.assign(code=frame["hazards"].str.split(";")).explode("code")
    met = codes[codes["code"].fillna("") != ""].drop_duplicates(["rep_id", "period", "code"])
    return {str(code): int(count) for code, count in met["code"].value_counts().items()}
