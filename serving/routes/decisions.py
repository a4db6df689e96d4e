"""Decisions about recommendations: a person's word, appended to what was said before."""

from typing import Annotated, Literal, Self

from fastapi import APIRouter, Depends, Request
from pydantic import ConfigDict, StringConstraints, model_validator
from starlette.concurrency import run_in_threadpool

from serving.access import on_batch, reaching, store_of
from serving.problem import NotYoursError, documented
from serving.routes.answers import Answer, Identifier, Model, source
from serving.routes.recommendations import DecisionOut
from spm_ml.predictions import BatchReader, Principal

router = APIRouter(prefix="/v1/decisions", tags=["recommendations"])

Decides = Annotated[Principal, Depends(reaching("decision"))]
Reason = Annotated[str, StringConstraints(max_length=1_000, strip_whitespace=True)]


class DecisionIn(Model):
    """What is decided about an offer of the published batch."""

    model_config = ConfigDict(strict=True)

    rep_id: Identifier
    program_id: Identifier
    verdict: Literal["accepted", "overridden"]
    reason: Reason = ""

    @model_validator(mode="after")
    def _override_has_a_reason(self) -> Self:
        if self.verdict == "overridden" and not self.reason:
            raise ValueError("an override needs a reason")
        return self


class DecisionAnswer(Answer):
    """The decision as recorded."""

    decision: DecisionOut


@router.post("", status_code=201, responses=documented(401, 403, 404, 413, 422, 503))
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
