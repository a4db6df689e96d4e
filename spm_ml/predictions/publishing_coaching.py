"""Writing what coaching publishes beside a batch, and keeping it when the same period is scored again."""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any, Final, TypeVar

from sqlalchemy import Column, Connection, Table, delete, literal, select

from spm_ml.errors import DataError
from spm_ml.predictions import schema
from spm_ml.predictions.assignments import log_offers
from spm_ml.predictions.audit import record
from spm_ml.predictions.batch import Batch
from spm_ml.predictions.coaching import CoachingBatch, PlanSummary, ProgramFinding, ProgramOption
from spm_ml.predictions.diagnosis import Diagnosis
from spm_ml.predictions.encoding import Row, decode, encode
from spm_ml.predictions.fairness import FairnessAudit
from spm_ml.predictions.rows import Recommendation

AboutRep = TypeVar("AboutRep", Recommendation, Diagnosis, ProgramOption)

_ABOUT_REPS: Final = (schema.recommendations, schema.diagnoses, schema.options)
_ABOUT_PROGRAMS: Final = (schema.findings, schema.plans)


def publish_coaching(connection: Connection, batch: Batch, coaching: CoachingBatch, actor: str) -> int:
    """Puts coaching in place of the published batch's, in the connection's transaction.

    Rows about people who are not in the batch's tree are left out: nobody could see them. What is offered, held out or
    no longer offered goes to the assignment log.

    Returns:
        How many recommendations are stored.

    Raises:
        DataError: It is for another period than the published batch.
    """
    periods = {offer.period for offer in coaching.recommendations} | {coaching.plan.period if coaching.plan else ""}
    if wrong := sorted(periods - {batch.period, ""}):
        raise DataError(
            f"recommendations are for {wrong[0]}, the published batch is for {batch.period}; run 'spm score' first"
        )
    people = schema.people.c
    known = set(connection.execute(select(people.rep_id).where(people.batch_id == batch.batch_id)).scalars())
    kept = replace(
        coaching,
        recommendations=_of(known, coaching.recommendations),
        diagnoses=_of(known, coaching.diagnoses),
        options=_of(known, coaching.options),
    )
    # An audit is of the offers that it saw: what it found of others is none of these.
    for table in (*_ABOUT_REPS, *_ABOUT_PROGRAMS, schema.fairness_audits):
        connection.execute(delete(table).where(table.c.batch_id == batch.batch_id))
    write_coaching(connection, batch.batch_id, kept)
    log_offers(connection, batch, kept.recommendations, actor)
    made = sum(offer.abstention is None for offer in kept.recommendations)
    record(
        connection,
        actor=actor,
        action="recommendations published",
        subject=batch.batch_id,
        batch=batch,
        detail={
            "offers": made,
            "abstentions": len(kept.recommendations) - made,
            "held_out": sum(offer.held_out for offer in kept.recommendations),
            "diagnoses": len(kept.diagnoses),
            "findings": {finding.program_id: finding.verdict for finding in kept.findings},
        },
    )
    return len(kept.recommendations)


def publish_fairness(connection: Connection, batch: Batch, found: FairnessAudit, actor: str) -> None:
    """Puts what an audit has found in place of what an earlier one found of the batch, in the connection's transaction.

    The same found again changes nothing.
    """
    audits, body = schema.fairness_audits, encode(found)
    mine = audits.c.batch_id == batch.batch_id
    if connection.execute(select(audits.c.body).where(mine)).scalar() == body:
        return
    connection.execute(delete(audits).where(mine))
    insert(connection, audits, [{"batch_id": batch.batch_id, "body": body}])
    counts = Counter(row.finding for row in found.rows)
    record(
        connection,
        actor=actor,
        action="fairness audit published",
        subject=batch.batch_id,
        batch=batch,
        detail={"rows": len(found.rows), "withheld": counts["withheld"], "minimum_group": found.minimum_group},
    )


def write_coaching(connection: Connection, batch_id: str, coaching: CoachingBatch) -> None:
    """Writes every row of a batch that has none of them yet."""
    own = {"batch_id": batch_id}
    insert(connection, schema.recommendations, [own | row for row in _offers(coaching.recommendations)])
    insert(
        connection,
        schema.diagnoses,
        [own | {"rep_id": row.rep_id, "verdict": row.verdict, "body": encode(row)} for row in coaching.diagnoses],
    )
    insert(
        connection,
        schema.findings,
        [
            own | {"program_id": row.program_id, "position": place, "body": encode(row)}
            for place, row in enumerate(coaching.findings)
        ],
    )
    insert(
        connection,
        schema.options,
        [own | {"rep_id": row.rep_id, "program_id": row.program_id, "body": encode(row)} for row in coaching.options],
    )
    plan = None if coaching.plan is None else encode(coaching.plan)
    insert(connection, schema.plans, [own | {"covariance": json.dumps(coaching.covariance), "body": plan}])


def keep_coaching(connection: Connection, batch: Batch, published: str) -> None:
    """Copies what is published for the same period to a new batch, for those who are among the people of both."""
    batches, people = schema.batches.c, schema.people.c
    same = select(batches.batch_id).join(schema.pointer, schema.pointer.c.batch_id == batches.batch_id)
    source = same.where(schema.pointer.c.name == published, batches.period == batch.period).scalar_subquery()
    known = select(people.rep_id).where(people.batch_id == batch.batch_id)
    for table in (*_ABOUT_REPS, *_ABOUT_PROGRAMS):
        columns: list[Column[Any]] = [column for column in table.c if column.name != "batch_id"]
        rows = select(literal(batch.batch_id), *columns).where(table.c.batch_id == source)
        if table in _ABOUT_REPS:
            rows = rows.where(table.c.rep_id.in_(known))
        connection.execute(table.insert().from_select(["batch_id", *(column.name for column in columns)], rows))


def coaching_of(connection: Connection, batch: Batch) -> CoachingBatch:
    """Everything that coaching published beside a batch, whoever may see it."""
    plan = connection.execute(select(schema.plans).where(schema.plans.c.batch_id == batch.batch_id)).first()
    return CoachingBatch(
        recommendations=_rows(connection, schema.recommendations, Recommendation, batch),
        diagnoses=_rows(connection, schema.diagnoses, Diagnosis, batch),
        findings=_rows(connection, schema.findings, ProgramFinding, batch, schema.findings.c.position),
        options=_rows(connection, schema.options, ProgramOption, batch),
        covariance=covariance_from(None if plan is None else plan.covariance),
        plan=None if plan is None or plan.body is None else decode(PlanSummary, plan.body),
    )


def covariance_from(text: str | None) -> tuple[tuple[float, ...], ...]:
    """The covariance of shared coefficients as it was stored; empty where none was."""
    return () if text is None else tuple(tuple(row) for row in json.loads(text))


def insert(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Writes rows, if there are any."""
    if rows:
        connection.execute(table.insert(), rows)


def _of(known: Collection[str], rows: Iterable[AboutRep]) -> tuple[AboutRep, ...]:
    return tuple(row for row in rows if row.rep_id in known)


def _rows(connection: Connection, table: Table, kind: type[Row], batch: Batch, *order: Column[Any]) -> tuple[Row, ...]:
    query = select(table.c.body).where(table.c.batch_id == batch.batch_id).order_by(*(order or table.primary_key))
    return tuple(decode(kind, body) for body in connection.execute(query).scalars())


def _offers(recommendations: Iterable[Recommendation]) -> Iterable[dict[str, Any]]:
    positions: dict[str, int] = {}
    for row in recommendations:
        position = positions[row.rep_id] = positions.get(row.rep_id, -1) + 1
        yield {
            "rep_id": row.rep_id,
            "position": position,
            "program_id": row.program_id,
            "abstained": row.abstention is not None,
            "effect": row.effect,
            "body": encode(row),
        }
