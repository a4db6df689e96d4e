"""How long a browser session lasts: so long at most, and so long after it was last used."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

SESSION_LENGTH: Final = timedelta(hours=12)

_RENEWALS: Final = 12
"""A session that is used all the time is written to so often within its idle time: reading a page is no write."""


@dataclass(frozen=True)
class SessionSpan:
    """When a session was opened, and when it ends unless it is used before (UTC)."""

    opened_at: datetime
    ends_at: datetime


@dataclass(frozen=True)
class SessionLimits:
    """When a session ends by itself.

    Attributes:
        length: After it was opened, used or not.
        idle: After it was last used.
    """

    length: timedelta = SESSION_LENGTH
    idle: timedelta = SESSION_LENGTH

    def end(self, opened_at: datetime, used_at: datetime) -> datetime:
        """When a session ends that was last used at a moment."""
        return min(opened_at + self.length, used_at + self.idle)

    def renewed(self, span: SessionSpan, now: datetime) -> datetime | None:
        """When a session ends that is used now; None if that is not worth writing down yet."""
        end = self.end(span.opened_at, now)
        return end if end - span.ends_at >= self.idle / _RENEWALS else None
