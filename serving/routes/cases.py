"""Cases: what reps say about their own numbers, and what they are answered. A case changes no number by itself."""

from datetime import datetime
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import Response
from pydantic import ConfigDict, Field, StringConstraints

from serving.access import on_batch, reaching
from serving.problem import ConflictError, NotYoursError, documented
from serving.routes.answers import Answer, Identifier, Model, Paged, source
from serving.writing import Write
from spm_ml.predictions import (
    BatchReader,
    Case,
    CaseAnswer,
    CaseEvent,
    CaseKind,
    CaseStatus,
    CaseStepError,
    CaseSubject,
    NewCase,
    PredictionStore,
    Principal,
)

router = APIRouter(prefix="/v1/cases", tags=["cases"])

SeesCases = Annotated[Principal, Depends(reaching("case"))]
OpensCases = Annotated[Principal, Depends(reaching("own_case"))]
AnswersCases = Annotated[Principal, Depends(reaching("answer"))]

Words = Annotated[
    str, StringConstraints(max_length=4_000, strip_whitespace=True, pattern=r"^[^\x00]*[^\x00\s][^\x00]*$")
]
Remark = Annotated[str, StringConstraints(max_length=4_000, strip_whitespace=True, pattern=r"^[^\x00]*$")]
CaseId = Annotated[int, Path(ge=1, le=2_147_483_647)]
_STEP: Final = "The case is closed, or at a step that this does not follow."
Judged = Literal["forecast", "recommendation", "diagnosis"]


class ViewIn(Model):
    """The rep's own opinion of a number."""

    model_config = ConfigDict(strict=True)

    kind: Literal["view"]
    about: Judged
    text: Words

    def case(self) -> NewCase:
        """The same for the store."""
        return NewCase(self.kind, self.about, self.text)


class CorrectionIn(Model):
    """Data are wrong: which, and what is right."""

    model_config = ConfigDict(strict=True)

    kind: Literal["correction"]
    item: Identifier = Field(description="Which record is wrong, for example the id of a deal.")
    text: Words

    def case(self) -> NewCase:
        """The same for the store."""
        return NewCase(self.kind, "data", self.text, item=self.item)


class ContestIn(Model):
    """A forecast, a recommendation or a diagnosis is wrong or unfair, and why."""

    model_config = ConfigDict(strict=True)

    kind: Literal["contest"]
    about: Judged
    program_id: Identifier | None = Field(
        default=None, description="A program recommended to the rep, if it is about one."
    )
    text: Words

    def case(self) -> NewCase:
        """The same for the store."""
        return NewCase(self.kind, self.about, self.text, program_id=self.program_id)


CaseIn = Annotated[ViewIn | CorrectionIn | ContestIn, Field(discriminator="kind")]


class AnswerIn(Model):
    """An answer to a case: a view is `noted`; the others are `in_review`, then judged."""

    model_config = ConfigDict(strict=True)

    status: CaseAnswer
    text: Words


class WithdrawalIn(Model):
    """The rep withdraws the case."""

    model_config = ConfigDict(strict=True)

    text: Remark = ""


class CaseEventOut(Model):
    """A step of a case."""

    at: datetime
    status: CaseStatus
    text: str
    answered_by: str
    role: str

    @classmethod
    def of(cls, event: CaseEvent) -> "CaseEventOut":
        """The same for the API."""
        return cls(**vars(event))


class CaseOut(Model):
    """A case and what became of it."""

    case_id: int
    opened_at: datetime
    batch_id: str = Field(description="The batch that was published when it was opened.")
    period: str
    rep_id: str
    name: str | None
    kind: CaseKind
    about: CaseSubject
    program_id: str | None
    item: str | None
    text: str
    opened_by: str
    status: CaseStatus
    events: tuple[CaseEventOut, ...]

    @classmethod
    def of(cls, case: Case) -> "CaseOut":
        """The same for the API."""
        events = tuple(CaseEventOut.of(event) for event in case.events)
        return cls(**vars(case) | {"events": events, "status": case.status})


class CaseReply(Answer):
    """One case."""

    case: CaseOut


class CaseQuery(Model):
    """Which cases."""

    rep_id: Identifier | None = Field(default=None, description="Only this rep's.")
    status: CaseStatus | Literal["waiting"] | None = Field(
        default=None, description="`waiting`: that somebody has still to answer."
    )
    limit: int = Field(default=50, ge=1, le=200)
    offset: int = Field(default=0, ge=0, le=1_000_000)


class CasePage(Paged):
    """A page of cases, the latest first."""

    items: tuple[CaseOut, ...]


def found(case: Case | None) -> Case:
    """The case.

    Raises:
        NotYoursError: 404, there is none in scope.
    """
    if case is None:
        raise NotYoursError
    return case


def stepped(store: PredictionStore, principal: Principal, case_id: int, status: CaseAnswer, text: str) -> Case:
    """Answers a case.

    Raises:
        NotYoursError: 404, there is none that the principal may answer.
        ConflictError: 409, it is closed, or such an answer does not come next.
    """
    try:
        return found(store.cases.answer(principal, case_id, status, text))
    except CaseStepError as error:
        raise ConflictError(_STEP) from error


def withdrawn(store: PredictionStore, principal: Principal, case_id: int, text: str) -> Case:
    """Withdraws the principal's own case.

    Raises:
        NotYoursError: 404, there is no such case.
        ConflictError: 409, it is closed.
    """
    try:
        return found(store.cases.withdraw(principal, case_id, text))
    except CaseStepError as error:
        raise ConflictError(_STEP) from error


@router.get("", responses=documented(401, 403, 422, 503))
async def list_cases(request: Request, principal: SeesCases, query: Annotated[CaseQuery, Query()]) -> CasePage:
    """List cases, the latest first: a rep's own, those of a manager's tree, or all for HR."""

    def build(batch: BatchReader) -> CasePage:
        cases = batch.cases(rep_id=query.rep_id, status=query.status, limit=query.limit, offset=query.offset)
        return CasePage(
            **source(batch.batch),
            total=cases.total,
            limit=query.limit,
            offset=query.offset,
            items=tuple(CaseOut.of(case) for case in cases.items),
        )

    return await on_batch(request, principal, build)


@router.get("/{case_id}", responses=documented(401, 403, 404, 422, 503))
async def get_case(request: Request, principal: SeesCases, case_id: CaseId) -> CaseReply:
    """Show one case with its answers."""

    def build(batch: BatchReader) -> CaseReply:
        return CaseReply(**source(batch.batch), case=CaseOut.of(found(batch.case(case_id))))

    return await on_batch(request, principal, build)


@router.post(
    "", status_code=201, response_model=CaseReply, responses=documented(400, 401, 403, 404, 408, 409, 413, 422, 503)
)
async def open_case(principal: OpensCases, write: Write, body: CaseIn) -> Response:
    """Say what you think of your own number, ask for a correction of data, or contest what is said about you."""
    new = body.case()

    def work(store: PredictionStore) -> CaseReply:
        return _reply(store, principal, found(store.cases.open(principal, new)))

    return await write(principal, body, work)


@router.post(
    "/{case_id}/answers",
    status_code=201,
    response_model=CaseReply,
    responses=documented(400, 401, 403, 404, 408, 409, 413, 422, 503),
)
async def answer_case(principal: AnswersCases, write: Write, case_id: CaseId, body: AnswerIn) -> Response:
    """Answer a case, as a manager of the rep or HR; nobody answers their own."""

    def work(store: PredictionStore) -> CaseReply:
        return _reply(store, principal, stepped(store, principal, case_id, body.status, body.text))

    return await write(principal, body, work)


@router.post(
    "/{case_id}/withdrawal",
    status_code=201,
    response_model=CaseReply,
    responses=documented(400, 401, 403, 404, 408, 409, 413, 422, 503),
)
async def withdraw_case(principal: OpensCases, write: Write, case_id: CaseId, body: WithdrawalIn) -> Response:
    """Withdraw your own case while it waits for an answer."""

    def work(store: PredictionStore) -> CaseReply:
        return _reply(store, principal, withdrawn(store, principal, case_id, body.text))

    return await write(principal, body, work)


def _reply(store: PredictionStore, principal: Principal, case: Case) -> CaseReply:
    with store.read(principal.scope) as batch:
        return CaseReply(**source(batch.batch), case=CaseOut.of(case))
