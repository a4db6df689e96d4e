"""What is published about the model with every batch: sections of numbers about nobody."""

from spm_ml.scoring.evidence.gather import drift_of, gather_evidence, refresh_leakage, refresh_rivals
from spm_ml.scoring.evidence.learnt_from import hazards_by_rep_period, keep_training_rows, learnt_from

__all__ = [
    "drift_of",
    "gather_evidence",
    "hazards_by_rep_period",
    "keep_training_rows",
    "learnt_from",
    "refresh_leakage",
    "refresh_rivals",
]
