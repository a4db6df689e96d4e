"""What managers note about their people. Who is written about reads it, so it is written to be read.

A note is never changed: who was wrong writes another, and the person contests it like any other data. It changes no
number and leaves the store only at the hand of its operator, for the person it is about.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, Literal, get_args

from sqlalchemy import ColumnElement, Connection, Engine

from spm_ml.predictions import lookup, schema, threads
from spm_ml.predictions.audit import append, record_act
from spm_ml.predictions.engine import reading, writing
from spm_ml.predictions.principal import Principal

NoteTopic = Literal["strength", "progress", "obstacle", "support", "other"]

TOPICS: Final[tuple[NoteTopic, ...]] = get_args(NoteTopic)

OLDEST: Final = timedelta(days=366)
"""How long ago the day may be that a note is about."""

_rows, _people = schema.notes.c, schema.people.c
_COLUMNS: Final = (
    *(_rows[name] for name in ("note_id", "at", "about_on", "batch_id", "period", "rep_id")),
    threads.NAME,
    *(_rows[name] for name in ("topic", "text", "written_by")),
)


class NoteDayError(ValueError):
    """The day that a note is about is yet to come, or too long ago."""


@dataclass(frozen=True)
class Note:
    """One note.

    Attributes:
        about_on: The day it is about.
        batch_id: The batch that was published when it was written.
        name: Of whom it is about; None if the person is no longer in the organisation.
        written_by: Who, as the account names them.
    """

    note_id: int
    at: datetime
    about_on: date
    batch_id: str
    period: str
    rep_id: str
    name: str | None
    topic: NoteTopic
    text: str
    written_by: str


class Notes:
    """Takes notes, each in one transaction with its line of the audit."""

    def __init__(self, engine: Engine | Connection) -> None:
        self._engine = engine

    def write(
        self,
        principal: Principal,
        rep_id: str,
        topic: NoteTopic,
        text: str,
        *,
        about_on: date | None = None,
        today: date | None = None,
    ) -> Note | None:
        """Notes something about a rep; None if there is no such rep whom the principal may write about.

        Args:
            principal: Who writes.
            rep_id: About whom.
            topic: Of what.
            text: In their words.
            about_on: The day it is about; default: today.
            today: The day on which it is written; default: the batch's own day.

        Raises:
            NotReadyError: Nothing is published.
            NoteDayError: The day is after today, or more than a year ago.
            ValueError: Without words.
        """
        if not text.strip():
            raise ValueError("a note needs words")
        with writing(self._engine) as connection:
            batch = lookup.required(connection)
            if not lookup.has_forecast(connection, batch, principal.scope, "write_note", rep_id):
                return None
            now = today or batch.as_of
            day = about_on or now
            if not now - OLDEST <= day <= now:
                raise NoteDayError(f"a note is about a day of the year up to {now}, not about {day}")
            row: dict[str, Any] = {
                "at": datetime.now(UTC),
                "about_on": day,
                "batch_id": batch.batch_id,
                "period": batch.period,
                "rep_id": rep_id,
                "topic": topic,
                "text": text.strip(),
                "account_id": principal.account_id,
                "written_by": principal.label,
            }
            note_id, named = append(connection, "notes", row)
            record_act(connection, principal, "note written", rep_id, {"topic": topic} | named, batch=batch)
            (written,) = find_notes(connection, batch.batch_id, _rows.note_id == note_id, limit=1)
            return written

    def about(self, rep_id: str) -> tuple[Note, ...]:
        """Everything noted about one person, the latest first: for the operator, when that person asks for it."""
        with reading(self._engine) as connection:
            batch = lookup.required(connection)
            every = count_notes(connection, _rows.rep_id == rep_id)
            return find_notes(connection, batch.batch_id, _rows.rep_id == rep_id, limit=every)


def find_notes(
    connection: Connection, tree_batch_id: str, *conditions: ColumnElement[bool], limit: int, offset: int = 0
) -> tuple[Note, ...]:
    """Notes that meet every condition, the latest first; one of them must be the scope's."""
    rows = threads.find(
        connection,
        schema.notes,
        _COLUMNS,
        conditions,
        tree_batch_id=tree_batch_id,
        order=(_rows.note_id.desc(),),
        limit=limit,
        offset=offset,
    )
    return tuple(Note(**dict(row._mapping)) for row in rows)


def count_notes(connection: Connection, *conditions: ColumnElement[bool]) -> int:
    """How many notes meet every condition; one of them must be the scope's."""
    return threads.count(connection, schema.notes, conditions)
