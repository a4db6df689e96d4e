"""What reps and managers tell each other: the pulse, notes, and what they agree on."""

import sqlalchemy as sa
from alembic import op

from spm_ml.predictions.migrations.append_only import protect
from spm_ml.predictions.schema import UtcDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_QUESTIONS = ("pipeline", "quota", "workload", "support", "focus")
_CHECKPOINTS = ("pulses_through", "notes_through", "agreements_through")


_AGREEMENTS = "OLD.agreement_id > COALESCE((SELECT MAX(agreements_through) FROM audit_checkpoints), 0)"
_KEPT = {
    # What somebody has withdrawn must go at once.
    "pulses": "OLD.pulse_id > COALESCE((SELECT MAX(pulses_through) FROM audit_checkpoints), 0) "
    "AND OLD.pulse_id NOT IN (SELECT pulse_id FROM pulse_withdrawals)",
    "pulse_withdrawals": "OLD.pulse_id > COALESCE((SELECT MAX(pulses_through) FROM audit_checkpoints), 0)",
    "notes": "OLD.note_id > COALESCE((SELECT MAX(notes_through) FROM audit_checkpoints), 0)",
    "agreement_events": _AGREEMENTS,
    "agreements": _AGREEMENTS,
}


def upgrade() -> None:
    """Makes the tables; no checkpoint has removed any of it yet."""
    for name in _CHECKPOINTS:
        op.add_column("audit_checkpoints", sa.Column(name, sa.Integer, nullable=False, server_default="0"))
    _create_pulses()
    _create_notes()
    _create_agreements()
    for table, kept in _KEPT.items():
        protect(table, kept=kept)


def downgrade() -> None:
    """Drops them."""
    for table in ("agreement_events", "agreements", "notes", "pulses", "pulse_withdrawals"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        for table in _KEPT:
            op.execute(f"DROP FUNCTION refuse_kept_{table}()")
    for name in _CHECKPOINTS:
        op.drop_column("audit_checkpoints", name)


def _create_pulses() -> None:
    op.create_table(
        "pulses",
        sa.Column("pulse_id", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("batch_id", sa.String, nullable=False),
        sa.Column("period", sa.String, nullable=False),
        sa.Column("rep_id", sa.String, nullable=False),
        *(sa.Column(question, sa.Integer, nullable=False) for question in _QUESTIONS),
        sa.Column("shared", sa.Boolean, nullable=False),
        sa.Column("terms", sa.String, nullable=False),
        sa.Column("salt", sa.String(32), nullable=False),
        sa.Column("account_id", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("pulse_id", name="pk_pulses"),
        *(sa.CheckConstraint(f"{one} >= 1 AND {one} <= 5", name=f"ck_pulses_{one}") for one in _QUESTIONS),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_pulses_rep_id_period", "pulses", ["rep_id", "period"])
    op.create_table(
        "pulse_withdrawals",
        sa.Column("withdrawal_id", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("pulse_id", sa.Integer, nullable=False),
        sa.Column("newest_pulse_id", sa.Integer, nullable=False),
        sa.Column("period", sa.String, nullable=False),
        sa.Column("rep_id", sa.String, nullable=False),
        sa.Column("account_id", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("withdrawal_id", name="pk_pulse_withdrawals"),
        sa.UniqueConstraint("pulse_id", name="uq_pulse_withdrawals_pulse_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_pulse_withdrawals_rep_id_period", "pulse_withdrawals", ["rep_id", "period"])


def _create_notes() -> None:
    op.create_table(
        "notes",
        sa.Column("note_id", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("about_on", sa.Date, nullable=False),
        sa.Column("batch_id", sa.String, nullable=False),
        sa.Column("period", sa.String, nullable=False),
        sa.Column("rep_id", sa.String, nullable=False),
        sa.Column("topic", sa.String, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("account_id", sa.String, nullable=False),
        sa.Column("written_by", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("note_id", name="pk_notes"),
        sa.CheckConstraint("topic IN ('strength', 'progress', 'obstacle', 'support', 'other')", name="ck_notes_topic"),
        sa.CheckConstraint("length(text) > 0", name="ck_notes_text"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_notes_rep_id_period", "notes", ["rep_id", "period"])


def _create_agreements() -> None:
    op.create_table(
        "agreements",
        sa.Column("agreement_id", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("batch_id", sa.String, nullable=False),
        sa.Column("period", sa.String, nullable=False),
        sa.Column("rep_id", sa.String, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("behaviour", sa.String, nullable=False),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("program_id", sa.String),
        sa.Column("due_on", sa.Date, nullable=False),
        sa.Column("doer", sa.String, nullable=False),
        sa.Column("side", sa.String, nullable=False),
        sa.Column("account_id", sa.String, nullable=False),
        sa.Column("proposed_by", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("agreement_id", name="pk_agreements"),
        sa.CheckConstraint("length(text) > 0", name="ck_agreements_text"),
        sa.CheckConstraint("source IN ('diagnosis', 'offer', 'talk')", name="ck_agreements_source"),
        sa.CheckConstraint("(source = 'offer') = (program_id IS NOT NULL)", name="ck_agreements_program"),
        sa.CheckConstraint("doer IN ('rep', 'manager', 'both')", name="ck_agreements_doer"),
        sa.CheckConstraint("side IN ('rep', 'manager')", name="ck_agreements_side"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_agreements_rep_id_period", "agreements", ["rep_id", "period"])
    op.create_table(
        "agreement_events",
        sa.Column("event_id", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("agreement_id", sa.Integer, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("step", sa.String, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("side", sa.String, nullable=False),
        sa.Column("account_id", sa.String, nullable=False),
        sa.Column("taken_by", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("event_id", name="pk_agreement_events"),
        sa.ForeignKeyConstraint(["agreement_id"], ["agreements.agreement_id"], name="fk_agreement_events_agreement_id"),
        sa.CheckConstraint("step IN ('agreed', 'done', 'dropped', 'reopened')", name="ck_agreement_events_step"),
        sa.CheckConstraint("side IN ('rep', 'manager')", name="ck_agreement_events_side"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_agreement_events_agreement_id", "agreement_events", ["agreement_id"])
