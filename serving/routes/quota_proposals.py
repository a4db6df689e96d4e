"""Quota proposals: quotas that were proposed, how hard they are, and what others would mean."""

from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from pydantic import Field

from serving.access import ApiPrincipal, on_batch, require_any_reach
from serving.problem import NotYoursError, documented
from serving.proposals import Proposal, proposal_of
from serving.routes.answers import Answer, Model, source
from spm_ml.predictions import BatchReader, Principal, ProposalHead, ProposedQuota
from spm_ml.predictions.quota_fairness import Kind

router = APIRouter(prefix="/v1/quota-proposals", tags=["objectives"])


async def _proposals_principal(principal: ApiPrincipal) -> Principal:
    require_any_reach(principal, "proposal", "proposal_sums")
    return principal


SeesProposals = Annotated[Principal, Depends(_proposals_principal)]
ProposalNumber = Annotated[int, Path(ge=1, le=2**31 - 1)]


class ProposalListed(Model):
    """A proposal in the list."""

    proposal_id: int
    for_period: str
    proposed_at: datetime


class ProposalList(Answer):
    """Every published proposal, the newest first."""

    items: tuple[ProposalListed, ...]


class ReasonOut(Model):
    """What a quota rests on."""

    label: str
    amount: float | None = Field(description="What it adds to the forecast; null where the model does not tell.")
    text: str


class QuotaOut(Model):
    """One rep's proposed quota."""

    rep_id: str
    name: str
    role: str
    tenure: str
    before: float | None
    proposed: float
    median: float = Field(description="Of the forecast bookings.")
    chance_before: float | None = Field(description="To reach the quota before.")
    chance: float
    bounded: bool = Field(description="A limit of change holds it.")
    reasons: tuple[ReasonOut, ...]


class FairnessOut(Model):
    """How hard quotas are in a group: mean and standard deviation of the chances to reach them."""

    kind: Kind
    name: str
    reps: int
    chance_before: float | None
    chance: float
    spread_before: float | None
    spread: float


class ScenarioOut(Model):
    """What quotas for another share of reps at quota add up to."""

    share: float
    total: float
    change: float
    chance: float | None = Field(description="That all together book the total.")


class SensitivityOut(Model):
    """Share of reps at quota if everybody books `bookings` times the forecast."""

    bookings: float
    share: float
    share_before: float | None


class ProposalAnswer(Answer):
    """A proposal as far as it is in scope; its own period, day, currency and model stand beside the batch's."""

    proposal_id: int
    proposed_at: datetime
    proposed_for: str
    known_on: date
    proposal_currency: str
    model_name: str
    model_version: str
    data_version: int
    data_hash: str
    accepted_at: datetime | None
    reps: int
    total: float | None
    total_before: float | None
    share: float | None = Field(description="Of the reps, expected at quota.")
    chance_together: float | None
    unforecast: int = Field(description="Reps for whom nothing is forecast: their quotas are set by hand.")
    quotas: tuple[QuotaOut, ...] = Field(description="Empty for readers who see no rep.")
    fairness: tuple[FairnessOut, ...]
    scenarios: tuple[ScenarioOut, ...]
    sensitivity: tuple[SensitivityOut, ...]

    @classmethod
    def read(cls, found: Proposal, batch: BatchReader) -> "ProposalAnswer":
        """The same for the API."""
        head = found.head
        return cls(
            **source(batch.batch),
            proposal_id=head.proposal_id,
            proposed_at=head.proposed_at,
            proposed_for=head.period,
            known_on=head.as_of,
            proposal_currency=head.currency,
            model_name=head.model_name,
            model_version=head.model_version,
            data_version=head.data_version,
            data_hash=head.data_hash,
            accepted_at=head.accepted_at,
            reps=found.reps,
            total=_units(found.total, head),
            total_before=_units(found.before, head),
            share=found.share,
            chance_together=None if found.group is None else found.group.chance,
            unforecast=found.unforecast,
            quotas=tuple(_quota(one, head) for one in found.quotas),
            fairness=tuple(FairnessOut(**vars(one)) for one in found.fairness),
            scenarios=tuple(
                ScenarioOut(**(vars(one) | {"total": one.total / 10**head.minor_digits})) for one in found.scenarios
            ),
            sensitivity=tuple(SensitivityOut(**vars(one)) for one in found.sensitivity),
        )


def _units(minor: float | None, head: ProposalHead) -> float | None:
    return None if minor is None else round(minor / 10**head.minor_digits, head.minor_digits)


def _quota(one: ProposedQuota, head: ProposalHead) -> QuotaOut:
    copied = ("rep_id", "name", "role", "tenure", "chance_before", "chance", "bounded")
    return QuotaOut(
        **{name: getattr(one, name) for name in copied},
        before=_units(one.before, head),
        proposed=one.quota / 10**head.minor_digits,
        median=round(one.median / 10**head.minor_digits, head.minor_digits),
        reasons=tuple(
            ReasonOut(label=reason.label, amount=_units(reason.amount, head), text=reason.text)
            for reason in one.reasons
        ),
    )


@router.get("", responses=documented(401, 403, 503))
async def list_quota_proposals(request: Request, principal: SeesProposals) -> ProposalList:
    """List the published quota proposals."""

    def build(batch: BatchReader) -> ProposalList:
        items = tuple(
            ProposalListed(proposal_id=number, for_period=period, proposed_at=at)
            for number, period, at in batch.proposals()
        )
        return ProposalList(**source(batch.batch), items=items)

    return await on_batch(request, principal, build)


@router.get("/{proposal_id}", responses=documented(401, 403, 404, 422, 503))
async def get_quota_proposal(request: Request, principal: SeesProposals, proposal_id: ProposalNumber) -> ProposalAnswer:
    """Get one: managers see their tree, analysts and HR groups of enough people, HR without amounts."""

    def build(batch: BatchReader) -> ProposalAnswer:
        found = proposal_of(batch, proposal_id)
        if found is None:
            raise NotYoursError
        return ProposalAnswer.read(found, batch)

    return await on_batch(request, principal, build)
