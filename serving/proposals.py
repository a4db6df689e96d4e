"""A quota proposal as one reader sees it: one view for pages and API."""

from dataclasses import dataclass, replace
from statistics import fmean

from spm_ml.predictions import COMPANY, BatchReader, ProposalGroup, ProposalHead, ProposedQuota
from spm_ml.predictions.quota_fairness import QuotaFairness
from spm_ml.predictions.scope import SMALLEST_GROUP


@dataclass(frozen=True)
class Scenario:
    """What quotas for another share of reps at quota add up to. Money is minor units.

    Attributes:
        chance: Chance that all together book the total; None where no group of the reader's was simulated.
    """

    share: float
    total: int
    change: float
    chance: float | None


@dataclass(frozen=True)
class Sensitivity:
    """Share of reps at quota if everybody books `bookings` times the forecast."""

    bookings: float
    share: float
    share_before: float | None


@dataclass(frozen=True)
class Proposal:
    """What the reader sees of a proposal. Money is minor units.

    Attributes:
        head: What stands above it.
        quotas: Of the reps in scope, by name; empty for readers who see no rep.
        reps: How many the sums are about.
        total: Sum of the proposed quotas; None for readers who see no amounts, as are scenarios.
        before: Sum of the quotas before of those who had one.
        share: Share of the reps that is expected at quota.
        group: The chances of all of them together.
        fairness: How hard quotas are, by group.
        unforecast: Reps in scope for whom nothing is forecast.
    """

    head: ProposalHead
    quotas: tuple[ProposedQuota, ...]
    reps: int
    total: int | None
    before: int | None
    share: float | None
    group: ProposalGroup | None
    fairness: tuple[QuotaFairness, ...]
    scenarios: tuple[Scenario, ...]
    sensitivity: tuple[Sensitivity, ...]
    unforecast: int


def proposal_of(batch: BatchReader, proposal_id: int | None, manager_id: str | None = None) -> Proposal | None:
    """What the reader sees of a proposal.

    Args:
        batch: Through whose scope.
        proposal_id: Its number; None: the one published last.
        manager_id: Only this manager's people; None: all in scope.

    Returns:
        None where there is none, or nobody in scope has a quota in it.
    """
    head = batch.proposal(proposal_id)
    if head is None:
        return None
    if batch.scope.reach("proposal_sums") != "none":
        return _of_everybody(batch, head)
    quotas = batch.proposed_quotas(head.proposal_id, manager_id)
    if not quotas:
        return None
    own = manager_id or batch.scope.rep_id or ""
    everybody = len(quotas) == head.terms.groups[0].reps and manager_id is None
    group = head.terms.group(COMPANY if everybody else own)
    if group is not None and group.reps != len(quotas):
        group = None  # people came or left since: what was simulated is about others
    named = tuple(sorted(quotas, key=lambda one: (one.name.casefold(), one.rep_id)))
    return _summed(head, named, group, batch.quota_fairness(head.proposal_id, manager_id), batch.unforecast(head))


def _of_everybody(batch: BatchReader, head: ProposalHead) -> Proposal | None:
    """For readers who see no rep: groups of enough people; amounts for analysts alone."""
    group = head.terms.groups[0]
    if group.reps < SMALLEST_GROUP:
        return None
    fairness = batch.quota_fairness(head.proposal_id)
    if batch.scope.role != "analyst":
        everybody = next((one for one in fairness if one.kind == "everybody"), None)
        share = None if everybody is None else everybody.chance
        return Proposal(head, (), group.reps, None, None, share, None, fairness, (), (), len(head.terms.unforecast))
    quotas = batch.every_proposed_quota(head.proposal_id)
    whole = replace(_summed(head, quotas, group, fairness, len(head.terms.unforecast)), quotas=())
    if sum(one.before is not None for one in quotas) >= SMALLEST_GROUP:
        return whole
    sensitivity = tuple(replace(one, share_before=None) for one in whole.sensitivity)
    return replace(whole, before=None, sensitivity=sensitivity)


def _summed(
    head: ProposalHead,
    quotas: tuple[ProposedQuota, ...],
    group: ProposalGroup | None,
    fairness: tuple[QuotaFairness, ...],
    unforecast: int,
) -> Proposal:
    terms, total = head.terms, sum(one.quota for one in quotas)
    befores = [one.before for one in quotas if one.before is not None]
    totals = [sum(one.at_share[at] for one in quotas) for at in range(len(terms.shares))]
    earlier = [one.chance_before_at for one in quotas if one.chance_before_at]
    return Proposal(
        head=head,
        quotas=quotas,
        reps=len(quotas),
        total=total,
        before=sum(befores) if befores else None,
        share=fmean(one.chance for one in quotas),
        group=group,
        fairness=fairness,
        scenarios=tuple(
            Scenario(share, totals[at], totals[at] / total - 1, None if group is None else group.chance_at_share[at])
            for at, share in enumerate(terms.shares)
        ),
        sensitivity=tuple(
            Sensitivity(
                bookings,
                fmean(one.chance_at[at] for one in quotas),
                fmean(chances[at] for chances in earlier) if earlier else None,
            )
            for at, bookings in enumerate(terms.bookings)
        ),
        unforecast=unforecast,
    )
