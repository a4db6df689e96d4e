"""How long what people did is kept, and the removal of what is older, which the audit records."""

import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, func, or_, select

from spm_ml.errors import DataError
from spm_ml.predictions import lookup, schema
from spm_ml.predictions.agreements import OPEN, with_agreement_status
from spm_ml.predictions.audit import PARENTS, RECORDED, Checkpoint, checkpoint_of, record
from spm_ml.predictions.audit_check import PRUNED, check_audit
from spm_ml.predictions.cases import WAITING, with_status
from spm_ml.predictions.engine import overwrite_what_is_deleted
from spm_ml.settings import RetentionSettings

_decisions, _cases, _events, _submissions, _lines = (
    schema.decisions.c,
    schema.cases.c,
    schema.case_events.c,
    schema.submissions.c,
    schema.audit.c,
)
_assessments, _feedback = schema.assessments.c, schema.feedback.c
_pulses, _withdrawals, _notes = schema.pulses.c, schema.pulse_withdrawals.c, schema.notes.c
_agreements, _steps = schema.agreements.c, schema.agreement_events.c

_AT_ONCE: Final = 10_000


class BrokenAuditError(DataError):
    """The audit is not as it was written; removing lines would remove the evidence."""


@dataclass(frozen=True)
class Pruned:
    """How many rows are older than they are kept."""

    audit: int = 0
    decisions: int = 0
    cases: int = 0
    submissions: int = 0
    assessments: int = 0
    feedback: int = 0
    pulses: int = 0
    notes: int = 0
    agreements: int = 0
    quota_proposals: int = 0
    outcomes: int = 0
    sessions: int = 0
    tokens: int = 0
    idempotency: int = 0

    def __bool__(self) -> bool:
        return any(vars(self).values())


def prune(
    connection: Connection, retention: RetentionSettings, *, actor: str, dry_run: bool, now: datetime | None = None
) -> Pruned:
    """Removes what is older than it is kept, in the connection's transaction, which must write alone.

    Decisions, assessments, submissions and pulses of the published period are kept, for they may stand, cases that wait
    for an answer, and agreements that are open. The hash of the last removed line goes into a checkpoint from which the
    chain goes on.

    Raises:
        BrokenAuditError: The audit does not verify.
    """
    now = now or datetime.now(UTC)
    old = _old(connection, retention, now)
    counts = {table.name: _count(connection, table, condition) for table, condition in old.items()}
    found = Pruned(**{name: count for name, count in counts.items() if name not in PARENTS})
    if dry_run or not found:
        return found
    check = check_audit(connection)
    if not check.intact:
        raise BrokenAuditError(f"nothing was removed: the audit does not verify ({check.problems[0]})")
    overwrite_what_is_deleted(connection)
    checkpoint = _checkpoint(connection, check.checkpoint, old, actor, now)
    for table, condition in old.items():
        connection.execute(delete(table).where(condition))
    detail: dict[str, Any] = {"removed": asdict(found), "checkpoint": vars(checkpoint), "covered": _covered(connection)}
    record(connection, actor=actor, action=PRUNED, subject="retention", detail=detail)
    return found


def _old(connection: Connection, retention: RetentionSettings, now: datetime) -> dict[Table, ColumnElement[bool]]:
    """What may go, in an order in which nothing is left that points to what is gone."""
    old: dict[Table, ColumnElement[bool]] = {}
    if retention.cases_days is not None:
        before = now - timedelta(days=retention.cases_days)
        last = select(func.max(_events.at)).where(_events.case_id == _cases.case_id).scalar_subquery()
        closed = and_(~with_status(WAITING), _cases.opened_at < before, last < before)
        # Found first: a case whose events are gone would look open.
        ids = connection.execute(select(_cases.case_id).where(closed).limit(_AT_ONCE)).scalars().all()
        old |= {schema.case_events: _events.case_id.in_(ids), schema.cases: _cases.case_id.in_(ids)}
    if retention.agreements_days is not None:
        before = now - timedelta(days=retention.agreements_days)
        last = select(func.max(_steps.at)).where(_steps.agreement_id == _agreements.agreement_id).scalar_subquery()
        closed = and_(~with_agreement_status(OPEN), _agreements.at < before, last < before)
        ids = connection.execute(select(_agreements.agreement_id).where(closed).limit(_AT_ONCE)).scalars().all()
        old |= {
            schema.agreement_events: _steps.agreement_id.in_(ids),
            schema.agreement_moves: schema.agreement_moves.c.agreement_id.in_(ids),
            schema.agreements: _agreements.agreement_id.in_(ids),
        }
    batch = lookup.published(connection)
    for table, at, days in (
        (schema.pulses, _pulses.at, retention.pulses_days),
        (schema.pulse_withdrawals, _withdrawals.at, retention.pulses_days),
        (schema.decisions, _decisions.decided_at, retention.decisions_days),
        (schema.submissions, _submissions.submitted_at, retention.submissions_days),
        (schema.assessments, _assessments.at, retention.assessments_days),
    ):
        if days is not None:
            old[table] = at < now - timedelta(days=days)
            if batch is not None:
                old[table] &= table.c.period != batch.period
    if retention.feedback_days is not None:
        old[schema.feedback] = _feedback.at < now - timedelta(days=retention.feedback_days)
    if retention.notes_days is not None:
        old[schema.notes] = _notes.at < now - timedelta(days=retention.notes_days)
    if retention.quota_proposals_days is not None:
        # The proposed quotas of a proposal go with it; the goal that came of it stays.
        before = now - timedelta(days=retention.quota_proposals_days)
        old[schema.quota_proposals] = schema.quota_proposals.c.proposed_at < before
    if retention.restated_days is not None:
        old[schema.outcomes] = _restated(now - timedelta(days=retention.restated_days))
    if retention.audit_days is not None:
        through = connection.execute(
            select(func.max(_lines.sequence)).where(_lines.at < now - timedelta(days=retention.audit_days))
        ).scalar()
        old[schema.audit] = _lines.sequence <= (through or 0)
    before = now - timedelta(days=retention.sessions_days)
    old[schema.sessions] = _ended(schema.sessions, before)
    # A token goes after the sessions that were opened with it.
    opened_with = schema.sessions.c.token_id == schema.tokens.c.token_id
    in_use = select(schema.sessions.c.token_id).where(opened_with, ~old[schema.sessions])
    old[schema.tokens] = and_(_ended(schema.tokens, before), ~in_use.exists())
    old[schema.idempotency] = schema.idempotency.c.created_at < now - timedelta(hours=retention.idempotency_hours)
    return old


def _restated(before: datetime) -> ColumnElement[bool]:
    """Results that something newer replaced before a moment."""
    said, later = schema.outcomes.c, schema.outcomes.alias("later").c
    same = and_(later.period == said.period, later.rep_id == said.rep_id, later.currency == said.currency)
    return select(later.outcome_id).where(same, later.outcome_id > said.outcome_id, later.said_at < before).exists()


def _ended(table: Table, before: datetime) -> ColumnElement[bool]:
    """Expired or revoked before a moment; never unknown, so that it can be turned round."""
    rows = table.c
    return or_(rows.expires_at < before, and_(rows.revoked_at.is_not(None), rows.revoked_at < before))


def _count(connection: Connection, table: Table, condition: ColumnElement[bool]) -> int:
    return connection.execute(select(func.count()).select_from(table).where(condition)).scalar_one()


def _checkpoint(
    connection: Connection,
    before: Checkpoint,
    old: dict[Table, ColumnElement[bool]],
    actor: str,
    now: datetime,
) -> Checkpoint:
    """The checkpoint that lets the triggers pass what goes; the one before if no protected row goes."""

    def highest(table: Table, column: ColumnElement[int], least: int) -> int:
        if table not in old:
            return least
        return max(least, connection.execute(select(func.max(column)).where(old[table])).scalar() or 0)

    after = replace(
        before,
        through_sequence=highest(schema.audit, _lines.sequence, before.through_sequence),
        decisions_through=highest(schema.decisions, _decisions.decision_id, before.decisions_through),
        cases_through=highest(schema.cases, _cases.case_id, before.cases_through),
        submissions_through=highest(schema.submissions, _submissions.submission_id, before.submissions_through),
        assessments_through=highest(schema.assessments, _assessments.assessment_id, before.assessments_through),
        feedback_through=highest(schema.feedback, _feedback.feedback_id, before.feedback_through),
        pulses_through=max(
            highest(schema.pulses, _pulses.pulse_id, before.pulses_through),
            highest(schema.pulse_withdrawals, _withdrawals.pulse_id, before.pulses_through),
        ),
        notes_through=highest(schema.notes, _notes.note_id, before.notes_through),
        agreements_through=highest(schema.agreements, _agreements.agreement_id, before.agreements_through),
    )
    if after == before:
        return before
    if after.through_sequence != before.through_sequence:
        last = select(_lines.hash).where(_lines.sequence == after.through_sequence)
        after = replace(after, hash=connection.execute(last).scalar_one())
    values = {name: value for name, value in vars(after).items() if name != "checkpoint_id"}
    connection.execute(schema.audit_checkpoints.insert().values(**values, at=now, actor=actor))
    return checkpoint_of(connection)


def _covered(connection: Connection) -> dict[str, int]:
    """For each table, the row up to which no line that is left names all of them."""
    named: dict[str, set[int]] = {table: set() for table in RECORDED}
    for detail in connection.execute(select(_lines.detail).execution_options(yield_per=2_000)).scalars():
        row = json.loads(detail).get("row")
        if row is not None:
            named[row["table"]].add(row["id"])
    covered = {}
    for name, (table, _) in RECORDED.items():
        (key,) = table.primary_key
        ids = connection.execute(select(key).order_by(key)).scalars()
        covered[name] = max((row_id for row_id in ids if row_id not in named[name]), default=0)
    return covered
