"""The baseline metrics that stand beside every forecast, as rows of the store."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from typing import Final

from spm_ml.compensation import ClosedPeriod, CompensationPlan
from spm_ml.history import SalesHistory
from spm_ml.metrics import METRIC_BY_SLUG
from spm_ml.metrics.evaluate import evaluate_metrics
from spm_ml.predictions import MetricValue
from spm_ml.scoring.target import ScoringTarget

ORGANISATION: Final = "organisation"
"""Key of the metrics of everybody together."""

_LEVELS: Final = ("rep", "team", "organisation")

MetricsByKey = Mapping[str, tuple[MetricValue, ...]]


def metrics_beside(
    history: SalesHistory,
    target: ScoringTarget,
    plans: Sequence[CompensationPlan] = (),
    closed: Sequence[ClosedPeriod] = (),
) -> tuple[MetricsByKey, MetricsByKey]:
    """Gives the metrics of the target's period as of its day: by rep_id, and by manager_id or `ORGANISATION`."""
    rows = evaluate_metrics(
        history, as_of=target.as_of, period=target.period.label, level=_LEVELS, plans=plans, closed=closed
    )
    found: dict[str, dict[str, list[MetricValue]]] = {level: defaultdict(list) for level in _LEVELS}
    columns = (rows[name].tolist() for name in ("level", "key", "slug", "value", "reason"))
    for level, key, slug, value, reason in zip(*columns, strict=True):
        metric = METRIC_BY_SLUG[slug]
        found[level][key].append(
            MetricValue(metric.slug, metric.label, metric.unit, value, None)
            if isfinite(value)
            else MetricValue(metric.slug, metric.label, metric.unit, None, reason)
        )
    of_reps, of_groups = found["rep"], found["team"] | {ORGANISATION: found[ORGANISATION][ORGANISATION]}
    return _kept(of_reps), _kept(of_groups)


def pace_of(booked: float, elapsed: int, selling_days: int) -> MetricValue:
    """The linear pace alone, which stands beside forecasts of earlier days.

    Args:
        booked: Of the period so far, minor units.
        elapsed: Selling days of the period that are over.
        selling_days: Of the whole period.
    """
    metric = METRIC_BY_SLUG["linear_pace"]
    found = metric.compute(booked=booked, elapsed_days=elapsed, period_days=selling_days)
    return MetricValue(metric.slug, metric.label, metric.unit, found.value, found.reason)


def _kept(found: Mapping[str, Iterable[MetricValue]]) -> MetricsByKey:
    return {key: tuple(values) for key, values in found.items()}
