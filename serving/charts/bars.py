"""Horizontal bars: the accuracy of forecasters side by side, and the push and pull of drivers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from serving.charts.svg import Scale, element, picture

WIDTH: Final = 600.0
_LABEL, _VALUE, _ROW = 200.0, 64.0, 24.0


@dataclass(frozen=True)
class Bar:
    """One bar.

    Attributes:
        label: Whose it is.
        value: Its length; not below 0.
        text: Written at its end.
        chosen: Whether it is the one the page is about.
    """

    label: str
    value: float
    text: str
    chosen: bool


def bar_chart(bars: Sequence[Bar], *, reference: float | None, title: str, description: str, key: str) -> Markup:
    """Draws the bars from top to bottom.

    Args:
        bars: In that order.
        reference: Value of a line through all of them.
        title: What it shows.
        description: What can be read from it.
        key: Tells the pictures of a page apart.
    """
    x = Scale(0.0, max([bar.value for bar in bars] + [reference or 0.0, 1e-12]), _LABEL, WIDTH - _VALUE)
    height = _ROW * len(bars) + 8
    bodies, words = [], []
    for position, bar in enumerate(bars):
        middle = _ROW * position + _ROW / 2 + 4
        kind = "chosen" if bar.chosen else "other"
        words.append(element("text", bar.label, x=_LABEL - 8, y=middle + 4, class_=f"label end {kind}"))
        bodies.append(
            element("rect", x=_LABEL, y=middle - 7, width=max(x(bar.value) - _LABEL, 1.0), height=14, class_=kind)
        )
        words.append(element("text", bar.text, x=x(bar.value) + 6, y=middle + 4, class_=f"label {kind}"))
    if reference is not None:
        bodies.append(element("path", d=f"M{x(reference):.1f} 2V{height - 2:.1f}", class_="target"))
    return picture(
        *bodies, *words, width=WIDTH, height=height, name="bars", title=title, description=description, key=key
    )


def push_bar(value: float, largest: float) -> Markup:
    """A bar to the left or right of the middle; decoration beside a number, so it has no words of its own."""
    x = Scale(-largest or -1.0, largest or 1.0, 1.0, 119.0)
    start, end = sorted((x(0.0), x(value)))
    kind = "gain" if value > 0 else "loss"
    return element(
        "svg",
        element("path", d="M60 0V14", class_="axis")
        + element("rect", x=start, y=2, width=max(end - start, 1.0), height=10, class_=kind),
        class_="chart push",
        viewBox="0 0 120 14",
        aria_hidden="true",
    )
