"""What a forecast is made of: one bar a part, each beginning where the one above ends, and their sum."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from serving.charts.svg import Scale, element, number, picture

WIDTH: Final = 600.0
_ROW, _WORDS, _BAR = 37.0, 21.0, 10.0
_EDGE, _VALUES = 2.0, 150.0


@dataclass(frozen=True)
class Step:
    """One part.

    Attributes:
        label: What it is.
        value: What it adds, or takes where it is negative.
        text: Its size in words.
        certain: Whether it is booked already.
    """

    label: str
    value: float
    text: str
    certain: bool = False


def waterfall(
    steps: Sequence[Step], total: Step, *, target: float | None, title: str, description: str, key: str
) -> Markup:
    """Draws the parts from top to bottom, and their sum from zero.

    Args:
        steps: In that order; they add up to the total.
        total: The last bar.
        target: Value of a line through all of them; None without a quota.
        title: What it shows.
        description: What can be read from it.
        key: Tells the pictures of a page apart.
    """
    ends = [0.0]
    for step in steps:
        ends.append(ends[-1] + step.value)
    reached = [*ends, total.value, target or 0.0]
    x = Scale(min(reached), max([*reached, min(reached) + 1e-12]), _EDGE, WIDTH - _VALUES)
    height = _ROW * (len(steps) + 1)
    bars, words = [], []
    for position, (step, start) in enumerate(zip((*steps, total), (*ends[:-1], 0.0), strict=True)):
        top = _ROW * position
        last = position == len(steps)
        name = "total" if last else "sure" if step.certain else "gain" if step.value >= 0 else "loss"
        left, right = sorted((x(start), x(start + step.value)))
        said = element("title", f"{step.label}: {step.text}")
        bars.append(
            element("rect", said, x=left, y=top + _WORDS, width=max(right - left, 1.0), height=_BAR, class_=name)
        )
        if not last:
            link = f"M{number(x(ends[position + 1]))} {number(top + _WORDS)}v{number(_ROW + _BAR)}"
            bars.append(element("path", d=link, class_="axis"))
        kind = "label chosen" if last else "label"
        words.append(element("text", step.label, x=0, y=top + _WORDS - 6, class_=kind))
        words.append(element("text", step.text, x=WIDTH, y=top + _WORDS + _BAR - 1, class_=f"{kind} end"))
    if target is not None:
        bars.append(element("path", d=f"M{number(x(target))} 0V{number(height)}", class_="target"))
    return picture(
        *bars, *words, width=WIDTH, height=height, name="waterfall", title=title, description=description, key=key
    )
