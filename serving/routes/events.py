"""Fresh data by webhook: other systems send rows of the data contract as signed events, and ask what became of them."""

import time
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header, Request
from pydantic import ConfigDict, Field, StringConstraints
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from serving.access import count_refusal, limiter_of, on_store, peer_of, store_of
from serving.arrivals import RefusedEventError, arrival_of
from serving.problem import BrokenRule, NotYoursError, RefusedError, TooManyError, documented
from serving.routes.answers import PRINTABLE, Identifier, IdentifierInPath, Model
from spm_ml.predictions import Arrival, EventReusedError, EventState

router = APIRouter(prefix="/v1/events", tags=["events"])

MOST_EVENTS: Final = 500
"""Of one request."""

_SIGNED: Final = (
    "As Standard Webhooks say: HMAC-SHA256 over `webhook-id`, `webhook-timestamp` and the body, in `webhook-signature`."
)

_REUSED: Final = "An event id came with another content before; nothing was taken. Give each event an id of its own."

Text = Annotated[str, StringConstraints(max_length=2_000, pattern=PRINTABLE)]


class EventIn(Model):
    """One row of a table."""

    model_config = ConfigDict(strict=True)

    event_id: Identifier = Field(description="Your own name of the event; the same one again changes nothing.")
    table: Identifier = Field(description="A table of the data contract.")
    recorded_at: Annotated[str, StringConstraints(max_length=40, pattern=PRINTABLE)] = Field(
        description="When your system knew it, ISO 8601; without a time zone: UTC."
    )
    record: dict[Identifier, Text | int | float | bool | None] = Field(
        max_length=40, description="The whole row, by the contract's columns, without `recorded_at`."
    )


class EventsIn(Model):
    """Rows in any order, of any tables."""

    model_config = ConfigDict(strict=True)

    events: list[EventIn] = Field(min_length=1, max_length=MOST_EVENTS)


class EventTaken(Model):
    """Whether an event was taken, and what it breaks if not."""

    event_id: str
    taken: bool
    broken: BrokenRule | None = None


class EventsReply(Model):
    """What was taken; `receipt_id` asks later what became of it. Null: nothing was."""

    receipt_id: str | None
    taken: int
    refused: int
    events: tuple[EventTaken, ...]


class EventOut(Model):
    """What became of an event."""

    event_id: str
    state: EventState = Field(
        description="`waiting`: for the next ingest, or for what `finding` names. `ingested`: in the tables from "
        "`version` on. `superseded`: a newer row of the same key counts. `quarantined`: it breaks what `finding` says."
    )
    version: int | None
    finding: str | None


class ReceiptOut(Model):
    """What became of the events of a request, in their order."""

    receipt_id: str
    waiting: int
    events: tuple[EventOut, ...]


async def signing_source(
    request: Request,
    _id: Annotated[str | None, Header(alias="webhook-id", description=_SIGNED)] = None,
    _moment: Annotated[str | None, Header(alias="webhook-timestamp", description="Seconds since 1970.")] = None,
    _signature: Annotated[str | None, Header(alias="webhook-signature", description="`v1,` and base64.")] = None,
) -> str:
    """The source that signed the request.

    Raises:
        HTTPException: 401, no source did, or not now.
        TooManyError: 429.
    """
    events = request.app.state.settings.events
    source: str | None = events.signer(request.headers, await request.body(), now=time.time())
    if source is None:
        count_refusal(request)
        if events.sources:
            await run_in_threadpool(store_of(request).inbox.refuse, peer_of(request))
        raise HTTPException(401, headers={"WWW-Authenticate": "Webhook-Signature"})
    if wait := limiter_of(request).wait("events", source):
        raise TooManyError(wait)
    return source


SigningSource = Annotated[str, Depends(signing_source)]


@router.post("", status_code=202, responses=documented(400, 401, 408, 409, 413, 422, 503))
async def send(request: Request, source: SigningSource, body: EventsIn) -> EventsReply:
    """Send events. They are kept before you are answered, and are in the tables some seconds later.

    Each is taken or refused by itself. Repeating events changes nothing; an id that came with another content before
    is a conflict, and then nothing of the request is taken.
    """
    now = datetime.now(UTC)
    arrivals: list[tuple[int, Arrival]] = []
    said: list[EventTaken] = []
    for place, event in enumerate(body.events):
        try:
            arrival = arrival_of(event.event_id, event.table, event.recorded_at, event.record, now=now)
        except RefusedEventError as error:
            broken = BrokenRule(where=error.where, rule=error.rule)
            said.append(EventTaken(event_id=event.event_id, taken=False, broken=broken))
        else:
            arrivals.append((place, arrival))
            said.append(EventTaken(event_id=event.event_id, taken=True))
    receipt_id = None
    if arrivals:
        take = partial(store_of(request).inbox.take, source, [arrival for _, arrival in arrivals])
        try:
            receipt_id = await run_in_threadpool(take)
        except EventReusedError as error:
            first = arrivals[error.places[0]][0]
            raise RefusedError(409, f"events.{first}.event_id", "used_before", _REUSED) from error
    refused = len(said) - len(arrivals)
    return EventsReply(receipt_id=receipt_id, taken=len(arrivals), refused=refused, events=tuple(said))


@router.get("/{receipt_id}", responses=documented(401, 404, 422, 503))
async def receipt(request: Request, source: SigningSource, receipt_id: IdentifierInPath) -> ReceiptOut:
    """What became of the events of a request of yours; signed like one, over an empty body."""
    store = store_of(request)
    found = await on_store(store, lambda: store.inbox.receipt(source, receipt_id))
    if found is None:
        raise NotYoursError
    events = tuple(EventOut(**vars(one)) for one in found)
    return ReceiptOut(receipt_id=receipt_id, waiting=sum(one.state == "waiting" for one in events), events=events)
