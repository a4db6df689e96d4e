"""Notes that a session is used: written down beside the request, which does not wait for it."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime

from starlette.concurrency import run_in_threadpool

from spm_ml.predictions import PredictionStore, SessionLimits, StoreUnavailableError
from spm_ml.predictions.session_limits import SessionSpan


class Renewals:
    """Moves the ends of the sessions that are used, one after the other.

    A store that cannot be written to now, as while a batch is published, is written to at a later request.
    """

    def __init__(self, limits: SessionLimits) -> None:
        self._limits = limits
        self._running: asyncio.Task[None] | None = None

    def note(self, store: PredictionStore, session: str, span: SessionSpan) -> None:
        """Takes down that a session is used, if that moves its end by enough and no other is being written."""
        ends_at = self._limits.renewed(span, datetime.now(UTC))
        if ends_at is not None and (self._running is None or self._running.done()):
            self._running = asyncio.create_task(_renew(store, session, ends_at))

    async def close(self) -> None:
        """Waits for what is being written."""
        if self._running is not None:
            await self._running


async def _renew(store: PredictionStore, session: str, ends_at: datetime) -> None:
    with suppress(StoreUnavailableError):
        await run_in_threadpool(store.credentials.renew_session, session, ends_at)
