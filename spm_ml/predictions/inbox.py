"""The inbox: what other systems send is kept here before they are told so, until it is in the tables.

Whoever ingests reads what waits, writes the tables, and then settles. A process that is killed in between finds the
same events waiting and ingests them again, which changes nothing; so nothing is lost and nothing counts twice.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import Connection, Engine, Row, bindparam, delete, func, select, update

from spm_ml.errors import DataError
from spm_ml.predictions import schema
from spm_ml.predictions.audit import record
from spm_ml.predictions.engine import reading, writing

EventState = Literal["waiting", "ingested", "superseded", "quarantined"]
"""`superseded`: a newer row of the same key was there already."""

REMEMBERED: Final = timedelta(days=90)
"""How long an event's id is known after it was settled; then it counts as new."""

_AT_ONCE: Final = 500
_events, _receipts = schema.events.c, schema.receipts.c


class EventReusedError(DataError):
    """Events of a request have ids that came with another content before.

    Attributes:
        places: Which of them.
    """

    def __init__(self, places: tuple[int, ...]) -> None:
        super().__init__("an event id was used before for something else: give each event an id of its own")
        self.places = places


@dataclass(frozen=True)
class Arrival:
    """One row of a table, as a source sends it.

    Attributes:
        event_id: The source's own name of the event.
        table: A table of the data contract.
        recorded_at: When the source knew it.
        record: Cells by column, as text; what is missing is empty.
        row_key: Names the row, so that the newest of several counts; None in ledgers, where every event counts.
    """

    event_id: str
    table: str
    recorded_at: datetime
    record: Mapping[str, str]
    row_key: str | None

    @property
    def content_hash(self) -> str:
        """SHA-256 of everything that it says."""
        moment = self.recorded_at.astimezone(UTC).isoformat(timespec="microseconds")
        return _digest([self.table, moment, sorted(self.record.items())])


@dataclass(frozen=True)
class WaitingEvent:
    """An event that is not in the tables yet.

    Attributes:
        event_number: In the order of arrival.
        source: Who sent it.
        finding: Why it still waits; None where it has not been looked at.
    """

    event_number: int
    source: str
    event_id: str
    table: str
    row_key: str | None
    recorded_at: datetime
    received_at: datetime
    record: dict[str, str]
    finding: str | None


@dataclass(frozen=True)
class Settled:
    """What became of an event; `waiting` leaves it in the inbox and says why.

    Attributes:
        version: Of the tables, from which on it is in them.
        finding: What is wrong with it, if anything.
    """

    event_number: int
    state: EventState
    version: int | None = None
    finding: str | None = None


@dataclass(frozen=True)
class EventStatus:
    """What became of an event, for who sent it."""

    event_id: str
    state: EventState
    version: int | None
    finding: str | None


class Inbox:
    """Takes events, hands out what waits, and remembers what became of them."""

    def __init__(self, engine: Engine | Connection) -> None:
        self._engine = engine

    def take(self, source: str, arrivals: Sequence[Arrival]) -> str:
        """Keeps events, all of one request in one transaction; gives the receipt.

        Events that were taken before change nothing. The same events of a source have the same receipt.

        Raises:
            EventReusedError: Some ids came with another content before; nothing is kept.
        """
        content = {one.event_id: one.content_hash for one in arrivals}
        if reused := tuple(at for at, one in enumerate(arrivals) if content[one.event_id] != one.content_hash):
            raise EventReusedError(reused)
        receipt_id = _digest([source, sorted(content.items())])[:32]
        now = datetime.now(UTC)
        with writing(self._engine) as connection:
            known = _hashes(connection, source, content)
            places = (
                at for at, one in enumerate(arrivals) if known.get(one.event_id, one.content_hash) != one.content_hash
            )
            if reused := tuple(places):
                raise EventReusedError(reused)
            new = list({one.event_id: one for one in arrivals if one.event_id not in known}.values())
            receipt = connection.execute(select(_receipts.receipt_id).where(_receipts.receipt_id == receipt_id)).first()
            if receipt is None:
                names = json.dumps(list(content))
                values = {"receipt_id": receipt_id, "source": source, "received_at": now, "event_ids": names}
                connection.execute(schema.receipts.insert().values(values))
            if new:
                connection.execute(schema.events.insert(), [_row(source, one, now) for one in new])
                detail = {"events": len(new), "repeated": len(arrivals) - len(new)}
                record(connection, actor=source, action="events received", subject=receipt_id, detail=detail)
        return receipt_id

    def refuse(self, peer: str) -> None:
        """Puts on record that somebody sent events without a valid signature."""
        with writing(self._engine) as connection:
            record(connection, actor="unknown", action="events refused", subject=peer or "unknown")

    def receipt(self, source: str, receipt_id: str) -> tuple[EventStatus, ...] | None:
        """What became of the events of a receipt; None where the source has no such receipt."""
        with reading(self._engine) as connection:
            names = connection.execute(
                select(_receipts.event_ids).where(_receipts.receipt_id == receipt_id, _receipts.source == source)
            ).scalar()
            if names is None:
                return None
            event_ids: list[str] = json.loads(names)
            found = {
                row.event_id: EventStatus(*row)
                for some in _parts(event_ids)
                for row in connection.execute(
                    select(_events.event_id, _events.state, _events.version, _events.finding).where(
                        _events.source == source, _events.event_id.in_(some)
                    )
                )
            }
        return tuple(found[event_id] for event_id in event_ids if event_id in found)

    def waiting(self, limit: int, *, held: bool = False) -> tuple[WaitingEvent, ...]:
        """Events that are not in the tables yet, by the time their sources knew them, then by arrival.

        Args:
            limit: At most so many.
            held: Those that were looked at and wait for something, in place of those that are new.
        """
        looked_at = _events.finding.is_not(None) if held else _events.finding.is_(None)
        with reading(self._engine) as connection:
            rows = connection.execute(
                select(schema.events)
                .where(_events.state == "waiting", looked_at)
                .order_by(_events.recorded_at, _events.event_number)
                .limit(limit)
            )
            return tuple(_waiting(row) for row in rows)

    def count_waiting(self) -> int:
        """How many events wait."""
        with reading(self._engine) as connection:
            return connection.execute(
                select(func.count()).select_from(schema.events).where(_events.state == "waiting")
            ).scalar_one()

    def newest(self, row_keys: Collection[str]) -> dict[str, datetime]:
        """When the newest event of each row that is in the tables was recorded; rows without one are missing."""
        found: dict[str, datetime] = {}
        with reading(self._engine) as connection:
            for some in _parts(sorted(row_keys)):
                newest = func.max(_events.recorded_at, type_=schema.UtcDateTime()).label("newest")
                rows = connection.execute(
                    select(_events.row_key, newest)
                    .where(_events.row_key.in_(some), _events.state == "ingested")
                    .group_by(_events.row_key)
                )
                found |= {row.row_key: row.newest for row in rows}
        return found

    def settle(self, settled: Iterable[Settled], *, actor: str = "ingest", now: datetime | None = None) -> None:
        """Says what became of events, and forgets what was settled long ago.

        Of what is settled only the id, the hash and the row's name stay: the rest is in the tables or in quarantine.
        """
        now = now or datetime.now(UTC)
        every = list(settled)
        done = [one for one in every if one.state != "waiting"]
        held = [one for one in every if one.state == "waiting"]
        target = update(schema.events).where(_events.event_number == bindparam("number"))
        with writing(self._engine) as connection:
            if done:
                connection.execute(
                    target.values(
                        state=bindparam("to"),
                        version=bindparam("at"),
                        finding=bindparam("said"),
                        record=None,
                        settled_at=now,
                    ),
                    [{"number": x.event_number, "to": x.state, "at": x.version, "said": x.finding} for x in done],
                )
                states = [one.state for one in done]
                detail: dict[str, Any] = {state: states.count(state) for state in sorted(set(states))}
                versions = sorted({one.version for one in done if one.version is not None})
                record(
                    connection,
                    actor=actor,
                    action="events settled",
                    subject=f"version {versions[-1]}" if versions else "no version",
                    detail=detail,
                )
            if held:
                said = [{"number": one.event_number, "said": one.finding} for one in held]
                connection.execute(target.values(finding=bindparam("said")), said)
            connection.execute(delete(schema.events).where(_events.settled_at < now - REMEMBERED))
            connection.execute(delete(schema.receipts).where(_receipts.received_at < now - REMEMBERED))


def _hashes(connection: Connection, source: str, event_ids: Iterable[str]) -> dict[str, str]:
    """The content of events that were taken before, by id."""
    return {
        row.event_id: row.content_hash
        for some in _parts(list(event_ids))
        for row in connection.execute(
            select(_events.event_id, _events.content_hash).where(_events.source == source, _events.event_id.in_(some))
        )
    }


def _row(source: str, arrival: Arrival, now: datetime) -> dict[str, object]:
    return {
        "source": source,
        "event_id": arrival.event_id,
        "content_hash": arrival.content_hash,
        "table_name": arrival.table,
        "row_key": arrival.row_key,
        "recorded_at": arrival.recorded_at,
        "received_at": now,
        "record": json.dumps(dict(arrival.record), ensure_ascii=False),
        "state": "waiting",
    }


def _waiting(row: Row[Any]) -> WaitingEvent:
    return WaitingEvent(
        row.event_number,
        row.source,
        row.event_id,
        row.table_name,
        row.row_key,
        row.recorded_at,
        row.received_at,
        json.loads(row.record),
        row.finding,
    )


def _parts(names: Sequence[str]) -> Iterable[Sequence[str]]:
    return (names[first : first + _AT_ONCE] for first in range(0, len(names), _AT_ONCE))


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode("utf-8")).hexdigest()
