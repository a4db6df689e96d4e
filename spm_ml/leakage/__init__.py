"""Leak check: nothing recorded after an as-of day may reach the features of a row of that day (H01)."""

from spm_ml.leakage.certificate import LeakageCertificate, LeakExample
from spm_ml.leakage.check import check_leakage, draw_days
from spm_ml.leakage.perturbation import perturbed
from spm_ml.leakage.stored import keep_certificate, kept_result

__all__ = [
    "LeakExample",
    "LeakageCertificate",
    "check_leakage",
    "draw_days",
    "keep_certificate",
    "kept_result",
    "perturbed",
]
