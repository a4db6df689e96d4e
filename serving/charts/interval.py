"""The small chart of the board: P10–P50–P90 against the quota, what is booked, and the result once it is known."""

from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from serving.charts.svg import Scale, element, picture

WIDTH: Final = 200.0
HEIGHT: Final = 24.0
_EDGE: Final = 3.0


@dataclass(frozen=True)
class Interval:
    """A forecast on one line, every value in the same unit.

    Attributes:
        low: P10.
        lower: P25.
        median: P50.
        upper: P75.
        high: P90.
        booked: What is booked so far.
        target: The quota; None if it is missing.
        end: Value at the right edge; all charts of a column share it, so that they can be compared.
        ended: Result of a finished period; None while it runs.
    """

    low: float
    lower: float
    median: float
    upper: float
    high: float
    booked: float
    target: float | None
    end: float
    ended: float | None = None


def interval_bar(interval: Interval, *, title: str, description: str, key: str) -> Markup:
    """Draws it. What lies beyond the right edge ends in an arrowhead."""
    at = Scale(0.0, interval.end, _EDGE, WIDTH - _EDGE)
    parts = [
        element("path", d=f"M{_EDGE:g} 20.5H{WIDTH - _EDGE:g}", class_="axis"),
        _box(at(interval.low), at(interval.high), 6, 9, "band"),
        _box(at(interval.lower), at(interval.upper), 6, 9, "core"),
        _box(at(0), at(interval.booked), 19, 3, "booked"),
        element("path", d=f"M{at(interval.median):.1f} 3.5V17.5", class_="median"),
    ]
    if interval.target is not None:
        parts.append(element("path", d=f"M{at(interval.target):.1f} 1V23", class_="target"))
    if interval.high > interval.end:
        parts.append(element("path", d=f"M{WIDTH - 6:g} 6l5 4.5l-5 4.5z", class_="beyond"))
    if interval.ended is not None:
        parts.append(element("path", d=f"M{at(interval.ended) - 5:.1f} 10.5l5 -5l5 5l-5 5z", class_="ended"))
    return picture(*parts, width=WIDTH, height=HEIGHT, name="interval", title=title, description=description, key=key)


def _box(start: float, end: float, top: float, height: float, name: str) -> Markup:
    """Both ends are rounded before the width is taken, so that a box ends where a stroke at its end is drawn."""
    start, end = round(start, 1), round(end, 1)
    return element("rect", x=start, y=top, width=max(end - start, 0.0), height=height, class_=name)
