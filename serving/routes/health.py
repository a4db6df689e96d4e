"""Whether the service lives, and whether what it serves is there and fresh. Open to everybody, names nobody."""

from datetime import UTC, date, datetime
from typing import Literal

from fastapi import APIRouter, Request, Response

from serving.access import on_store, store_of
from serving.routes.answers import Model
from serving.settings import ServingSettings
from spm_ml.predictions import PredictionStore, StoreUnavailableError

router = APIRouter(prefix="/health", tags=["health"])


class Alive(Model):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Readiness(Model):
    """Whether a fresh batch is served, and if not why."""

    status: Literal["ready", "not ready"]
    reason: Literal["store_unavailable", "store_revision", "no_batch", "stale_batch"] | None = None
    why: str | None = None
    watermark: date | None = None
    scored_at: datetime | None = None


@router.get("/live")
async def live() -> Alive:
    """Whether the process answers."""
    return Alive()


@router.get("/ready", responses={503: {"model": Readiness, "description": "Not ready, and why."}})
async def ready(request: Request, response: Response) -> Readiness:
    """Whether a batch is published and fresh enough."""
    store = store_of(request)
    found = await on_store(store, lambda: readiness(store, request.app.state.settings))
    if found.status != "ready":
        response.status_code = 503
    return found


def readiness(store: PredictionStore, settings: ServingSettings) -> Readiness:
    """Looks at the published batch."""
    try:
        current = store.is_current()
        batch = store.published_batch() if current else None
    except StoreUnavailableError:
        return Readiness(status="not ready", reason="store_unavailable", why="the prediction store does not answer")
    if not current:
        why = "another version of spm-ml changed the store's tables; start the service of that version"
        return Readiness(status="not ready", reason="store_revision", why=why)
    if batch is None:
        return Readiness(status="not ready", reason="no_batch", why="no batch is published; run 'spm score'")
    stale = settings.stale_after is not None and datetime.now(UTC) - batch.created_at > settings.stale_after
    why = f"the published batch is older than {settings.stale_after_days} days; run 'spm score'"
    return Readiness(
        status="not ready" if stale else "ready",
        reason="stale_batch" if stale else None,
        why=why if stale else None,
        watermark=batch.watermark,
        scored_at=batch.created_at,
    )
