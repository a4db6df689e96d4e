"""The audit for admins: who did what, when, and the command that proves that no line was changed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from serving import formats
from serving.access import on_store, require_reach, store_of
from serving.pages.accounts import account_href, rendered
from serving.pages.frame import PagePrincipal
from serving.pages.queries import Pages
from spm_ml.predictions import AuditEntry

router = APIRouter(include_in_schema=False)

_LONGEST: Final = 200


@dataclass(frozen=True)
class AuditRow:
    """A line in words.

    Attributes:
        href: The account that the line is about; None: it is about something else.
        detail: What else it says.
    """

    sequence: int
    when: str
    who: str
    what: str
    whom: str
    href: str | None
    detail: str


@dataclass(frozen=True)
class AuditPage:
    """A page of the audit.

    Attributes:
        head: Where the trail ends, as `spm audit verify` takes it.
    """

    rows: tuple[AuditRow, ...]
    pages: Pages
    head: str
    timezone: str


class AuditPageQuery(BaseModel):
    """Which page."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    page: int = Field(default=1, ge=1, le=10_000_000)


@router.get("/audit")
async def audit(request: Request, principal: PagePrincipal, query: Annotated[AuditPageQuery, Query()]) -> Response:
    """The audit, the newest line first."""
    require_reach(principal, "access")
    store, size = store_of(request), request.app.state.settings.page_size
    offset = (query.page - 1) * size

    def read() -> Response:
        entries, total, head = store.audit.page(limit=size, offset=offset)
        labels = {one.account_id: one.label for one in store.accounts.every()}
        batch = store.published_batch()
        timezone = batch.timezone if batch else "UTC"
        last = min(offset + size, total)
        page = AuditPage(
            rows=tuple(_row(entry, labels, timezone) for entry in entries),
            pages=Pages(
                first=min(offset + 1, total),
                last=last,
                total=total,
                previous=f"/audit?page={query.page - 1}" if query.page > 1 else None,
                next=f"/audit?page={query.page + 1}" if last < total else None,
            ),
            head=str(head),
            timezone=timezone,
        )
        return rendered(request, "audit.html", page, "Audit", principal, batch, status=200)

    return await on_store(store, read)


def _row(entry: AuditEntry, labels: dict[str, str], timezone: str) -> AuditRow:
    account = labels.get(entry.subject)
    return AuditRow(
        sequence=entry.sequence,
        when=formats.moment(entry.at, timezone),
        who=entry.actor,
        what=entry.action,
        whom=account or entry.subject,
        href=None if account is None else account_href(entry.subject),
        detail=_detail(entry.detail, labels),
    )


def _detail(detail: dict[str, Any], labels: dict[str, str]) -> str:
    """The plain values of a line's detail; what vouches for a row is for the command that verifies."""
    plain = {name: value for name, value in detail.items() if isinstance(value, str | int | float) and value != ""}
    text = "; ".join(f"{name.replace('_', ' ')}: {_value(name, value, labels)}" for name, value in plain.items())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _value(name: str, value: str | float, labels: dict[str, str]) -> str:
    if name.endswith("_at"):
        return formats.day(datetime.fromisoformat(str(value)).date())
    if isinstance(value, str):
        return labels.get(value, formats.stored(value))
    return formats.whole(value) if isinstance(value, int) else formats.decimal(value, 2)
