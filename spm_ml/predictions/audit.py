"""The append-only trail: who did what to whom, when, and what they had seen.

Each line holds the hash of the line before it, so that nothing before a known line can be changed unseen (a hash chain,
as in Haber and Stornetta 1991).
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

from sqlalchemy import Connection, select

from spm_ml.predictions import schema
from spm_ml.predictions.batch import Batch

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


def _text(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return value.isoformat() if isinstance(value, date) else value


_checkpoints = schema.audit_checkpoints.c
_CHECKPOINT: Final = (
    select(_checkpoints.through_sequence.label("sequence"), _checkpoints.hash)
    .order_by(_checkpoints.checkpoint_id.desc())
    .limit(1)
)


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
    lines = schema.audit.c
    last = (
        connection.execute(select(lines.sequence, lines.hash).order_by(lines.sequence.desc()).limit(1)).first()
        or connection.execute(_CHECKPOINT).first()
    )
    line: dict[str, Any] = {
        "sequence": 1 if last is None else last.sequence + 1,
        "at": datetime.now(UTC),
        "account_id": account_id,
        "actor": actor,
        "action": action,
        "subject": subject,
        "batch_id": batch and batch.batch_id,
        "model_version": batch and batch.model_version,
        "watermark": batch and batch.watermark,
        "detail": json.dumps(detail or {}, ensure_ascii=False),
        "previous_hash": FIRST_HASH if last is None else last.hash,
    }
    connection.execute(schema.audit.insert().values(**line, hash=chained(line)))


def trail(connection: Connection) -> tuple[AuditEntry, ...]:
    """Every line, oldest first."""
    rows = connection.execute(select(schema.audit).order_by(schema.audit.c.sequence))
    return tuple(AuditEntry(**dict(row._mapping) | {"detail": json.loads(row.detail)}) for row in rows)
