"""How often something happened against how likely it was said to be, with intervals and the diagonal of honesty."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from serving.charts.svg import Scale, element, number, path, picture

SIDE: Final = 300.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 40.0, 12.0, 10.0, 34.0
_TICKS: Final = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class ReliabilityPoint:
    """Rows with about the same chance; all numbers lie in 0–1.

    Attributes:
        said: Mean chance.
        seen: How often it happened.
        low: Lower end of its interval.
        high: Upper end.
    """

    said: float
    seen: float
    low: float
    high: float


def reliability_chart(
    points: Sequence[ReliabilityPoint], *, percent: Callable[[float], str], title: str, description: str, key: str
) -> Markup:
    """Draws the points from the lowest chance to the highest; on the dashed diagonal chances mean what they say.

    Args:
        points: In the order of `said`.
        percent: Writes a share on the axes.
        title: What it shows.
        description: What can be read from it.
        key: Tells the pictures of a page apart.
    """
    x, y = Scale(0.0, 1.0, _LEFT, SIDE - _RIGHT), Scale(0.0, 1.0, SIDE - _BOTTOM, _TOP)
    grid = "".join(f"M{number(x(0))} {number(y(tick))}H{number(x(1))}" for tick in _TICKS)
    parts = [
        element("path", d=grid, class_="grid"),
        element("path", d=f"M{number(x(0))} {number(y(0))}L{number(x(1))} {number(y(1))}", class_="target"),
    ]
    for tick in _TICKS:
        parts.append(element("text", percent(tick), x=_LEFT - 6, y=y(tick) + 4, class_="label end"))
        parts.append(element("text", percent(tick), x=x(tick), y=SIDE - _BOTTOM + 14, class_="label middle"))
    parts.append(element("text", "chance that was forecast", x=x(0.5), y=SIDE - 4, class_="label middle"))
    whiskers = "".join(f"M{number(x(one.said))} {number(y(one.low))}V{number(y(one.high))}" for one in points)
    parts.append(element("path", d=whiskers, class_="whisker"))
    parts.append(element("polyline", points=path([(x(one.said), y(one.seen)) for one in points]), class_="way"))
    parts += [element("circle", cx=x(one.said), cy=y(one.seen), r=4, class_="dot") for one in points]
    return picture(*parts, width=SIDE, height=SIDE, name="reliability", title=title, description=description, key=key)
