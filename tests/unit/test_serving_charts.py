"""The pictures: well formed, described in words, and drawn where the numbers say."""

import re
from datetime import date, timedelta
from itertools import pairwise
from math import fsum
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from serving.charts.bars import Bar, bar_chart, push_bar
from serving.charts.fan import Fan, FanPoint, fan_chart
from serving.charts.interval import HEIGHT, WIDTH, Interval, interval_bar
from serving.charts.lines import Line, line_chart
from serving.charts.scale import Mark, scale_chart
from serving.charts.svg import Scale, element, ticks
from serving.charts.waterfall import Step, waterfall
from serving.formats import rounded, short, short_day

WORDS = {"title": "A <b> title", "description": 'with "quotes" & more', "key": "k"}


def drawn(chart: Markup) -> ElementTree.Element:
    root = ElementTree.fromstring(str(chart))  # noqa: S314  (our own)
    assert "style" not in str(chart), "the content policy forbids inline styles"
    return root


def described(chart: Markup) -> ElementTree.Element:
    root = drawn(chart)
    assert root.get("role") == "img"
    labels = {part.get("id"): part.text for part in root if part.tag in ("title", "desc")}
    assert [labels[key] for key in (root.get("aria-labelledby") or "").split()] == [
        WORDS["title"],
        WORDS["description"],
    ]
    return root


def boxes(root: ElementTree.Element, name: str) -> tuple[float, float]:
    (found,) = (part for part in root if part.get("class") == name and part.tag == "rect")
    return float(found.get("x", "nan")), float(found.get("x", "nan")) + float(found.get("width", "nan"))


def strokes(root: ElementTree.Element, name: str) -> list[float]:
    return [
        float(re.match(r"M([\d.]+)", part.get("d", ""))[1])  # type: ignore[index]
        for part in root
        if part.get("class") == name and part.tag == "path"
    ]


SHARES = st.lists(st.floats(0, 3), min_size=5, max_size=5).map(sorted)


@given(values=SHARES, booked=st.floats(-0.5, 3), target=st.none() | st.just(1.0), end=st.floats(1, 2))
def test_an_interval_lies_in_order_and_inside(
    values: list[float], booked: float, target: float | None, end: float
) -> None:
    low, lower, median, upper, high = values
    root = described(interval_bar(Interval(low, lower, median, upper, high, booked, target, end), **WORDS))
    (p10, p90), (p25, p75) = boxes(root, "band"), boxes(root, "core")
    (p50,) = strokes(root, "median")
    assert 0 <= p10 <= p25 + 0.1
    assert p75 <= p90 + 0.1 <= WIDTH + 0.1
    assert p25 - 0.1 <= p50 <= p75 + 0.1
    assert boxes(root, "booked")[1] <= WIDTH
    assert len(strokes(root, "target")) == (target is not None)
    assert bool(strokes(root, "beyond")) is (high > end)
    assert root.get("viewBox") == f"0 0 {WIDTH:g} {HEIGHT:g}"


START, END = date(2026, 4, 1), date(2026, 6, 30)


def make_fan(weeks: int, *, target: float | None = 300_000.0, forecast: bool = True) -> Fan:
    points = tuple(
        FanPoint(
            START - timedelta(days=1) + timedelta(days=7 * week),
            20_000.0 * week,
            (200e3, 250e3, 290e3 + week, 330e3, 380e3) if forecast else None,
        )
        for week in range(weeks)
    )
    return Fan(START, END, points, target)


def test_a_fan_shows_bands_bookings_and_quota() -> None:
    root = described(fan_chart(make_fan(9), tick=short, day=short_day, **WORDS))
    classes = [part.get("class") for part in root]
    for wanted in ("band", "core", "median", "booked", "target", "outlook", "whisker", "now"):
        assert wanted in classes
    texts = [part.text for part in root if part.tag == "text"]
    assert texts[-4:] == ["P90 380k", "Quota", "P50 290k", "P10 200k"]
    assert "400k" in texts


def test_labels_never_cover_each_other() -> None:
    root = drawn(fan_chart(make_fan(9, target=290_000), tick=short, day=short_day, **WORDS))
    levels = [float(part.get("y", "nan")) for part in root if part.tag == "text"][-4:]
    assert all(later - earlier >= 20 - 0.1 for earlier, later in pairwise(levels))


@pytest.mark.parametrize(
    "fan",
    [
        make_fan(0),
        make_fan(1, target=None),
        make_fan(9, forecast=False),
        Fan(START, END, (), None),
        Fan(START, START, (FanPoint(START, -5_000.0, (0.0,) * 5),), 0.0),
    ],
)
def test_a_fan_is_drawn_from_little(fan: Fan) -> None:
    root = described(fan_chart(fan, tick=short, day=short_day, **WORDS))
    assert "nan" not in ElementTree.tostring(root, encoding="unicode")


def test_bars_are_as_long_as_their_values() -> None:
    bars = [Bar("Model", 0.1, "0.100", True), Bar("Base <line>", 0.2, "0.200", False), Bar("Zero", 0, "0.000", False)]
    root = described(bar_chart(bars, reference=0.2, **WORDS))
    widths = [float(part.get("width", "nan")) for part in root if part.tag == "rect"]
    assert widths[1] == pytest.approx(2 * widths[0], abs=0.2)
    assert [part.text for part in root if part.tag == "text"][2:4] == ["Base <line>", "0.200"]


def test_a_push_bar_is_decoration() -> None:
    for value, kind in ((0.04, "gain"), (-0.08, "loss"), (0.0, "loss")):
        root = drawn(push_bar(value, 0.08))
        assert root.get("aria-hidden") == "true"
        assert root[-1].get("class") == kind
    drawn(push_bar(0.0, 0.0))


def test_lines_are_named_at_their_ends() -> None:
    weeks = [(week, 0.2 - week / 100) for week in range(13)]
    lines = [Line("Base", [(week, value + 0.001) for week, value in weeks], False), Line("Model", weeks, True)]
    root = described(line_chart(lines, tick=lambda value: f"{value:.2f}", **WORDS))
    names = [part for part in root if part.tag == "text" and part.text in ("Base", "Model")]
    assert abs(float(names[0].get("y", "0")) - float(names[1].get("y", "0"))) >= 20 - 0.1
    described(line_chart([], tick=str, **WORDS))


@given(st.floats(1e-6, 1e12))
def test_ticks_are_round_few_and_reach_the_top(last: float) -> None:
    values = ticks(last)
    assert values[0] == 0
    assert values[-1] >= last * (1 - 1e-6)
    assert 2 <= len(values) <= 12


@given(st.lists(st.floats(-1e6, 1e6), max_size=8), st.none() | st.floats(1, 1e6))
def test_a_waterfall_ends_where_its_parts_end(values: list[float], target: float | None) -> None:
    total = sum(values)
    steps = [Step(f"Part {at}", value, f"{value:.0f}", certain=at == 0) for at, value in enumerate(values)]
    root = described(waterfall(steps, Step("Together", total, f"{total:.0f}"), target=target, **WORDS))
    bars = [
        (float(part.get("x", "nan")), float(part.get("x", "nan")) + float(part.get("width", "nan")))
        for part in root
        if part.tag == "rect"
    ]
    assert len(bars) == len(values) + 1
    assert all(0 <= left <= right <= 600 for left, right in bars)
    ends = [right if value >= 0 else left for (left, right), value in zip(bars, values, strict=False)]
    begins = [left if value >= 0 else right for (left, right), value in zip(bars, values, strict=False)]
    assert begins[1:] == pytest.approx(ends[:-1], abs=1.3)
    assert len(strokes(root, "target")) == (target is not None)


@given(SHARES, st.lists(st.floats(-1, 3), max_size=3), st.lists(st.floats(0, 3), max_size=2))
def test_a_scale_puts_every_number_where_it_belongs(
    spread: list[float], said: list[float], wanted: list[float]
) -> None:
    marks = [Mark("Model", tuple(spread), "m", "range"), *(Mark("Commit", (one,), "c", "said") for one in said)]
    marks += [Mark("Booked", (0.1,), "b", "booked"), *(Mark("Quota", (one,), "q", "wanted") for one in wanted)]
    root = described(scale_chart(marks, **WORDS))
    lines, diamonds = strokes(root, "target"), strokes(root, "said")
    assert (len(lines), len(diamonds)) == (len(wanted), len(said))
    placed = sorted(zip([*said, *wanted, spread[2]], [*diamonds, *lines, *strokes(root, "median")], strict=True))
    assert [at for _, at in placed] == sorted(at for _, at in placed)
    assert all(0 <= at <= 600 for _, at in placed)
    assert [part.text for part in root if part.tag == "text"][::2] == [mark.label for mark in marks]


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=12), st.integers(0, 1))
def test_rounded_parts_add_up_to_the_rounded_total(values: list[float], digits: int) -> None:
    total = fsum(values)
    shown = rounded(values, total, digits)
    assert fsum(shown) == pytest.approx(round(total, digits), abs=0.51 * 10.0**-digits)
    assert all(abs(one - value) <= 10.0**-digits * (1 + 1e-6) for one, value in zip(shown, values, strict=True))


def test_content_is_escaped() -> None:
    assert str(element("text", "<x>", class_='a"b')) == '<text class="a&#34;b">&lt;x&gt;</text>'
    assert Scale(0, 10, 0, 100)(20) == 100
