"""Writing a batch: rows are staged where nobody looks, then one pointer is flipped."""

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, delete, func, select, update

from spm_ml.errors import DataError
from spm_ml.predictions import schema
from spm_ml.predictions.audit import record
from spm_ml.predictions.batch import Batch, ModelCard, Person
from spm_ml.predictions.coaching import CoachingBatch
from spm_ml.predictions.disclosure import Group, disclosable
from spm_ml.predictions.encoding import encode
from spm_ml.predictions.evidence_sections import write_sections
from spm_ml.predictions.model_evidence import ModelEvidence
from spm_ml.predictions.pay import PayCost, PayStatement, PublishedPay
from spm_ml.predictions.publishing_coaching import insert, keep_coaching, write_coaching
from spm_ml.predictions.rows import Prediction, Recommendation, TeamPrediction
from spm_ml.predictions.what_if import WhatIfInputs

PUBLISHED: Final = "published"
"""The pointer that readers follow."""

KEPT_BATCHES: Final = 10
"""Published batches kept beside the last one of each period."""

ABANDONED_AFTER: Final = timedelta(days=1)
"""A batch staged for longer was left behind by a run that died."""


@dataclass(frozen=True)
class BatchContent:
    """The rows of a batch.

    Attributes:
        people: The organisation's tree on the as-of day, managers included; it decides who sees whom.
        predictions: One row a rep and as-of day of the period.
        teams: One row a team, region or company and as-of day.
        recommendations: In order of preference for each rep; None keeps what coaching published for the period.
        model_card: The model behind the batch.
        what_if: What what-if questions start from; nothing: none is answered.
        evidence: What speaks for and against the model.
        pay: Statements of the running period.
    """

    people: Sequence[Person]
    predictions: Sequence[Prediction]
    teams: Sequence[TeamPrediction]
    recommendations: Sequence[Recommendation] | None
    model_card: ModelCard
    what_if: WhatIfInputs = WhatIfInputs()  # noqa: RUF009 - frozen
    evidence: ModelEvidence = ModelEvidence()  # noqa: RUF009 - frozen
    pay: PublishedPay = PublishedPay()  # noqa: RUF009 - frozen


def stage(connection: Connection, batch: Batch, content: BatchContent) -> None:
    """Writes every row of a batch; no reader sees it before `flip`.

    Raises:
        DataError: The batch was published before, or names a rep who is not among its people.
    """
    batches = schema.batches.c
    known = connection.execute(select(batches.published_at).where(batches.batch_id == batch.batch_id)).first()
    if known is not None and known.published_at is not None:
        raise DataError(f"batch {batch.batch_id} was published on {known.published_at}; score again for a new batch")
    people = {person.rep_id for person in content.people}
    named = {row.rep_id for row in content.predictions} | {offer.rep_id for offer in content.recommendations or ()}
    if strangers := sorted(named - people):
        raise DataError(
            f"batch {batch.batch_id} holds rows of {len(strangers)} reps who are not among its people "
            f"(first: {strangers[0]!r}); without a place in the tree nobody could see them"
        )
    connection.execute(delete(schema.batches).where(batches.batch_id == batch.batch_id))
    insert_batch(connection, batch)
    own = {"batch_id": batch.batch_id}
    insert_people(connection, batch, content.people)
    insert_predictions(connection, batch, content.predictions)
    given = disclosable(content.teams, content.predictions, content.people)
    insert_teams(connection, batch, content.teams, given)
    if content.recommendations is None:
        keep_coaching(connection, batch, PUBLISHED)
    else:
        write_coaching(connection, batch.batch_id, CoachingBatch(tuple(content.recommendations), (), (), (), (), None))
    connection.execute(schema.model_cards.insert().values(**own, body=encode(content.model_card)))
    write_sections(connection, batch.batch_id, content.evidence)
    connection.execute(schema.what_if_models.insert().values(**own, body=content.what_if.model))
    kept = ((rep_id, body) for rep_id, body in content.what_if.reps.items() if rep_id in people)
    insert(connection, schema.what_if_inputs, [own | {"rep_id": rep_id, "body": body} for rep_id, body in kept])
    connection.execute(schema.running_plans.insert().values(**own, body=content.pay.plans))
    insert_pay(connection, batch, content.pay.statements, content.pay.costs, people)


def insert_batch(connection: Connection, batch: Batch) -> None:
    """Writes the row of a batch that is staged now."""
    stored = {field.name: getattr(batch, field.name) for field in fields(batch)}
    connection.execute(schema.batches.insert().values(**stored, staged_at=datetime.now(UTC)))


def insert_people(connection: Connection, batch: Batch, people: Iterable[Person]) -> None:
    """Writes the tree of a batch."""
    insert(connection, schema.people, [{"batch_id": batch.batch_id} | _columns(person) for person in people])


def insert_predictions(connection: Connection, batch: Batch, rows: Iterable[Prediction]) -> None:
    """Writes rows of reps."""
    insert(connection, schema.predictions, [{"batch_id": batch.batch_id} | _prediction(row) for row in rows])


def insert_teams(connection: Connection, batch: Batch, rows: Iterable[TeamPrediction], given: Container[Group]) -> None:
    """Writes rows of groups; `given` are those that tell nothing of a few reps."""
    insert(connection, schema.teams, [{"batch_id": batch.batch_id} | _team(row, given) for row in rows])


def insert_pay(
    connection: Connection,
    batch: Batch,
    statements: Iterable[PayStatement],
    costs: Iterable[PayCost],
    people: Container[str],
) -> None:
    """Writes costs, and statements of the people in the tree: nobody could see the others."""
    own = {"batch_id": batch.batch_id}
    insert(connection, schema.running_statements, [own | vars(one) for one in statements if one.rep_id in people])
    rows = [own | {"manager_id": one.manager_id, "reps": one.reps, "body": encode(one)} for one in costs]
    insert(connection, schema.pay_costs, rows)


def flip(connection: Connection, batch: Batch, actor: str) -> None:
    """Makes a staged batch the published one and says so in the audit, in the connection's transaction.

    Raises:
        DataError: The batch was never staged.
    """
    done = connection.execute(
        update(schema.batches).where(schema.batches.c.batch_id == batch.batch_id).values(published_at=datetime.now(UTC))
    )
    if done.rowcount != 1:
        raise DataError(f"batch {batch.batch_id} was never staged; stage its rows before publishing it")
    moved = connection.execute(
        update(schema.pointer).where(schema.pointer.c.name == PUBLISHED).values(batch_id=batch.batch_id)
    )
    if moved.rowcount == 0:
        connection.execute(schema.pointer.insert().values(name=PUBLISHED, batch_id=batch.batch_id))
    rows = connection.execute(
        select(func.count()).select_from(schema.predictions).where(schema.predictions.c.batch_id == batch.batch_id)
    ).scalar_one()
    record(
        connection,
        actor=actor,
        action="published",
        subject=batch.batch_id,
        batch=batch,
        detail={
            "period": batch.period,
            "as_of": batch.as_of.isoformat(),
            "predictions": rows,
            "data_version": batch.data_version,
            "data_hash": batch.data_hash,
            "plans_hash": batch.plans_hash,
        }
        | ({"scored_whole_at": batch.scored_whole_at.isoformat()} if batch.scored_whole_at else {}),
    )


def prune(connection: Connection) -> None:
    """Deletes batches nobody reads: abandoned ones, and old ones that are not the last of their period.

    Of batches in which only some were scored the published one is kept, and one that is the last of its period.

    What-if questions and statements of a running period are about the published batch alone, so of earlier ones what
    belongs to them goes too.
    """
    batches = schema.batches.c
    last = (
        select(batches.period, func.max(batches.published_at).label("published_at"))
        .where(batches.published_at.is_not(None))
        .group_by(batches.period)
        .subquery()
    )
    last_of_period = select(batches.batch_id).join(
        last, (last.c.period == batches.period) & (last.c.published_at == batches.published_at)
    )
    newest = (
        select(batches.batch_id)
        .where(batches.published_at.is_not(None), batches.scored_whole_at.is_(None))
        .order_by(batches.published_at.desc())
        .limit(KEPT_BATCHES)
    )
    kept = set(connection.execute(last_of_period).scalars()) | set(connection.execute(newest).scalars())
    kept |= set(connection.execute(select(schema.pointer.c.batch_id)).scalars())
    old = batches.published_at.is_not(None) & batches.batch_id.not_in(kept)
    abandoned = batches.published_at.is_(None) & (batches.staged_at < datetime.now(UTC) - ABANDONED_AFTER)
    connection.execute(delete(schema.batches).where(old | abandoned))
    earlier = batches.published_at.is_not(None) & batches.batch_id.not_in(select(schema.pointer.c.batch_id))
    for table in (schema.what_if_inputs, schema.what_if_models, schema.running_statements, schema.running_plans):
        connection.execute(delete(table).where(table.c.batch_id.in_(select(batches.batch_id).where(earlier))))


def _columns(person: Person) -> dict[str, Any]:
    return {field.name: getattr(person, field.name) for field in fields(person)}


def _prediction(row: Prediction) -> dict[str, Any]:
    median = row.quantile(0.5)
    share = median if median is None or not row.quota else median / row.quota
    copied = ("rep_id", "as_of", "name", "role", "manager_id", "team", "region", "segment")
    return {name: getattr(row, name) for name in copied} | {
        "name_folded": row.name.casefold(),
        "risk_band": row.risk_band,
        "abstention_reason": row.abstention and row.abstention.reason,
        "abstention_detail": row.abstention and row.abstention.detail,
        "p_hit": row.p_hit,
        "quota": row.quota,
        "booked": row.booked,
        "booked_share": row.booked / row.quota if row.quota else None,
        "median": share,
        "body": encode(row),
    }


def _team(row: TeamPrediction, given: Container[Group]) -> dict[str, Any]:
    copied = ("level", "key", "as_of", "label", "manager_id", "reps")
    disclosable = (row.level, row.key, row.as_of) in given
    return {name: getattr(row, name) for name in copied} | {"disclosable": disclosable, "body": encode(row)}
