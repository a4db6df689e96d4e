"""Finds the batch that is meant: the published one, or the newest of a day or a period."""

from dataclasses import fields
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, Select, literal, select

from spm_ml.errors import NotReadyError
from spm_ml.predictions import publishing, schema
from spm_ml.predictions.batch import Batch
from spm_ml.predictions.scope import Scope, Subject

_BATCH_FIELDS: Final = tuple(field.name for field in fields(Batch))

# Built once: every read runs it, and building takes longer than running.
_POINTED: Final = (
    select(schema.batches)
    .join(schema.pointer, schema.pointer.c.batch_id == schema.batches.c.batch_id)
    .where(schema.pointer.c.name == publishing.PUBLISHED)
)


def published(connection: Connection) -> Batch | None:
    """The batch that readers see; None before the first one."""
    return _first(connection, _POINTED)


def required(connection: Connection) -> Batch:
    """The batch that readers see.

    Raises:
        NotReadyError: Nothing is published.
    """
    batch = published(connection)
    if batch is None:
        raise NotReadyError("no forecast is published yet; run 'spm score' in this workspace")
    return batch


def newest(connection: Connection, condition: ColumnElement[bool]) -> Batch | None:
    """The batch published last among those that meet a condition; None if none is kept."""
    batches = schema.batches
    query = select(batches).where(condition, batches.c.published_at.is_not(None))
    return _first(connection, query.order_by(batches.c.published_at.desc()).limit(1))


def last_of_periods(connection: Connection) -> dict[str, Row[Any]]:
    """Row of `batches` of the batch that was published last for each period, by its label."""
    batches = schema.batches
    rows = connection.execute(
        select(batches).where(batches.c.published_at.is_not(None)).order_by(batches.c.published_at)
    )
    return {row.period: row for row in rows}


def has_forecast(connection: Connection, batch: Batch, scope: Scope, subject: Subject, rep_id: str) -> bool:
    """Whether the batch forecasts the rep, and the rep is within the scope's reach of a subject."""
    reps = schema.predictions.c
    found = select(reps.rep_id).where(
        reps.batch_id == batch.batch_id,
        reps.as_of == batch.as_of,
        reps.rep_id == rep_id,
        scope.predicate(subject, literal(rep_id), batch.batch_id),
    )
    return connection.execute(found).first() is not None


def offers_program(connection: Connection, batch: Batch, rep_id: str, program_id: str) -> bool:
    """Whether the batch recommends the program to the rep."""
    offers = schema.recommendations.c
    found = select(offers.rep_id).where(
        offers.batch_id == batch.batch_id, offers.rep_id == rep_id, offers.program_id == program_id
    )
    return connection.execute(found).first() is not None


def batch_from(row: Row[Any]) -> Batch:
    """The batch of a row of `batches`."""
    return Batch(**{name: getattr(row, name) for name in _BATCH_FIELDS})


def _first(connection: Connection, query: Select[Any]) -> Batch | None:
    row = connection.execute(query).first()
    return None if row is None else batch_from(row)
