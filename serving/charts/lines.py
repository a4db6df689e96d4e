"""Lines over the weeks of a period, each named at its end."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from serving.charts.svg import Scale, element, path, picture, ticks

WIDTH: Final = 600.0
HEIGHT: Final = 200.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 46.0, 186.0, 12.0, 30.0
_GAP: Final = 20.0


@dataclass(frozen=True)
class Line:
    """One line.

    Attributes:
        label: Written at its end.
        points: (week, value), weeks ascending.
        chosen: Whether it is the one the page is about.
    """

    label: str
    points: Sequence[tuple[int, float]]
    chosen: bool


def line_chart(
    lines: Sequence[Line], *, tick: Callable[[float], str], title: str, description: str, key: str
) -> Markup:
    """Draws the lines over weeks.

    Args:
        lines: Later ones lie on top.
        tick: Writes a value on the axis.
        title: What it shows.
        description: What can be read from it.
        key: Tells the pictures of a page apart.
    """
    weeks = sorted({week for line in lines for week, _ in line.points}) or [0, 1]
    levels = ticks(max((value for line in lines for _, value in line.points), default=1.0))
    x = Scale(weeks[0], weeks[-1], _LEFT, WIDTH - _RIGHT)
    y = Scale(0.0, levels[-1], HEIGHT - _BOTTOM, _TOP)
    grid = "".join(f"M{_LEFT:g} {y(level):.1f}H{WIDTH - _RIGHT:g}" for level in levels)
    parts = [element("path", d=grid, class_="grid")]
    parts += [element("text", tick(level), x=_LEFT - 8, y=y(level) + 4, class_="label end") for level in levels]
    every = max(1, round(len(weeks) / 6))
    for position, week in enumerate(weeks[::every]):
        word = f"{week}" if position else f"week {week}"
        parts.append(element("text", word, x=x(week), y=HEIGHT - 8, class_="label middle"))
    below = -_GAP
    for line in sorted((line for line in lines if line.points), key=lambda line: y(line.points[-1][1])):
        kind = "chosen" if line.chosen else "other"
        where = [(x(week), y(value)) for week, value in line.points]
        below = max(where[-1][1] + 4, below + _GAP)
        if len(where) > 1:
            parts.append(element("polyline", points=path(where), class_=kind))
        else:
            parts.append(element("circle", cx=where[0][0], cy=where[0][1], r=3, class_=kind))
        parts.append(element("text", line.label, x=WIDTH - _RIGHT + 8, y=below, class_=f"label {kind}"))
    return picture(*parts, width=WIDTH, height=HEIGHT, name="lines", title=title, description=description, key=key)
