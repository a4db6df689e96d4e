"""Which groups are published, and by what names."""

from typing import Final

from spm_ml.metrics import Level as MetricLevel
from spm_ml.metrics.inputs_people import NOT_STATED
from spm_ml.predictions import COMPANY, Level
from spm_ml.predictions.rows import NO_REGION, NO_SEGMENT

GroupKey = tuple[Level, str]

GROUPS: Final[tuple[MetricLevel, ...]] = ("team", "region", "segment", "organisation")
"""Levels of metrics of which groups are published."""


def group_key(level: str, key: str) -> GroupKey:
    """Level and key of a published group, from those of its metrics.

    >>> group_key("organisation", "organisation"), group_key("region", "not stated")
    (('company', 'company'), ('region', 'No region'))
    """
    if level == "organisation":
        return "company", COMPANY
    if level == "region":
        return "region", NO_REGION if key == NOT_STATED else key
    if level == "segment":
        return "segment", NO_SEGMENT if key == NOT_STATED else key
    return "team", key
