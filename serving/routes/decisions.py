"""Decisions about recommendations: a person's word, appended to what was said before."""

from datetime import date, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import ConfigDict, Field, StringConstraints
from starlette.exceptions import HTTPException

from serving.access import on_batch, reaching, require_reach
from serving.problem import NotYoursError, documented
from serving.routes.answers import Answer, Identifier, Model, Paged, source
from serving.routes.recommendations import DecisionOut, SeesOffers
from serving.writing import Write
from spm_ml.predictions import (
    BatchReader,
    Decision,
    DecisionRecord,
    ExpiredOfferError,
    NothingToReverseError,
    PredictionStore,
    Principal,
    Verdict,
)
from spm_ml.predictions.decisions import Standing

router = APIRouter(prefix="/v1/decisions", tags=["recommendations"])

Decides = Annotated[Principal, Depends(reaching("own_offer"))]
Remark = Annotated[str, StringConstraints(max_length=1_000, strip_whitespace=True, pattern=r"^[^\x00]*$")]
Reason = Annotated[
    str, StringConstraints(max_length=1_000, strip_whitespace=True, pattern=r"^[^\x00]*[^\x00\s][^\x00]*$")
]


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


class PastDecision(Model):
    """A decision as it was made."""

    decision_id: int
    period: str
    batch_id: str = Field(description="The batch that was published then; the audit names its model and watermark.")
    rep_id: str
    program_id: str
    verdict: Verdict
    reason: str
    decided_by: str
    role: str
    decided_at: datetime
    status: Standing = Field(description="Whether it counts, a later one counts instead, or it was taken back.")

    @classmethod
    def of(cls, record: DecisionRecord) -> "PastDecision":
        """The same for the API."""
        said = {name: value for name, value in vars(record).items() if name != "decision"}
        return cls(**vars(record.decision) | said)


class DecisionQuery(Model):
    """Which decisions."""

    rep_id: Identifier | None = Field(default=None, description="Only about this rep.")
    limit: int = Field(default=50, ge=1, le=200)
    offset: int = Field(default=0, ge=0, le=1_000_000)


class DecisionHistory(Paged):
    """A page of decisions, the latest first."""

    items: tuple[PastDecision, ...]


def record_decision(
    store: PredictionStore,
    principal: Principal,
    *,
    rep_id: str,
    program_id: str,
    verdict: Verdict,
    reason: str,
    today: date | None,
) -> Decision:
    """Records a decision.

    Raises:
        NotYoursError: 404, there is no such offer in scope.
        HTTPException: 409 if no decision can be taken back, 410 if the offer holds no longer.
    """
    try:
        decision = store.decide(
            principal, rep_id=rep_id, program_id=program_id, verdict=verdict, reason=reason, today=today
        )
    except NothingToReverseError as error:
        raise HTTPException(409) from error
    except ExpiredOfferError as error:
        raise HTTPException(410) from error
    if decision is None:
        raise NotYoursError
    return decision


def require_decides(principal: Principal, verdict: Verdict) -> None:
    """Stops a role that decides about nothing of the kind.

    Raises:
        ForbiddenError: 403.
    """
    require_reach(principal, "decision" if verdict in ("accepted", "overridden") else "own_offer")


@router.get("", responses=documented(401, 403, 422, 503))
async def list_decisions(
    request: Request, principal: SeesOffers, query: Annotated[DecisionQuery, Query()]
) -> DecisionHistory:
    """List what was decided about offers to reps in scope, in every period, the latest first."""

    def build(batch: BatchReader) -> DecisionHistory:
        found = batch.decision_history(rep_id=query.rep_id, limit=query.limit, offset=query.offset)
        return DecisionHistory(
            **source(batch.batch),
            total=found.total,
            limit=query.limit,
            offset=query.offset,
            items=tuple(PastDecision.of(one) for one in found.items),
        )

    return await on_batch(request, principal, build)


@router.post(
    "",
    status_code=201,
    response_model=DecisionAnswer,
    responses=documented(400, 401, 403, 404, 408, 409, 410, 413, 422, 503),
)
async def decide(request: Request, principal: Decides, write: Write, body: DecisionIn) -> Response:
    """Accept, override or decline a recommendation, or take a decision back. The latest decision counts."""
    require_decides(principal, body.verdict)
    today = request.app.state.settings.today()

    def work(store: PredictionStore) -> DecisionAnswer:
        decision = record_decision(
            store,
            principal,
            rep_id=body.rep_id,
            program_id=body.program_id,
            verdict=body.verdict,
            reason=body.reason,
            today=today,
        )
        with store.read(principal.scope) as batch:
            return DecisionAnswer(**source(batch.batch), decision=DecisionOut.of(decision))

    return await write(principal, body, work)
