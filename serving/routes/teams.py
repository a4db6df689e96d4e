"""Teams: aggregates over a manager's tree."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from serving.access import on_batch, reaching
from serving.problem import NotYoursError, documented
from serving.routes.answers import (
    Answer,
    IdentifierInPath,
    MetricOut,
    Model,
    PeriodQuery,
    major,
    major_or_none,
    metrics_out,
    source,
)
from serving.routes.metrics import Definition, definitions_of
from spm_ml.predictions import Batch, BatchReader, Principal, TeamPrediction

router = APIRouter(prefix="/v1/teams", tags=["teams"])

SeesTeams = Annotated[Principal, Depends(reaching("team"))]


class TeamOut(Model):
    """A manager's team as of the day."""

    manager_id: str
    manager_name: str
    reps: int
    reps_at_risk: int
    quota: float | None
    booked: float
    metrics: tuple[MetricOut, ...]

    @classmethod
    def of(cls, team: TeamPrediction, batch: Batch) -> "TeamOut":
        """The same for the API."""
        return cls(
            manager_id=team.manager_id,
            manager_name=team.manager_name,
            reps=team.reps,
            reps_at_risk=team.reps_at_risk,
            quota=major_or_none(team.quota, batch),
            booked=major(team.booked, batch),
            metrics=metrics_out(team.metrics, batch),
        )


class Teams(Answer):
    """Every team in scope."""

    items: tuple[TeamOut, ...]
    definitions: dict[str, Definition]


class TeamAnswer(Answer):
    """One team."""

    team: TeamOut
    definitions: dict[str, Definition]


@router.get("", responses=documented(401, 403, 404, 422, 503))
async def list_teams(request: Request, principal: SeesTeams, query: Annotated[PeriodQuery, Query()]) -> Teams:
    """List teams; analysts see those that are large enough to say nothing about one rep."""

    def build(batch: BatchReader) -> Teams:
        items = tuple(TeamOut.of(team, batch.batch) for team in batch.teams())
        slugs = {metric.slug for team in items for metric in team.metrics}
        return Teams(**source(batch.batch), items=items, definitions=definitions_of(slugs))

    return await on_batch(request, principal, build, period=query.period)


@router.get("/{manager_id:path}", responses=documented(401, 403, 404, 422, 503))
async def get_team(
    request: Request, principal: SeesTeams, manager_id: IdentifierInPath, query: Annotated[PeriodQuery, Query()]
) -> TeamAnswer:
    """Get one team."""

    def build(batch: BatchReader) -> TeamAnswer:
        team = batch.team(manager_id)
        if team is None:
            raise NotYoursError
        slugs = {metric.slug for metric in team.metrics}
        return TeamAnswer(**source(batch.batch), team=TeamOut.of(team, batch.batch), definitions=definitions_of(slugs))

    return await on_batch(request, principal, build, period=query.period)
