"""Decisions about recommendations: a person's word, appended to what was said before."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import ConfigDict, Field, StringConstraints
from starlette.concurrency import run_in_threadpool

from serving.access import on_batch, reaching, store_of
from serving.problem import NotYoursError, documented
from serving.routes.answers import Answer, Identifier, Model, source
from serving.routes.recommendations import DecisionOut
from spm_ml.predictions import BatchReader, Principal

router = APIRouter(prefix="/v1/decisions", tags=["recommendations"])

Decides = Annotated[Principal, Depends(reaching("decision"))]
Remark = Annotated[str, StringConstraints(max_length=1_000, strip_whitespace=True, pattern=r"^[^\x00]*$")]
Reason = Annotated[str, StringConstraints(max_length=1_000, strip_whitespace=True, pattern=r"^[^\x00]*\S[^\x00]*$")]


class Accepted(Model):
    """The offer is taken up."""

    model_config = ConfigDict(strict=True)

    rep_id: Identifier
    program_id: Identifier
    verdict: Literal["accepted"]
    reason: Remark = ""


class Overridden(Model):
    """Something else is done; the reason says what and why."""

    model_config = ConfigDict(strict=True)

    rep_id: Identifier
    program_id: Identifier
    verdict: Literal["overridden"]
    reason: Reason


DecisionIn = Annotated[Accepted | Overridden, Field(discriminator="verdict")]


class DecisionAnswer(Answer):
    """The decision as recorded."""

    decision: DecisionOut


@router.post("", status_code=201, responses=documented(400, 401, 403, 404, 408, 413, 422, 503))
async def decide(request: Request, principal: Decides, body: DecisionIn) -> DecisionAnswer:
    """Accept or override a recommendation; an override says why. The latest decision counts."""
    store = store_of(request)
    decision = await run_in_threadpool(
        store.decide,
        principal,
        rep_id=body.rep_id,
        program_id=body.program_id,
        verdict=body.verdict,
        reason=body.reason,
    )
    if decision is None:
        raise NotYoursError

    def build(batch: BatchReader) -> DecisionAnswer:
        return DecisionAnswer(**source(batch.batch), decision=DecisionOut.of(decision))

    return await on_batch(request, principal, build)
