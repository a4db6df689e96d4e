"""What people decide about an offered program: appended, never edited, with what they saw when they did.

Nothing acts by itself: a decision enrols nobody, and an offer that nobody decides about lapses after its last day.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final, Literal

from sqlalchemy import ColumnElement, Connection, func, select

from spm_ml.errors import DataError
from spm_ml.predictions import schema
from spm_ml.predictions.audit import append, record
from spm_ml.predictions.batch import Batch
from spm_ml.predictions.credentials import Principal
from spm_ml.predictions.encoding import decode
from spm_ml.predictions.rows import Recommendation
from spm_ml.predictions.scope import Scope, Subject, tree_of

Verdict = Literal["accepted", "overridden", "reversed", "declined"]

NEED_A_REASON: Final[dict[Verdict, str]] = {
    "overridden": "an override needs a reason",
    "reversed": "taking a decision back needs a reason",
}


Standing = Literal["standing", "superseded", "reversed"]


class ExpiredOfferError(DataError):
    """The offer holds no longer: its last day is over, or a later plan no longer makes it."""


class NothingToReverseError(DataError):
    """No decision stands that the principal may take back."""


@dataclass(frozen=True)
class Decision:
    """One person's word on an offer; the latest one counts.

    Attributes:
        verdict: The offer is taken up, something else is done, the decision before is taken back, or the rep declines.
        reason: Why; always given for an override and for taking back.
        decided_by: Who, as the access token names them.
    """

    rep_id: str
    program_id: str
    verdict: Verdict
    reason: str
    decided_by: str
    decided_at: datetime


@dataclass(frozen=True)
class DecisionRecord:
    """A decision with what was published when it was made, and whether it still counts.

    Attributes:
        status: It counts, a later one counts instead, or it was taken back.
    """

    decision_id: int
    period: str
    batch_id: str
    role: str
    decision: Decision
    status: Standing


def decide(
    connection: Connection,
    batch: Batch,
    principal: Principal,
    *,
    rep_id: str,
    program_id: str,
    verdict: Verdict,
    reason: str,
    today: date | None = None,
) -> Decision | None:
    """Appends a decision and its audit row; None if the principal may not decide about such an offer.

    The rep alone may decline, and take that back. Everybody else's decision is taken back by whoever made it or by a
    manager above them. Nobody decides about an offer of their own otherwise.

    Raises:
        ValueError: A reason is needed and not given.
        ExpiredOfferError: The offer holds no longer.
        NothingToReverseError: There is no decision that the principal may take back.
    """
    scope, reason = principal.scope, reason.strip()
    if not reason and verdict in NEED_A_REASON:
        raise ValueError(NEED_A_REASON[verdict])
    subject = _subject(scope, rep_id, verdict)
    offer = _offer(connection, batch, scope, subject, rep_id, program_id)
    if offer is None:
        if _offered_before(connection, batch, scope, subject, rep_id, program_id):
            raise ExpiredOfferError(f"program {program_id!r} is no longer offered to {rep_id!r}")
        return None
    if offer.expires_on < max(batch.as_of, today or batch.as_of):
        raise ExpiredOfferError(f"the offer of program {program_id!r} to {rep_id!r} held until {offer.expires_on}")
    if verdict == "reversed":
        _require_own(connection, batch, principal, rep_id, program_id)
    decision = Decision(rep_id, program_id, verdict, reason, principal.label, datetime.now(UTC))
    row = {
        "decided_at": decision.decided_at,
        "batch_id": batch.batch_id,
        "period": batch.period,
        "rep_id": rep_id,
        "program_id": program_id,
        "verdict": verdict,
        "reason": reason,
        "decided_by": principal.label,
        "decider_id": scope.rep_id,
        "role": scope.role,
    }
    _, named = append(connection, "decisions", row)
    record(
        connection,
        actor=principal.label,
        account_id=principal.account_id,
        action=f"decision {verdict}" if verdict == "reversed" else f"recommendation {verdict}",
        subject=rep_id,
        batch=batch,
        detail={"program_id": program_id, "reason": reason} | named,
    )
    return decision


def _subject(scope: Scope, rep_id: str, verdict: Verdict) -> Subject:
    """Whose offers the rule is about: what concerns oneself is declining, and taking that back."""
    own = verdict == "declined" or (verdict == "reversed" and scope.rep_id == rep_id)
    return "own_offer" if own else "decision"


def _offer(
    connection: Connection, batch: Batch, scope: Scope, subject: Subject, rep_id: str, program_id: str
) -> Recommendation | None:
    offers = schema.recommendations.c
    body = connection.execute(
        select(offers.body).where(
            offers.batch_id == batch.batch_id,
            offers.rep_id == rep_id,
            offers.program_id == program_id,
            offers.abstained.is_(False),
            scope.predicate(subject, offers.rep_id, batch.batch_id),
        )
    ).scalar()
    return None if body is None else decode(Recommendation, body)


def _offered_before(
    connection: Connection, batch: Batch, scope: Scope, subject: Subject, rep_id: str, program_id: str
) -> bool:
    log = schema.assignments.c
    found = connection.execute(
        select(log.rep_id).where(
            log.rep_id == rep_id,
            log.program_id == program_id,
            log.event == "offered",
            scope.predicate(subject, log.rep_id, batch.batch_id),
        )
    )
    return found.first() is not None


def _require_own(connection: Connection, batch: Batch, principal: Principal, rep_id: str, program_id: str) -> None:
    """Refuses to take back what is not one's own or, among managers, a subordinate's."""
    rows = schema.decisions.c
    last = connection.execute(
        select(rows.verdict, rows.decided_by, rows.decider_id, rows.role)
        .where(rows.period == batch.period, rows.rep_id == rep_id, rows.program_id == program_id)
        .order_by(rows.decision_id.desc())
        .limit(1)
    ).first()
    scope, own = principal.scope, False
    if last is not None and last.verdict != "reversed":
        if last.decider_id is None or scope.rep_id is None:
            own = (last.decided_by, last.role) == (principal.label, scope.role)
        elif last.verdict == "declined" or scope.rep_id == rep_id:
            own = last.verdict == "declined" and last.decider_id == scope.rep_id
        elif scope.role == "manager":
            own = last.decider_id in connection.execute(tree_of(scope.rep_id, batch.batch_id)).scalars().all()
        else:
            own = last.decider_id == scope.rep_id
    if not own:
        raise NothingToReverseError(f"no decision about program {program_id!r} for {rep_id!r} can be taken back")


def latest_decisions(
    connection: Connection, batch: Batch, scope: Scope, rep_ids: Collection[str], tree_batch_id: str
) -> dict[tuple[str, str], Decision]:
    """The decision that counts for each (rep_id, program_id) of the batch's period, for reps in scope."""
    return {
        (decision.rep_id, decision.program_id): decision
        for decision in decisions_about(connection, batch, scope, rep_ids, tree_batch_id)
    }


def decisions_about(
    connection: Connection, batch: Batch, scope: Scope, rep_ids: Collection[str], tree_batch_id: str
) -> tuple[Decision, ...]:
    """Every decision about offers of the batch's period, oldest first, for reps in scope."""
    rows = schema.decisions.c
    found = connection.execute(
        select(rows.rep_id, rows.program_id, rows.verdict, rows.reason, rows.decided_by, rows.decided_at)
        .where(
            rows.period == batch.period,
            rows.rep_id.in_(rep_ids),
            scope.predicate("offer", rows.rep_id, tree_batch_id),
        )
        .order_by(rows.decision_id)
    )
    return tuple(Decision(*row) for row in found)


def decision_records(
    connection: Connection, seen: ColumnElement[bool], *, limit: int, offset: int
) -> tuple[tuple[DecisionRecord, ...], int]:
    """A part of the decisions that meet a condition, which must be the scope's, the latest first; and their number."""
    rows, later = schema.decisions.c, schema.decisions.alias("later").c
    following = (
        select(later.verdict)
        .where(
            later.period == rows.period,
            later.rep_id == rows.rep_id,
            later.program_id == rows.program_id,
            later.decision_id > rows.decision_id,
        )
        .order_by(later.decision_id)
        .limit(1)
        .scalar_subquery()
    )
    said = (rows.rep_id, rows.program_id, rows.verdict, rows.reason, rows.decided_by, rows.decided_at)
    found = connection.execute(
        select(rows.decision_id, rows.period, rows.batch_id, rows.role, following, *said)
        .where(seen)
        .order_by(rows.decision_id.desc())
        .limit(limit)
        .offset(offset)
    )
    records = tuple(
        DecisionRecord(
            decision_id,
            period,
            batch_id,
            role,
            Decision(*decision),
            "standing" if next_verdict is None else "reversed" if next_verdict == "reversed" else "superseded",
        )
        for decision_id, period, batch_id, role, next_verdict, *decision in found
    )
    count = connection.execute(select(func.count()).select_from(schema.decisions).where(seen)).scalar_one()
    return records, count


def every_decision(connection: Connection) -> tuple[tuple[str, Decision], ...]:
    """Every decision with the label of its period, oldest first, whoever may see it."""
    rows = schema.decisions.c
    found = connection.execute(
        select(
            rows.period, rows.rep_id, rows.program_id, rows.verdict, rows.reason, rows.decided_by, rows.decided_at
        ).order_by(rows.decision_id)
    )
    return tuple((period, Decision(*row)) for period, *row in found)
