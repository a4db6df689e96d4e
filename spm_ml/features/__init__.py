"""FEATURES: what is known about a rep at the end of an as-of day, one file for each group.

To add a feature, write one entry in a group's `FEATURES` (or hand a `Feature` of your own to `build_dataset`). It reads
streams of spans through `AsOf`; a stream of your own is one function that gives spans. `spm check-leakage` then tests
that nothing recorded after the as-of day reaches it.
"""

from typing import Final

from spm_ml.features import activity, attainment, flow, pipeline, profile, programs
from spm_ml.features.as_of import AsOf, Row
from spm_ml.features.feature import STAGE, Feature, Stream, ratio
from spm_ml.features.grid import AsOfGrid, first_days, period_of_as_of, records_begin
from spm_ml.features.running_sums import RunningSums

FEATURES: Final[tuple[Feature, ...]] = (
    *attainment.FEATURES,
    *pipeline.FEATURES,
    *flow.FEATURES,
    *activity.FEATURES,
    *profile.FEATURES,
    *programs.FEATURES,
)

__all__ = [
    "FEATURES",
    "STAGE",
    "AsOf",
    "AsOfGrid",
    "Feature",
    "Row",
    "RunningSums",
    "Stream",
    "first_days",
    "period_of_as_of",
    "ratio",
    "records_begin",
]
