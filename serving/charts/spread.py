"""How hard quotas are in a group: the mean chance to reach them and how far chances lie apart, before and after."""

from typing import Final

from markupsafe import Markup

from serving.charts.svg import Scale, element, picture

WIDTH: Final = 160.0
HEIGHT: Final = 24.0
_EDGE: Final = 5.0

Dot = tuple[float, float]
"""Mean and standard deviation of chances."""


def spread_bar(before: Dot | None, after: Dot, *, title: str, description: str, key: str) -> Markup:
    """Draws the chances of before hollow above those of after, on a scale from 0 to 1 with its middle marked."""
    at = Scale(0.0, 1.0, _EDGE, WIDTH - _EDGE)
    parts = [element("path", d=f"M{at(0):g} 1V23M{at(0.5):g} 1V23M{at(1):g} 1V23", class_="axis")]
    for dot, middle, kind in ((before, 7.0, "before"), (after, 17.0, "after")):
        if dot is None:
            continue
        mean, spread = dot
        ends = (at(mean - spread), at(mean + spread))
        parts.append(element("path", d=f"M{ends[0]:.1f} {middle:g}H{ends[1]:.1f}", class_="whisker"))
        parts.append(element("circle", cx=at(mean), cy=middle, r=3.5, class_=kind))
    return picture(*parts, width=WIDTH, height=HEIGHT, name="spread", title=title, description=description, key=key)
