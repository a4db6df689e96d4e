"""Words and pictures of a program's finding: the effect, what misleads beside it, its checks, its course over time."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from serving import formats
from serving.charts.effects import EffectMark, effects_chart
from serving.charts.event_study import EventMark, event_chart
from serving.formats import Money
from spm_ml.predictions import EffectCheck, EffectPoint, EffectVerdict, ProgramFinding


@dataclass(frozen=True)
class VerdictWords:
    """A verdict: word and shape say what the colour says."""

    slug: str
    label: str
    shape: str


VERDICTS: Final[dict[EffectVerdict, VerdictWords]] = {
    "helps": VerdictWords("low", "Helps", "▲"),
    "no evidence": VerdictWords("none", "No evidence", "○"),
    "harmful": VerdictWords("high", "Harmful", "▼"),
    "cannot tell": VerdictWords("none", "Cannot tell", "?"),
}

_PASSED: Final[dict[bool | None, tuple[str, str]]] = {
    True: ("pass", "✓ passed"),
    False: ("fail", "✗ failed"),
    None: ("muted", "○ not possible"),
}


@dataclass(frozen=True)
class FigureRow:
    """One figure about a program: the estimate, or a naive one beside it."""

    label: str
    value: str
    about: str
    naive: bool


@dataclass(frozen=True)
class CheckRow:
    """A check of the effect."""

    label: str
    text: str
    slug: str
    result: str


@dataclass(frozen=True)
class EventRow:
    """One period of the event study."""

    when: str
    effect: str
    interval: str
    trained: str


@dataclass(frozen=True)
class ProgramWords:
    """A program and what it has caused, as a reader sees it.

    Attributes:
        key: Tells the programs of a page apart.
        facts: What it costs and holds, in pairs.
        people: How many the effect rests on.
        chart: The effect and the naive figures; None where none of them is known.
        figures: The same in the chart's order.
        checked: How many checks passed and failed.
        doubt: Whether one failed.
        led: Whether periods before the program are shown.
    """

    key: str
    name: str
    skills: str
    verdict: VerdictWords
    detail: str
    effect: str
    interval: str
    facts: tuple[tuple[str, str], ...]
    people: str
    chart: Markup | None
    figures: tuple[FigureRow, ...]
    naive_words: str
    checks: tuple[CheckRow, ...]
    checked: str
    doubt: bool
    events: tuple[EventRow, ...]
    event_chart: Markup | None
    led: bool
    fading: str


def program_words(finding: ProgramFinding, key: str, money: Money) -> ProgramWords:
    """The words and pictures of a finding; `key` tells those of a page apart."""
    figures = _figures(finding)
    points = sorted(finding.event_study, key=lambda point: point.lag)
    return ProgramWords(
        key=key,
        name=finding.name,
        skills=", ".join(skill.replace("_", " ") for skill in finding.skills),
        verdict=VERDICTS[finding.verdict],
        detail=formats.sentence(finding.detail),
        effect=_points(finding.effect),
        interval=between(finding.effect_low, finding.effect_high),
        facts=_facts(finding, money),
        people=_people(finding),
        chart=_chart(finding, figures, key),
        figures=figures,
        naive_words=formats.sentence(finding.naive_words),
        checks=tuple(_check(check) for check in finding.checks),
        checked=_checked(finding.checks),
        doubt=any(check.passed is False for check in finding.checks),
        events=tuple(_event(point) for point in points),
        event_chart=_events(finding, points, key) if points else None,
        led=bool(points) and points[0].lag < 0,
        fading=formats.sentence(finding.fading),
    )


def between(low: float | None, high: float | None) -> str:
    """An interval in points; empty where there is none."""
    return "" if low is None or high is None else f"{formats.points(low)} to {formats.points(high)}"


def overview(findings: Sequence[ProgramFinding]) -> Markup:
    """Every program's effect on one scale."""
    marks = [
        EffectMark(
            finding.name,
            finding.effect,
            _interval(finding.effect_low, finding.effect_high),
            f"{VERDICTS[finding.verdict].label}{_after(finding.effect)}",
            "chosen" if finding.verdict in ("helps", "harmful") else "other",
        )
        for finding in findings
    ]
    listed = "; ".join(
        f"{finding.name}: {_sentence(finding.effect, finding.effect_low, finding.effect_high)}, {finding.verdict}"
        for finding in findings
    )
    return effects_chart(
        marks,
        title="Effect of each program on attainment, in points, with its 95% interval",
        description=f"{listed}. The dashed line is no effect.",
        key="programs",
    )


def _figures(finding: ProgramFinding) -> tuple[FigureRow, ...]:
    effect = FigureRow(
        "Effect",
        _points(finding.effect),
        between(finding.effect_low, finding.effect_high) or formats.sentence(finding.detail),
        naive=False,
    )
    return (
        effect,
        FigureRow(
            "Before and after",
            _points(finding.naive_before_after),
            "Whoever is sent after a bad period gets better anyway.",
            naive=True,
        ),
        FigureRow(
            "Trained and untrained",
            _points(finding.naive_difference),
            "Those who are sent differ from those who are not.",
            naive=True,
        ),
    )


def _chart(finding: ProgramFinding, figures: Sequence[FigureRow], key: str) -> Markup | None:
    values = (finding.effect, finding.naive_before_after, finding.naive_difference)
    if all(value is None for value in values):
        return None
    intervals = (_interval(finding.effect_low, finding.effect_high), None, None)
    marks = [
        EffectMark(
            f"{row.label} (misleads)" if row.naive else row.label,
            value,
            interval,
            row.value if row.naive or interval is None else f"{row.value} ({row.about})",
            "naive" if row.naive else "chosen",
        )
        for row, value, interval in zip(figures, values, intervals, strict=True)
    ]
    return effects_chart(
        marks,
        title=f"{finding.name}: the effect, and the naive figures that mislead, in points",
        description="; ".join(f"{mark.label} {mark.text}" for mark in marks) + ".",
        key=f"{key}-effect",
    )


def _events(finding: ProgramFinding, points: Sequence[EffectPoint], key: str) -> Markup:
    listed = "; ".join(f"{_when(point.lag)} {_sentence(point.effect, point.low, point.high)}" for point in points)
    return event_chart(
        [EventMark(point.lag, point.effect, point.low, point.high, _lag(point.lag)) for point in points],
        tick=lambda share: formats.significant(100 * share, sign=True),
        title=f"{finding.name}: effect by period before and since it was taken, in points, 95% intervals",
        description=f"{listed}.",
        key=f"{key}-events",
    )


def _event(point: EffectPoint) -> EventRow:
    return EventRow(
        _when(point.lag), formats.points(point.effect), between(point.low, point.high), formats.whole(point.trained)
    )


def _when(lag: int) -> str:
    if not lag:
        return "The period it was taken in"
    periods = f"{abs(lag)} period{'s' if abs(lag) > 1 else ''}"
    return f"{periods} {'after' if lag > 0 else 'before'}"


def _lag(lag: int) -> str:
    return formats.signed(lag) if lag else "taken"


def _check(check: EffectCheck) -> CheckRow:
    slug, result = _PASSED[check.passed]
    return CheckRow(check.label, formats.sentence(check.text), slug, result)


def _checked(checks: Sequence[EffectCheck]) -> str:
    counts = Counter(check.passed for check in checks)
    said = ((True, "passed"), (False, "failed"), (None, "not possible"))
    return ", ".join(f"{counts[passed]} {word}" for passed, word in said if counts[passed])


def _facts(finding: ProgramFinding, money: Money) -> tuple[tuple[str, str], ...]:
    return (
        ("Cost of a seat", "unknown" if finding.cost is None else money.full(finding.cost)),
        ("Seats a period", "no limit known" if finding.seats is None else formats.whole(finding.seats)),
        ("Selling days it takes", "unknown" if finding.days is None else f"{finding.days:.3g}"),
        ("Enrolments on record", formats.whole(finding.enrolled)),
    )


def _people(finding: ProgramFinding) -> str:
    if not finding.trained:
        return ""
    words = f"{formats.whole(finding.trained)} trained beside {formats.whole(finding.controls)} who were not yet"
    if finding.trimmed_share:
        words += f"; {formats.percent(finding.trimmed_share)} of the trained left out: nobody is comparable"
    return f"{words}."


def _points(share: float | None) -> str:
    return "not known" if share is None else formats.points(share)


def _after(effect: float | None) -> str:
    return "" if effect is None else f", {formats.points(effect)}"


def _interval(low: float | None, high: float | None) -> tuple[float, float] | None:
    return None if low is None or high is None else (low, high)


def _sentence(value: float | None, low: float | None, high: float | None) -> str:
    if value is None:
        return "no effect can be told"
    interval = between(low, high)
    return f"{formats.points(value)} points" + (f" ({interval})" if interval else "")
