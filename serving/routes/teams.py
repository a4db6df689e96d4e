"""Teams: a manager's tree as a group."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from serving.access import on_batch
from serving.problem import NotYoursError, documented
from serving.routes.answers import Answer, IdentifierInPath, PeriodQuery, source
from serving.routes.groups import Group, Groups, SeesGroups, slugs_of
from serving.routes.metrics import Definition, definitions_of
from spm_ml.predictions import BatchReader

router = APIRouter(prefix="/v1/teams", tags=["groups"])


class TeamAnswer(Answer):
    """One team."""

    team: Group
    definitions: dict[str, Definition]


@router.get("", responses=documented(401, 403, 404, 422, 503))
async def list_teams(request: Request, principal: SeesGroups, query: Annotated[PeriodQuery, Query()]) -> Groups:
    """List teams; analysts see those that are large enough to say nothing about one rep."""
    return await on_batch(request, principal, lambda batch: Groups.read(batch, "team"), period=query.period)


@router.get("/{manager_id:path}", responses=documented(401, 403, 404, 422, 503))
async def get_team(
    request: Request, principal: SeesGroups, manager_id: IdentifierInPath, query: Annotated[PeriodQuery, Query()]
) -> TeamAnswer:
    """Get one team."""

    def build(batch: BatchReader) -> TeamAnswer:
        team = batch.group("team", manager_id)
        if team is None:
            raise NotYoursError
        group = Group.read(team, batch)
        return TeamAnswer(**source(batch.batch), team=group, definitions=definitions_of(slugs_of(group)))

    return await on_batch(request, principal, build, period=query.period)
