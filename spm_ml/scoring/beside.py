"""The baseline metrics that stand beside every forecast, as rows of the store."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import isfinite

import pandas as pd

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


@dataclass(frozen=True)
class FinishedPeriods:
    """What finished periods say, as known on a day.

    Attributes:
        rates: Share of deals by stage that are usually won from here on, from `stage_win_rates`.
        growth: How the metrics of growth went, by level and key of a group, where a finished period is known.
    """

    rates: pd.DataFrame
    growth: Mapping[GroupKey, Growth]


@dataclass(frozen=True)
class Beside:
    """Metrics of the target's period as of its day.

    Attributes:
        of_reps: By rep_id.
        of_groups: By level and key of a group.
        finished: What finished periods say.
        usual_share: What part of a period's bookings they had by this point.
    """

    of_reps: MetricsByKey
    of_groups: MetricsByGroup
    finished: FinishedPeriods
    usual_share: float | None


def metrics_beside(
    history: SalesHistory,
    target: ScoringTarget,
    paid: pd.DataFrame | None = None,
    *,
    finished: FinishedPeriods | None = None,
    reps: Collection[str] | None = None,
) -> Beside:
    """Gives the metrics of the target's period as of its day, and of the groups those of growth in periods before.

    Each table is read once for all periods.

    Args:
        history: What is known.
        target: The period and the day.
        paid: From `pay_inputs` of the target's period; None without plans.
        finished: What finished periods say, where it is known: they are not read then.
        reps: Whose own metrics are wanted; None: everybody's.
    """
    known = history.periods()
    before = [period.label for period in known if period.end < target.period.start][-PERIODS:] if not finished else []
    windows = [Window.of(history.calendar, known, target.as_of, label) for label in (target.period.label, *before)]
    now, *earlier = gather(
        history.as_of(target.as_of),
        windows,
        {} if paid is None else {target.period.label: paid},
        with_acquisition=True,
        rates=None if finished is None else finished.rates,
    )
    found: dict[str, dict[str, list[MetricValue]]] = {level: defaultdict(list) for level in ("rep", *GROUPS)}
    for level in ("rep", *GROUPS):
        rows = rows_of(now, level, keys=reps if level == "rep" else None)
        columns = (rows[name].tolist() for name in ("key", "slug", "value", "reason"))
        for key, slug, value, reason in zip(*columns, strict=True):
            metric = METRIC_BY_SLUG[slug]
            found[level][key].append(
                MetricValue(metric.slug, metric.label, metric.unit, value, None)
                if isfinite(value)
                else MetricValue(metric.slug, metric.label, metric.unit, None, reason)
            )
    of_groups = {group_key(level, key): tuple(values) for level in GROUPS for key, values in found[level].items()}
    return Beside(
        of_reps={key: tuple(values) for key, values in found["rep"].items()},
        of_groups=of_groups,
        finished=finished or FinishedPeriods(now.rates, growth_of(history, earlier)),
        usual_share=now.everywhere["usual_share"],
    )


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
