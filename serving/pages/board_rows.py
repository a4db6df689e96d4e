"""A rep's row on the risk board: the forecast in words and one small chart."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from markupsafe import Markup

from serving import formats
from serving.charts.interval import Interval, interval_bar
from serving.charts.sparkline import sparkline
from serving.formats import Money
from serving.pages.frame import rep_href
from serving.pages.news_words import news_words
from serving.pages.offers import OfferWords
from serving.pages.results import Result, result_of
from serving.pages.words import BandWords, HazardWords, band_words, hazard_words
from spm_ml.predictions import BoardForecast, OutcomeVersion

_WIDEST: Final = 2.0
"""Attainment at which charts end at the latest: beyond twice the quota the difference matters to nobody."""


@dataclass(frozen=True)
class Change:
    """What changed a forecast since an earlier day.

    Attributes:
        size: In points of the quota, or an amount without one.
        unit: Of the size, for a sentence.
        since: That day.
        cause: The largest part of it, in a phrase; empty where parts are not stored.
        story: The same in a sentence.
    """

    size: str
    unit: str
    since: str
    cause: str
    story: str


@dataclass(frozen=True)
class BoardRow:
    """A rep on the board, in words.

    Attributes:
        weeks: The chance by week.
        result: What came of a finished period's forecast.
        news: What was recorded since the batch before; empty where nothing was.
    """

    rep_id: str
    name: str
    href: str
    about: str
    quota: str
    booked: str
    booked_share: str
    pace: str
    pace_share: str
    chart: Markup | None
    range: str
    change: Change | None
    chance: str
    weeks: Markup | None
    band: BandWords
    reason: str
    hazards: tuple[HazardWords, ...]
    offer: OfferWords | None
    result: Result | None
    news: str = ""


@dataclass(frozen=True)
class Further:
    """What else is known of a rep than the forecast of the day.

    Attributes:
        offer: What is offered.
        chances: Chances on every day up to that one, oldest first; None: not rated.
        outcome: What came of it; None while that is not known.
        period: Earlier period that the board shows; None: the published one.
        as_of: Earlier day of it; None: its newest.
        timezone: In which moments are told.
    """

    offer: OfferWords | None = None
    chances: Sequence[tuple[date, float | None]] = ()
    outcome: OutcomeVersion | None = None
    period: str | None = None
    as_of: date | None = None
    timezone: str = "UTC"


NOTHING_FURTHER: Final = Further()


def end_of_charts(rows: Sequence[BoardForecast]) -> tuple[float, float]:
    """Where the charts of the page end: attainment for reps with a quota, bookings for those without."""
    ratios = [high / row.quota for row in rows if row.quota and (high := row.quantile(0.9)) is not None]
    amounts = [high for row in rows if not row.quota and (high := row.quantile(0.9)) is not None]
    return min(_WIDEST, max([1.1, *ratios])), max([1.0, *amounts])


def board_row(
    row: BoardForecast,
    ends: tuple[float, float],
    money: Money,
    number: int,
    limits: tuple[float, float],
    further: Further = NOTHING_FURTHER,
) -> BoardRow:
    """A forecast as a row of the board.

    Args:
        row: The forecast.
        ends: From `end_of_charts`.
        money: Writes amounts.
        number: Position on the page.
        limits: Chances below which the risk is high or medium.
        further: What else is known.
    """
    pace = row.metric("linear_pace")
    return BoardRow(
        rep_id=row.rep_id,
        name=row.name,
        href=rep_href(row.rep_id, period=further.period, as_of=further.as_of),
        about=row.team,
        quota=money.amount(row.quota),
        booked=money.amount(row.booked),
        booked_share=formats.percent(row.booked / row.quota) if row.quota else "",
        pace=money.amount(pace),
        pace_share=formats.percent(pace / row.quota) if row.quota and pace is not None else "",
        chart=_chart(row, ends, money, f"i{number}", further.outcome),
        range=_range(row, money),
        change=change_of(row, money),
        news=news_words(row.news, row.quota, money, further.timezone),
        chance=_chance(row.p_hit, limits),
        weeks=_weeks(row.name, further.chances, f"c{number}"),
        band=band_words(row.risk_band),
        reason=formats.stored(row.main_reason),
        hazards=tuple(hazard_words(code) for code in row.hazards),
        offer=further.offer,
        result=result_of([further.outcome] if further.outcome else [], row, money),
    )


def _chance(p_hit: float | None, limits: tuple[float, float]) -> str:
    """The chance; one that is below a limit does not read as the limit by rounding."""
    shown = formats.chance(p_hit)
    return (
        f"<{shown}"
        if p_hit is not None and any(p_hit < one and shown == formats.chance(one) for one in limits)
        else shown
    )


def change_of(row: BoardForecast, money: Money) -> Change | None:
    """What changed a forecast since the week before; None where there is nothing to compare."""
    median, moved = row.quantile(0.5), row.change
    if median is None or moved is None:
        return None

    def size(amount: float) -> str:
        return formats.points(amount / row.quota) if row.quota else formats.signed(money.units(amount))

    unit, since = "points" if row.quota else money.currency, formats.short_day(moved.since)
    story = f"P50 moved {size(median - moved.before)} {unit} since {since}."
    largest = max(moved.parts, key=lambda part: abs(part.amount), default=None)
    if largest is None:
        return Change(size(median - moved.before), unit, since, "", story)
    cause = largest.text.rstrip(".") or largest.label
    if abs(largest.amount) > 0:
        story += f" The largest part, {size(largest.amount)}: {largest.label}. {formats.sentence(largest.text)}"
    return Change(size(median - moved.before), unit, since, cause, story.rstrip())


def _range(row: BoardForecast, money: Money) -> str:
    low, median, high = (row.quantile(level) for level in (0.1, 0.5, 0.9))
    if low is None or median is None or high is None:
        return ""
    if row.quota:
        return " – ".join(formats.percent(value / row.quota) for value in (low, median, high))
    return " – ".join(money.tick(value) for value in (low, median, high))


def _weeks(name: str, chances: Sequence[tuple[date, float | None]], key: str) -> Markup | None:
    """How the chance went from week to week; None where there is nothing to compare."""
    rated = [(day, chance) for day, chance in chances if chance is not None]
    if len(rated) < 2:
        return None
    values = [chance for _, chance in rated]
    (first, began), ends = rated[0], (formats.chance(value) for value in (min(values), max(values)))
    description = (
        f"{formats.chance(began)} on {formats.short_day(first)}, {formats.chance(values[-1])} on "
        f"{formats.short_day(rated[-1][0])}; between {' and '.join(ends)}."
    )
    return sparkline(
        [chance for _, chance in chances], end=1.0, title=f"Chance of {name} by week", description=description, key=key
    )


def _chart(
    row: BoardForecast, ends: tuple[float, float], money: Money, key: str, version: OutcomeVersion | None
) -> Markup | None:
    quantiles = [row.quantile(level) for level in (0.1, 0.25, 0.5, 0.75, 0.9)]
    known = [value for value in quantiles if value is not None]
    if len(known) < len(quantiles):
        return None
    unit = row.quota or 1
    low, lower, median, upper, high = (value / unit for value in known)
    booked = row.booked / unit
    if row.quota:
        words = [formats.percent(value) for value in (low, median, high, booked)]
        description = f"P10 {words[0]}, P50 {words[1]}, P90 {words[2]} of the quota; booked {words[3]}."
    else:
        amounts = [money.full(value) for value in (low, median, high, booked)]
        description = f"P10 {amounts[0]}, P50 {amounts[1]}, P90 {amounts[2]}; booked {amounts[3]}; no quota is known."
    ended = None if version is None or version.outcome.censored else version.outcome.bookings / unit
    if ended is not None:
        description += f" Ended at {formats.percent(ended) if row.quota else money.full(ended)}."
    interval = Interval(
        *(low, lower, median, upper, high, booked),
        target=1.0 if row.quota else None,
        end=ends[0] if row.quota else ends[1],
        ended=ended,
    )
    return interval_bar(interval, title=f"Forecast for {row.name}", description=description, key=key)
