"""The organisation's own days as an expression: daylight saving without asking the engine for time zones."""

from bisect import bisect_left
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import ibis
import ibis.expr.types as ir

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class LocalDays:
    """Turns UTC timestamps into days of a time zone (H12), alike on every engine.

    Attributes:
        starts: First instant (UTC, naive) from which each offset holds; the first one holds before it as well.
        offsets: Local time minus UTC.
    """

    starts: tuple[datetime, ...]
    offsets: tuple[timedelta, ...]

    @classmethod
    def of(cls, timezone: str, first: datetime, last: datetime) -> "LocalDays":
        """The offsets of a zone from one instant to another (UTC, naive).

        >>> berlin = LocalDays.of("Europe/Berlin", datetime(2026, 1, 1), datetime(2026, 6, 1))
        >>> [start.isoformat() for start in berlin.starts]
        ['2026-01-01T00:00:00', '2026-03-29T01:00:00']
        """
        zone = ZoneInfo(timezone)
        starts, offsets = [first], [_offset(zone, first)]
        noon = first
        while noon < last:
            following = min(noon + timedelta(days=1), last)
            after = _offset(zone, following)
            if after != offsets[-1]:
                starts.append(_change(zone, noon, following))
                offsets.append(after)
            noon = following
        return cls(tuple(starts), tuple(offsets))

    def day(self, instant: ir.TimestampValue) -> ir.DateValue:
        """The local day in which each instant falls."""
        return self._choose(instant, 0, len(self.starts))

    def _choose(self, instant: ir.TimestampValue, low: int, high: int) -> ir.DateValue:
        if high - low == 1:
            offset = int(self.offsets[low].total_seconds())
            return (instant + ibis.interval(seconds=offset) if offset else instant).date()
        middle = (low + high) // 2
        before = self._choose(instant, low, middle)
        return ibis.ifelse(instant < ibis.literal(self.starts[middle]), before, self._choose(instant, middle, high))


def _offset(zone: ZoneInfo, instant: datetime) -> timedelta:
    return instant.replace(tzinfo=UTC).astimezone(zone).utcoffset() or timedelta()


def _change(zone: ZoneInfo, low: datetime, high: datetime) -> datetime:
    """First second after `low` at which the offset is the one at `high`."""
    after = _offset(zone, high)
    seconds = range(int((high - low) / _SECOND) + 1)
    return low + bisect_left(seconds, True, key=lambda ahead: _offset(zone, low + ahead * _SECOND) == after) * _SECOND
