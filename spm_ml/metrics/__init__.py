"""METRICS: every baseline metric once, with its formula, null rule and source.

Importing this package loads no data library; `spm_ml.metrics.evaluate` computes the metrics from a history.

>>> METRIC_BY_SLUG["slip_rate"].compute(forecast_not_won=6, forecast_deals=10).value
0.6
"""

from typing import Final

from spm_ml.metrics.attainment import ATTAINMENT
from spm_ml.metrics.closing import CLOSING
from spm_ml.metrics.economics import ECONOMICS
from spm_ml.metrics.metric import LEVELS, NULL_REASONS, Level, Metric, MetricResult
from spm_ml.metrics.movement import MOVEMENT
from spm_ml.metrics.pace import PACE
from spm_ml.metrics.pay import PAY
from spm_ml.metrics.pipeline import PIPELINE
from spm_ml.metrics.productivity import PRODUCTIVITY
from spm_ml.metrics.submissions import SUBMISSIONS

GROUPS: Final[dict[str, tuple[Metric, ...]]] = {
    "Attainment": ATTAINMENT,
    "Pace": PACE,
    "Pipeline": PIPELINE,
    "Closing": CLOSING,
    "Movement": MOVEMENT,
    "Productivity": PRODUCTIVITY,
    "Growth and acquisition": ECONOMICS,
    "Human forecasts": SUBMISSIONS,
    "Pay": PAY,
}
"""The metrics by subject, in the order of pages and docs."""

METRICS: Final[tuple[Metric, ...]] = tuple(metric for group in GROUPS.values() for metric in group)

METRIC_BY_SLUG: Final[dict[str, Metric]] = {metric.slug: metric for metric in METRICS}

__all__ = ["GROUPS", "LEVELS", "METRICS", "METRIC_BY_SLUG", "NULL_REASONS", "Level", "Metric", "MetricResult"]
