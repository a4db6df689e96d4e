"""The baseline metrics beside the forecast: where the period would end by simple rules, and what covers the rest."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from serving import formats
from serving.formats import Money
from serving.pages.pipeline import is_movement
from spm_ml.metrics import GROUPS, METRIC_BY_SLUG, NULL_REASONS
from spm_ml.predictions import MetricValue, Prediction

_BESIDE: Final = ("linear_pace", "seasonal_pace", "required_daily_rate", "pipeline_coverage_remaining")
"""Metrics that answer what the forecast answers, or what it rests on."""


@dataclass(frozen=True)
class MetricRow:
    """A baseline metric with its definition, or why it has no value.

    Attributes:
        href: Its place in the glossary; empty for metrics of a later version.
    """

    label: str
    value: str
    note: str
    formula: str
    href: str


@dataclass(frozen=True)
class MetricGroup:
    """Metrics about one subject."""

    label: str
    rows: tuple[MetricRow, ...]


def beside_the_forecast(row: Prediction, money: Money) -> tuple[MetricRow, ...]:
    """The few metrics that a forecast is first held against, as shares of the quota too."""
    known = {metric.slug: metric for metric in row.metrics}
    rows = []
    for slug in _BESIDE:
        if (metric := known.get(slug)) is None:
            continue
        words = _row(metric, money)
        if metric.unit == "money" and metric.value is not None and row.quota:
            words = _with_share(words, metric.value / row.quota)
        rows.append(words)
    return tuple(rows)


def metric_groups(metrics: Sequence[MetricValue], money: Money) -> tuple[MetricGroup, ...]:
    """By subject, in the order of the catalogue; those of a later version, which it does not know, come last.

    How the pipeline moved stands apart, as a picture.
    """
    group_of = {metric.slug: group for group, known in GROUPS.items() for metric in known}
    rows: dict[str, list[MetricRow]] = {group: [] for group in (*GROUPS, "Other")}
    for metric in metrics:
        if not is_movement(metric.slug):
            rows[group_of.get(metric.slug, "Other")].append(_row(metric, money))
    return tuple(MetricGroup(group, tuple(found)) for group, found in rows.items() if found)


def _row(metric: MetricValue, money: Money) -> MetricRow:
    known = METRIC_BY_SLUG.get(metric.slug)
    return MetricRow(
        label=metric.label,
        value=formats.metric_text(metric, money),
        note="" if metric.reason is None else NULL_REASONS.get(metric.reason, metric.reason),
        formula=known.formula if known else "",
        href=f"/glossary#m-{metric.slug}" if known else "",
    )


def _with_share(row: MetricRow, share: float) -> MetricRow:
    return MetricRow(row.label, row.value, f"{formats.percent(share)} of quota", row.formula, row.href)
