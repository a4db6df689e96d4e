"""Effects with their intervals on one scale around zero; figures that mislead have another shape."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from markupsafe import Markup

from serving.charts.svg import Scale, element, number, picture

WIDTH: Final = 600.0
_ROW, _WORDS, _BAR = 37.0, 21.0, 10.0
_EDGE, _VALUES = 7.0, 225.0


@dataclass(frozen=True)
class EffectMark:
    """One line of the chart.

    Attributes:
        label: Whose number it is.
        value: The number; None: it is not known, and only the words stand there.
        interval: Its lower and upper end; None: it has none.
        text: The number in words.
        kind: The one the chart is about, another estimate, or a naive figure beside it.
    """

    label: str
    value: float | None
    interval: tuple[float, float] | None
    text: str
    kind: Literal["chosen", "other", "naive"] = "other"


def effects_chart(marks: Sequence[EffectMark], *, title: str, description: str, key: str) -> Markup:
    """Draws the marks from top to bottom and a line through zero.

    Args:
        marks: In that order, all in one unit.
        title: What it shows.
        description: What can be read from it.
        key: Tells the pictures of a page apart.
    """
    values = [0.0] + [mark.value for mark in marks if mark.value is not None]
    values += [end for mark in marks for end in mark.interval or ()]
    margin = 0.02 * (max(values) - min(values)) or 0.01
    x = Scale(min(values) - margin, max(values) + margin, _EDGE, WIDTH - _VALUES)
    height = _ROW * len(marks)
    shapes = [element("path", d=f"M{number(x(0.0))} 0V{number(height)}", class_="target")]
    words = []
    for position, mark in enumerate(marks):
        top = _ROW * position + _WORDS
        shapes += _shapes(mark, x, top + _BAR / 2)
        name = "label chosen" if mark.kind == "chosen" else "label"
        words.append(element("text", mark.label, x=0, y=top - 6, class_=name))
        words.append(element("text", mark.text, x=WIDTH, y=top + _BAR - 1, class_=f"{name} end"))
    return picture(
        *shapes, *words, width=WIDTH, height=height, name="effects", title=title, description=description, key=key
    )


def _shapes(mark: EffectMark, x: Scale, middle: float) -> list[Markup]:
    line = f"M{number(_EDGE)} {number(middle)}H{number(WIDTH - _VALUES)}"
    shapes = [element("path", d=line, class_="grid")]
    if mark.interval is not None:
        low, high = (number(x(end)) for end in mark.interval)
        cap = f"v8m0-4H{high}m0-4v8"
        shapes.append(element("path", d=f"M{low} {number(middle - 4)}{cap}", class_=f"whisker {mark.kind}"))
    if mark.value is not None:
        at = x(mark.value)
        if mark.kind == "naive":
            shapes.append(element("path", d=f"M{number(at)} {number(middle - 6)}l6 6l-6 6l-6-6z", class_="naive"))
        else:
            shapes.append(element("rect", x=at - 4, y=middle - 5, width=8, height=10, class_=mark.kind))
    return shapes
