"""The pulse: a rep's short answers about the period, with consent, and taken back at any time."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import ConfigDict, Field

from serving.access import on_batch, reaching
from serving.problem import NotYoursError, documented
from serving.routes.answers import Answer, Identifier, Model, Paged, source
from serving.writing import Write
from spm_ml.predictions import BatchReader, PredictionStore, Principal, Pulse, PulseCount, PulseQuestion
from spm_ml.predictions.pulses import HIGHEST, LOWEST, QUESTIONS

router = APIRouter(prefix="/v1/pulses", tags=["pulses"])

SeesPulses = Annotated[Principal, Depends(reaching("pulse"))]
GivesPulse = Annotated[Principal, Depends(reaching("own_pulse"))]
SeesPulseCounts = Annotated[Principal, Depends(reaching("pulse_counts"))]


def _answer(question: PulseQuestion) -> int:
    text = f"{QUESTIONS[question]}: from 1, not at all, to 5, completely."
    answer: int = Field(ge=LOWEST, le=HIGHEST, description=text)
    return answer


class PulseAnswers(Model):
    """One answer to each question."""

    model_config = ConfigDict(strict=True)

    pipeline: int = _answer("pipeline")
    quota: int = _answer("quota")
    workload: int = _answer("workload")
    support: int = _answer("support")
    focus: int = _answer("focus")


class PulseIn(Model):
    """Your own answers for the published period."""

    model_config = ConfigDict(strict=True)

    answers: PulseAnswers
    consent: Literal[True] = Field(
        description="You agree that your answers are kept, counted for HR where five people answered, and used without "
        "your name to see whether such answers make forecasts better; until you withdraw them."
    )
    shared: bool = Field(default=False, description="Whether the managers above you may read them.")


class PulseOut(Model):
    """Answers of a rep."""

    pulse_id: int
    at: datetime
    batch_id: str = Field(description="The batch that was published when they were given.")
    period: str
    rep_id: str
    name: str | None
    answers: PulseAnswers
    shared: bool
    terms: str = Field(description="Which wording of the consent was agreed to.")
    stands: bool = Field(description="Whether the rep gave no later ones for the period.")

    @classmethod
    def of(cls, pulse: Pulse) -> "PulseOut":
        """The same for the API."""
        return cls(**vars(pulse) | {"answers": PulseAnswers(**pulse.answers)})


class PulseReply(Answer):
    """That it was kept. What was answered is told by `GET /v1/pulses` alone: it is in one place, to be erased there."""

    pulse_id: int
    shared: bool


class PulseWithdrawalIn(Model):
    """Which of your answers go."""

    model_config = ConfigDict(strict=True)

    answered_for: Identifier | None = Field(default=None, description="Only those of this period; default: all.")


class PulseWithdrawalReply(Answer):
    """How many answers were erased."""

    withdrawn: int


class PulseQuery(Model):
    """Which answers."""

    rep_id: Identifier | None = Field(default=None, description="Only of this rep.")
    limit: int = Field(default=50, ge=1, le=200)
    offset: int = Field(default=0, ge=0, le=1_000_000)


class PulsePage(Paged):
    """A page of answers, the latest first."""

    items: tuple[PulseOut, ...]


class PulseCountOut(Model):
    """What people answered to one question in the period, together."""

    question: PulseQuestion
    text: str
    people: int | None = Field(
        description="How many answered; null: too few to tell, or one of those who were told withdrew. It moves on "
        "when five more have answered or withdrawn, so that nobody's answer is the difference between two counts."
    )
    mean: float | None
    answers: tuple[int, ...] | None = Field(description="How many gave 1, 2, 3, 4 and 5.")

    @classmethod
    def of(cls, count: PulseCount) -> "PulseCountOut":
        """The same for the API."""
        return cls(text=QUESTIONS[count.question], **vars(count))


class PulseCounts(Answer):
    """Counts over everybody, by question."""

    items: tuple[PulseCountOut, ...]


def keep_pulse(store: PredictionStore, principal: Principal, answers: PulseAnswers, *, shared: bool) -> Pulse:
    """Keeps answers of who has agreed to it.

    Raises:
        NotYoursError: 404, there is no forecast of theirs to answer about.
    """
    given = store.pulses.give(
        principal, {question: getattr(answers, question) for question in QUESTIONS}, consent=True, shared=shared
    )
    if given is None:
        raise NotYoursError
    return given


@router.get("", responses=documented(401, 403, 422, 503))
async def list_pulses(request: Request, principal: SeesPulses, query: Annotated[PulseQuery, Query()]) -> PulsePage:
    """List answers, the latest first: a rep's own, or those that people of a manager's tree share."""

    def build(batch: BatchReader) -> PulsePage:
        found = batch.pulses(rep_id=query.rep_id, limit=query.limit, offset=query.offset)
        return PulsePage(
            **source(batch.batch),
            total=found.total,
            limit=query.limit,
            offset=query.offset,
            items=tuple(PulseOut.of(one) for one in found.items),
        )

    return await on_batch(request, principal, build)


@router.get("/counts", responses=documented(401, 403, 422, 503))
async def count_pulses(request: Request, principal: SeesPulseCounts) -> PulseCounts:
    """Count what everybody answered in the period, without names, for HR."""

    def build(batch: BatchReader) -> PulseCounts:
        counts = tuple(PulseCountOut.of(count) for count in batch.pulse_counts())
        return PulseCounts(**source(batch.batch), items=counts)

    return await on_batch(request, principal, build)


@router.post(
    "", status_code=201, response_model=PulseReply, responses=documented(400, 401, 403, 404, 408, 413, 422, 503)
)
async def give_pulse(principal: GivesPulse, write: Write, body: PulseIn) -> Response:
    """Answer the pulse for the published period. Your latest answers stand; they change no number by themselves."""

    def work(store: PredictionStore) -> PulseReply:
        given = keep_pulse(store, principal, body.answers, shared=body.shared)
        with store.read(principal.scope) as batch:
            return PulseReply(**source(batch.batch), pulse_id=given.pulse_id, shared=given.shared)

    return await write(principal, body, work)


@router.post(
    "/withdrawal", response_model=PulseWithdrawalReply, responses=documented(400, 401, 403, 408, 413, 422, 503)
)
async def withdraw_pulse(principal: GivesPulse, write: Write, body: PulseWithdrawalIn) -> Response:
    """Take your answers back: they are erased at once, from everything that is shown, counted or used."""

    def work(store: PredictionStore) -> PulseWithdrawalReply:
        withdrawn = store.pulses.withdraw(principal, body.answered_for)
        with store.read(principal.scope) as batch:
            return PulseWithdrawalReply(**source(batch.batch), withdrawn=withdrawn)

    return await write(principal, body, work, status=200)
