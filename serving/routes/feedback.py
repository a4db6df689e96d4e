"""Feedback: whether a forecast, a diagnosis or an offer was useful and right, and what is missing."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import ConfigDict, Field, StringConstraints

from serving.access import on_batch, reaching
from serving.problem import NotYoursError, documented
from serving.routes.answers import Answer, Identifier, Model, Paged, source
from serving.writing import Write
from spm_ml.predictions import (
    BatchReader,
    Feedback,
    FeedbackCount,
    FeedbackSubject,
    FeedbackVerdict,
    PredictionStore,
    Principal,
)

router = APIRouter(prefix="/v1/feedback", tags=["feedback"])

SeesFeedback = Annotated[Principal, Depends(reaching("feedback"))]
GivesFeedback = Annotated[Principal, Depends(reaching("give_feedback"))]
SeesCounts = Annotated[Principal, Depends(reaching("feedback_counts"))]

MOST_WORDS = 1_000
Comment = Annotated[str, StringConstraints(max_length=MOST_WORDS, strip_whitespace=True, pattern=r"^[^\x00]*$")]


class FeedbackIn(Model):
    """What somebody says."""

    model_config = ConfigDict(strict=True)

    rep_id: Identifier = Field(description="Whose forecast, diagnosis or offer.")
    about: FeedbackSubject
    verdict: FeedbackVerdict = Field(
        description="`useful`: useful and about right. `no_use`: may be right, but did not help. `wrong`: not right."
    )
    text: Comment = Field(default="", description="What is missing or wrong, if one wants to say it.")


class FeedbackOut(Model):
    """What somebody said."""

    feedback_id: int
    at: datetime
    batch_id: str = Field(description="The batch that was published when it was said.")
    period: str
    rep_id: str
    name: str | None
    about: FeedbackSubject
    verdict: FeedbackVerdict
    text: str
    given_by: str
    role: str
    stands: bool = Field(description="Whether the same account said nothing later about the same thing and period.")

    @classmethod
    def of(cls, feedback: Feedback) -> "FeedbackOut":
        """The same for the API."""
        return cls(**vars(feedback))


class FeedbackReply(Answer):
    """What was recorded."""

    feedback: FeedbackOut


class FeedbackQuery(Model):
    """Which feedback."""

    rep_id: Identifier | None = Field(default=None, description="Only about this rep's.")
    about: FeedbackSubject | None = Field(default=None, description="Only about this.")
    limit: int = Field(default=50, ge=1, le=200)
    offset: int = Field(default=0, ge=0, le=1_000_000)


class FeedbackPage(Paged):
    """A page of feedback, the latest first."""

    items: tuple[FeedbackOut, ...]


class VerdictCounts(Model):
    """How many said what."""

    useful: int
    no_use: int
    wrong: int


class FeedbackCountOut(Model):
    """How many people said what about one thing in the period."""

    about: FeedbackSubject
    people: int | None = Field(
        description="How many spoke; null: fewer than five, too few to tell. It moves on when five more have spoken, "
        "so that nobody's word is the difference between two answers."
    )
    verdicts: VerdictCounts | None = Field(description="Their last words, one for each rep they spoke about.")

    @classmethod
    def of(cls, count: FeedbackCount) -> "FeedbackCountOut":
        """The same for the API."""
        verdicts = None if count.verdicts is None else VerdictCounts(**count.verdicts)
        return cls(about=count.about, people=count.people, verdicts=verdicts)


class FeedbackCounts(Answer):
    """Counts over everybody, by what was spoken about."""

    items: tuple[FeedbackCountOut, ...]


def record_feedback(
    store: PredictionStore,
    principal: Principal,
    *,
    rep_id: str,
    about: FeedbackSubject,
    verdict: FeedbackVerdict,
    text: str,
) -> Feedback:
    """Records feedback.

    Raises:
        NotYoursError: 404, there is no such rep in scope.
    """
    given = store.feedback.give(principal, rep_id, about, verdict, text)
    if given is None:
        raise NotYoursError
    return given


@router.get("", responses=documented(401, 403, 422, 503))
async def list_feedback(
    request: Request, principal: SeesFeedback, query: Annotated[FeedbackQuery, Query()]
) -> FeedbackPage:
    """List what was said, the latest first: about a rep's own, about those of a manager's tree, or all for HR."""

    def build(batch: BatchReader) -> FeedbackPage:
        found, total = batch.feedback(rep_id=query.rep_id, about=query.about, limit=query.limit, offset=query.offset)
        return FeedbackPage(
            **source(batch.batch),
            total=total,
            limit=query.limit,
            offset=query.offset,
            items=tuple(FeedbackOut.of(one) for one in found),
        )

    return await on_batch(request, principal, build)


@router.get("/counts", responses=documented(401, 403, 422, 503))
async def count_feedback(request: Request, principal: SeesCounts) -> FeedbackCounts:
    """Count what was said in the period over everybody, without words or names, for analysts and HR."""

    def build(batch: BatchReader) -> FeedbackCounts:
        counts = tuple(FeedbackCountOut.of(count) for count in batch.feedback_counts())
        return FeedbackCounts(**source(batch.batch), items=counts)

    return await on_batch(request, principal, build)


@router.post(
    "", status_code=201, response_model=FeedbackReply, responses=documented(400, 401, 403, 404, 408, 413, 422, 503)
)
async def give_feedback(principal: GivesFeedback, write: Write, body: FeedbackIn) -> Response:
    """Say whether a forecast, a diagnosis or an offer was useful and right. It changes no number by itself."""

    def work(store: PredictionStore) -> FeedbackReply:
        given = record_feedback(store, principal, **body.model_dump())
        with store.read(principal.scope) as batch:
            return FeedbackReply(**source(batch.batch), feedback=FeedbackOut.of(given))

    return await write(principal, body, work)
