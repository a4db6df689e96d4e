"""How a rep's pipeline moved since the period began: parts that add up, as a reader sees them."""

from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from serving import formats
from serving.charts.waterfall import Step, waterfall
from serving.formats import Money
from spm_ml.metrics import METRIC_BY_SLUG, NULL_REASONS
from spm_ml.predictions import Prediction

_PREFIX: Final = "pipeline_waterfall_"
_MOVES: Final = (
    ("start", "Open at the start", 1),
    ("new", "Created", 1),
    ("pulled_in", "Pulled into the period", 1),
    ("pushed_out", "Pushed out of it", -1),
    ("lost", "Lost", -1),
    ("won", "Won", -1),
    ("amount_changes", "Changes of amounts", 1),
)
"""Metric, what readers call it, and whether it adds or takes."""

_RECONSTRUCTED: Final = (
    "The history of the deals was rebuilt from their last state: dates and amounts at the start are those known last, "
    "so moved dates and changed amounts do not show."
)


@dataclass(frozen=True)
class MoveRow:
    """One part of the movement."""

    label: str
    text: str
    amount: str


@dataclass(frozen=True)
class PipelineWords:
    """The way from the pipeline at the period's start to the one of the as-of day.

    Attributes:
        lead: The movement in a sentence; or why none is known, and then nothing else is given.
        chart: None where nothing moved or nothing is known.
        rows: Parts; they add up to `total`.
        total: The pipeline now.
        remark: What limits the numbers; empty if nothing does.
    """

    lead: str
    chart: Markup | None
    rows: tuple[MoveRow, ...]
    total: str
    remark: str


def is_movement(slug: str) -> bool:
    """Whether a metric is a part of the movement, which has its own place on the page."""
    return slug.startswith(_PREFIX)


def pipeline_words(row: Prediction, money: Money) -> PipelineWords:
    """The movement of a rep's pipeline, from the stored metrics of the batch's day."""
    known = {metric.slug.removeprefix(_PREFIX): metric for metric in row.metrics if is_movement(metric.slug)}
    remark = _RECONSTRUCTED if row.history_reconstructed else ""
    values = {name: metric.value for name, metric in known.items() if metric.value is not None}
    if not all(name in values for name in ("end", *(name for name, _, _ in _MOVES))):
        reasons = {metric.reason for metric in known.values() if metric.reason}
        why = " ".join(NULL_REASONS.get(reason, reason) for reason in sorted(reasons))
        return PipelineWords(why or "How the pipeline moved is not stored for this day.", None, (), "", remark)
    moves = [(name, label, sign * values[name]) for name, label, sign in _MOVES]
    end = values["end"]
    if not end and not any(amount for _, _, amount in moves):
        lead = "No open deal was expected to close in the period, when it began or since."
        return PipelineWords(lead, None, (), "", remark)
    shown = formats.rounded([money.units(amount) for _, _, amount in moves], money.units(end), 0)
    sizes = [
        formats.whole(moves_in) if name == "start" else formats.signed(moves_in)
        for (name, _, _), moves_in in zip(moves, shown, strict=True)
    ]
    kept = [
        (name, label, amount, size)
        for (name, label, amount), size in zip(moves, sizes, strict=True)
        if amount or name == "start"
    ]
    began, now = money.full(values["start"]), money.full(end)
    return PipelineWords(
        lead=f"Deals expected to close in the period: {began} when it began, {now} on {formats.day(row.as_of)}.",
        chart=_chart(row, kept, end, money),
        rows=tuple(MoveRow(label, _meaning(name), size) for name, label, _, size in kept),
        total=money.amount(end),
        remark=remark,
    )


def _meaning(name: str) -> str:
    metric = METRIC_BY_SLUG[f"{_PREFIX}{name}"]
    return metric.formula.partition("; ")[0]


def _chart(row: Prediction, moves: list[tuple[str, str, float, str]], end: float, money: Money) -> Markup:
    listed = "; ".join(f"{label} {size}" for _, label, _, size in moves)
    return waterfall(
        [Step(label, amount, size, certain=name == "start") for name, label, amount, size in moves],
        Step("Open now", end, money.amount(end)),
        target=None,
        title=f"How the pipeline of {row.name} moved in {row.period}, in {money.currency}",
        description=f"{listed}; open now {money.amount(end)}.",
        key="moves",
    )
