"""The chart of the rep page: what was forecast in each week of the period, and what was booked then and at its end."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from math import ceil
from typing import Final

from markupsafe import Markup

from serving.charts.svg import Scale, element, path, picture, ticks

WIDTH: Final = 600.0
HEIGHT: Final = 250.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 54.0, 92.0, 12.0, 32.0
_GAP: Final = 20.0
"""Between the labels at the right: phones show them larger."""


@dataclass(frozen=True)
class FanPoint:
    """One as-of day.

    Attributes:
        day: What was known at its end was used.
        booked: Booked so far.
        quantiles: P10, P25, P50, P75 and P90 of the bookings at the period's end; None if nothing was forecast.
        text: The same in words, for whoever points at the day.
    """

    day: date
    booked: float
    quantiles: tuple[float, float, float, float, float] | None
    text: str = ""


@dataclass(frozen=True)
class Fan:
    """The period, week by week; amounts in one unit.

    Attributes:
        start: First day of the period.
        end: Last day of the period.
        points: As-of days, ascending.
        target: The quota; None if it is missing.
        ended: What was booked at the end of a finished period; None while it runs.
    """

    start: date
    end: date
    points: Sequence[FanPoint]
    target: float | None
    ended: float | None = None


def fan_chart(
    fan: Fan,
    *,
    tick: Callable[[float], str],
    day: Callable[[date], str],
    title: str,
    description: str,
    key: str,
) -> Markup:
    """Draws the band of forecasts, the bookings, the way from the last bookings to the period's end, and the result.

    Args:
        fan: What to draw.
        tick: Writes an amount on the axis.
        day: Writes a day on the axis.
        title: What it shows.
        description: What can be read from it.
        key: Tells the pictures of a page apart.
    """
    forecast = [point for point in fan.points if point.quantiles is not None]
    reached = [value for point in forecast if point.quantiles for value in (point.quantiles[0], point.quantiles[4])]
    reached += [point.booked for point in fan.points] + [fan.target or 0.0] + [fan.ended or 0.0]
    levels = _levels(min(reached), max(reached))
    x = Scale((fan.start - timedelta(days=1)).toordinal(), fan.end.toordinal(), _LEFT, WIDTH - _RIGHT)
    y = Scale(levels[0], levels[-1], HEIGHT - _BOTTOM, _TOP)
    parts = [*_axes(fan, levels, x, y, tick, day), *_bands(forecast, x, y)]
    parts.append(_line([(x(point.day.toordinal()), y(point.booked)) for point in fan.points], "booked"))
    if fan.target is not None:
        level = y(fan.target)
        parts.append(element("path", d=f"M{_LEFT:g} {level:.1f}H{WIDTH - _RIGHT:g}", class_="target"))
    if fan.points:
        parts += _outlook(fan, x, y)
    if fan.ended is not None:
        parts += _result(fan, fan.ended, x, y)
    parts += _labels(fan, y, tick)
    parts += _days(fan, x)
    return picture(*parts, width=WIDTH, height=HEIGHT, name="fan", title=title, description=description, key=key)


def _levels(lowest: float, highest: float) -> tuple[float, ...]:
    """Round amounts around 0 that take in both ends; cancelled deals can leave less than nothing."""
    above = ticks(max(highest, -lowest, 1.0))
    step = above[1]
    below = [-step * count for count in range(ceil(max(-lowest, 0.0) / step - 1e-9), 0, -1)]
    return (*below, *above[: max(2, ceil(highest / step - 1e-9) + 1)])


def _axes(
    fan: Fan, levels: Sequence[float], x: Scale, y: Scale, tick: Callable[[float], str], day: Callable[[date], str]
) -> list[Markup]:
    lines = "".join(f"M{_LEFT:g} {y(level):.1f}H{WIDTH - _RIGHT:g}" for level in levels)
    parts = [element("path", d=lines, class_="grid")]
    parts += [element("text", tick(level), x=_LEFT - 8, y=y(level) + 4, class_="label end") for level in levels]
    length = (fan.end - fan.start).days + 1
    step = 7 * max(1, round(length / 7 / 4))
    days = [fan.start + timedelta(days=passed) for passed in range(0, length - step // 2, step)] + [fan.end]
    for one in days:
        parts.append(element("text", day(one), x=x(one.toordinal()), y=HEIGHT - 8, class_="label middle"))
    return parts


def _bands(points: Sequence[FanPoint], x: Scale, y: Scale) -> list[Markup]:
    known = [(x(point.day.toordinal()), [y(value) for value in point.quantiles]) for point in points if point.quantiles]
    if not known:
        return []
    parts = []
    for low, high, name in ((0, 4, "band"), (1, 3, "core")):
        around = [(at, values[high]) for at, values in known] + [(at, values[low]) for at, values in reversed(known)]
        parts.append(element("polygon", points=path(around), class_=name))
    parts.append(_line([(at, values[2]) for at, values in known], "median"))
    return parts


def _outlook(fan: Fan, x: Scale, y: Scale) -> list[Markup]:
    last = fan.points[-1]
    here, end = (x(last.day.toordinal()), y(last.booked)), x(fan.end.toordinal())
    now = element("circle", cx=here[0], cy=here[1], r=3, class_="now")
    if last.quantiles is None:
        return [now]
    low, _, median, _, high = (y(value) for value in last.quantiles)
    spread = element("polygon", points=path([here, (end, high), (end, low)]), class_="outlook")
    whisker = element("path", d=f"M{end:.1f} {high:.1f}V{low:.1f}", class_="whisker")
    return [spread, _line([here, (end, median)], "expected"), whisker, now]


def _result(fan: Fan, ended: float, x: Scale, y: Scale) -> list[Markup]:
    """A diamond at the period's end, and the way that the bookings took to it."""
    at, level = x(fan.end.toordinal()), y(ended)
    way = [(x(point.day.toordinal()), y(point.booked)) for point in fan.points[-1:]] + [(at, level)]
    diamond = element("path", d=f"M{at - 7:.1f} {level:.1f}l7 -7l7 7l-7 7z", class_="ended")
    return [_line(way, "booked"), diamond]


def _labels(fan: Fan, y: Scale, tick: Callable[[float], str]) -> list[Markup]:
    """Names what stands at the right edge; a label that would cover the one above moves down."""
    wanted = [] if fan.target is None else [(y(fan.target), "Quota", "label strong")]
    if fan.ended is not None:
        wanted.append((y(fan.ended), f"End {tick(fan.ended)}", "label chosen"))
    if fan.points and (quantiles := fan.points[-1].quantiles) is not None:
        for word, value in (("P90", quantiles[4]), ("P50", quantiles[2]), ("P10", quantiles[0])):
            wanted.append((y(value), f"{word} {tick(value)}", "label"))
    labels, below = [], -_GAP
    for level, word, kind in sorted(wanted):
        below = max(level + 4, below + _GAP)
        labels.append(element("text", word, x=WIDTH - _RIGHT + 8, y=below, class_=kind))
    return labels


def _days(fan: Fan, x: Scale) -> list[Markup]:
    """Nothing to see: fields, one around each as-of day, that say its numbers when they are pointed at."""
    at = [x(point.day.toordinal()) for point in fan.points]
    edges = [x.start, *((left + right) / 2 for left, right in pairwise(at)), *(last + 8 for last in at[-1:])]
    return [
        element(
            "rect",
            element("title", point.text),
            x=left,
            y=_TOP,
            width=max(right - left, 1.0),
            height=HEIGHT - _TOP - _BOTTOM,
            class_="day",
        )
        for point, (left, right) in zip(fan.points, pairwise(edges), strict=True)
        if point.text
    ]


def _line(points: Sequence[tuple[float, float]], name: str) -> Markup:
    return element("polyline", points=path(points), class_=name)
