"""How often one may ask: limits for each account, and for each peer that fails to show who it is.

The generic cell rate algorithm (ITU-T I.371, annex A): one number for each account and kind, the moment at which its
allowance is whole again. A whole minute's allowance may be spent at once; then it comes back evenly. Counted in this
process: with several workers each has its own count.
"""

import math
import time
from collections import OrderedDict
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

Kind = Literal["reads", "writes", "models", "logins", "refusals", "events"]

_MINUTE: Final = 60.0
_MOST_KEPT: Final = 50_000
"""Accounts and peers that are remembered; of more, those seen longest ago are forgotten."""

_MODELS: Final = ("/v1/what-if", "/what-if", "/v1/plans")
_SLOW: Final = ("/v1/exports/", "/exports/", "/planner/preview")


class RateLimits(BaseModel):
    """How often one may ask.

    Attributes:
        enabled: Whether there are limits at all.
        reads_per_minute: For each account.
        writes_per_minute: For each account.
        what_if_per_minute: What-if questions, plans and exports, for each account: they take long.
        logins_per_minute: Logins that fail, for each address they come from.
        refusals_per_minute: Requests without valid access, for each address they come from.
        events_per_minute: Requests with events, and questions what became of them, for each source.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = True
    reads_per_minute: int = Field(default=600, ge=1)
    writes_per_minute: int = Field(default=60, ge=1)
    what_if_per_minute: int = Field(default=30, ge=1)
    logins_per_minute: int = Field(default=10, ge=1)
    refusals_per_minute: int = Field(default=120, ge=1)
    events_per_minute: int = Field(default=600, ge=1)


class Limiter:
    """Counts, and says how long to wait."""

    def __init__(self, limits: RateLimits) -> None:
        self._enabled = limits.enabled
        allowed: dict[Kind, int] = {
            "reads": limits.reads_per_minute,
            "writes": limits.writes_per_minute,
            "models": limits.what_if_per_minute,
            "logins": limits.logins_per_minute,
            "refusals": limits.refusals_per_minute,
            "events": limits.events_per_minute,
        }
        self._apart = {kind: _MINUTE / number for kind, number in allowed.items()}
        self._whole_at: OrderedDict[tuple[Kind, str], float] = OrderedDict()

    def wait(self, kind: Kind, who: str, *, count: bool = True) -> int:
        """Seconds to wait before asking again; 0: go on.

        Args:
            kind: What is asked for.
            who: Account, or address of the peer.
            count: Whether this request counts; one that has to wait never does.
        """
        if not self._enabled:
            return 0
        now, apart, key = time.monotonic(), self._apart[kind], (kind, who)
        whole_at = max(now, self._whole_at.get(key, now))
        too_early = whole_at + apart - now - _MINUTE
        if too_early > 1e-6:
            return max(1, math.ceil(too_early))
        if count:
            self._whole_at[key] = whole_at + apart
            self._whole_at.move_to_end(key)
            if len(self._whole_at) > _MOST_KEPT:
                self._whole_at.popitem(last=False)
        return 0


def kind_of(method: str, path: str) -> Kind:
    """What a request of a known account is counted as."""
    if method in ("GET", "HEAD"):
        return "models" if path.startswith(_SLOW) else "reads"
    return "models" if path.startswith(_MODELS) else "writes"
