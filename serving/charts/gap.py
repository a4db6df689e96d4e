"""From plan to attainment: one shape a part, each beginning where the one above ends.

What the rep does not control is drawn hollow, what the rep does is a solid arrow; the words beside say it too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from markupsafe import Markup

from serving.charts.svg import Scale, element, number, path, picture

WIDTH: Final = 600.0
_ROW, _WORDS, _BAR = 37.0, 21.0, 10.0
_EDGE, _VALUES = 8.0, 130.0
_HEAD: Final = 5.0
"""Length of an arrow's head; shorter arrows are all head."""


@dataclass(frozen=True)
class GapPart:
    """One part of the way.

    Attributes:
        kind: A condition is what happens to a rep, a behaviour is what the rep does.
        label: What it is.
        value: What it adds, or takes where it is negative.
        text: Its size in words.
    """

    kind: Literal["condition", "behaviour"]
    label: str
    value: float
    text: str


@dataclass(frozen=True)
class GapEnd:
    """Where the way begins or ends."""

    label: str
    value: float
    text: str


def gap_chart(
    parts: Sequence[GapPart], *, plan: GapEnd, result: GapEnd, title: str, description: str, key: str
) -> Markup:
    """Draws the plan, the parts from top to bottom, and the result.

    The axis holds the way alone and not zero, so the ends are points and not bars.

    Args:
        parts: In that order; they lead from the plan to the result.
        plan: The beginning, with a line through all parts.
        result: The end.
        title: What it shows.
        description: What can be read from it.
        key: Tells the pictures of a page apart.
    """
    levels = [plan.value]
    for part in parts:
        levels.append(levels[-1] + part.value)
    reached = [*levels, result.value]
    margin = 0.03 * (max(reached) - min(reached)) or 0.01
    x = Scale(min(reached) - margin, max(reached) + margin, _EDGE, WIDTH - _VALUES)
    height = _ROW * (len(parts) + 2)
    shapes = [element("path", d=f"M{number(x(plan.value))} 0V{number(height)}", class_="target")]
    words = []
    for position, part in enumerate(parts, start=1):
        top = _ROW * position + _WORDS
        start, end = x(levels[position - 1]), x(levels[position])
        shapes.append(_shape(part, start, end, top))
        shapes.append(element("path", d=f"M{number(end)} {number(top)}v{number(_ROW + _BAR / 2)}", class_="axis"))
        words += _words(part.label, part.text, top, "label")
    for position, one in ((0, plan), (len(parts) + 1, result)):
        top = _ROW * position + _WORDS
        shapes.append(element("circle", cx=x(one.value), cy=top + _BAR / 2, r=5.5, class_="total"))
        words += _words(one.label, one.text, top, "label chosen")
    return picture(
        *shapes, *words, width=WIDTH, height=height, name="gap", title=title, description=description, key=key
    )


def _shape(part: GapPart, start: float, end: float, top: float) -> Markup:
    name = f"{part.kind} {'gain' if part.value >= 0 else 'loss'}"
    if part.kind == "condition":
        left, right = sorted((start, end))
        return element("rect", x=left, y=top, width=max(right - left, 1.0), height=_BAR, class_=name)
    way = end - start if abs(end - start) >= 1 else 1.0 if part.value >= 0 else -1.0
    neck = start + way - max(-_HEAD, min(_HEAD, way))
    middle = top + _BAR / 2
    corners = [(start, top + 2), (neck, top + 2), (neck, top - 1), (start + way, middle)]
    around = corners + [(at, 2 * middle - level) for at, level in reversed(corners[:-1])]
    return element("polygon", points=path(around), class_=name)


def _words(label: str, text: str, top: float, name: str) -> list[Markup]:
    return [
        element("text", label, x=0, y=top - 6, class_=name),
        element("text", text, x=WIDTH, y=top + _BAR - 1, class_=f"{name} end"),
    ]
