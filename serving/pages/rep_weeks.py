"""What was forecast for a rep in each week of the period, and what was booked: the fan chart and its table."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from serving import formats
from serving.charts.fan import Fan, FanPoint, fan_chart
from serving.formats import Money
from spm_ml.predictions import Outcome, Prediction, WeekForecast

_LEVELS: Final = (0.1, 0.25, 0.5, 0.75, 0.9)


@dataclass(frozen=True)
class WeekRow:
    """One as-of day of the table."""

    day: str
    booked: str
    quantiles: tuple[str, ...]
    chance: str


@dataclass(frozen=True)
class Weeks:
    """The chart and its table.

    Attributes:
        chart: The fan.
        rows: The latest day first.
        happened: The period's last day with what came of it; None while it is not known.
        share: That of the final quota, or why there is none.
    """

    chart: Markup
    rows: tuple[WeekRow, ...]
    happened: WeekRow | None
    share: str


def weeks_of(row: Prediction, history: Sequence[WeekForecast], outcome: Outcome | None, money: Money) -> Weeks:
    """The weeks up to the day of a forecast.

    Args:
        row: The forecast as of the day.
        history: The same on every day up to it, oldest first.
        outcome: What came of it; None while it is not known.
        money: Writes amounts.
    """
    return Weeks(
        chart=_fan(row, history, outcome, money),
        rows=tuple(_week(week, money) for week in reversed(history)),
        happened=None if outcome is None else _happened(row, outcome, money),
        share="" if outcome is None else _share(outcome),
    )


def _fan(row: Prediction, history: Sequence[WeekForecast], outcome: Outcome | None, money: Money) -> Markup:
    points = tuple(FanPoint(week.as_of, week.booked, _five(week), _in_words(week, money)) for week in history)
    low, _, median, _, high = _five(row) or (0.0,) * 5
    forecast = "Nothing is forecast."
    if row.bookings_quantiles is not None:
        forecast = f"At its end P10 is {money.full(low)}, P50 {money.full(median)} and P90 {money.full(high)}."
    quota = "No quota is known." if row.quota is None else f"The quota is {money.full(row.quota)}."
    ended = None if outcome is None or outcome.censored else outcome.bookings
    happened = "" if ended is None else f" What happened: {money.full(ended)}."
    return fan_chart(
        Fan(row.period_start, row.period_end, points, row.quota, ended),
        tick=money.tick,
        day=formats.short_day,
        title=f"Bookings of {row.name} in {row.period}: forecast each week, and booked",
        description=f"Booked {money.full(row.booked)} by {formats.day(row.as_of)}. {forecast} {quota}{happened}",
        key="fan",
    )


def _in_words(week: WeekForecast, money: Money) -> str:
    booked = f"{formats.day(week.as_of)}: booked {money.full(week.booked)}"
    median = week.quantile(0.5)
    if median is None:
        return f"{booked}; nothing was forecast."
    low, high = money.amount(week.quantile(0.1)), money.amount(week.quantile(0.9))
    return f"{booked}; forecast then {money.full(median)}, P10 {low}, P90 {high}; chance {formats.chance(week.p_hit)}."


def _five(row: Prediction | WeekForecast) -> tuple[float, float, float, float, float] | None:
    values = tuple(value for level in _LEVELS if (value := row.quantile(level)) is not None)
    return None if len(values) < 5 else (values[0], values[1], values[2], values[3], values[4])


def _week(row: WeekForecast, money: Money) -> WeekRow:
    return WeekRow(
        formats.day(row.as_of),
        money.amount(row.booked),
        tuple(money.amount(row.quantile(level)) for level in _LEVELS),
        formats.chance(row.p_hit),
    )


def _happened(row: Prediction, outcome: Outcome, money: Money) -> WeekRow:
    return WeekRow(formats.day(row.period_end), money.amount(outcome.bookings), (), "")


def _share(outcome: Outcome) -> str:
    if outcome.censored:
        return "left before the end"
    return "no quota" if outcome.attainment is None else f"{formats.percent(outcome.attainment)} of quota"
