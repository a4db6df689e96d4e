"""A proposal as the store keeps it: every quota with its chances and reasons, and what it was made from."""

from collections.abc import Sequence
from math import isfinite
from typing import Any

import pandas as pd

from spm_ml.errors import DataError
from spm_ml.history import SalesHistory
from spm_ml.metrics.inputs_bookings import quota_versions
from spm_ml.predictions import NewProposal, ProposalHead, ProposalTerms, ProposedQuota
from spm_ml.registry import ModelVersion
from spm_ml.scoring.quota_planner import SHARES, QuotaLimits
from spm_ml.scoring.quota_proposals import CHANGES, EachQuota, QuotaProposal
from spm_ml.tables import minor_digits


def require_newest(history: SalesHistory, head: ProposalHead, quotas: Sequence[ProposedQuota]) -> None:
    """Refuses a proposal whose quotas, set on its day, would lie below newer ones and never be in force.

    Args:
        history: The data into which the quotas would go.
        head: Of the proposal.
        quotas: Its quotas.

    Raises:
        DataError: Quotas of the period were set, for the same people, on a later day.
    """
    known = quota_versions(history)
    start = pd.Timestamp(history.calendar.parse(head.period).start)
    about = known["rep_id"].isin([one.rep_id for one in quotas]) & (known["period_start"] == start)
    newer = known[about & (known["known_on"] > pd.Timestamp(head.as_of))]
    if len(newer):
        raise DataError(
            f"proposal {head.proposal_id} is as known on {head.as_of}, and {newer['rep_id'].nunique()} of its people "
            f"have a quota for {head.period} that was set later, last on {newer['known_on'].max():%Y-%m-%d}: that one "
            "would stay in force; propose anew from that day on, or take the later one out of the table quotas"
        )


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
