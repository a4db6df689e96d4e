"""Objectives: what the company, its teams and its reps are to book, and how far they are."""

from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from markupsafe import Markup

from serving import formats
from serving.access import on_batch, on_store, require_reach, store_of
from serving.charts.progress import Progress, progress_bar
from serving.formats import Money
from serving.objectives import Objective, Objectives, objectives_of
from serving.pages.board_day import period_choices
from serving.pages.choices import Choice
from serving.pages.frame import PagePrincipal, frame_of, rep_href
from serving.pages.queries import ObjectivesPageQuery
from serving.pages.results import over_notice
from serving.problem import NotYoursError
from spm_ml.predictions import BatchReader
from spm_ml.predictions.scope import SMALLEST_GROUP

router = APIRouter(include_in_schema=False)

_ON_THE_WAY: Final = 0.005
"""Shares of the objective that a page would not tell apart."""


@dataclass(frozen=True)
class ObjectiveRow:
    """An objective as a row.

    Attributes:
        href: What is below, or the rep's page; None where there is nothing the reader may open.
        detail: How many reps, and the manager's own quota.
        standing: How much is booked against what is usual by now.
        range: P10, P50 and P90 of the forecast.
    """

    label: str
    href: str | None
    detail: str
    objective: str
    booked: str
    share: str
    standing: str
    chart: Markup | None
    range: str
    chance: str


@dataclass(frozen=True)
class ObjectiveTable:
    """Rows under one heading."""

    heading: str
    noun: str
    about: str
    rows: tuple[ObjectiveRow, ...]


@dataclass(frozen=True)
class Crumb:
    """A manager on the way down."""

    label: str
    href: str
    here: bool


@dataclass(frozen=True)
class ObjectivesPage:
    """Everything the page shows.

    Attributes:
        goal: What the company's goal is and how the quotas in force add up to it.
        usual: What is usually booked by now.
        path: From the top of the reader's scope to the manager whose people are shown.
        smallest: Beyond how many other reps groups above are shown; None where the reader sees everybody.
        notice: What the numbers of an earlier period are; empty for the published one.
    """

    heading: str
    currency: str
    goal: str
    usual: str
    path: tuple[Crumb, ...]
    tables: tuple[ObjectiveTable, ...]
    smallest: int | None
    periods: tuple[Choice, ...]
    notice: str


@router.get("/objectives")
async def objectives(
    request: Request, principal: PagePrincipal, query: Annotated[ObjectivesPageQuery, Query()]
) -> Response:
    """The objectives in scope."""
    require_reach(principal, "objective")
    store = store_of(request)
    periods = period_choices(await on_store(store, store.periods), query.period)

    def build(batch: BatchReader) -> Response:
        seen = objectives_of(batch, query.team)
        if seen is None:
            raise NotYoursError
        page = _page(batch, seen, periods)
        frame = frame_of(request, page.heading, principal=principal, batch=batch.batch)
        response: Response = request.app.state.templates.page("objectives.html", page, frame)
        return response

    return await on_batch(request, principal, build, period=query.period)


def _page(batch: BatchReader, seen: Objectives, periods: tuple[Choice, ...]) -> ObjectivesPage:
    writer = _Rows(batch, seen.usual_share)
    role = batch.scope.role
    tables = [
        writer.table("Company and teams above", "Whose", "what you are a part of", seen.above, "above"),
        writer.table(
            "This team",
            "Manager",
            "everybody below the manager together",
            (seen.chosen,) if seen.chosen is not None else (),
            "chosen",
        ),
        writer.table(
            "Teams" if role == "analyst" else "Teams below",
            "Manager",
            "each with everybody below its manager",
            seen.teams,
            "team",
        ),
        writer.table(
            "Your objective" if role == "rep" else "Reps",
            "Rep",
            "your quota" if role == "rep" else "who reports to the manager, and the manager's own sales",
            seen.reps,
            "rep",
        ),
    ]
    return ObjectivesPage(
        heading=f"Objectives {batch.batch.period}",
        currency=batch.batch.currency,
        goal=_goal(seen, Money.of(batch.batch)),
        usual=_usual(seen.usual_share),
        path=tuple(
            Crumb(name, writer.href(rep_id), at == len(seen.path) - 1) for at, (rep_id, name) in enumerate(seen.path)
        ),
        tables=tuple(table for table in tables if table.rows),
        smallest=None if batch.groups("company") and role == "manager" else SMALLEST_GROUP,
        periods=periods,
        notice=over_notice(batch, batch.results_known_on),
    )


@dataclass(frozen=True)
class _Rows:
    """Writes rows of one batch."""

    batch: BatchReader
    usual_share: float | None

    def href(self, manager_id: str) -> str:
        period = {} if self.batch.is_current else {"period": self.batch.batch.period}
        return f"/objectives?{urlencode(period | {'team': manager_id})}"

    def table(self, heading: str, noun: str, about: str, rows: tuple[Objective, ...], key: str) -> ObjectiveTable:
        return ObjectiveTable(heading, noun, about, tuple(self._row(one, f"{key}{at}") for at, one in enumerate(rows)))

    def _row(self, row: Objective, key: str) -> ObjectiveRow:
        money = Money.of(self.batch.batch)
        detail = [formats.counted(row.reps, "rep")] if row.level != "rep" else []
        if row.own_quota is not None:
            detail.append(f"manager's own quota {money.amount(row.own_quota)}")
        return ObjectiveRow(
            label=row.label,
            href=self._link(row),
            detail=", ".join(detail),
            objective=money.amount(row.amount),
            booked=money.amount(row.booked),
            share=formats.percent(row.share) if row.share is not None else "",
            standing=_standing(row, self.usual_share, money),
            chart=self._chart(row, money, key),
            range=f"forecast {' – '.join(money.tick(value) for value in row.range)}" if row.range else "no forecast",
            chance=_chance(row),
        )

    def _link(self, row: Objective) -> str | None:
        if row.level == "rep":
            return rep_href(row.key, period=None if self.batch.is_current else self.batch.batch.period)
        return self.href(row.key) if row.leads else None

    def _chart(self, row: Objective, money: Money, key: str) -> Markup | None:
        if not row.amount or row.share is None:
            return None
        ends = None
        words = [f"booked {formats.percent(row.share)} of {money.full(row.amount)}"]
        if row.range is not None:
            low, median, high = (value / row.amount for value in row.range)
            ends = (low, median, high)
            words.append(f"forecast {' – '.join(map(formats.percent, ends))}")
        if self.usual_share is not None:
            words.append(f"usual by now {formats.percent(self.usual_share)}")
        return progress_bar(
            Progress(row.share, self.usual_share, ends),
            title=f"Progress of {row.label}",
            description=f"{'; '.join(words)}.",
            key=key,
        )


def _chance(row: Objective) -> str:
    """The chance; where it is read off quantiles that end at 5 and 95 %, the ends are said as such."""
    if row.chance is None or not row.is_rough or 0.05 < row.chance < 0.95:
        return formats.chance(row.chance)
    return f"≥{formats.percent(0.95)}" if row.chance >= 0.95 else f"≤{formats.percent(0.05)}"


def _standing(row: Objective, usual: float | None, money: Money) -> str:
    if usual is None or row.share is None or row.amount is None:
        return ""
    gap = row.share - usual
    if abs(gap) < _ON_THE_WAY:
        return "as usual by now"
    return f"{money.amount(abs(gap) * row.amount)} {'ahead of' if gap > 0 else 'behind'} what is usual"


def _goal(seen: Objectives, money: Money) -> str:
    if seen.goal is None:
        return "No goal of the company is on record, so the sum of the quotas stands in its place."
    goal = seen.goal.goal
    said = f"The company is to book {money.full(goal.amount)}."
    over, company = seen.over_assigned, seen.company
    if over is None or company is None or company.quotas is None:
        return said
    gap = company.quotas - goal.amount
    if gap == 0:
        return f"{said} The quotas in force add up to it."
    more = "more than the goal: over-assigned by" if gap > 0 else "less than the goal: short by"
    return (
        f"{said} The quotas in force add up to {money.full(company.quotas)}, {more} {money.full(abs(gap))} "
        f"({formats.percent(abs(over), digits=1)})."
    )


def _usual(share: float | None) -> str:
    if share is None:
        return "No finished period shows what is usually booked by this day."
    return f"By this day of a period {formats.percent(share)} of its bookings were there in the finished periods."
