"""Every row of a batch of the past, whoever may see it: what a replay is compared with."""

from sqlalchemy import Connection, Table, select

from spm_ml.errors import DataError
from spm_ml.predictions import schema
from spm_ml.predictions.batch import Batch, ModelCard, Person
from spm_ml.predictions.encoding import Row, decode
from spm_ml.predictions.evidence_sections import read_sections
from spm_ml.predictions.publishing import BatchContent
from spm_ml.predictions.rows import Prediction, Recommendation, TeamPrediction


def content_of(connection: Connection, batch: Batch) -> BatchContent:
    """Reads a batch whole, in the order of its keys.

    Raises:
        DataError: The batch is not kept.
    """
    cards = _rows(connection, schema.model_cards, ModelCard, batch)
    if not cards:
        raise DataError(f"batch {batch.batch_id} of {batch.as_of} is no longer kept; the audit says what it rested on")
    people = schema.people.c
    found = connection.execute(
        select(people.rep_id, people.name, people.manager_id, people.role)
        .where(people.batch_id == batch.batch_id)
        .order_by(people.rep_id)
    )
    return BatchContent(
        people=tuple(Person(*row) for row in found),
        predictions=_rows(connection, schema.predictions, Prediction, batch),
        teams=_rows(connection, schema.teams, TeamPrediction, batch),
        recommendations=_rows(connection, schema.recommendations, Recommendation, batch),
        model_card=cards[0],
        evidence=read_sections(connection, batch.batch_id),
    )


def _rows(connection: Connection, table: Table, kind: type[Row], batch: Batch) -> tuple[Row, ...]:
    query = select(table.c.body).where(table.c.batch_id == batch.batch_id).order_by(*table.primary_key)
    return tuple(decode(kind, body) for body in connection.execute(query).scalars())
