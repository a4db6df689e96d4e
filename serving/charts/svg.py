"""The few pieces every picture is made of."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import ceil
from typing import Final

from markupsafe import Markup, escape

_SPECIAL: Final = re.compile("[&<>\"']")


def number(value: float) -> str:
    """A coordinate, short.

    >>> number(12.0), number(3.14159)
    ('12', '3.1')
    """
    text = f"{value:.1f}"
    return text[:-2] if text.endswith(".0") else text


def element(name: str, content: Markup | str = "", **attributes: str | float) -> Markup:
    """An element; attribute names end in `_` where Python needs it and hold `_` for `-`.

    >>> element("rect", class_="band", x=1, stroke_width=2.0)
    Markup('<rect class="band" x="1" stroke-width="2"/>')
    """
    written = "".join([f'{_opened(key)}{_written(value)}"' for key, value in attributes.items()])
    inner = content if isinstance(content, Markup) else escape(content)
    return Markup(f"<{name}{written}>{inner}</{name}>" if inner else f"<{name}{written}/>")  # noqa: S704


@cache
def _opened(key: str) -> str:
    """An attribute up to its value; a board draws thousands with the same few names."""
    return f' {key.rstrip("_").replace("_", "-")}="'


def _written(value: str | float) -> str:
    if not isinstance(value, str):
        return number(value)
    return escape(value) if _SPECIAL.search(value) else value


def path(points: Sequence[tuple[float, float]]) -> str:
    """Points as SVG writes them."""
    return " ".join(f"{number(x)},{number(y)}" for x, y in points)


def picture(*parts: Markup, width: float, height: float, name: str, title: str, description: str, key: str) -> Markup:
    """The whole picture, described for those who do not see it.

    Args:
        parts: From the back to the front.
        width: Of the drawing; the stylesheet scales it.
        height: Likewise.
        name: Kind of chart, for the stylesheet.
        title: What it shows.
        description: What can be read from it.
        key: Tells the pictures of a page apart.
    """
    words = element("title", title, id=f"{key}-t") + element("desc", description, id=f"{key}-d")
    return element(
        "svg",
        words + Markup("").join(parts),
        class_=f"chart {name}",
        viewBox=f"0 0 {number(width)} {number(height)}",
        role="img",
        aria_labelledby=f"{key}-t {key}-d",
    )


@dataclass(frozen=True)
class Scale:
    """Maps values to coordinates in a straight line.

    >>> Scale(0, 10, 100, 200)(5)
    150.0
    """

    first: float
    last: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The coordinate of a value, inside the drawing."""
        share = 0.0 if self.last == self.first else (value - self.first) / (self.last - self.first)
        return self.start + min(max(share, 0.0), 1.0) * (self.end - self.start)


def ticks(last: float, *, count: int = 4) -> tuple[float, ...]:
    """Round values from 0 to at least `last`, about `count` steps apart.

    >>> ticks(437_000)
    (0.0, 100000.0, 200000.0, 300000.0, 400000.0, 500000.0)
    """
    if last <= 0:
        return (0.0, 1.0)
    rough = last / count
    power = 10.0 ** (len(f"{int(rough)}") - 1) if rough >= 1 else 10.0 ** -len(f"{int(1 / rough)}")
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * 0.9)
    return tuple(round(step * index, 12) for index in range(ceil(last / step - 1e-9) + 1))
