"""How contests ended, over everybody: whether what people were shown was right when they said that it was not."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import Field

from serving.access import on_batch, reaching
from serving.problem import documented
from serving.routes.answers import Answer, Model, source
from spm_ml.predictions import BatchReader, CaseSubject, ContestCount, Principal

router = APIRouter(prefix="/v1/contests", tags=["cases"])

SeesCounts = Annotated[Principal, Depends(reaching("feedback_counts"))]


class ContestVerdicts(Model):
    """How contests ended."""

    upheld: int
    partly_upheld: int
    rejected: int
    withdrawn: int


class ContestCountOut(Model):
    """How contests about one thing ended."""

    about: CaseSubject = Field(description="`data`: corrections that were asked for.")
    people: int | None = Field(
        description="How many contested; null: fewer than five, too few to tell. It moves on when contests of five "
        "more have ended."
    )
    verdicts: ContestVerdicts | None
    contested: int | None = Field(description="Reps and periods, of those kept, about which somebody contested.")
    shown: int | None = Field(description="Reps and periods, of those kept, that had something to contest.")

    @classmethod
    def of(cls, count: ContestCount) -> "ContestCountOut":
        """The same for the API."""
        verdicts = None if count.verdicts is None else ContestVerdicts(**count.verdicts)
        return cls(**vars(count) | {"verdicts": verdicts})


class ContestCounts(Answer):
    """Counts over everybody and all periods, by what was contested."""

    items: tuple[ContestCountOut, ...]


@router.get("/counts", responses=documented(401, 403, 422, 503))
async def count_contests(request: Request, principal: SeesCounts) -> ContestCounts:
    """Count how contests and corrections ended, without words or names, for analysts and HR."""

    def build(batch: BatchReader) -> ContestCounts:
        counts = tuple(ContestCountOut.of(count) for count in batch.contest_counts())
        return ContestCounts(**source(batch.batch), items=counts)

    return await on_batch(request, principal, build)
