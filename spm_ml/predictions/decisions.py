"""What people decide about an offered program: appended, never edited, with what they saw when they did."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from sqlalchemy import Connection, func, select

from spm_ml.predictions import schema
from spm_ml.predictions.audit import record
from spm_ml.predictions.batch import Batch
from spm_ml.predictions.scope import Scope

Verdict = Literal["accepted", "overridden"]


@dataclass(frozen=True)
class Decision:
    """One person's word on an offer; the latest one counts.

    Attributes:
        verdict: The offer is taken up, or something else is done.
        reason: Why; always given for an override.
        decided_by: Who, as the access token names them.
    """

    rep_id: str
    program_id: str
    verdict: Verdict
    reason: str
    decided_by: str
    decided_at: datetime


def decide(
    connection: Connection,
    batch: Batch,
    scope: Scope,
    *,
    rep_id: str,
    program_id: str,
    verdict: Verdict,
    reason: str,
    decided_by: str,
) -> Decision | None:
    """Appends a decision and its audit row; None if the principal may not decide about such an offer.

    Raises:
        ValueError: An override without a reason.
    """
    reason = reason.strip()
    if verdict == "overridden" and not reason:
        raise ValueError("an override needs a reason")
    offers = schema.recommendations.c
    offer = connection.execute(
        select(offers.rep_id).where(
            offers.batch_id == batch.batch_id,
            offers.rep_id == rep_id,
            offers.program_id == program_id,
            offers.abstained.is_(False),
            scope.predicate("decision", offers.rep_id, batch.batch_id),
        )
    ).first()
    if offer is None:
        return None
    decision = Decision(rep_id, program_id, verdict, reason, decided_by, datetime.now(UTC))
    connection.execute(
        schema.decisions.insert().values(
            decided_at=decision.decided_at,
            batch_id=batch.batch_id,
            period=batch.period,
            rep_id=rep_id,
            program_id=program_id,
            verdict=verdict,
            reason=reason,
            decided_by=decided_by,
            role=scope.role,
        )
    )
    record(
        connection,
        actor=decided_by,
        action=f"recommendation {verdict}",
        subject=rep_id,
        batch=batch,
        detail={"program_id": program_id, "reason": reason},
    )
    return decision


def latest_decisions(
    connection: Connection, batch: Batch, scope: Scope, rep_ids: Collection[str], tree_batch_id: str
) -> dict[tuple[str, str], Decision]:
    """The decision that counts for each (rep_id, program_id) of the batch's period, for reps in scope."""
    rows = schema.decisions.c
    newest = (
        select(func.max(rows.decision_id))
        .where(
            rows.period == batch.period,
            rows.rep_id.in_(rep_ids),
            scope.predicate("offer", rows.rep_id, tree_batch_id),
        )
        .group_by(rows.rep_id, rows.program_id)
    )
    found = connection.execute(
        select(rows.rep_id, rows.program_id, rows.verdict, rows.reason, rows.decided_by, rows.decided_at).where(
            rows.decision_id.in_(newest)
        )
    )
    return {(row.rep_id, row.program_id): Decision(*row) for row in found}
