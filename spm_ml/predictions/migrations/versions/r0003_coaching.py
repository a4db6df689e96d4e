"""Diagnoses, findings, options and plans beside a batch, the assignment log, and decisions that are taken back."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from spm_ml.predictions.schema import UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

Row = dict[str, Any]

_KEPT = ("decision_id", "batch_id", "period", "rep_id", "program_id", "verdict", "reason", "decided_by", "role")
_VERDICTS = "verdict IN ('accepted', 'overridden', 'reversed', 'declined')"
_REASON = "verdict IN ('accepted', 'declined') OR length(reason) > 0"
_OLD_VERDICTS = "verdict IN ('accepted', 'overridden')"
_OLD_REASON = "verdict = 'accepted' OR length(reason) > 0"
_EVENTS = "event IN ('offered', 'held_out', 'withdrawn', 'enrolled', 'completed', 'outcome')"


def upgrade() -> None:
    """Makes room for what coaching publishes and logs, and for decisions that are taken back or declined."""
    _create_beside_a_batch()
    _create_assignments()
    _protect("assignments")
    _replace_decisions(_VERDICTS, _REASON, _decisions(), sa.Column("decider_id", sa.String))


def downgrade() -> None:
    """Drops them; a decision that was taken back or declined is kept as an override that says so."""
    for table in ("assignments", "plans", "options", "findings", "diagnoses"):
        op.drop_table(table)
    _replace_decisions(_OLD_VERDICTS, _OLD_REASON, [_as_override(row) for row in _decisions()])


def _owned(table: str) -> tuple[sa.Column[str], sa.ForeignKeyConstraint]:
    return (
        sa.Column("batch_id", sa.String, nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.batch_id"], name=f"fk_{table}_batch_id", ondelete="CASCADE"),
    )


def _create_beside_a_batch() -> None:
    op.create_table(
        "diagnoses",
        *_owned("diagnoses"),
        sa.Column("rep_id", sa.String, nullable=False),
        sa.Column("verdict", sa.String, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("batch_id", "rep_id", name="pk_diagnoses"),
    )
    op.create_table(
        "findings",
        *_owned("findings"),
        sa.Column("program_id", sa.String, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("batch_id", "program_id", name="pk_findings"),
    )
    op.create_table(
        "options",
        *_owned("options"),
        sa.Column("rep_id", sa.String, nullable=False),
        sa.Column("program_id", sa.String, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("batch_id", "rep_id", "program_id", name="pk_options"),
    )
    op.create_table(
        "plans",
        *_owned("plans"),
        sa.Column("covariance", sa.Text, nullable=False),
        sa.Column("body", sa.Text),
        sa.PrimaryKeyConstraint("batch_id", name="pk_plans"),
    )


def _create_assignments() -> None:
    op.create_table(
        "assignments",
        sa.Column("assignment_id", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("happened_on", sa.Date, nullable=False),
        sa.Column("batch_id", sa.String, nullable=False),
        sa.Column("period", sa.String, nullable=False),
        sa.Column("rep_id", sa.String, nullable=False),
        sa.Column("program_id", sa.String, nullable=False),
        sa.Column("event", sa.String, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("propensity", sa.Float),
        sa.Column("effect", sa.Float),
        sa.Column("value", sa.Float),
        sa.PrimaryKeyConstraint("assignment_id", name="pk_assignments"),
        sa.CheckConstraint(_EVENTS, name="ck_assignments_event"),
        sa.CheckConstraint(
            "propensity IS NULL OR (propensity >= 0 AND propensity <= 1)", name="ck_assignments_propensity"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_assignments_period_rep_id", "assignments", ["period", "rep_id"])


def _replace_decisions(verdicts: str, reason: str, rows: list[Row], *more: sa.Column[str]) -> None:
    """Makes the table anew with other rules: SQLite cannot change them in place, and no row of it may be changed."""
    connection = op.get_bind()
    op.drop_table("decisions")
    table = op.create_table(
        "decisions",
        sa.Column("decision_id", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("decided_at", UtcDateTime, nullable=False),
        sa.Column("batch_id", sa.String, nullable=False),
        sa.Column("period", sa.String, nullable=False),
        sa.Column("rep_id", sa.String, nullable=False),
        sa.Column("program_id", sa.String, nullable=False),
        sa.Column("verdict", sa.String, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("decided_by", sa.String, nullable=False),
        *more,
        sa.Column("role", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("decision_id", name="pk_decisions"),
        sa.CheckConstraint(verdicts, name="ck_decisions_verdict"),
        sa.CheckConstraint(reason, name="ck_decisions_reason"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_decisions_period_rep_id", "decisions", ["period", "rep_id"])
    if rows:
        connection.execute(table.insert(), rows)
        if connection.dialect.name == "postgresql":
            last = max(row["decision_id"] for row in rows)
            op.execute(f"SELECT setval(pg_get_serial_sequence('decisions', 'decision_id'), {last})")
    _protect("decisions")


def _decisions() -> list[Row]:
    columns: list[sa.ColumnClause[Any]] = [sa.column(name) for name in _KEPT]
    columns.append(sa.column("decided_at", UtcDateTime()))
    rows = op.get_bind().execute(sa.select(*columns).select_from(sa.table("decisions"))).mappings()
    return [dict(row) for row in rows]


def _as_override(row: Row) -> Row:
    if row["verdict"] not in ("reversed", "declined"):
        return row
    said = ": ".join(part for part in (str(row["verdict"]).capitalize(), str(row["reason"])) if part)
    return row | {"verdict": "overridden", "reason": said}


def _protect(table: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
        return
    for change in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        )
