"""evaluate_metrics(): every metric for every rep, team or the organisation, from what was known on a day.

Inputs are computed set-based for reps, then summed over the members of each key; only then are ratios taken.
"""

from collections.abc import Collection, Sequence
from datetime import date
from typing import Final

import pandas as pd

from spm_ml.compensation import ClosedPeriod, CompensationPlan
from spm_ml.errors import ConfigurationError, did_you_mean
from spm_ml.history import SalesHistory
from spm_ml.metrics import LEVELS, METRICS, Level, Metric
from spm_ml.metrics.facts import MetricFacts
from spm_ml.metrics.gathering import gather
from spm_ml.metrics.inputs_pay import pay_inputs, pay_of_periods
from spm_ml.metrics.metric import Scalar
from spm_ml.metrics.window import Window

METRIC_COLUMNS: Final = ("level", "key", "period", "as_of", "slug", "value", "unit", "reason")
"""Columns of `evaluate_metrics`, in order."""


def evaluate_metrics(
    history: SalesHistory,
    *,
    as_of: date | None = None,
    period: str | Sequence[str] | None = None,
    level: Level | Sequence[Level] = "rep",
    plans: Sequence[CompensationPlan] = (),
    closed: Sequence[ClosedPeriod] = (),
) -> pd.DataFrame:
    """Computes the metrics of a period, each with its value or the reason for having none.

    Args:
        history: The tables; what was recorded after the as-of day is hidden.
        as_of: Day at whose end the answer was known; the watermark by default.
        period: `2026Q1`, `2026-03`, a start date, a range `2025Q1..2025Q4`, or `all`; the as-of day's by default.
            Several are computed together, at little more than the cost of one.
        level: One level, or several at the cost of one.
        plans: Compensation plans, for the metrics of pay.
        closed: Pay periods that are settled.

    Returns:
        One row a key and metric: `level`; `key` (rep_id, manager_id or `organisation`); `period` (label); `as_of`
        (date); `slug`; `value` (float, NaN where undefined, money in minor units); `unit`; `reason` (a key of
        `NULL_REASONS`, None where there is a value). Reps are those employed on a day of the period.

    Raises:
        ConfigurationError: A level is unknown, or plans do not fit.
        DataError: The period cannot be read.
    """
    levels = (level,) if isinstance(level, str) else tuple(level)
    for name in levels:
        if name not in LEVELS:
            raise ConfigurationError(f"level {name!r} is none of {', '.join(LEVELS)}{did_you_mean(name, LEVELS)}")
    day = history.watermark if as_of is None else as_of
    seen = history.as_of(day)
    known = seen.periods()
    texts = (period,) if period is None or isinstance(period, str) else tuple(period)
    windows = {(window := Window.of(seen.calendar, known, day, text)).period.label: window for text in texts}
    paid = (
        {label: pay_inputs(pay_of_periods(seen, plans, one, closed), one) for label, one in windows.items()}
        if plans
        else {}
    )
    parts = [
        rows_of(facts, name)
        for facts in gather(seen, tuple(windows.values()), paid, with_acquisition=set(levels) != {"rep"})
        for name in levels
    ]
    return pd.concat(parts, ignore_index=True)


def rows_of(
    facts: MetricFacts, level: Level, metrics: Sequence[Metric] = METRICS, keys: Collection[str] | None = None
) -> pd.DataFrame:
    """The rows of one level and window, as `evaluate_metrics` gives them, of some metrics.

    Args:
        facts: Of the window.
        level: For whom.
        metrics: Those of them that the level has are computed.
        keys: Rows of these alone; default: of all.
    """
    inputs = facts.inputs(level)
    inputs = inputs if keys is None else inputs[inputs.index.isin(list(keys))]
    values = {name: _scalars(inputs[name]) for name in inputs.columns}
    parts = [
        pd.DataFrame({"key": inputs.index, "slug": metric.slug, "unit": metric.unit} | _results(metric, values))
        for metric in metrics
        if level in metric.levels
    ]
    frame = pd.concat(parts, ignore_index=True).assign(
        level=level, period=facts.window.period.label, as_of=facts.window.as_of
    )
    frame["place"] = frame["key"].map({key: place for place, key in enumerate(inputs.index)})
    frame = frame.sort_values("place", kind="stable", ignore_index=True)
    return frame[list(METRIC_COLUMNS)]


def _scalars(column: pd.Series) -> list[Scalar]:
    return [None if value != value else float(value) for value in column.tolist()]


def _results(metric: Metric, values: dict[str, list[Scalar]]) -> dict[str, object]:
    rows = zip(*(values[name] for name in metric.inputs), strict=True)
    results = [metric.compute(*row) for row in rows]
    return {
        "value": [float("nan") if result.value is None else result.value for result in results],
        "reason": pd.array([result.reason for result in results], dtype=object),
    }
