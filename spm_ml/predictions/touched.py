"""Publishing a batch of which some rows are new: the others are those of the batch before. Readers see all or none."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import ColumnElement, Connection, Engine, Table, literal, select

from spm_ml.errors import DataError
from spm_ml.predictions import lookup, publishing, schema
from spm_ml.predictions.batch import Batch, Person
from spm_ml.predictions.disclosure import disclosable
from spm_ml.predictions.encoding import decode
from spm_ml.predictions.engine import reading, writing
from spm_ml.predictions.pay import PayCost, PayStatement
from spm_ml.predictions.publishing_coaching import insert, keep_coaching
from spm_ml.predictions.rows import Counted, CountedForecast, Prediction, TeamPrediction
from spm_ml.predictions.what_if import WhatIfInputs

_AT_ONCE = 500

Row = TypeVar("Row", Prediction, CountedForecast)


class OvertakenError(DataError):
    """Another batch was published meanwhile."""


@dataclass(frozen=True)
class TouchedContent:
    """What is new in a batch.

    Attributes:
        people: The organisation's tree on the as-of day.
        predictions: Every row of the reps who were scored.
        board: Rows of the board's day of everybody.
        teams: Every group on the board's day.
        what_if: Of the reps who were scored.
        statements: Of their pay.
        costs: What incentives will cost together.
    """

    people: Sequence[Person]
    predictions: Sequence[Prediction]
    board: Sequence[Counted]
    teams: Sequence[TeamPrediction]
    what_if: WhatIfInputs
    statements: Sequence[PayStatement] = ()
    costs: Sequence[PayCost] = ()


class TouchedBatches:
    """Reads what is kept of the batch before, and publishes the next one. For the operator, never behind a request."""

    def __init__(self, engine: Engine | Connection) -> None:
        self._engine = engine

    def board(self, batch: Batch) -> tuple[CountedForecast, ...]:
        """Everybody's row of the board's day, as far as it is added up."""
        rows = schema.predictions.c
        with reading(self._engine) as connection:
            return _rows(CountedForecast, connection, rows.batch_id == batch.batch_id, rows.as_of == batch.as_of)

    def teams(self, batch: Batch) -> tuple[TeamPrediction, ...]:
        """Every group on the board's day."""
        rows = schema.teams.c
        with reading(self._engine) as connection:
            bodies = connection.execute(
                select(rows.body).where(rows.batch_id == batch.batch_id, rows.as_of == batch.as_of)
            ).scalars()
            return tuple(decode(TeamPrediction, body) for body in bodies)

    def earlier(self, batch: Batch, reps: Collection[str]) -> tuple[Prediction, ...]:
        """Rows of earlier days of some reps."""
        rows, names = schema.predictions.c, sorted(reps)
        with reading(self._engine) as connection:
            return tuple(
                row
                for first in range(0, len(names), _AT_ONCE)
                for row in _rows(
                    Prediction,
                    connection,
                    rows.batch_id == batch.batch_id,
                    rows.as_of < batch.as_of,
                    rows.rep_id.in_(names[first : first + _AT_ONCE]),
                )
            )

    def publish(self, batch: Batch, before: Batch, content: TouchedContent, *, actor: str = "scoring") -> None:
        """Stages the new rows and, of everybody else, those of the batch before, and makes it the published one.

        Raises:
            OvertakenError: Another batch was published meanwhile; nothing is changed.
        """
        with writing(self._engine, alone=False) as connection:
            publishing.prune(connection)
            _stage(connection, batch, before, content)
        with writing(self._engine) as connection:
            current = lookup.published(connection)
            if current is None or current.batch_id != before.batch_id:
                raise OvertakenError("another batch was published meanwhile: what was recorded counts in the next one")
            publishing.flip(connection, batch, actor)


def _rows(kind: type[Row], connection: Connection, *conditions: ColumnElement[bool]) -> tuple[Row, ...]:
    rows = schema.predictions.c
    bodies = connection.execute(select(rows.body).where(*conditions).order_by(rows.rep_id, rows.as_of)).scalars()
    return tuple(decode(kind, body) for body in bodies)


def _stage(connection: Connection, batch: Batch, before: Batch, content: TouchedContent) -> None:
    publishing.insert_batch(connection, batch)
    reps = sorted({row.rep_id for row in content.predictions})
    for table, condition in (
        (schema.model_cards, None),
        (schema.model_evidence, None),
        (schema.what_if_models, None),
        (schema.teams, schema.teams.c.as_of < batch.as_of),
        (schema.predictions, schema.predictions.c.rep_id.not_in(reps)),
        (schema.what_if_inputs, schema.what_if_inputs.c.rep_id.not_in(reps)),
        (schema.running_plans, None),
        (schema.running_statements, schema.running_statements.c.rep_id.not_in(reps)),
    ):
        _copy(connection, table, batch, before, condition)
    publishing.insert_people(connection, batch, content.people)
    publishing.insert_predictions(connection, batch, content.predictions)
    given = disclosable(content.teams, content.board, content.people)
    publishing.insert_teams(connection, batch, content.teams, given)
    own = {"batch_id": batch.batch_id}
    kept = ((rep_id, body) for rep_id, body in content.what_if.reps.items())
    insert(connection, schema.what_if_inputs, [own | {"rep_id": rep_id, "body": body} for rep_id, body in kept])
    people = {person.rep_id for person in content.people}
    publishing.insert_pay(connection, batch, content.statements, content.costs, people)
    keep_coaching(connection, batch, publishing.PUBLISHED)


def _copy(
    connection: Connection, table: Table, batch: Batch, before: Batch, condition: ColumnElement[bool] | None
) -> None:
    """Rows of the batch before as rows of the new one."""
    others = [column.name for column in table.columns if column.name != "batch_id"]
    rows = select(literal(batch.batch_id), *(table.c[name] for name in others)).where(
        table.c.batch_id == before.batch_id
    )
    if condition is not None:
        rows = rows.where(condition)
    connection.execute(table.insert().from_select(["batch_id", *others], rows))
