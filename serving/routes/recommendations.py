"""Recommendations: which program is offered to whom, on what evidence, and what was decided."""

from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field

from serving.access import on_batch, reaching
from serving.problem import documented
from serving.routes.answers import (
    AbstentionOut,
    Identifier,
    Model,
    Paged,
    RepQuery,
    major_or_none,
    source,
)
from spm_ml.predictions import Batch, BatchReader, Decision, EvidenceLevel, Offer, Principal, RiskBand, Verdict
from spm_ml.predictions.reading import OfferStatus

router = APIRouter(prefix="/v1/recommendations", tags=["recommendations"])

SeesOffers = Annotated[Principal, Depends(reaching("offer"))]


class DecisionOut(Model):
    """What somebody decided about an offer."""

    rep_id: str
    program_id: str
    verdict: Verdict
    reason: str
    decided_by: str
    decided_at: datetime

    @classmethod
    def of(cls, decision: Decision) -> "DecisionOut":
        """The same for the API."""
        return cls(
            rep_id=decision.rep_id,
            program_id=decision.program_id,
            verdict=decision.verdict,
            reason=decision.reason,
            decided_by=decision.decided_by,
            decided_at=decision.decided_at,
        )


class RecommendationOut(Model):
    """A program offered to a rep, or the reason why none is."""

    rep_id: str
    name: str
    team: str
    risk_band: RiskBand | None
    program_id: str | None
    program_name: str | None
    skill: str | None
    effect: float | None = Field(description="Expected gain in attainment; 0.03 = 3 points. Null: none is claimed.")
    effect_low: float | None
    effect_high: float | None
    p_positive: float | None
    cost: float | None
    cost_per_point: float | None = Field(description="Cost of the seat for each expected point (0.01) of attainment.")
    evidence: str
    evidence_level: EvidenceLevel = Field(
        description="Whose enrolments the effect rests on; `gap`: no effect is claimed, the largest gap decides."
    )
    reason: str
    expires_on: date
    propensity: float | None = Field(description="Chance with which the offer was drawn; 1 = no lottery.")
    held_out: bool = Field(description="Drawn by lot to be offered nothing for now, so that effects can be measured.")
    abstention: AbstentionOut | None
    decision: DecisionOut | None
    status: OfferStatus | None = Field(
        description="Where the offer stands; `expired`: nobody decided by its last day. Null: nothing is offered."
    )

    @classmethod
    def of(cls, offer: Offer, batch: Batch, today: date | None) -> "RecommendationOut":
        """The same for the API."""
        row = offer.recommendation
        return cls(
            rep_id=row.rep_id,
            name=offer.rep.name,
            team=offer.rep.team,
            risk_band=offer.rep.risk_band,
            program_id=row.program_id or None,
            program_name=row.program_name or None,
            skill=row.skill or None,
            effect=row.effect,
            effect_low=row.effect_low,
            effect_high=row.effect_high,
            p_positive=row.p_positive,
            cost=major_or_none(row.cost, batch),
            cost_per_point=major_or_none(row.cost_per_point, batch),
            evidence=row.evidence,
            evidence_level=row.evidence_level,
            reason=row.reason,
            expires_on=row.expires_on,
            propensity=row.propensity,
            held_out=row.held_out,
            abstention=AbstentionOut.of(row.abstention),
            decision=None if offer.decision is None else DecisionOut.of(offer.decision),
            status=offer.status(batch, today),
        )


class RecommendationQuery(RepQuery):
    """Whose recommendations."""

    rep_id: Identifier | None = Field(default=None, description="Only this rep's.")


class Recommendations(Paged):
    """A page of recommendations, offers before abstentions."""

    items: tuple[RecommendationOut, ...]


@router.get("", responses=documented(401, 403, 404, 422, 503))
async def list_recommendations(
    request: Request, principal: SeesOffers, query: Annotated[RecommendationQuery, Query()]
) -> Recommendations:
    """List recommendations, offers before abstentions."""
    today = request.app.state.settings.today()

    def build(batch: BatchReader) -> Recommendations:
        found = batch.offers(
            query.selection(query.limit, query.offset), rep_ids=None if query.rep_id is None else (query.rep_id,)
        )
        return Recommendations(
            **source(batch.batch),
            total=found.total,
            limit=query.limit,
            offset=query.offset,
            items=tuple(RecommendationOut.of(offer, batch.batch, today) for offer in found.items),
        )

    return await on_batch(request, principal, build, period=query.period)
