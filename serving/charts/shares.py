"""Shares with their intervals side by side, against the share that there should be."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from serving.charts.svg import Scale, element, number, picture, ticks

WIDTH: Final = 600.0
HEIGHT: Final = 210.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 46.0, 12.0, 12.0, 34.0
_MOST_LABELS: Final = 14


@dataclass(frozen=True)
class ShareMark:
    """One share.

    Attributes:
        label: Written below it.
        share: 0–1.
        low: Lower end of its interval.
        high: Upper end.
    """

    label: str
    share: float
    low: float
    high: float

    def holds(self, reference: float) -> bool:
        """Whether the interval takes in a share."""
        return self.low <= reference <= self.high


def shares_chart(
    marks: Sequence[ShareMark],
    *,
    reference: float,
    percent: Callable[[float], str],
    axis: str,
    title: str,
    description: str,
    key: str,
) -> Markup:
    """Draws the marks from left to right; those whose interval misses the reference are hollow squares.

    Args:
        marks: In that order.
        reference: The share that there should be, a dashed line.
        percent: Writes a share on the axis.
        axis: What the labels are.
        title: What it shows.
        description: What can be read from it.
        key: Tells the pictures of a page apart.
    """
    levels = ticks(max([reference, *(mark.high for mark in marks)]))
    y = Scale(0.0, levels[-1], HEIGHT - _BOTTOM, _TOP)
    x = Scale(-0.5, len(marks) - 0.5, _LEFT, WIDTH - _RIGHT)
    grid = "".join(f"M{_LEFT:g} {number(y(level))}H{WIDTH - _RIGHT:g}" for level in levels)
    parts = [element("path", d=grid, class_="grid")]
    parts += [element("text", percent(level), x=_LEFT - 6, y=y(level) + 4, class_="label end") for level in levels]
    parts.append(element("path", d=f"M{_LEFT:g} {number(y(reference))}H{WIDTH - _RIGHT:g}", class_="target"))
    every = -(-len(marks) // _MOST_LABELS)
    for place, mark in enumerate(marks):
        at = x(place)
        parts.append(element("path", d=f"M{number(at)} {number(y(mark.low))}V{number(y(mark.high))}", class_="whisker"))
        if mark.holds(reference):
            parts.append(element("circle", cx=at, cy=y(mark.share), r=4, class_="dot"))
        else:
            parts.append(element("rect", x=at - 5, y=y(mark.share) - 5, width=10, height=10, class_="miss"))
        if place % every == 0:
            parts.append(element("text", mark.label, x=at, y=HEIGHT - _BOTTOM + 14, class_="label middle"))
    parts.append(element("text", axis, x=(_LEFT + WIDTH - _RIGHT) / 2, y=HEIGHT - 4, class_="label middle"))
    return picture(*parts, width=WIDTH, height=HEIGHT, name="shares", title=title, description=description, key=key)
