"""Systems that send events: signed requests, and small histories in the order of the moment that their source knew."""

import hmac
import json
import time
from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

import httpx

from serving.arrivals import arrival_of
from spm_ml.predictions import Arrival

SECRET, NEXT_SECRET = "crm secret of twenty-four", "the next secret of the crm"
OTHER_SECRET = "the secret of another one"
EVENTS: dict[str, Any] = {
    "sources": {
        "crm": {"secret": NEXT_SECRET, "previous_secret": SECRET},
        "calls": {"secret": "whsec_" + b64encode(OTHER_SECRET.encode()).decode()},
    }
}


def signed(body: bytes, *, secret: str = SECRET, at: float | None = None, name: str = "msg-1") -> dict[str, str]:
    """The headers of a request that a source signs."""
    moment = str(int(time.time() if at is None else at))
    digest = hmac.digest(secret.encode(), f"{name}.{moment}.".encode() + body, "sha256")
    signature = f"v1,{b64encode(digest).decode()}"
    return {"webhook-id": name, "webhook-timestamp": moment, "webhook-signature": signature}


def send(client: httpx.Client, *events: dict[str, Any], **how: Any) -> httpx.Response:
    """Sends events as a source does."""
    body = json.dumps({"events": events}).encode()
    return client.post("/v1/events", content=body, headers={"Content-Type": "application/json", **signed(body, **how)})


def ask(client: httpx.Client, receipt_id: str, **how: Any) -> httpx.Response:
    """Asks what became of them."""
    return client.get(f"/v1/events/{receipt_id}", headers=signed(b"", **how))


def event(event_id: str, table: str, recorded_at: str, **record: Any) -> dict[str, Any]:
    """One event as it is sent."""
    return {"event_id": event_id, "table": table, "recorded_at": recorded_at, "record": record}


def arrival(event_id: str, table: str, recorded_at: str, **record: Any) -> Arrival:
    """One event as it is kept."""
    return arrival_of(event_id, table, recorded_at, record, now=datetime.now(UTC))
