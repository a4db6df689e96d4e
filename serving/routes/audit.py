"""The audit, for admins: who did what, when, and what was published then."""

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field

from serving.access import on_store, reaching, store_of
from serving.problem import documented
from serving.routes.answers import Model
from spm_ml.predictions import AuditEntry

router = APIRouter(prefix="/v1/audit", tags=["access"])


class AuditQuery(Model):
    """Which lines."""

    limit: int = Field(default=50, ge=1, le=200)
    offset: int = Field(default=0, ge=0, le=1_000_000_000)


class AuditHeadOut(Model):
    """Where the trail ends. Remember it: `spm audit verify --head HASH@SEQUENCE` tells whether it still stands."""

    sequence: int
    hash: str


class AuditLine(Model):
    """One line."""

    sequence: int
    at: datetime
    account_id: str | None = Field(description="Null: a program.")
    actor: str
    action: str
    subject: str
    batch_id: str | None
    model_version: str | None
    watermark: date | None
    detail: dict[str, Any]
    previous_hash: str
    hash: str

    @classmethod
    def of(cls, entry: AuditEntry) -> "AuditLine":
        """The same for the API."""
        return cls(**vars(entry))


class AuditPage(Model):
    """A page of the audit, the newest line first."""

    head: AuditHeadOut
    total: int
    limit: int
    offset: int
    items: tuple[AuditLine, ...]


@router.get("", dependencies=[Depends(reaching("access"))], responses=documented(401, 403, 422))
async def list_audit(request: Request, query: Annotated[AuditQuery, Query()]) -> AuditPage:
    """List the audit, the newest line first."""
    trail = store_of(request).audit

    def build() -> AuditPage:
        entries, total, head = trail.page(limit=query.limit, offset=query.offset)
        return AuditPage(
            head=AuditHeadOut(sequence=head.sequence, hash=head.hash),
            total=total,
            limit=query.limit,
            offset=query.offset,
            items=tuple(AuditLine.of(entry) for entry in entries),
        )

    return await on_store(store_of(request), build)
