"""Agreements: what a rep and a manager agree that one of them does, by when. Together they are a coaching plan."""

from datetime import date, datetime
from typing import Annotated, Final, Literal, Self

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import Response
from pydantic import ConfigDict, Field, model_validator

from serving.access import on_batch, reaching
from serving.problem import ConflictError, NotYoursError, RefusedError, documented
from serving.routes.answers import Answer, Day, Identifier, Model, Paged, source
from serving.routes.cases import Remark
from serving.routes.notes import NoteWords
from serving.writing import Write
from spm_ml.predictions import (
    Agreement,
    AgreementEvent,
    AgreementMove,
    AgreementSource,
    AgreementStatus,
    AgreementStep,
    AgreementStepError,
    BatchReader,
    Doer,
    DueDayError,
    NewAgreement,
    PredictionStore,
    Principal,
    Side,
    UnknownBehaviourError,
)

router = APIRouter(prefix="/v1/agreements", tags=["agreements"])

Agrees = Annotated[Principal, Depends(reaching("agreement"))]
AgreementId = Annotated[int, Path(ge=1, le=2_147_483_647)]

NEEDS_WORDS: Final = "Say why it is dropped or opened again."
DUE_IS_OVER: Final = "The day is over: choose today or a later one."
_NO_OTHER_DAY: Final = "Choose another day than the one it is due on, today or later."
_NOT_AGREED: Final = "Only what both sides agreed to, and is neither done nor dropped, can be moved."
_UNKNOWN: Final = "Choose a behaviour of the rep's diagnosis, a skill that programs teach, or 'other'."
_STEP: Final = "The agreement is at a step that this does not follow, or it is for the other side to agree."


class AgreementIn(Model):
    """What you propose to the other side."""

    model_config = ConfigDict(strict=True)

    rep_id: Identifier = Field(description="Whose coaching plan: your own, or of somebody below you.")
    text: NoteWords = Field(description="What is to be done.")
    behaviour: Identifier = Field(
        description="What it works on: a behaviour of the rep's diagnosis, a skill that programs teach, or `other`."
    )
    due_on: Annotated[Day, Field(strict=False)] = Field(description="By when; today or later.")
    doer: Doer = Field(description="Who does it.")
    source: AgreementSource = Field(default="talk", description="What led to it.")
    program_id: Identifier | None = Field(default=None, description="The offer that led to it, where one did.")

    @model_validator(mode="after")
    def _offer_is_named(self) -> Self:
        if (self.source == "offer") != (self.program_id is not None):
            raise ValueError("an offer is named by its program, and nothing else is")
        return self


class StepIn(Model):
    """What becomes of it."""

    model_config = ConfigDict(strict=True)

    step: AgreementStep = Field(
        description="`agreed`: by the side that did not propose it. `done`, `dropped`: by either. `reopened`: what was "
        "done is not, after all."
    )
    text: Remark = Field(default="", description="Why; needed to drop and to reopen.")

    @model_validator(mode="after")
    def _why(self) -> Self:
        if self.step in ("dropped", "reopened") and not self.text:
            raise ValueError("say why")
        return self


class MoveIn(Model):
    """To which day, and why."""

    model_config = ConfigDict(strict=True)

    due_on: Annotated[Day, Field(strict=False)] = Field(description="Another day than now; today or later.")
    text: Remark = Field(min_length=1, description="Why.")


class AgreementMoveOut(Model):
    """That the day was moved."""

    at: datetime
    due_on: date
    text: str
    side: Side
    taken_by: str

    @classmethod
    def of(cls, move: AgreementMove) -> "AgreementMoveOut":
        """The same for the API."""
        return cls(**vars(move))


class AgreementEventOut(Model):
    """A step."""

    at: datetime
    step: AgreementStep
    text: str
    side: Side
    taken_by: str

    @classmethod
    def of(cls, event: AgreementEvent) -> "AgreementEventOut":
        """The same for the API."""
        return cls(**vars(event))


class AgreementOut(Model):
    """What was proposed and what became of it."""

    agreement_id: int
    at: datetime
    batch_id: str = Field(description="The batch that was published when it was proposed; its diagnosis is meant.")
    period: str
    rep_id: str
    name: str | None
    text: str
    behaviour: str
    source: AgreementSource
    program_id: str | None
    due_on: date = Field(description="By when; of the last move, if there is one.")
    first_due_on: date = Field(description="By when as it was proposed.")
    doer: Doer
    side: Side = Field(description="Which side proposed it.")
    proposed_by: str
    status: AgreementStatus
    events: tuple[AgreementEventOut, ...]
    moves: tuple[AgreementMoveOut, ...] = Field(description="Of its day, oldest first.")

    @classmethod
    def of(cls, agreement: Agreement) -> "AgreementOut":
        """The same for the API."""
        events = tuple(AgreementEventOut.of(event) for event in agreement.events)
        moves = tuple(AgreementMoveOut.of(move) for move in agreement.moves)
        return cls(**vars(agreement) | {"events": events, "moves": moves, "status": agreement.status})


class AgreementReply(Answer):
    """One agreement."""

    agreement: AgreementOut


class AgreementQuery(Model):
    """Which agreements."""

    rep_id: Identifier | None = Field(default=None, description="Only of this rep.")
    status: AgreementStatus | Literal["open"] | None = Field(
        default=None, description="`open`: proposed or agreed, and neither done nor dropped."
    )
    limit: int = Field(default=50, ge=1, le=200)
    offset: int = Field(default=0, ge=0, le=1_000_000)


class AgreementPage(Paged):
    """A page of agreements, the latest first."""

    items: tuple[AgreementOut, ...]


def proposed(store: PredictionStore, principal: Principal, new: NewAgreement, *, today: date | None) -> Agreement:
    """Proposes something.

    Raises:
        NotYoursError: 404, there is no such rep in reach, or no such offer.
        RefusedError: 422, the behaviour is unknown or the day is over.
    """
    try:
        made = store.agreements.propose(principal, new, today=today)
    except UnknownBehaviourError as error:
        raise RefusedError(422, "behaviour", "unknown_behaviour", _UNKNOWN) from error
    except DueDayError as error:
        raise RefusedError(422, "due_on", "day_is_over", DUE_IS_OVER) from error
    if made is None:
        raise NotYoursError
    return made


def taken(store: PredictionStore, principal: Principal, agreement_id: int, step: AgreementStep, text: str) -> Agreement:
    """Takes a step.

    Raises:
        NotYoursError: 404, there is no such agreement in reach.
        ConflictError: 409, the step does not come next, or is the other side's.
    """
    try:
        after = store.agreements.take(principal, agreement_id, step, text)
    except AgreementStepError as error:
        raise ConflictError(_STEP) from error
    if after is None:
        raise NotYoursError
    return after


def moved(
    store: PredictionStore, principal: Principal, agreement_id: int, due_on: date, text: str, *, today: date | None
) -> Agreement:
    """Moves the day of what is agreed.

    Raises:
        NotYoursError: 404, there is no such agreement in reach.
        ConflictError: 409, it is not agreed to, or over already.
        RefusedError: 422, the day is over or no other one.
    """
    try:
        after = store.agreements.move(principal, agreement_id, due_on, text, today=today)
    except AgreementStepError as error:
        raise ConflictError(_NOT_AGREED) from error
    except DueDayError as error:
        raise RefusedError(422, "due_on", "no_other_day", _NO_OTHER_DAY) from error
    if after is None:
        raise NotYoursError
    return after


@router.get("", responses=documented(401, 403, 422, 503))
async def list_agreements(
    request: Request, principal: Agrees, query: Annotated[AgreementQuery, Query()]
) -> AgreementPage:
    """List agreements, the latest first: a rep's own, or those of a manager's tree."""

    def build(batch: BatchReader) -> AgreementPage:
        found = batch.agreements(rep_id=query.rep_id, status=query.status, limit=query.limit, offset=query.offset)
        return AgreementPage(
            **source(batch.batch),
            total=found.total,
            limit=query.limit,
            offset=query.offset,
            items=tuple(AgreementOut.of(one) for one in found.items),
        )

    return await on_batch(request, principal, build)


@router.post(
    "",
    status_code=201,
    response_model=AgreementReply,
    responses=documented(400, 401, 403, 404, 408, 413, 422, 503),
)
async def propose(request: Request, principal: Agrees, write: Write, body: AgreementIn) -> Response:
    """Propose an action; it counts once the other side agrees. Nobody agrees for the other side."""
    today = request.app.state.settings.today()

    def work(store: PredictionStore) -> AgreementReply:
        made = proposed(store, principal, NewAgreement(**body.model_dump()), today=today)
        with store.read(principal.scope) as batch:
            return AgreementReply(**source(batch.batch), agreement=AgreementOut.of(made))

    return await write(principal, body, work)


@router.post(
    "/{agreement_id}/steps",
    status_code=201,
    response_model=AgreementReply,
    responses=documented(400, 401, 403, 404, 408, 409, 413, 422, 503),
)
async def take_step(principal: Agrees, write: Write, agreement_id: AgreementId, body: StepIn) -> Response:
    """Agree to what the other side proposed, say that it is done, or say why it is dropped or opened again."""

    def work(store: PredictionStore) -> AgreementReply:
        after = taken(store, principal, agreement_id, body.step, body.text)
        with store.read(principal.scope) as batch:
            return AgreementReply(**source(batch.batch), agreement=AgreementOut.of(after))

    return await write(principal, body, work)


@router.post(
    "/{agreement_id}/due-days",
    status_code=201,
    response_model=AgreementReply,
    responses=documented(400, 401, 403, 404, 408, 409, 413, 422, 503),
)
async def move_due_day(
    request: Request, principal: Agrees, write: Write, agreement_id: AgreementId, body: MoveIn
) -> Response:
    """Move the day of what both sides agreed to, and say why; the days before stay on record."""
    today = request.app.state.settings.today()

    def work(store: PredictionStore) -> AgreementReply:
        after = moved(store, principal, agreement_id, body.due_on, body.text, today=today)
        with store.read(principal.scope) as batch:
            return AgreementReply(**source(batch.batch), agreement=AgreementOut.of(after))

    return await write(principal, body, work)
