"""Reps without figures: what every role that may see people may see."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from serving.access import on_batch, reaching
from serving.problem import NotYoursError, documented
from serving.routes.answers import (
    AbstentionOut,
    Answer,
    IdentifierInPath,
    Model,
    Paged,
    PeriodQuery,
    RepQuery,
    source,
)
from spm_ml.predictions import BatchReader, Principal, RepSummary, RiskBand

router = APIRouter(prefix="/v1/reps", tags=["reps"])

SeesPeople = Annotated[Principal, Depends(reaching("person"))]


class RepOut(Model):
    """A rep by name, team and risk band."""

    rep_id: str
    name: str
    role: str
    manager_id: str | None
    team: str
    region: str
    segment: str
    risk_band: RiskBand | None
    abstention: AbstentionOut | None

    @classmethod
    def of(cls, rep: RepSummary) -> "RepOut":
        """The same for the API."""
        return cls(
            rep_id=rep.rep_id,
            name=rep.name,
            role=rep.role,
            manager_id=rep.manager_id,
            team=rep.team,
            region=rep.region,
            segment=rep.segment,
            risk_band=rep.risk_band,
            abstention=AbstentionOut.of(rep.abstention),
        )


class Reps(Paged):
    """A page of reps."""

    items: tuple[RepOut, ...]


class RepAnswer(Answer):
    """One rep."""

    rep: RepOut


@router.get("", responses=documented(401, 403, 404, 422, 503))
async def list_reps(request: Request, principal: SeesPeople, query: Annotated[RepQuery, Query()]) -> Reps:
    """List reps by name, team and risk band."""

    def build(batch: BatchReader) -> Reps:
        found = batch.reps(query.selection(query.limit, query.offset))
        items = tuple(RepOut.of(rep) for rep in found.items)
        return Reps(**source(batch.batch), total=found.total, limit=query.limit, offset=query.offset, items=items)

    return await on_batch(request, principal, build, period=query.period)


@router.get("/{rep_id:path}", responses=documented(401, 403, 404, 422, 503))
async def get_rep(
    request: Request, principal: SeesPeople, rep_id: IdentifierInPath, query: Annotated[PeriodQuery, Query()]
) -> RepAnswer:
    """Get one rep by name, team and risk band."""

    def build(batch: BatchReader) -> RepAnswer:
        rep = batch.rep(rep_id)
        if rep is None:
            raise NotYoursError
        return RepAnswer(**source(batch.batch), rep=RepOut.of(rep))

    return await on_batch(request, principal, build, period=query.period)
