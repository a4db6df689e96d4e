"""Fairness: who carries the flags and who gets the offers of a batch, by protected group, and never by person."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field

from serving.access import on_batch, reaching
from serving.problem import documented
from serving.routes.answers import AbstentionOut, Answer, Model, PeriodQuery, source
from spm_ml.predictions import BatchReader, FairnessAudit, FairnessFinding, FairnessRow, Principal

router = APIRouter(prefix="/v1/fairness", tags=["coaching"])

SeesFairness = Annotated[Principal, Depends(reaching("fairness"))]


class FairnessRowOut(Model):
    """One group beside the largest of its attribute, for one measure; numbers are null where they are withheld."""

    side: Literal["burden", "benefit"]
    used: bool = Field(description="Whether anybody decides by it; if not it only stands for comparison.")
    measure: str
    label: str
    attribute: str = Field(description="One protected attribute, or `one and other` for two; empty: everybody.")
    group: str
    people: int | None
    rate: float | None = Field(description="Share of them who get it, 0 to 1.")
    rate_low: float | None = Field(description="Lower end of its exact 95 % interval.")
    rate_high: float | None
    reference: str | None = Field(description="The group it is held against.")
    reference_rate: float | None
    ratio: float | None = Field(description="Of the two rates; below 1 is to the group's disadvantage.")
    ratio_low: float | None = Field(description="Lower end of its interval, which holds for all groups at once.")
    ratio_high: float | None = Field(description="Upper end; null with a ratio: without end.")
    finding: FairnessFinding

    @classmethod
    def of(cls, row: FairnessRow) -> "FairnessRowOut":
        """The same for the API."""
        return cls(**vars(row))


class AuditOut(Model):
    """What an audit of the batch and the offers published with it has found."""

    minimum_group: int = Field(description="Persons below which no number of a group is given.")
    abstention: AbstentionOut | None = Field(description="Why there is no row.")
    notes: tuple[str, ...] = Field(description="What was left out.")
    rows: tuple[FairnessRowOut, ...]

    @classmethod
    def of(cls, audit: FairnessAudit) -> "AuditOut":
        """The same for the API."""
        return cls(
            minimum_group=audit.minimum_group,
            abstention=AbstentionOut.of(audit.abstention),
            notes=audit.notes,
            rows=tuple(FairnessRowOut.of(row) for row in audit.rows),
        )


class FairnessAnswer(Answer):
    """The audit of the batch that the answer names."""

    audit: AuditOut | None = Field(description="Null: this batch was not audited; run `spm fairness`.")


@router.get("", responses=documented(401, 403, 404, 422, 503))
async def get_fairness(
    request: Request, principal: SeesFairness, query: Annotated[PeriodQuery, Query()]
) -> FairnessAnswer:
    """Get burden and benefit by protected group; what would tell somebody's group is withheld. For HR alone."""

    def build(batch: BatchReader) -> FairnessAnswer:
        found = batch.fairness()
        return FairnessAnswer(**source(batch.batch), audit=None if found is None else AuditOut.of(found))

    return await on_batch(request, principal, build, period=query.period)
