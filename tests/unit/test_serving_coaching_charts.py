"""The pictures of coaching: well formed, described, drawn where the numbers say, and told apart by shape."""

import re
from math import fsum, isclose
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from serving.charts import effects, event_study, gap
from serving.charts.effects import EffectMark, effects_chart
from serving.charts.event_study import EventMark, event_chart
from serving.charts.gap import GapEnd, GapPart, gap_chart

WORDS = {"title": "A <b> title", "description": 'with "quotes" & more', "key": "k"}
SHARES = st.floats(-2, 2).map(lambda share: round(share, 4))


def described(chart: Markup) -> ElementTree.Element:
    assert "style" not in str(chart), "the content policy forbids inline styles"
    root = ElementTree.fromstring(str(chart))  # noqa: S314  (our own)
    assert root.get("role") == "img"
    labels = {part.get("id"): part.text for part in root if part.tag in ("title", "desc")}
    named = [labels[key] for key in (root.get("aria-labelledby") or "").split()]
    assert named == [WORDS["title"], WORDS["description"]]
    return root


def numbers_in(root: ElementTree.Element) -> list[float]:
    names = ("x", "y", "width", "height", "cx", "cy", "d", "points")
    written = [part.get(name, "") for part in root.iter() for name in names]
    return [float(number) for text in written for number in re.findall(r"-?\d+(?:\.\d+)?", text)]


def draw_gap(parts: list[GapPart]) -> ElementTree.Element:
    reached = 1 + fsum(part.value for part in parts)
    ends = {"plan": GapEnd("Plan", 1.0, "100%"), "result": GapEnd("Attainment", reached, "so much")}
    return described(gap_chart(parts, **ends, **WORDS))


PARTS = st.lists(
    st.builds(GapPart, st.sampled_from(("condition", "behaviour")), st.just("part"), SHARES, st.just("text")),
    max_size=12,
)


@given(parts=PARTS)
def test_the_way_leads_from_plan_to_attainment(parts: list[GapPart]) -> None:
    root = draw_gap(parts)
    conditions = [part for part in root if (part.get("class") or "").startswith("condition ")]
    behaviours = [part for part in root if (part.get("class") or "").startswith("behaviour ")]
    assert {part.tag for part in conditions} <= {"rect"}
    assert {part.tag for part in behaviours} <= {"polygon"}, "told apart without any colour"
    assert len(conditions) == sum(part.kind == "condition" for part in parts)
    assert len(behaviours) == sum(part.kind == "behaviour" for part in parts)
    plan, result = (float(part.get("cx", "nan")) for part in root if part.tag == "circle")
    assert (plan >= result) is (fsum(part.value for part in parts) <= 0) or isclose(plan, result, abs_tol=0.2)
    ways = [float(re.match(r"M([\d.]+)", part.get("d", ""))[1]) for part in root if part.get("class") == "axis"]  # type: ignore[index]
    assert isclose([plan, *ways][-1], result, abs_tol=0.2), "the last part ends at the attainment"
    assert all(0 <= at <= gap.WIDTH for at in (plan, result, *ways))
    assert len([part for part in root if part.tag == "text"]) == 2 * (len(parts) + 2)


def test_an_arrow_points_where_its_part_leads() -> None:
    root = draw_gap([GapPart("behaviour", "up", 0.1, ""), GapPart("behaviour", "down", -0.2, "")])
    up, down = (part for part in root if part.tag == "polygon")

    def corners(part: ElementTree.Element) -> list[float]:
        return [float(corner.split(",")[0]) for corner in (part.get("points") or "").split()]

    assert corners(up)[3] == max(corners(up)), "the head of the first is at its right"
    assert corners(down)[3] == min(corners(down))
    assert up.get("class") == "behaviour gain"
    assert down.get("class") == "behaviour loss"


def test_a_part_without_size_is_still_seen() -> None:
    root = draw_gap([GapPart("condition", "nothing", 0.0, ""), GapPart("behaviour", "nothing", 0.0, "")])
    (box,) = (part for part in root if part.tag == "rect")
    assert float(box.get("width", "0")) >= 1


INTERVALS = st.lists(st.tuples(SHARES, SHARES, SHARES).map(sorted), max_size=9)


@given(intervals=INTERVALS, naive=st.booleans())
def test_effects_lie_in_their_intervals_and_inside(intervals: list[list[float]], naive: bool) -> None:
    marks = [
        EffectMark(f"{place}", value, (low, high), "words", "chosen" if place == 0 else "other")
        for place, (low, value, high) in enumerate(intervals)
    ]
    if naive:
        marks.append(EffectMark("naive", 0.5, None, "words", "naive"))
    root = described(effects_chart([*marks, EffectMark("unknown", None, None, "cannot tell")], **WORDS))
    boxes = [part for part in root if part.tag == "rect"]
    whiskers = [part for part in root if (part.get("class") or "").startswith("whisker")]
    assert len(boxes) == len(whiskers) == len(intervals)
    for box, whisker in zip(boxes, whiskers, strict=True):
        low, high = (float(end) for end in re.match(r"M([\d.]+) .*H([\d.]+)m", whisker.get("d", "")).groups())  # type: ignore[union-attr]
        at = float(box.get("x", "nan")) + 4
        assert 0 <= low <= at + 0.2
        assert at <= high + 0.2 <= effects.WIDTH
    assert len([part for part in root if part.get("class") == "naive"]) == naive, (
        "naive figures have a shape of their own"
    )
    assert len([part for part in root if part.get("class") == "target"]) == 1, "no effect is marked"


EVENTS = st.dictionaries(st.integers(-6, 6), st.tuples(SHARES, SHARES, SHARES).map(sorted), max_size=9)


@given(events=EVENTS)
def test_an_event_study_runs_in_time_around_the_program(events: dict[int, list[float]]) -> None:
    marks = [EventMark(lag, value, low, high, f"{lag:+d}") for lag, (low, value, high) in sorted(events.items())]
    root = described(event_chart(marks, tick=lambda value: f"{value:.3f}", **WORDS))
    dots = [part for part in root if part.tag == "circle"]
    at = [float(dot.get("cx", "nan")) for dot in dots]
    assert at == sorted(at)
    assert [dot.get("class") for dot in dots] == ["before" if mark.lag < 0 else "after" for mark in marks]
    (taken,) = (
        float(re.match(r"M([\d.]+)", part.get("d", ""))[1])  # type: ignore[index]
        for part in root
        if part.get("class") == "target"
    )
    assert all((place < taken) is (mark.lag < 0) for place, mark in zip(at, marks, strict=True))
    assert all(-0.1 <= number <= event_study.WIDTH + 0.1 for number in numbers_in(root) if number >= 0)
    for dot in dots:
        assert 0 < float(dot.get("cy", "nan")) < event_study.HEIGHT


@pytest.mark.parametrize("size", [1e-6, 0.004, 0.05, 0.4, 3.0, 40.0])
def test_the_axis_of_an_event_study_holds_the_intervals_in_a_few_steps(size: float) -> None:
    marks = [EventMark(-1, -size / 2, -size, 0.0, "−1"), EventMark(0, size / 3, 0.0, size, "taken")]
    root = described(event_chart(marks, tick=lambda value: f"{value:.7f}", **WORDS))
    levels = [float(part.text or "nan") for part in root if part.get("class") == "label end" and part.text != "before"]
    assert 2 <= len(levels) <= 12
    assert levels[0] <= -size + 1e-7
    assert levels[-1] >= size - 1e-7
    assert 0.0 in levels
