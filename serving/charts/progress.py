"""How far an objective is reached: what is booked, the forecast's range, the objective, and where one should be."""

from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from serving.charts.svg import Scale, element, picture

WIDTH: Final = 200.0
HEIGHT: Final = 24.0
_EDGE: Final = 3.0
_WIDEST: Final = 2.0


@dataclass(frozen=True)
class Progress:
    """Shares of an objective, 1 = it is reached.

    Attributes:
        booked: What is booked so far.
        expected: What usually is by this point of a period; None where no finished period shows it.
        range: P10, P50 and P90 of the forecast; None where nothing is forecast.
    """

    booked: float
    expected: float | None
    range: tuple[float, float, float] | None


def progress_bar(progress: Progress, *, title: str, description: str, key: str) -> Markup:
    """Draws it from nothing to beyond the objective; what lies beyond the right edge ends in an arrowhead."""
    high = progress.booked if progress.range is None else max(progress.range[2], progress.booked)
    end = min(max(1.2, 1.05 * high), _WIDEST)
    at = Scale(0.0, end, _EDGE, WIDTH - _EDGE)
    parts = [element("path", d=f"M{_EDGE:g} 12H{WIDTH - _EDGE:g}", class_="axis")]
    if progress.range is not None:
        low, median, top = (round(at(value), 1) for value in progress.range)
        parts.append(element("rect", x=low, y=5, width=max(top - low, 0.0), height=14, class_="band"))
        parts.append(element("path", d=f"M{median:.1f} 4V20", class_="median"))
    parts.append(element("rect", x=_EDGE, y=9, width=round(at(progress.booked) - _EDGE, 1), height=6, class_="booked"))
    if progress.expected is not None:
        parts.append(element("path", d=f"M{at(progress.expected):.1f} 16l4 6h-8z", class_="usual"))
    parts.append(element("path", d=f"M{at(1.0):.1f} 1V23", class_="target"))
    if high > end:
        parts.append(element("path", d=f"M{WIDTH - 6:g} 7l5 5l-5 5z", class_="beyond"))
    return picture(*parts, width=WIDTH, height=HEIGHT, name="progress", title=title, description=description, key=key)
