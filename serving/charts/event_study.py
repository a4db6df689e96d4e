"""An event study: the effect in each period before and after a program was taken, with intervals."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, floor
from typing import Final

from markupsafe import Markup

from serving.charts.svg import Scale, element, number, path, picture, ticks

WIDTH: Final = 600.0
HEIGHT: Final = 224.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 46.0, 16.0, 14.0, 46.0


@dataclass(frozen=True)
class EventMark:
    """One period.

    Attributes:
        lag: Periods since the program was taken; below 0 before it.
        value: The effect.
        low: Lower end of its interval.
        high: Upper end of its interval.
        word: Written below it.
    """

    lag: int
    value: float
    low: float
    high: float
    word: str


def event_chart(
    marks: Sequence[EventMark], *, tick: Callable[[float], str], title: str, description: str, key: str
) -> Markup:
    """Draws the effects in order of time; before the program hollow, after it solid.

    Args:
        marks: Lags ascending, all in one unit.
        tick: Writes a value on the axis.
        title: What it shows.
        description: What can be read from it.
        key: Tells the pictures of a page apart.
    """
    lowest, highest = min([0.0, *(mark.low for mark in marks)]), max([0.0, *(mark.high for mark in marks)])
    steps = ticks(max(highest - lowest, 1e-3))
    step = steps[1] - steps[0]
    below, above = floor(lowest / step), ceil(highest / step)
    levels = [step * place for place in range(below, max(above, below + 1) + 1)]
    lags = [mark.lag for mark in marks] or [0]
    x = Scale(min([*lags, -1]) - 0.5, max([*lags, 0]) + 0.5, _LEFT, WIDTH - _RIGHT)
    y = Scale(levels[0], levels[-1], HEIGHT - _BOTTOM, _TOP)
    right = number(WIDTH - _RIGHT)
    grid = "".join(f"M{number(_LEFT)} {number(y(level))}H{right}" for level in levels)
    shapes = [element("path", d=grid, class_="grid")]
    words = [element("text", tick(level), x=_LEFT - 8, y=y(level) + 4, class_="label end") for level in levels]
    taken = x(-0.5)
    shapes.append(element("path", d=f"M{number(_LEFT)} {number(y(0.0))}H{right}", class_="zero"))
    shapes.append(element("path", d=f"M{number(taken)} {number(_TOP)}V{number(HEIGHT - _BOTTOM)}", class_="target"))
    shapes.append(element("polyline", points=path([(x(mark.lag), y(mark.value)) for mark in marks]), class_="way"))
    for mark in marks:
        at, when = x(mark.lag), "after" if mark.lag >= 0 else "before"
        whisker = f"M{number(at - 4)} {number(y(mark.high))}h8m-4 0V{number(y(mark.low))}m-4 0h8"
        shapes.append(element("path", d=whisker, class_="whisker"))
        shapes.append(element("circle", cx=at, cy=y(mark.value), r=4.5, class_=when))
        words.append(element("text", mark.word, x=at, y=HEIGHT - 27, class_="label middle"))
    words.append(element("text", "before", x=taken - 8, y=HEIGHT - 6, class_="label end"))
    words.append(element("text", "since it was taken", x=taken + 8, y=HEIGHT - 6, class_="label"))
    return picture(
        *shapes, *words, width=WIDTH, height=HEIGHT, name="event", title=title, description=description, key=key
    )
