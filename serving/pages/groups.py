"""A team, a region or the company in words and pictures: its own distribution against its quotas."""

from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from serving import formats
from serving.charts.interval import Interval, interval_bar
from serving.charts.scale import Mark, scale_chart
from serving.formats import Money
from serving.pages.explanation import Changed, MadeOf, Subject, change_size, changed, made_of
from serving.pages.results import Result, group_result
from spm_ml.predictions import GroupOutcome, TeamPrediction

_RANGE: Final = (0.1, 0.25, 0.5, 0.75, 0.9)
_WIDEST: Final = 2.0


@dataclass(frozen=True)
class GroupRow:
    """A group as a row of a table.

    Attributes:
        href: Its risk board; None for readers who see no figures of reps, and above teams.
        mean: Expected bookings: these add up over groups that do not overlap.
        chance: Of reaching the sum of the members' quotas.
        result: What came of a finished period's forecast.
        own: The manager's own quota and the chance of reaching it; empty if there is none.
    """

    label: str
    href: str | None
    reps: str
    at_risk: str
    quota: str
    own: str
    booked: str
    attainment: str
    chart: Markup | None
    range: str
    mean: str
    mean_share: str
    chance: str
    change: str
    pace: str
    pace_share: str
    result: Result | None


@dataclass(frozen=True)
class GroupDetail:
    """What a group's forecast is made of, and what changed."""

    label: str
    made_of: MadeOf | None
    changed: Changed | None


def subject_of(group: TeamPrediction, key: str) -> Subject | None:
    """What is explained of a group: the mean; None where nothing is forecast."""
    if group.mean_bookings is None:
        return None
    return Subject(group.label, "Forecast, mean", group.mean_bookings, group.quota, key)


def detail_of(group: TeamPrediction, key: str, money: Money) -> GroupDetail | None:
    """What its forecast is made of and what changed; None where neither is stored."""
    subject = subject_of(group, key)
    if subject is None or not (group.parts or group.change):
        return None
    return GroupDetail(group.label, made_of(group.parts, subject, money), changed(group.change, subject, money))


def group_row(
    group: TeamPrediction,
    key: str,
    money: Money,
    href: str | None,
    widest: float,
    outcome: GroupOutcome | None = None,
) -> GroupRow:
    """A group as a row.

    Args:
        group: The group.
        key: Tells the pictures of a page apart.
        money: How amounts are written.
        href: Its risk board.
        widest: Amount at the right edge of the pictures of groups without quotas, minor units.
        outcome: What its members booked together; None while that is not known.
    """
    quota, mean, subject = group.quota, group.mean_bookings, subject_of(group, key)
    pace = next((metric.value for metric in group.metrics if metric.slug == "linear_pace"), None)
    return GroupRow(
        label=group.label,
        href=href,
        reps=str(group.reps),
        at_risk=str(group.reps_at_risk) if quota else formats.NOTHING,
        quota=money.amount(quota),
        own=_own(group, money),
        booked=money.amount(group.booked),
        attainment=formats.percent(group.booked / quota) if quota else "",
        chart=_interval(group, key, money, widest, outcome),
        range=_range(group, money),
        mean=money.amount(mean),
        mean_share=formats.percent(mean / quota) if quota and mean is not None else "",
        chance=formats.chance(group.p_hit),
        change=formats.NOTHING if subject is None else change_size(group.change, subject, money),
        pace=money.amount(pace),
        pace_share=formats.percent(pace / quota) if quota and pace is not None else "",
        result=group_result(outcome, group, money),
    )


def group_chart(group: TeamPrediction, money: Money, key: str, outcome: GroupOutcome | None = None) -> Markup | None:
    """Its distribution beside its quotas and, once it is known, the result; None where nothing is forecast."""
    five = _five(group)
    if not five:
        return None
    marks = [Mark("All reps together, P10 – P50 – P90", five, _range(group, money), "range")]
    if group.quota:
        marks.append(Mark("Sum of the reps' quotas", (float(group.quota),), money.full(group.quota), "wanted"))
    if group.own_quota:
        marks.append(Mark("Manager's own quota", (float(group.own_quota),), money.full(group.own_quota), "wanted"))
    if outcome is not None:
        marks.append(Mark("Result", (float(outcome.revenue),), money.full(outcome.revenue), "said"))
    return scale_chart(
        marks,
        title=f"Forecast of the team of {group.label} against its quotas",
        description="; ".join(f"{mark.label} {mark.text}" for mark in marks) + ".",
        key=key,
    )


def _own(group: TeamPrediction, money: Money) -> str:
    if group.own_quota is None:
        return ""
    chance = "" if group.p_hit_own is None else f", chance {formats.chance(group.p_hit_own)}"
    return f"own quota {money.amount(group.own_quota)}{chance}"


def _five(group: TeamPrediction) -> tuple[float, ...]:
    return tuple(value for level in _RANGE if (value := group.quantile(level)) is not None)


def _range(group: TeamPrediction, money: Money) -> str:
    five = _five(group)
    if not five:
        return ""
    shown = (five[0], five[2], five[4])
    if group.quota:
        return " – ".join(formats.percent(value / group.quota) for value in shown)
    return " – ".join(money.tick(value) for value in shown)


def _interval(
    group: TeamPrediction, key: str, money: Money, widest: float, outcome: GroupOutcome | None
) -> Markup | None:
    """Its range in shares of its quotas, or in amounts where it has none."""
    five, quota = _five(group), group.quota
    if not five:
        return None
    unit = quota or widest or 1.0
    low, lower, median, upper, high = (value / unit for value in five)
    booked = group.booked / unit
    words = [formats.percent(value) if quota else money.full(value * unit) for value in (low, median, high, booked)]
    share = " of the quota" if quota else ""
    end = min(_WIDEST, max(1.25, high)) if quota else 1.05
    ended = None if outcome is None else outcome.revenue / unit
    happened = "" if ended is None else f" Ended at {formats.percent(ended) if quota else money.full(ended * unit)}."
    return interval_bar(
        Interval(low, lower, median, upper, high, booked, 1.0 if quota else None, end, ended),
        title=f"Forecast for {group.label}",
        description=f"P10 {words[0]}, P50 {words[1]}, P90 {words[2]}{share}; booked {words[3]}.{happened}",
        key=key,
    )
