"""Groups: the company, its regions and its teams; for analysts those that are large enough."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from serving import formats
from serving.access import on_batch, on_store, require_reach, store_of
from serving.formats import Money
from serving.pages.board_day import period_choices
from serving.pages.choices import Choice
from serving.pages.frame import PagePrincipal, frame_of
from serving.pages.groups import GroupDetail, GroupRow, detail_of, group_row
from serving.pages.queries import PeriodOfPage
from serving.pages.results import over_notice
from spm_ml.predictions import LEVELS, BatchReader, Level, TeamPrediction
from spm_ml.predictions.scope import SMALLEST_GROUP

router = APIRouter(include_in_schema=False)

_HEADINGS: Final[dict[Level, str]] = {
    "company": "Company",
    "region": "Regions",
    "segment": "Segments",
    "team": "Teams",
}
_ABOUT: Final[dict[Level, str]] = {
    "company": "everybody together",
    "region": "each with every rep in it",
    "segment": "each with every rep in it",
    "team": "each with everybody below its manager",
}


@dataclass(frozen=True)
class LevelTable:
    """The groups of one level.

    Attributes:
        details: What forecasts are made of; of teams it stands on their risk board, for those who may open it.
        sum_words: Whether their expected bookings add up to the company's, in a sentence; empty where they overlap.
    """

    heading: str
    noun: str
    about: str
    rows: tuple[GroupRow, ...]
    details: tuple[GroupDetail, ...]
    sum_words: str


@dataclass(frozen=True)
class TeamsPage:
    """Everything the page shows.

    Attributes:
        changes: From which day changes are counted, and in what; empty where nothing is compared.
        smallest: Reps below which a group is left out; None: none is.
        periods: Those that can be opened.
        notice: What the numbers of an earlier period are; empty for the published one.
        finished: Whether the results are known.
    """

    heading: str
    currency: str
    tables: tuple[LevelTable, ...]
    changes: str
    smallest: int | None
    periods: tuple[Choice, ...]
    notice: str
    finished: bool


@router.get("/teams")
async def teams(request: Request, principal: PagePrincipal, query: Annotated[PeriodOfPage, Query()]) -> Response:
    """The groups in scope, the largest first."""
    require_reach(principal, "team")
    sees_reps = principal.scope.reach("figures") != "none"
    store = store_of(request)
    periods = period_choices(await on_store(store, store.periods), query.period)

    def build(batch: BatchReader) -> Response:
        page = _page(batch, sees_reps, periods)
        frame = frame_of(request, page.heading, principal=principal, batch=batch.batch)
        response: Response = request.app.state.templates.page("teams.html", page, frame)
        return response

    return await on_batch(request, principal, build, period=query.period)


def _page(batch: BatchReader, sees_reps: bool, periods: tuple[Choice, ...]) -> TeamsPage:
    groups = {level: batch.groups(level) for level in reversed(LEVELS)}
    company = next(iter(groups["company"]), None)
    tables = tuple(_table(level, rows, company, batch, sees_reps) for level, rows in groups.items() if rows)
    changed = [group for rows in groups.values() for group in rows if group.change]
    return TeamsPage(
        heading=f"Teams {batch.batch.period}",
        currency=batch.batch.currency,
        tables=tables,
        changes=_changes(changed),
        smallest=SMALLEST_GROUP if batch.scope.reach("team") == "large" else None,
        periods=periods,
        notice=over_notice(batch, batch.results_known_on),
        finished=batch.results_known_on is not None,
    )


def _table(
    level: Level, groups: Sequence[TeamPrediction], company: TeamPrediction | None, batch: BatchReader, sees_reps: bool
) -> LevelTable:
    money = Money.of(batch.batch)
    keyed = [(group, f"{level}{number}") for number, group in enumerate(groups)]
    widest = max((group.quantile(0.9) or 0.0 for group in groups if not group.quota), default=0.0)
    return LevelTable(
        heading=_HEADINGS[level],
        noun="Manager" if level == "team" else _HEADINGS[level].removesuffix("s"),
        about=_ABOUT[level],
        rows=tuple(
            group_row(group, key, money, _href(group, batch) if sees_reps else None, widest, batch.group_outcome(group))
            for group, key in keyed
        ),
        details=tuple(
            found
            for group, key in keyed
            if (group.level != "team" or not sees_reps) and (found := detail_of(group, key, money)) is not None
        ),
        sum_words=_sum_words(groups, company, money) if level == "region" else "",
    )


def _changes(changed: Sequence[TeamPrediction]) -> str:
    since = next((formats.day(group.change.since) for group in changed if group.change), None)
    if since is None:
        return ""
    with_quota = sum(group.quota is not None for group in changed)
    unit = "points, amounts where no quota is known," if with_quota else "amounts"
    if with_quota == len(changed):
        unit = "points"
    return f"change in {unit} since {since}"


def _href(group: TeamPrediction, batch: BatchReader) -> str | None:
    period = {} if batch.is_current else {"period": batch.batch.period}
    return f"/?{urlencode(period | {'team': group.manager_id})}" if group.level == "team" else None


def _sum_words(groups: Sequence[TeamPrediction], company: TeamPrediction | None, money: Money) -> str:
    means = [group.mean_bookings for group in groups if group.mean_bookings is not None]
    if company is None or company.mean_bookings is None or not means:
        return ""
    total, gap = sum(means), company.mean_bookings - sum(means)
    if abs(gap) <= 1 + 1e-9 * abs(total):
        return f"Expected bookings of the regions add up to the company's: {money.full(total)}."
    return f"Expected bookings of these regions: {money.full(total)}; of reps elsewhere: {money.full(gap)}."
