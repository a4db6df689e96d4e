"""Periods that can be read: each by its last published batch."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from spm_ml.errors import DataError
from spm_ml.predictions import lookup, schema
from spm_ml.predictions.batch import Batch


class UnknownPeriodError(DataError):
    """No batch of that period is kept."""


@dataclass(frozen=True)
class StoredPeriod:
    """A period whose last published batch is kept."""

    batch: Batch
    published_at: datetime
    current: bool


def stored_periods(connection: Connection) -> tuple[StoredPeriod, ...]:
    """The published one first, then the latest as-of day."""
    current, last = lookup.published(connection), lookup.last_of_periods(connection)
    stored = (
        StoredPeriod(lookup.batch_from(row), row.published_at, current is not None and row.batch_id == current.batch_id)
        for row in last.values()
    )
    return tuple(sorted(stored, key=lambda one: (one.current, one.batch.as_of), reverse=True))


def batch_of(connection: Connection, period: str | None) -> tuple[Batch, Batch]:
    """The last batch of a period, None: the published one; and the published one, whose people form the tree.

    Raises:
        NotReadyError: Nothing is published.
        UnknownPeriodError: Nothing is published for that period.
    """
    current = lookup.required(connection)
    if period is None or period == current.period:
        return current, current
    earlier = lookup.newest(connection, schema.batches.c.period == period)
    if earlier is None:
        raise UnknownPeriodError(f"nothing is published for period {period!r}; see the periods that are")
    return earlier, current
