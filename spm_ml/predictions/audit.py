"""The append-only trail: who did what to whom, when, and what they had seen."""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Connection, select

from spm_ml.predictions import schema
from spm_ml.predictions.batch import Batch


@dataclass(frozen=True)
class AuditEntry:
    """One line of the trail.

    Attributes:
        actor: Who: a person as the access token names them, or a program.
        action: What, for example `published` or `recommendation accepted`.
        subject: To whom or what.
        detail: What else, as written.
    """

    sequence: int
    at: datetime
    actor: str
    action: str
    subject: str
    batch_id: str | None
    model_version: str | None
    watermark: date | None
    detail: dict[str, Any]


def record(
    connection: Connection,
    *,
    actor: str,
    action: str,
    subject: str,
    batch: Batch | None = None,
    detail: dict[str, Any] | None = None,
) -> None:
    """Appends a line in the transaction of what it tells about."""
    connection.execute(
        schema.audit.insert().values(
            at=datetime.now(UTC),
            actor=actor,
            action=action,
            subject=subject,
            batch_id=batch and batch.batch_id,
            model_version=batch and batch.model_version,
            watermark=batch and batch.watermark,
            detail=json.dumps(detail or {}, ensure_ascii=False),
        )
    )


def trail(connection: Connection) -> tuple[AuditEntry, ...]:
    """Every line, oldest first."""
    rows = connection.execute(select(schema.audit).order_by(schema.audit.c.sequence))
    return tuple(AuditEntry(**dict(row._mapping) | {"detail": json.loads(row.detail)}) for row in rows)
