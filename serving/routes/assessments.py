"""Ratings of skills: reps rate themselves, managers their people. A rating changes no forecast by itself."""

from datetime import date, datetime
from typing import Annotated, Self

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import ConfigDict, Field, model_validator

from serving.access import on_batch, reaching
from serving.problem import NotYoursError, RefusedError, documented
from serving.routes.answers import Answer, Identifier, Model, Paged, source
from serving.writing import Write
from spm_ml.predictions import Assessment, Assessor, BatchReader, PredictionStore, Principal, UnknownSkillError
from spm_ml.predictions.assessments import HIGHEST, LOWEST

router = APIRouter(prefix="/v1/assessments", tags=["assessments"])

SeesAssessments = Annotated[Principal, Depends(reaching("assessment"))]
Assesses = Annotated[Principal, Depends(reaching("assess"))]
Score = Annotated[int, Field(ge=LOWEST, le=HIGHEST)]

_UNKNOWN_SKILL = "No program on record teaches one of these skills; rate the skills that programs teach."


class RatingIn(Model):
    """One skill and its rating."""

    model_config = ConfigDict(strict=True)

    skill: Identifier
    score: Score | None = Field(
        description="1: just starting. 2: with help. 3: alone, most of the time. 4: reliably, in hard cases too. "
        "5: helps others with it. Null: not sure."
    )


class RatingsIn(Model):
    """Ratings of one rep, each skill once."""

    model_config = ConfigDict(strict=True)

    rep_id: Identifier
    ratings: list[RatingIn] = Field(min_length=1, max_length=100)

    @model_validator(mode="after")
    def _once(self) -> Self:
        if len({rating.skill for rating in self.ratings}) < len(self.ratings):
            raise ValueError("a skill is rated twice")
        return self


class AssessmentOut(Model):
    """One rating."""

    assessment_id: int
    at: datetime
    assessed_on: date = Field(description="The day it counts from.")
    batch_id: str = Field(description="The batch that was published when it was given.")
    period: str
    rep_id: str
    name: str | None
    skill: str
    score: int | None = Field(description="1 to 5; null: not sure.")
    assessor: Assessor
    assessed_by: str
    stands: bool = Field(description="Whether no later rating of the skill and period takes its place.")

    @classmethod
    def of(cls, assessment: Assessment) -> "AssessmentOut":
        """The same for the API."""
        return cls(**vars(assessment))


class AssessmentsReply(Answer):
    """What was recorded."""

    items: tuple[AssessmentOut, ...]


class AssessmentQuery(Model):
    """Which ratings."""

    rep_id: Identifier | None = Field(default=None, description="Only of this rep.")
    limit: int = Field(default=50, ge=1, le=200)
    offset: int = Field(default=0, ge=0, le=1_000_000)


class AssessmentPage(Paged):
    """A page of ratings, the latest first."""

    items: tuple[AssessmentOut, ...]


def record_ratings(
    store: PredictionStore, principal: Principal, rep_id: str, ratings: dict[str, int | None], *, today: date | None
) -> tuple[Assessment, ...]:
    """Records ratings.

    Raises:
        NotYoursError: 404, there is no such rep whom the principal may rate.
        RefusedError: 422, no program teaches one of the skills.
    """
    try:
        recorded = store.assessments.rate(principal, rep_id, ratings, today=today)
    except UnknownSkillError as error:
        raise RefusedError(422, "ratings", "unknown_skill", _UNKNOWN_SKILL) from error
    if recorded is None:
        raise NotYoursError
    return recorded


@router.get("", responses=documented(401, 403, 422, 503))
async def list_assessments(
    request: Request, principal: SeesAssessments, query: Annotated[AssessmentQuery, Query()]
) -> AssessmentPage:
    """List ratings of reps in scope, in every period, the latest first: a rep's own, or those of a manager's tree."""

    def build(batch: BatchReader) -> AssessmentPage:
        found, total = batch.assessments(rep_id=query.rep_id, limit=query.limit, offset=query.offset)
        return AssessmentPage(
            **source(batch.batch),
            total=total,
            limit=query.limit,
            offset=query.offset,
            items=tuple(AssessmentOut.of(one) for one in found),
        )

    return await on_batch(request, principal, build)


@router.post(
    "",
    status_code=201,
    response_model=AssessmentsReply,
    responses=documented(400, 401, 403, 404, 408, 413, 422, 503),
)
async def rate(request: Request, principal: Assesses, write: Write, body: RatingsIn) -> Response:
    """Rate skills: your own, or those of people of your tree. The latest rating of a skill in a period stands."""
    today = request.app.state.settings.today()
    ratings = {rating.skill: rating.score for rating in body.ratings}

    def work(store: PredictionStore) -> AssessmentsReply:
        recorded = record_ratings(store, principal, body.rep_id, ratings, today=today)
        with store.read(principal.scope) as batch:
            return AssessmentsReply(**source(batch.batch), items=tuple(AssessmentOut.of(one) for one in recorded))

    return await write(principal, body, work)
