"""A line the size of a word: how one number went from week to week, with its last value marked."""

from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

from serving.charts.svg import Scale, element, path, picture

WIDTH: Final = 48.0
HEIGHT: Final = 24.0
_EDGE: Final = 3.0


def sparkline(
    values: Sequence[float | None],
    *,
    end: float | None = None,
    target: float | None = None,
    title: str,
    description: str,
    key: str,
) -> Markup:
    """Draws the values from left to right on a scale from 0; a value that is missing leaves a gap.

    Args:
        values: Of weeks that follow each other.
        end: Value at the upper edge, 1 for chances; None: the highest of them.
        target: Value of a line to compare with.
        title: What it shows.
        description: What can be read from it.
        key: Tells the pictures of a page apart.
    """
    known = [value for value in values if value is not None]
    reached = [0.0, *known, *(() if target is None else (target,))]
    x = Scale(0, max(len(values) - 1, 1), _EDGE, WIDTH - _EDGE)
    y = Scale(min(reached), max([*reached, min(reached) + 1e-12]) if end is None else end, HEIGHT - _EDGE, _EDGE)
    parts = []
    if target is not None:
        parts.append(element("path", d=f"M0 {y(target):.1f}H{WIDTH:g}", class_="target"))
    parts += [
        element("polyline", points=path([(x(at), y(value)) for at, value in run]), class_="way")
        for run in _runs(values)
    ]
    last = max((at for at, value in enumerate(values) if value is not None), default=None)
    if last is not None:
        parts.append(element("circle", cx=x(last), cy=y(known[-1]), r=2.5, class_="now"))
    return picture(*parts, width=WIDTH, height=HEIGHT, name="sparkline", title=title, description=description, key=key)


def _runs(values: Sequence[float | None]) -> list[list[tuple[int, float]]]:
    """Places and values, apart where one is missing."""
    runs: list[list[tuple[int, float]]] = [[]]
    for at, value in enumerate(values):
        if value is not None:
            runs[-1].append((at, value))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if len(run) > 1]
