"""The append-only trail: who did what to whom, when, and what they had seen.

Each line holds the hash of the line before it, so that nothing before a known line can be changed unseen (a hash chain,
as in Haber and Stornetta 1991).
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, Table, select

from spm_ml.predictions import schema
from spm_ml.predictions.batch import Batch
from spm_ml.predictions.principal import Principal

OPERATOR: Final = "operator"
"""Who acts from the command line: whoever can write the database needs no account."""

FIRST_HASH: Final = "0" * 64
"""What stands before the first line."""

_HASHED: Final = (
    "sequence",
    "at",
    "account_id",
    "actor",
    "action",
    "subject",
    "batch_id",
    "model_version",
    "watermark",
    "detail",
    "previous_hash",
)


def chained(line: Mapping[str, Any]) -> str:
    """SHA-256 of a line as stored and of the hash before it, over its JSON with moments in UTC."""
    values = [line[name] for name in _HASHED]
    text = json.dumps([_text(value) for value in values], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


RECORDED: Final[dict[str, tuple[Table, tuple[str, ...]]]] = {
    "decisions": (
        schema.decisions,
        ("decided_at", "batch_id", "period", "rep_id", "program_id", "verdict", "reason", "decided_by", "decider_id"),
    ),
    "cases": (
        schema.cases,
        ("opened_at", "batch_id", "period", "rep_id", "kind", "about", "program_id", "item", "text", "opened_by"),
    ),
    "case_events": (schema.case_events, ("case_id", "at", "status", "text", "answered_by", "role")),
    "submissions": (
        schema.submissions,
        (
            *("submitted_at", "batch_id", "watermark", "period", "rep_id", "kind", "amount", "currency"),
            *("minor_digits", "note", "submitted_by", "submitter_id"),
        ),
    ),
    "assessments": (
        schema.assessments,
        ("at", "assessed_on", "batch_id", "period", "rep_id", "skill", "score", "assessor", "assessed_by"),
    ),
    "feedback": (
        schema.feedback,
        ("at", "batch_id", "period", "rep_id", "about", "verdict", "text", "given_by", "role"),
    ),
    "pulses": (
        schema.pulses,
        ("at", "batch_id", "period", "rep_id", *schema.QUESTIONS, "shared", "terms", "salt"),
    ),
    "pulse_withdrawals": (schema.pulse_withdrawals, ("at", "pulse_id", "newest_pulse_id", "period", "rep_id")),
    "notes": (
        schema.notes,
        ("at", "about_on", "batch_id", "period", "rep_id", "topic", "text", "written_by"),
    ),
    "agreements": (
        schema.agreements,
        (
            *("at", "batch_id", "period", "rep_id", "text", "behaviour", "source", "program_id", "due_on", "doer"),
            *("side", "proposed_by"),
        ),
    ),
    "agreement_events": (schema.agreement_events, ("agreement_id", "at", "step", "text", "side", "taken_by")),
    "agreement_moves": (schema.agreement_moves, ("agreement_id", "at", "due_on", "text", "side", "taken_by")),
    "pay_closings": (
        schema.pay_closings,
        (
            *("period", "period_start", "period_end", "closed_at", "closed_by", "as_of", "data_version", "data_hash"),
            *("currency", "minor_digits", "plans", "statements", "amount", "statements_hash"),
        ),
    ),
}
"""Tables whose every row a line names by its id and `digest`, and the columns in that."""

PARENTS: Final[dict[str, tuple[str, str]]] = {
    "case_events": ("case_id", "cases"),
    "agreement_events": ("agreement_id", "agreements"),
    "agreement_moves": ("agreement_id", "agreements"),
    "pulse_withdrawals": ("pulse_id", "pulses"),
}
"""Tables whose rows go with those of another: what a line calls that one, and its table."""


def digest(table: str, row: Mapping[str, Any]) -> str:
    """SHA-256 of what a row of one of `RECORDED` says: a line can vouch for words that it does not repeat."""
    text = json.dumps([table, *(_text(row[name]) for name in RECORDED[table][1])], ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def append(connection: Connection, table: str, row: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
    """Inserts a row into one of `RECORDED`; gives its id, and the detail of the line that must name it."""
    inserted = connection.execute(RECORDED[table][0].insert().values(**row)).inserted_primary_key
    assert inserted is not None  # noqa: S101  (one row was inserted)
    return inserted[0], {"row": {"table": table, "id": inserted[0], "sha256": digest(table, row)}}


def _text(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return value.isoformat() if isinstance(value, date) else value


@dataclass(frozen=True)
class AuditEntry:
    """One line of the trail.

    Attributes:
        account_id: Whose account; None for a program.
        actor: Who: a person as the account names them, or a program.
        action: What, for example `published` or `recommendation accepted`.
        subject: To whom or what.
        detail: What else, as written.
        previous_hash: Of the line before.
        hash: Of this line and the one before.
    """

    sequence: int
    at: datetime
    account_id: str | None
    actor: str
    action: str
    subject: str
    batch_id: str | None
    model_version: str | None
    watermark: date | None
    detail: dict[str, Any]
    previous_hash: str
    hash: str


def record(
    connection: Connection,
    *,
    actor: str,
    action: str,
    subject: str,
    account_id: str | None = None,
    batch: Batch | None = None,
    detail: dict[str, Any] | None = None,
) -> None:
    """Appends a line in the transaction of what it tells about; that transaction must write alone."""
    last = head_of(connection)
    line: dict[str, Any] = {
        "sequence": last.sequence + 1,
        "at": datetime.now(UTC),
        "account_id": account_id,
        "actor": actor,
        "action": action,
        "subject": subject,
        "batch_id": batch and batch.batch_id,
        "model_version": batch and batch.model_version,
        "watermark": batch and batch.watermark,
        "detail": json.dumps(detail or {}, ensure_ascii=False),
        "previous_hash": last.hash,
    }
    connection.execute(schema.audit.insert().values(**line, hash=chained(line)))


def record_act(
    connection: Connection,
    by: Principal | None,
    action: str,
    subject: str,
    detail: dict[str, Any] | None = None,
    *,
    batch: Batch | None = None,
) -> None:
    """`record` of what a principal did, or whoever works on the command line, where it is None."""
    actor, account_id = (OPERATOR, None) if by is None else (by.label, by.account_id)
    record(connection, actor=actor, account_id=account_id, action=action, subject=subject, batch=batch, detail=detail)


@dataclass(frozen=True)
class AuditHead:
    """Where the trail ends. Whoever remembers one can tell later that nothing before it was changed.

    Attributes:
        sequence: Of the last line; 0 before the first one.
        hash: Of that line.
    """

    sequence: int
    hash: str

    def __str__(self) -> str:
        return f"{self.hash}@{self.sequence}"


@dataclass(frozen=True)
class Checkpoint:
    """Up to where rows were removed by retention; nothing else may be missing.

    Attributes:
        checkpoint_id: 0 before the first one.
        through_sequence: The last line that was removed.
        hash: Of that line: the chain goes on from it.
        decisions_through: No decision with a higher id was removed.
        cases_through: No case with a higher id was removed.
        submissions_through: No submission with a higher id was removed.
        assessments_through: No assessment with a higher id was removed.
        feedback_through: No feedback with a higher id was removed.
        pulses_through: No pulse with a higher id was removed, except by who gave it.
        notes_through: No note with a higher id was removed.
        agreements_through: No agreement with a higher id was removed.
    """

    checkpoint_id: int = 0
    through_sequence: int = 0
    hash: str = FIRST_HASH
    decisions_through: int = 0
    cases_through: int = 0
    submissions_through: int = 0
    assessments_through: int = 0
    feedback_through: int = 0
    pulses_through: int = 0
    notes_through: int = 0
    agreements_through: int = 0


def head_of(connection: Connection) -> AuditHead:
    """Where the trail ends."""
    lines = schema.audit.c
    last = connection.execute(select(lines.sequence, lines.hash).order_by(lines.sequence.desc()).limit(1)).first()
    if last is not None:
        return AuditHead(last.sequence, last.hash)
    checkpoint = checkpoint_of(connection)
    return AuditHead(checkpoint.through_sequence, checkpoint.hash)


def checkpoint_of(connection: Connection) -> Checkpoint:
    """The newest checkpoint."""
    rows = schema.audit_checkpoints.c
    row = connection.execute(
        select(*(rows[field.name] for field in fields(Checkpoint))).order_by(rows.checkpoint_id.desc()).limit(1)
    ).first()
    return Checkpoint() if row is None else Checkpoint(*row)


def entry_of(row: Row[Any]) -> AuditEntry:
    """The line of a row of `audit`."""
    return AuditEntry(**dict(row._mapping) | {"detail": json.loads(row.detail)})
