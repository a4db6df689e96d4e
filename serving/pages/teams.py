"""Teams: aggregates for managers, and for analysts where the group is large enough."""

from dataclasses import dataclass
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import Response

from serving import formats
from serving.access import on_batch, require_reach
from serving.formats import Money
from serving.pages.frame import PagePrincipal, frame_of
from spm_ml.predictions import BatchReader, TeamPrediction
from spm_ml.predictions.scope import SMALLEST_GROUP

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class TeamRow:
    """A team, in words.

    Attributes:
        href: Its risk board; None for readers who see no figures of reps.
    """

    manager: str
    href: str | None
    reps: str
    at_risk: str
    quota: str
    booked: str
    attainment: str
    pace: str
    pace_share: str


@dataclass(frozen=True)
class TeamsPage:
    """Everything the page shows."""

    heading: str
    currency: str
    rows: tuple[TeamRow, ...]
    smallest: int | None


@router.get("/teams")
async def teams(request: Request, principal: PagePrincipal) -> Response:
    """The teams in scope, by their manager's name."""
    require_reach(principal, "team")
    sees_reps = principal.scope.reach("figures") != "none"

    def build(batch: BatchReader) -> Response:
        money = Money.of(batch.batch)
        page = TeamsPage(
            heading=f"Teams {batch.batch.period}",
            currency=batch.batch.currency,
            rows=tuple(_row(team, money, sees_reps) for team in batch.groups("team")),
            smallest=SMALLEST_GROUP if principal.scope.reach("team") == "large" else None,
        )
        frame = frame_of(request, page.heading, principal=principal, batch=batch.batch)
        response: Response = request.app.state.templates.page("teams.html", page, frame)
        return response

    return await on_batch(request, principal, build)


def _row(team: TeamPrediction, money: Money, sees_reps: bool) -> TeamRow:
    pace = next((metric.value for metric in team.metrics if metric.slug == "linear_pace"), None)
    quota = team.quota
    return TeamRow(
        manager=team.manager_name,
        href=f"/?{urlencode({'team': team.manager_id})}" if sees_reps else None,
        reps=str(team.reps),
        at_risk=str(team.reps_at_risk),
        quota=money.amount(quota),
        booked=money.amount(team.booked),
        attainment=formats.percent(team.booked / quota if quota else None),
        pace=money.amount(pace),
        pace_share=formats.percent(pace / quota) if quota and pace is not None else "",
    )
