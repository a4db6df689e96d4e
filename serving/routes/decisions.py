"""Decisions about recommendations: a person's word, appended to what was said before."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import ConfigDict, Field, StringConstraints
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from serving.access import on_batch, reaching, require_reach, store_of
from serving.problem import NotYoursError, documented
from serving.routes.answers import Answer, Identifier, Model, source
from serving.routes.recommendations import DecisionOut
from spm_ml.predictions import (
    BatchReader,
    Decision,
    ExpiredOfferError,
    NothingToReverseError,
    Principal,
    Verdict,
)

router = APIRouter(prefix="/v1/decisions", tags=["recommendations"])

Decides = Annotated[Principal, Depends(reaching("own_offer"))]
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


class Reversed(Model):
    """The decision before is taken back, one's own or that of a manager below; the reason says why."""

    model_config = ConfigDict(strict=True)

    rep_id: Identifier
    program_id: Identifier
    verdict: Literal["reversed"]
    reason: Reason


class Declined(Model):
    """The rep does not want the offer; nobody else can say so."""

    model_config = ConfigDict(strict=True)

    rep_id: Identifier
    program_id: Identifier
    verdict: Literal["declined"]
    reason: Remark = ""


DecisionIn = Annotated[Accepted | Overridden | Reversed | Declined, Field(discriminator="verdict")]


class DecisionAnswer(Answer):
    """The decision as recorded."""

    decision: DecisionOut


async def record_decision(
    request: Request, principal: Principal, *, rep_id: str, program_id: str, verdict: Verdict, reason: str
) -> Decision:
    """Records a decision in a thread.

    Raises:
        ForbiddenError: 403, the role decides about nothing of the kind.
        NotYoursError: 404, there is no such offer in scope.
        HTTPException: 409 if no decision can be taken back, 410 if the offer holds no longer.
    """
    require_reach(principal, "decision" if verdict in ("accepted", "overridden") else "own_offer")
    # Where no age of data is declared, a day has no bearing on what is served, and the batch's own day counts.
    stale_after = request.app.state.settings.stale_after
    today = None if stale_after is None else datetime.now(UTC).date()
    try:
        decision = await run_in_threadpool(
            store_of(request).decide,
            principal,
            rep_id=rep_id,
            program_id=program_id,
            verdict=verdict,
            reason=reason,
            today=today,
        )
    except NothingToReverseError as error:
        raise HTTPException(409) from error
    except ExpiredOfferError as error:
        raise HTTPException(410) from error
    if decision is None:
        raise NotYoursError
    return decision


@router.post("", status_code=201, responses=documented(400, 401, 403, 404, 408, 409, 410, 413, 422, 503))
async def decide(request: Request, principal: Decides, body: DecisionIn) -> DecisionAnswer:
    """Accept, override or decline a recommendation, or take a decision back. The latest decision counts."""
    decision = await record_decision(
        request,
        principal,
        rep_id=body.rep_id,
        program_id=body.program_id,
        verdict=body.verdict,
        reason=body.reason,
    )

    def build(batch: BatchReader) -> DecisionAnswer:
        return DecisionAnswer(**source(batch.batch), decision=DecisionOut.of(decision))

    return await on_batch(request, principal, build)
