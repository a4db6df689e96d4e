"""What stands beside a rep's forecast: the deals that matter, and what people said about the same period."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from markupsafe import Markup

from serving import formats
from serving.charts.scale import Mark, scale_chart
from serving.formats import Money
from spm_ml.predictions import Prediction, Submission, SubmissionKind, SubmissionRecord

SAID: Final[dict[SubmissionKind, str]] = {
    "commit": "Rep's commit",
    "best_case": "Rep's best case",
    "manager_override": "Manager's override",
}
"""What readers call a submission."""

_RANGE: Final = (0.1, 0.25, 0.5, 0.75, 0.9)


@dataclass(frozen=True)
class DealRow:
    """An open deal that matters."""

    name: str
    stage: str
    amount: str
    chance: str
    week: str
    expected: str


@dataclass(frozen=True)
class LargestRow:
    """The forecast with or without the largest deal."""

    label: str
    median: str
    share: str
    chance: str


@dataclass(frozen=True)
class Largest:
    """The forecast with and without the largest deal."""

    deal: str
    rows: tuple[LargestRow, LargestRow]


@dataclass(frozen=True)
class SaidRow:
    """What somebody said, and how right they were before."""

    label: str
    source: str
    amount: str
    share: str
    bias: str
    record: str


@dataclass(frozen=True)
class Newer:
    """A number that was entered and that the forecast does not know yet.

    Attributes:
        when: In words.
    """

    record: SubmissionRecord
    when: str


@dataclass(frozen=True)
class Voices:
    """The model's and people's numbers on one scale, and in a table."""

    chart: Markup
    rows: tuple[SaidRow, ...]


def deals_of(row: Prediction, money: Money) -> tuple[DealRow, ...]:
    """The deals that matter, as stored."""
    return tuple(
        DealRow(
            name=deal.opportunity_id,
            stage=deal.stage,
            amount=money.amount(deal.amount),
            chance=formats.chance(deal.p_win),
            week=formats.NOTHING if deal.likely_week is None else _week(row, deal.likely_week),
            expected="" if deal.expected_close_on is None else f"expected {formats.short_day(deal.expected_close_on)}",
        )
        for deal in row.deals
    )


def largest_of(row: Prediction, money: Money) -> Largest | None:
    """The forecast with and without the largest deal; None where no deal decides the period."""
    without, median = row.without_largest, row.quantile(0.5)
    if without is None or median is None:
        return None

    def line(label: str, value: float, p_hit: float | None) -> LargestRow:
        share = formats.percent(value / row.quota) if row.quota else formats.NOTHING
        return LargestRow(label, money.amount(value), share, formats.chance(p_hit))

    return Largest(
        deal=f"{without.opportunity_id}, {money.full(without.amount)}",
        rows=(line("With it", median, row.p_hit), line("Without it", without.median, without.p_hit)),
    )


def voices_of(row: Prediction, money: Money, newer: Sequence[Newer] = (), *, ended: int | None = None) -> Voices | None:
    """The model's and people's numbers, those last that the forecast does not know; None where nobody said any.

    Args:
        row: The forecast.
        money: Writes amounts.
        newer: What it does not know.
        ended: What was booked at the end of a finished period; None while that is not known.
    """
    if not row.submissions and not newer:
        return None
    marks = list(_model(row, money))
    rows: list[SaidRow] = []
    for kind, label in SAID.items():
        for known in row.submissions:
            if known.kind == kind:
                marks.append(_said_mark(label, known.amount, row, money))
                rows.append(_said(known, row, money))
        for one in newer:
            if one.record.kind == kind:
                marks.append(_said_mark(f"{label}, new", one.record.amount, row, money))
                rows.append(_entered(one, row, money))
    marks.append(Mark("Booked so far", (float(row.booked),), _size(row.booked, row, money), "booked"))
    if ended is not None:
        marks.append(Mark("What happened", (float(ended),), _size(ended, row, money), "booked"))
    if row.quota:
        marks.append(Mark("Quota", (float(row.quota),), money.full(row.quota), "wanted"))
    listed = "; ".join(f"{mark.label} {mark.text}" for mark in marks)
    chart = scale_chart(
        marks,
        title=f"What the model and people expect of {row.name} in {row.period}",
        description=f"{listed}.",
        key="voices",
    )
    return Voices(chart, tuple(rows))


def _model(row: Prediction, money: Money) -> Sequence[Mark]:
    values = tuple(value for level in _RANGE if (value := row.quantile(level)) is not None)
    return [Mark("Model, P10 – P50 – P90", values, _size(values[2], row, money), "range")] if values else []


def _said_mark(label: str, amount: int, row: Prediction, money: Money) -> Mark:
    return Mark(label, (float(amount),), _size(amount, row, money), "said")


def _size(amount: float, row: Prediction, money: Money) -> str:
    share = f" · {formats.percent(amount / row.quota)}" if row.quota else ""
    return f"{money.amount(amount)}{share}"


def _said(said: Submission, row: Prediction, money: Money) -> SaidRow:
    return SaidRow(
        label=SAID[said.kind],
        source=", ".join(part for part in (said.submitted_by, formats.short_day(said.submitted_on)) if part),
        amount=money.amount(said.amount),
        share=formats.percent(said.amount / row.quota) if row.quota else "",
        bias=_bias(said.typical_bias),
        record=_record(said),
    )


def _entered(newer: Newer, row: Prediction, money: Money) -> SaidRow:
    record = newer.record
    return SaidRow(
        label=f"{SAID[record.kind]}, new",
        source=f"{record.submitted_by}, {newer.when}, not in the forecast yet"
        + (f": {record.note}" if record.note else ""),
        amount=money.amount(record.amount),
        share=formats.percent(record.amount / row.quota) if row.quota else "",
        bias=formats.NOTHING,
        record=formats.NOTHING,
    )


def _bias(bias: float | None) -> str:
    if bias is None:
        return "no past"
    if not round(100 * bias):
        return "about right"
    return f"{formats.percent(abs(bias))} too {'high' if bias > 0 else 'low'}"


def _record(said: Submission) -> str:
    if not said.compared:
        return "nothing to compare yet"
    person = said.compared - said.model_closer
    if said.model_closer == person:
        return f"even over {said.compared} periods"
    closer, count = ("model", said.model_closer) if said.model_closer > person else ("person", person)
    return f"the {closer}, in {count} of {said.compared} periods"


def _week(row: Prediction, week: int) -> str:
    begins = row.period_start + timedelta(days=7 * (week - 1))
    return f"{week}, from {formats.short_day(begins)}"
