"""A proposal as the store keeps it: every quota with its chances and reasons, and what it was made from."""

from math import isfinite
from typing import Any

from spm_ml.history import SalesHistory
from spm_ml.predictions import NewProposal, ProposalTerms, ProposedQuota
from spm_ml.registry import ModelVersion
from spm_ml.scoring.quota_planner import SHARES, QuotaLimits
from spm_ml.scoring.quota_proposals import CHANGES, EachQuota, QuotaProposal
from spm_ml.tables import minor_digits


def as_published(
    proposal: QuotaProposal, limits: QuotaLimits, history: SalesHistory, version: ModelVersion, *, actor: str
) -> NewProposal:
    """The proposal for the store.

    Args:
        proposal: What is proposed.
        limits: What it keeps to.
        history: What it was made from.
        version: The model version that forecast.
        actor: Who publishes it, for the audit.
    """
    rows = proposal.rows.to_dict("records")
    return NewProposal(
        period=proposal.period,
        as_of=proposal.as_of,
        currency=proposal.currency,
        minor_digits=minor_digits(proposal.currency),
        model_name=version.name,
        model_version=str(version.version),
        data_version=history.version,
        data_hash=history.data_hash,
        actor=actor,
        terms=ProposalTerms(
            goal=limits.goal,
            share=limits.share,
            most_change=limits.most_change,
            step=limits.step,
            shares=SHARES,
            bookings=tuple(1 + change for change in CHANGES),
            groups=proposal.groups,
            unforecast=proposal.unforecast,
        ),
        quotas=tuple(_quota(row, each) for row, each in zip(rows, proposal.each, strict=True)),
    )


def _quota(row: dict[Any, Any], each: EachQuota) -> ProposedQuota:
    known = isfinite(row["before"]) and row["before"] > 0
    return ProposedQuota(
        rep_id=row["rep_id"],
        name=each.name,
        role=row["role"] if isinstance(row["role"], str) else "",
        tenure=row["tenure"] if isinstance(row["tenure"], str) else "",
        before=int(row["before"]) if known else None,
        quota=int(row["quota"]),
        median=float(row["p50"]),
        chance_before=float(row["chance_before"]) if known else None,
        chance=float(row["chance"]),
        bounded=bool(row["bounded"]),
        at_share=each.at_share,
        chance_at=each.chance_at,
        chance_before_at=each.chance_before_at,
        reasons=each.reasons,
    )
