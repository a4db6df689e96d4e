"""The first page of the model room: champion and challenger, what the forecasts add, the gate, and the model card."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from markupsafe import Markup

from serving import formats, markdown
from serving.access import on_batch
from serving.charts.bars import Bar, bar_chart
from serving.charts.lines import Line, line_chart
from serving.pages.feedback import FeedbackSummary, feedback_summary
from serving.pages.frame import PagePrincipal, frame_of
from serving.pages.model.rivals import ReignRow, RivalsCard, reigns, rivals_card
from serving.pages.model.room import RoomLink, room_links, slug_words
from spm_ml.predictions import BatchReader, Champion, Lineage, ModelCard, Rivals

router = APIRouter(include_in_schema=False)

PATH: Final = "/model"

_MEASURES: Final[tuple[tuple[str, str, str], ...]] = (
    ("crps", "CRPS", "Continuous ranked probability score: the error of the whole distribution. Lower is better."),
    (
        "value_added",
        "Value added",
        "CRPS of the best simple baseline − CRPS, over rows both answered. Above 0 beats the baselines.",
    ),
    ("bias", "Bias", "Σ (P50 − booked) ÷ Σ booked. Above 0 says too much, below 0 too little."),
    ("mae", "MAE", "Mean absolute error of the median. Lower is better."),
    ("brier", "Brier", "Squared error of the chance of reaching the quota. Lower is better."),
    ("ece", "ECE", "Gap between chances said and frequencies seen. Lower is better."),
    ("auc", "AUC", "How well chances rank who reaches the quota: 0.5 is luck, 1 is perfect."),
    ("coverage_80", "80% interval covers", "Share of results inside P10–P90. It should be 80%."),
)


_KINDS: Final = {"model": "Model", "submission": "People", "rule": "Simple rule"}
"""What readers call a kind of forecaster."""

_UNITS: Final = {"bookings_of_usual": "the rep's usual bookings"}


@dataclass(frozen=True)
class Measure:
    """A column of the table."""

    label: str
    meaning: str


@dataclass(frozen=True)
class ForecasterRow:
    """A forecaster's accuracy, in words."""

    label: str
    kind: str
    chosen: bool
    rows: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class WeekRow:
    """A week's CRPS of the forecasters compared."""

    week: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class GateRow:
    """A test the model had to pass."""

    test: str
    passed: bool
    detail: str


@dataclass(frozen=True)
class ModelPage:
    """Everything the page shows.

    Attributes:
        is_hindsight: The model knew what came of the period.
        rivals: Champion and challenger; None where they were not published.
        reigns: Every champion, the latest first.
        verdict: What the table says, in a sentence.
        unit: What errors are measured in.
        compared: Forecasters of the chart and table by week.
        feedback: How many people said what of the numbers; None: nobody asked.
    """

    rooms: tuple[RoomLink, ...]
    is_hindsight: bool
    rivals: RivalsCard | None
    reigns: tuple[ReignRow, ...]
    model: str
    trained: str
    verdict: str
    unit: str
    chart: Markup | None
    measures: tuple[Measure, ...]
    forecasters: tuple[ForecasterRow, ...]
    by_week: Markup | None
    compared: tuple[str, ...]
    weeks: tuple[WeekRow, ...]
    gate: tuple[GateRow, ...]
    card: Markup
    feedback: FeedbackSummary | None


@router.get("/value-added")
async def value_added(_principal: PagePrincipal) -> Response:
    """Where the page was before."""
    return RedirectResponse(PATH, 303)


@router.get(PATH)
async def model(request: Request, principal: PagePrincipal) -> Response:
    """The model page, for every role."""

    def build(batch: BatchReader) -> Response:
        page = page_of(
            batch.model_card(),
            batch.evidence(Rivals),
            batch.champions(),
            batch.evidence(Lineage),
            feedback_summary(batch),
        )
        frame = frame_of(request, "Model", principal=principal, batch=batch.batch)
        response: Response = request.app.state.templates.page("model.html", page, frame)
        return response

    return await on_batch(request, principal, build)


def page_of(
    card: ModelCard,
    rivals: Rivals | None = None,
    history: Sequence[tuple[datetime, Champion]] = (),
    lineage: Lineage | None = None,
    feedback: FeedbackSummary | None = None,
) -> ModelPage:
    """The context of the page for a model."""
    known = sorted((row for row in card.value_added if row.get("crps") is not None), key=lambda row: row["crps"])
    unknown = [row for row in card.value_added if row.get("crps") is None]
    own = [row for row in known if row["forecaster"] == card.forecaster]
    others = [row for row in known if row["forecaster"] != card.forecaster]
    baseline = next((row for row in known if row.get("value_added") == 0), None)
    compared = own + ([baseline] if baseline and baseline not in own else others[:1])
    unit = str(known[0].get("unit", "attainment")) if known else "attainment"
    return ModelPage(
        rooms=room_links(PATH),
        is_hindsight=lineage is not None and lineage.hindsight,
        rivals=None if rivals is None else rivals_card(rivals),
        reigns=reigns(history),
        model=f"{card.name} version {card.version} ({label_of({'forecaster': card.forecaster})})",
        trained=formats.day(card.trained_at.date()),
        verdict=_verdict(card, known),
        unit=_UNITS.get(unit, unit),
        chart=_chart(card, known, baseline) if known else None,
        measures=tuple(Measure(label, meaning) for _, label, meaning in _MEASURES),
        forecasters=tuple(_row(row, card.forecaster) for row in (*known, *unknown)),
        by_week=_by_week(card, compared),
        compared=tuple(label_of(row) for row in compared),
        weeks=_weeks(card, compared),
        gate=tuple(
            GateRow(slug_words(row["test"]), bool(row["passed"]), formats.stored(str(row["detail"])))
            for row in card.gate
        ),
        card=markdown.render(card.card_markdown),
        feedback=feedback,
    )


def label_of(row: dict[str, Any]) -> str:
    """A forecaster's name for readers."""
    return str(row.get("label") or slug_words(row["forecaster"]))


def _verdict(card: ModelCard, known: Sequence[dict[str, Any]]) -> str:
    """What the value added says; it is measured on the rows that both forecasters answered."""
    own = next((row for row in known if row["forecaster"] == card.forecaster), None)
    if own is None:
        return "No backtest of this model is stored."
    gain = own.get("value_added")
    if gain is None:
        return "There is no simple baseline to compare with."
    if gain == 0:
        return "This is the best simple baseline: it is in use because no model beat it in the backtest."
    if gain < 0:
        return "A simple baseline is more accurate: this model adds nothing yet."
    return f"Its error is {formats.percent(gain / (own['crps'] + gain))} below that of the best simple baseline."


def _row(row: dict[str, Any], chosen: str) -> ForecasterRow:
    values = tuple(_value(slug, row.get(slug)) for slug, _, _ in _MEASURES)
    return ForecasterRow(
        label_of(row),
        _KINDS.get(row.get("kind") or "", ""),
        row["forecaster"] == chosen,
        formats.whole(row.get("n") or 0),
        values,
    )


def _value(slug: str, value: float | None) -> str:
    if slug == "coverage_80":
        return formats.percent(value)
    if slug == "bias":
        return formats.percent(value, sign=True)
    text = formats.decimal(value)
    return f"+{text}" if slug == "value_added" and value is not None and value > 0 else text


def _chart(card: ModelCard, rows: Sequence[dict[str, Any]], baseline: dict[str, Any] | None) -> Markup:
    bars = [
        Bar(_said_by(row), row["crps"], formats.decimal(row["crps"]), row["forecaster"] == card.forecaster)
        for row in rows
    ]
    listed = "; ".join(f"{bar.label} {bar.text}" for bar in bars)
    return bar_chart(
        bars,
        reference=baseline["crps"] if baseline else None,
        title="Error of each forecaster (CRPS, lower is better)",
        description=f"{listed}. The dashed line is the best simple baseline.",
        key="fva",
    )


def _said_by(row: dict[str, Any]) -> str:
    return f"{label_of(row)} (people)" if row.get("kind") == "submission" else label_of(row)


def _series(card: ModelCard, forecaster: str) -> list[tuple[int, float]]:
    rows = [row for row in card.by_week if row["forecaster"] == forecaster and row.get("crps") is not None]
    return sorted((int(row["week"]), float(row["crps"])) for row in rows)


def _by_week(card: ModelCard, compared: Sequence[dict[str, Any]]) -> Markup | None:
    lines = [
        Line(label_of(row), _series(card, row["forecaster"]), row["forecaster"] == card.forecaster)
        for row in reversed(compared)
    ]
    drawn = [line for line in lines if line.points]
    if not drawn:
        return None
    ends = "; ".join(
        f"{line.label} from {formats.decimal(line.points[0][1])} to {formats.decimal(line.points[-1][1])}"
        for line in drawn
    )
    return line_chart(
        drawn,
        tick=partial(formats.decimal, digits=2),
        title="Error by week of the period (CRPS)",
        description=f"Over the weeks: {ends}.",
        key="week",
    )


def _weeks(card: ModelCard, compared: Sequence[dict[str, Any]]) -> tuple[WeekRow, ...]:
    series = [dict(_series(card, row["forecaster"])) for row in compared]
    weeks = sorted({week for one in series for week in one})
    return tuple(WeekRow(str(week), tuple(formats.decimal(one.get(week)) for one in series)) for week in weeks)
