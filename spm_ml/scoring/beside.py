"""The baseline metrics that stand beside every forecast, as rows of the store."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from math import isfinite

from spm_ml.compensation import ClosedPeriod, CompensationPlan
from spm_ml.history import SalesHistory
from spm_ml.metrics import METRIC_BY_SLUG
from spm_ml.metrics.evaluate import rows_of
from spm_ml.metrics.gathering import gather
from spm_ml.metrics.window import Window
from spm_ml.predictions import Growth, MetricValue
from spm_ml.scoring.group_keys import GROUPS, GroupKey, group_key
from spm_ml.scoring.growth import PERIODS, growth_of
from spm_ml.scoring.target import ScoringTarget

MetricsByKey = Mapping[str, tuple[MetricValue, ...]]
MetricsByGroup = Mapping[GroupKey, tuple[MetricValue, ...]]


def metrics_beside(
    history: SalesHistory,
    target: ScoringTarget,
    plans: Sequence[CompensationPlan] = (),
    closed: Sequence[ClosedPeriod] = (),
) -> tuple[MetricsByKey, MetricsByGroup, Mapping[GroupKey, Growth]]:
    """Gives the metrics of the target's period as of its day, and of the groups those of growth in periods before.

    Each table is read once for all periods.

    Returns:
        By rep_id; by level and key of a group; and how the latter went, where a finished period is known.
    """
    known = history.periods()
    before = [period.label for period in known if period.end < target.period.start][-PERIODS:]
    windows = [Window.of(history.calendar, known, target.as_of, label) for label in (target.period.label, *before)]
    now, *earlier = gather(
        history.as_of(target.as_of),
        windows,
        plans,
        with_organisation=True,
        settled=closed,
        paid={target.period.label},
    )
    found: dict[str, dict[str, list[MetricValue]]] = {level: defaultdict(list) for level in ("rep", *GROUPS)}
    for level in ("rep", *GROUPS):
        rows = rows_of(now, level)
        columns = (rows[name].tolist() for name in ("key", "slug", "value", "reason"))
        for key, slug, value, reason in zip(*columns, strict=True):
            metric = METRIC_BY_SLUG[slug]
            found[level][key].append(
                MetricValue(metric.slug, metric.label, metric.unit, value, None)
                if isfinite(value)
                else MetricValue(metric.slug, metric.label, metric.unit, None, reason)
            )
    of_groups = {group_key(level, key): tuple(values) for level in GROUPS for key, values in found[level].items()}
    return {key: tuple(values) for key, values in found["rep"].items()}, of_groups, growth_of(history, earlier)


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
