"""Several numbers about one result on one scale: a forecast's range, what people said, and what is wanted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from markupsafe import Markup

from serving.charts.svg import Scale, element, number, picture

WIDTH: Final = 600.0
_ROW, _WORDS, _BAR = 37.0, 21.0, 10.0
_EDGE, _VALUES = 7.0, 150.0


@dataclass(frozen=True)
class Mark:
    """One line of the chart.

    Attributes:
        label: Whose number it is.
        values: P10, P25, P50, P75 and P90 of a range; one value for everything else.
        text: The number in words.
        kind: A range, what somebody said, what is booked, or a line through all the others: what is wanted.
    """

    label: str
    values: tuple[float, ...]
    text: str
    kind: Literal["range", "said", "booked", "wanted"]


def scale_chart(marks: Sequence[Mark], *, title: str, description: str, key: str) -> Markup:
    """Draws the marks from top to bottom.

    Args:
        marks: In that order, all in one unit.
        title: What it shows.
        description: What can be read from it.
        key: Tells the pictures of a page apart.
    """
    values = [value for mark in marks for value in mark.values]
    x = Scale(min([0.0, *values]), max([1e-12, *values]), _EDGE, WIDTH - _VALUES)
    height = _ROW * len(marks)
    parts, words = [], []
    for position, mark in enumerate(marks):
        top = _ROW * position + _WORDS
        middle = top + _BAR / 2
        parts.append(element("path", d=f"M{number(_EDGE)} {number(middle)}H{number(WIDTH - _VALUES)}", class_="grid"))
        parts += _glyph(mark, x, top, height)
        name = "label strong" if mark.kind == "wanted" else "label chosen" if mark.kind == "range" else "label"
        words.append(element("text", mark.label, x=0, y=top - 6, class_=name))
        words.append(element("text", mark.text, x=WIDTH, y=top - 6, class_=f"{name} end"))  # where no bar runs under it
    return picture(
        *parts, *words, width=WIDTH, height=height, name="scale", title=title, description=description, key=key
    )


def _glyph(mark: Mark, x: Scale, top: float, height: float) -> list[Markup]:
    at = [round(x(value), 1) for value in mark.values]
    if mark.kind == "range":
        low, lower, median, upper, high = at
        return [
            element("rect", x=low, y=top, width=high - low, height=_BAR, class_="band"),
            element("rect", x=lower, y=top, width=upper - lower, height=_BAR, class_="core"),
            element("path", d=f"M{number(median)} {number(top - 2)}v{number(_BAR + 4)}", class_="median"),
        ]
    if mark.kind == "wanted":
        return [element("path", d=f"M{number(at[0])} 0V{number(height)}", class_="target")]
    if mark.kind == "booked":
        start, end = sorted((round(x(0.0), 1), at[0]))
        return [element("rect", x=start, y=top + 3, width=end - start, height=4, class_="booked")]
    middle = top + _BAR / 2
    return [element("path", d=f"M{number(at[0])} {number(middle - 6)}l6 6l-6 6l-6 -6z", class_="said")]
