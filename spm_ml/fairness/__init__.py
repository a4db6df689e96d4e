"""Burden and benefit by protected group: who carries a flag, who gets an offer, whom the forecast misses."""

from spm_ml.fairness.audit import Audit, audit
from spm_ml.fairness.calibration import Contrast, contrast
from spm_ml.fairness.cuts import cuts_of
from spm_ml.fairness.groups import ProtectedGroups
from spm_ml.fairness.measures import Measure, published_measures
from spm_ml.fairness.published import PublishedAudit, audit_published

__all__ = [
    "Audit",
    "Contrast",
    "Measure",
    "ProtectedGroups",
    "PublishedAudit",
    "audit",
    "audit_published",
    "contrast",
    "cuts_of",
    "published_measures",
]
