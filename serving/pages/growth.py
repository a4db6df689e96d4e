"""Growth: the metrics of growth, of the company, its regions, segments and teams, from period to period."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from markupsafe import Markup

from serving import formats
from serving.access import on_batch, on_store, require_reach, store_of
from serving.charts.sparkline import sparkline
from serving.formats import Money
from serving.pages.board_day import period_choices
from serving.pages.choices import Choice
from serving.pages.frame import PagePrincipal, frame_of
from serving.pages.queries import PeriodOfPage
from serving.routes.growth import growth_file
from spm_ml.metrics import METRIC_BY_SLUG, NULL_REASONS
from spm_ml.predictions import GROWTH_SLUGS, LEVELS, BatchReader, Level, MetricCourse, MetricValue, TeamPrediction
from spm_ml.predictions.growth import GROUP_SLUGS, GroupSlug
from spm_ml.predictions.scope import SMALLEST_GROUP

router = APIRouter(include_in_schema=False)

_HEADINGS: Final[dict[Level, str]] = {
    "company": "Company",
    "region": "Regions",
    "segment": "Segments",
    "team": "Teams",
}
_OF_SPEND: Final = ("customer_acquisition_cost", "cac_payback_months", "sales_and_marketing_spend")
_NOT_NAMED: Final = frozenset({"no_spend_data", "no_spend_of_group"})
"""Why a group has none of these: no spend is stated for it."""

_SHOWN: Final = 4
"""Finished periods that a table spells out; the line shows all of them."""


class GrowthQuery(PeriodOfPage):
    """Of which period's batch, and which metric is compared over groups."""

    metric: GroupSlug = "revenue_growth_rate"


@dataclass(frozen=True)
class Cell:
    """A value, or why there is none."""

    text: str
    note: str


@dataclass(frozen=True)
class Line:
    """A group, or a metric, over the periods.

    Attributes:
        now: In the running period, up to the day.
        finished: In the finished periods that are spelled out, oldest first.
        change: Of the last finished period against the one before.
    """

    label: str
    formula: str
    href: str
    now: Cell
    finished: tuple[Cell, ...]
    change: str
    chart: Markup | None


@dataclass(frozen=True)
class LinesTable:
    """Lines under one heading."""

    heading: str
    noun: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class GrowthPage:
    """Everything the page shows.

    Attributes:
        whole: The largest group in scope, metric by metric; None where there is none.
        columns: Labels of the finished periods that are spelled out.
        metric: The one that is compared over groups.
        only_whole: Why it is compared over nothing; empty where it is.
        smallest: Reps below which a group is left out; None: none is.
        file: Address of all of it as a file.
    """

    heading: str
    running: str
    whole: LinesTable | None
    columns: tuple[str, ...]
    choices: tuple[Choice, ...]
    metric: str
    formula: str
    tables: tuple[LinesTable, ...]
    only_whole: str
    smallest: int | None
    periods: tuple[Choice, ...]
    file: str


@router.get("/growth")
async def growth(request: Request, principal: PagePrincipal, query: Annotated[GrowthQuery, Query()]) -> Response:
    """The metrics of growth of the groups in scope."""
    require_reach(principal, "team")
    store = store_of(request)
    periods = period_choices(await on_store(store, store.periods), query.period)
    file = "/exports/growth.csv" + (f"?{urlencode({'period': query.period})}" if query.period else "")

    def build(batch: BatchReader) -> Response:
        page = _page(batch, query.metric, periods, file)
        frame = frame_of(request, page.heading, principal=principal, batch=batch.batch)
        response: Response = request.app.state.templates.page("growth.html", page, frame)
        return response

    return await on_batch(request, principal, build, period=query.period)


@router.get("/exports/growth.csv")
async def growth_csv(request: Request, principal: PagePrincipal, query: Annotated[PeriodOfPage, Query()]) -> Response:
    """The file behind "Download CSV"."""
    require_reach(principal, "team")
    return await growth_file(request, principal, query.period)


def _page(batch: BatchReader, slug: str, periods: tuple[Choice, ...], file: str) -> GrowthPage:
    groups = {level: batch.groups(level) for level in reversed(LEVELS)}
    every = [group for rows in groups.values() for group in rows]
    columns = _columns(every)
    money = Money.of(batch.batch)
    whole = max(every, key=lambda one: one.reps, default=None)
    tables = tuple(
        LinesTable(
            _HEADINGS[level],
            "Manager" if level == "team" else _HEADINGS[level].removesuffix("s"),
            (
                *(_line(one, slug, columns, money, f"{level}{at}", one.label) for at, one in enumerate(rows)),
                *(_of_none(one, level, columns, money) for one in groups["company"] if slug in _OF_SPEND),
            ),
        )
        for level, rows in groups.items()
        if level != "company" and any(_compared(one, slug) for one in rows)
    )
    metric = METRIC_BY_SLUG[slug]
    return GrowthPage(
        heading=f"Growth {batch.batch.period}",
        running=batch.batch.period,
        whole=None if whole is None else _whole(whole, columns, money),
        columns=columns,
        choices=tuple(Choice(METRIC_BY_SLUG[one].label, one, one == slug) for one in GROUP_SLUGS),
        metric=metric.label,
        formula=metric.formula,
        tables=tables,
        only_whole="" if tables or slug not in _OF_SPEND else "No spend names a group that is shown here.",
        smallest=SMALLEST_GROUP if batch.scope.reach("team") == "large" else None,
        periods=periods,
        file=file,
    )


def _columns(groups: Sequence[TeamPrediction]) -> tuple[str, ...]:
    """The newest finished periods that any group tells of."""
    told = max((group.growth.periods for group in groups if group.growth), key=len, default=())
    return told[-_SHOWN:]


def _whole(group: TeamPrediction, columns: tuple[str, ...], money: Money) -> LinesTable:
    lines = tuple(
        _line(group, slug, columns, money, f"whole{at}", METRIC_BY_SLUG[slug].label)
        for at, slug in enumerate(GROWTH_SLUGS)
        if _told(group, slug)
    )
    return LinesTable(group.label, "Metric", lines)


def _told(group: TeamPrediction, slug: str) -> bool:
    return any(metric.slug == slug for metric in group.metrics) or _course(group, slug) is not None


def _compared(group: TeamPrediction, slug: str) -> bool:
    """Whether a group has anything to compare: of spend, whether any names it."""
    if slug not in _OF_SPEND:
        return _told(group, slug)
    course = _course(group, slug)
    reasons = [*(one.reason for one in group.metrics if one.slug == slug), *(course.reasons if course else ())]
    return not _NOT_NAMED.issuperset(reasons)


def _of_none(company: TeamPrediction, level: Level, columns: tuple[str, ...], money: Money) -> Line:
    """The spend that no group of a level is named for, beneath what is known of those."""
    return _line(company, f"spend_without_{level}", columns, money, f"{level}none", f"Spend of no {level}")


def _course(group: TeamPrediction, slug: str) -> MetricCourse | None:
    return next((one for one in group.growth.courses if one.slug == slug), None) if group.growth else None


def _line(group: TeamPrediction, slug: str, columns: tuple[str, ...], money: Money, key: str, label: str) -> Line:
    course = _course(group, slug)
    periods = group.growth.periods if group.growth else ()
    told = dict(zip(periods, zip(course.values, course.reasons, strict=True), strict=True)) if course else {}
    known = METRIC_BY_SLUG[slug]

    def cell(value: float | None, reason: str | None) -> Cell:
        text = formats.metric_text(MetricValue(slug, known.label, known.unit, value, reason), money)
        return Cell(text, "" if reason is None else NULL_REASONS.get(reason, reason))

    now = next((one for one in group.metrics if one.slug == slug), None)
    finished = tuple(cell(*told[label]) if label in told else Cell(formats.NOTHING, "Not told.") for label in columns)
    values = [value for value, _ in told.values()]
    return Line(
        label=label,
        formula=known.formula,
        href=f"/glossary#m-{slug}",
        now=Cell(formats.NOTHING, "Not told.") if now is None else cell(now.value, now.reason),
        finished=finished,
        change=_change(values, slug),
        chart=_chart(f"{known.label} of {group.label}", values, [one.text for one in finished], key),
    )


def _change(values: Sequence[float | None], slug: str) -> str:
    """The last finished period against the one before: points of shares, and of all else the change in percent."""
    if len(values) < 2 or values[-1] is None or values[-2] is None:
        return formats.NOTHING
    last, before, metric = values[-1], values[-2], METRIC_BY_SLUG[slug]
    if metric.unit == "ratio":
        return f"{formats.points(last - before)} points"
    return formats.NOTHING if before <= 0 else formats.percent(last / before - 1, sign=True)


def _chart(title: str, values: Sequence[float | None], said: Sequence[str], key: str) -> Markup | None:
    if sum(value is not None for value in values) < 2:
        return None
    return sparkline(values, title=title, description=f"The last of them: {', '.join(said)}.", key=key)
