"""What a plan pays over attainment, and where somebody stands on it."""

from collections.abc import Callable, Sequence
from typing import Final

from markupsafe import Markup

from serving.charts.svg import Scale, element, path, picture, ticks

WIDTH: Final = 600.0
HEIGHT: Final = 200.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 58.0, 20.0, 14.0, 30.0


def pay_curve(
    points: Sequence[tuple[float, float]],
    now: tuple[float, float] | None,
    *,
    share: Callable[[float], str],
    tick: Callable[[float], str],
    title: str,
    description: str,
    key: str,
) -> Markup:
    """Draws the curve.

    Args:
        points: (attainment, commission), attainment ascending from 0.
        now: Where somebody stands; None: nowhere on it.
        share: Writes an attainment.
        tick: Writes a commission on the axis.
        title: What it shows.
        description: What can be read from it.
        key: Tells the pictures of a page apart.
    """
    last = points[-1][0]
    levels = ticks(max(amount for _, amount in points))
    x = Scale(0.0, last, _LEFT, WIDTH - _RIGHT)
    y = Scale(0.0, levels[-1], HEIGHT - _BOTTOM, _TOP)
    grid = "".join(f"M{_LEFT:g} {y(level):.1f}H{WIDTH - _RIGHT:g}" for level in levels)
    parts = [element("path", d=grid, class_="grid")]
    parts += [element("text", tick(level), x=_LEFT - 8, y=y(level) + 4, class_="label end") for level in levels]
    quarters = [0.25 * number for number in range(int(last / 0.25) + 1)]
    every = 2 if len(quarters) > 9 else 1
    parts += [element("text", share(at), x=x(at), y=HEIGHT - 8, class_="label middle") for at in quarters[::every]]
    if last >= 1:
        parts.append(element("path", d=f"M{x(1.0):.1f} {_TOP:g}V{HEIGHT - _BOTTOM:g}", class_="target"))
    parts.append(element("polyline", points=path([(x(at), y(amount)) for at, amount in points]), class_="chosen"))
    if now is not None:
        parts.append(element("circle", cx=x(now[0]), cy=y(now[1]), r=5, class_="chosen"))
    return picture(*parts, width=WIDTH, height=HEIGHT, name="lines", title=title, description=description, key=key)
