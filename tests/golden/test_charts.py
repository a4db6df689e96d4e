"""Every chart in its shapes, as agreed: SPM_WRITE_GOLDEN=1 writes them anew, and a person looks at the difference."""

import os
import re
from datetime import date, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest
from markupsafe import Markup

from serving.charts.bars import Bar, bar_chart, push_bar
from serving.charts.effects import EffectMark, effects_chart
from serving.charts.event_study import EventMark, event_chart
from serving.charts.fan import Fan, FanPoint, fan_chart
from serving.charts.gap import GapEnd, GapPart, gap_chart
from serving.charts.interval import Interval, interval_bar
from serving.charts.lines import Line, line_chart
from serving.charts.progress import Progress, progress_bar
from serving.charts.reliability import ReliabilityPoint, reliability_chart
from serving.charts.scale import Mark, scale_chart
from serving.charts.shares import ShareMark, shares_chart
from serving.charts.sparkline import sparkline
from serving.charts.spread import spread_bar
from serving.charts.waterfall import Step, waterfall
from serving.formats import percent, short, short_day

GOLDEN = Path(__file__).with_name("charts")
WORDS = {"title": "What it shows", "description": "What can be read from it.", "key": "k"}
START, END = date(2026, 4, 1), date(2026, 6, 30)
SPREAD = (200e3, 250e3, 290e3, 330e3, 380e3)


def fan(
    weeks: int,
    *,
    target: float | None = 300e3,
    forecast: bool = True,
    size: float = 1.0,
    ended: float | None = None,
) -> Markup:
    points = tuple(
        FanPoint(
            START + timedelta(days=7 * week - 1),
            20e3 * week * size,
            tuple(value * abs(size) for value in SPREAD) if forecast else None,  # type: ignore[arg-type]
        )
        for week in range(weeks)
    )
    return fan_chart(Fan(START, END, points, target, ended), tick=short, day=short_day, **WORDS)


def steps(*values: float, target: float | None = 300e3) -> Markup:
    parts = [Step(f"Part {at}", value, short(value), certain=not at) for at, value in enumerate(values)]
    return waterfall(parts, Step("Together", sum(values), short(sum(values))), target=target, **WORDS)


def gap(*values: float) -> Markup:
    kinds = ("condition", "behaviour")
    parts = [GapPart(kinds[at % 2], f"Part {at}", value, f"{value:+.1f}") for at, value in enumerate(values)]  # type: ignore[arg-type]
    ends = {"plan": GapEnd("Plan", 1.0, "100%"), "result": GapEnd("Attainment", 1 + sum(values), "so much")}
    return gap_chart(parts, **ends, **WORDS)


def effects(*marks: EffectMark) -> Markup:
    return effects_chart(marks, **WORDS)


def event(*marks: EventMark) -> Markup:
    return event_chart(marks, tick=short, **WORDS)


def lines(*lines: Line) -> Markup:
    return line_chart(lines, tick=short, **WORDS)


def reliability(*points: ReliabilityPoint) -> Markup:
    return reliability_chart(points, percent=percent, **WORDS)


def shares(*marks: ShareMark) -> Markup:
    return shares_chart(marks, reference=0.8, percent=percent, axis="week of the period", **WORDS)


CHARTS = {
    "interval": interval_bar(Interval(0.5, 0.7, 0.9, 1.0, 1.2, 0.3, 1.0, 1.5), **WORDS),
    "interval-no-quota": interval_bar(Interval(0.5, 0.7, 0.9, 1.0, 1.2, 0.3, None, 1.5), **WORDS),
    "interval-negative": interval_bar(Interval(-0.2, -0.1, 0.0, 0.1, 0.2, -0.1, 1.0, 1.5), **WORDS),
    "interval-beyond": interval_bar(Interval(1.0, 2.0, 4.0, 8.0, 1e12, 9.0, 1.0, 1.5), **WORDS),
    "interval-ended": interval_bar(Interval(0.5, 0.7, 0.9, 1.0, 1.2, 0.3, 1.0, 1.5, 1.1), **WORDS),
    "interval-point": interval_bar(Interval(0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8), **WORDS),
    "fan": fan(9),
    "fan-empty": fan(0),
    "fan-point": fan(1),
    "fan-no-quota": fan(9, target=None),
    "fan-nothing-forecast": fan(9, forecast=False),
    "fan-negative": fan(9, size=-1.0),
    "fan-huge": fan(9, size=1e9),
    "fan-ended": fan(9, ended=310e3),
    "fan-ended-below-zero": fan(9, size=-1.0, ended=-90e3),
    "scale": scale_chart(
        [
            Mark("Model", SPREAD, "290k", "range"),
            Mark("Commit", (310e3,), "310k", "said"),
            Mark("Booked", (90e3,), "90k", "booked"),
            Mark("Quota", (300e3,), "300k", "wanted"),
        ],
        **WORDS,
    ),
    "scale-empty": scale_chart([], **WORDS),
    "scale-negative": scale_chart([Mark("Booked", (-5e3,), "−5k", "booked")], **WORDS),
    "waterfall": steps(90e3, 150e3, -20e3, 60e3),
    "waterfall-empty": steps(),
    "waterfall-no-quota": steps(90e3, 150e3, target=None),
    "waterfall-negative": steps(-10e3, -20e3),
    "waterfall-huge": steps(1e15, 1.0),
    "gap": gap(-0.1, -0.2, 0.05, 0.001),
    "gap-empty": gap(),
    "gap-point": gap(-0.4),
    "effects": effects(
        EffectMark("Chosen", 0.03, (0.01, 0.05), "+3.0", "chosen"),
        EffectMark("Other", -0.02, (-0.05, 0.01), "−2.0"),
        EffectMark("Naive", 0.12, None, "+12.0", "naive"),
        EffectMark("Unknown", None, None, "not known"),
    ),
    "effects-empty": effects(),
    "effects-huge": effects(EffectMark("Huge", 1e9, (-1e9, 3e9), "+1bn")),
    "event": event(
        *(EventMark(lag, lag / 100, lag / 100 - 0.02, lag / 100 + 0.02, f"{lag:+d}") for lag in range(-3, 4))
    ),
    "event-empty": event(),
    "event-point": event(EventMark(0, 0.0, 0.0, 0.0, "taken")),
    "bars": bar_chart([Bar("Model", 0.1, "0.100", True), Bar("Base", 0.2, "0.200", False)], reference=0.2, **WORDS),
    "bars-empty": bar_chart([], reference=None, **WORDS),
    "push": push_bar(0.04, 0.08),
    "push-negative": push_bar(-0.08, 0.08),
    "push-nothing": push_bar(0.0, 0.0),
    "lines": lines(
        Line("Base", [(week, 0.2 - week / 200) for week in range(13)], False),
        Line("Model", [(week, 0.15 - week / 150) for week in range(13)], True),
    ),
    "lines-empty": lines(),
    "lines-point": lines(Line("Model", [(3, 0.1)], True)),
    "reliability": reliability(
        ReliabilityPoint(0.1, 0.05, 0.0, 0.2),
        ReliabilityPoint(0.5, 0.6, 0.4, 0.8),
        ReliabilityPoint(0.9, 0.85, 0.7, 1.0),
    ),
    "reliability-empty": reliability(),
    "reliability-point": reliability(ReliabilityPoint(0.0, 1.0, 0.03, 1.0)),
    "shares": shares(*(ShareMark(str(week), 0.7 + week / 50, 0.6 + week / 50, 0.8 + week / 50) for week in range(13))),
    "shares-empty": shares(),
    "shares-point": shares(ShareMark("0", 0.8, 0.7, 0.9)),
    "shares-many": shares(*(ShareMark(str(week), 0.8, 0.5, 1.0) for week in range(53))),
    "sparkline": sparkline([0.4, 0.45, 0.3, 0.6, 0.72], end=1.0, target=0.7, **WORDS),
    "sparkline-empty": sparkline([], **WORDS),
    "sparkline-point": sparkline([0.4], end=1.0, **WORDS),
    "sparkline-gaps": sparkline([None, 0.4, 0.5, None, 0.2, 0.3, None], end=1.0, **WORDS),
    "progress": progress_bar(Progress(0.42, 0.5, (0.7, 0.9, 1.1)), **WORDS),
    "progress-bare": progress_bar(Progress(0.0, None, None), **WORDS),
    "progress-beyond": progress_bar(Progress(-0.1, 1.0, (0.5, 1.5, 1e9)), **WORDS),
    "spread": spread_bar((0.45, 0.3), (0.6, 0.02), **WORDS),
    "spread-new": spread_bar(None, (0.6, 0.0), **WORDS),
    "spread-far": spread_bar((0.02, 0.4), (0.99, 0.5), **WORDS),
    "sparkline-negative": sparkline([-5.0, 3.0, 1e9], **WORDS),
}


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_is_the_agreed_one(name: str) -> None:
    path, drawn = GOLDEN / f"{name}.svg", str(CHARTS[name]).replace("><", ">\n<") + "\n"
    if os.environ.get("SPM_WRITE_GOLDEN") == "1":
        path.write_text(drawn, encoding="utf-8")
    assert drawn == path.read_text(encoding="utf-8"), (
        "the picture changed: if it should, run this test with SPM_WRITE_GOLDEN=1 and look at it"
    )
    root = ElementTree.fromstring(drawn)  # noqa: S314  (our own)
    assert not re.search(r"nan|inf\b|style=|<script|\bon\w+=", drawn, re.IGNORECASE)
    if root.get("aria-hidden") != "true":
        assert [root.findtext("title"), root.findtext("desc")] == [WORDS["title"], WORDS["description"]]


def test_no_picture_is_left_behind() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == set(CHARTS)
