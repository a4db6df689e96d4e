"""What people say in the product, what is said about a model and its fairness, and the plans that pay was told from."""

import sqlalchemy as sa
from alembic import op

from spm_ml.predictions.migrations.append_only import protect
from spm_ml.predictions.schema import UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_KEPT = {
    "submissions": "OLD.submission_id > COALESCE((SELECT MAX(submissions_through) FROM audit_checkpoints), 0)",
    "assessments": "OLD.assessment_id > COALESCE((SELECT MAX(assessments_through) FROM audit_checkpoints), 0)",
    "feedback": "OLD.feedback_id > COALESCE((SELECT MAX(feedback_through) FROM audit_checkpoints), 0)",
}
_CHECKPOINTS = tuple(f"{table}_through" for table in _KEPT)


def upgrade() -> None:
    """Makes the new tables. The plans behind earlier batches are unknown; no checkpoint has removed any of it yet."""
    op.add_column("batches", sa.Column("plans_hash", sa.String, nullable=False, server_default=""))
    for name in _CHECKPOINTS:
        op.add_column("audit_checkpoints", sa.Column(name, sa.Integer, nullable=False, server_default="0"))
    _create_fairness_audits()
    _create_model_evidence()
    _create_submissions()
    _create_assessments()
    for table, kept in _KEPT.items():
        protect(table, kept=kept)


def downgrade() -> None:
    """Drops them."""
    for table in ("assessments", "feedback", "submissions", "model_evidence", "fairness_audits"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        for table in _KEPT:
            op.execute(f"DROP FUNCTION refuse_kept_{table}()")
    for name in _CHECKPOINTS:
        op.drop_column("audit_checkpoints", name)
    op.drop_column("batches", "plans_hash")


def _create_fairness_audits() -> None:
    op.create_table(
        "fairness_audits",
        sa.Column("batch_id", sa.String, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("batch_id", name="pk_fairness_audits"),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["batches.batch_id"], name="fk_fairness_audits_batch_id", ondelete="CASCADE"
        ),
    )


def _create_model_evidence() -> None:
    op.create_table(
        "model_evidence",
        sa.Column("batch_id", sa.String, nullable=False),
        sa.Column("section", sa.String, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("batch_id", "section", name="pk_model_evidence"),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["batches.batch_id"], name="fk_model_evidence_batch_id", ondelete="CASCADE"
        ),
    )


def _create_submissions() -> None:
    op.create_table(
        "submissions",
        sa.Column("submission_id", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("submitted_at", UtcDateTime, nullable=False),
        sa.Column("batch_id", sa.String, nullable=False),
        sa.Column("watermark", sa.Date, nullable=False),
        sa.Column("period", sa.String, nullable=False),
        sa.Column("rep_id", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("minor_digits", sa.Integer, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("account_id", sa.String, nullable=False),
        sa.Column("submitted_by", sa.String, nullable=False),
        sa.Column("submitter_id", sa.String),
        sa.Column("role", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("submission_id", name="pk_submissions"),
        sa.CheckConstraint("kind IN ('commit', 'best_case', 'manager_override')", name="ck_submissions_kind"),
        sa.CheckConstraint("amount > 0", name="ck_submissions_amount"),
        sa.CheckConstraint("kind <> 'manager_override' OR length(note) > 0", name="ck_submissions_note"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_submissions_rep_id_period", "submissions", ["rep_id", "period"])


def _create_assessments() -> None:
    """Skill ratings and feedback."""
    op.create_table(
        "assessments",
        sa.Column("assessment_id", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("assessed_on", sa.Date, nullable=False),
        sa.Column("batch_id", sa.String, nullable=False),
        sa.Column("period", sa.String, nullable=False),
        sa.Column("rep_id", sa.String, nullable=False),
        sa.Column("skill", sa.String, nullable=False),
        sa.Column("score", sa.Integer),
        sa.Column("assessor", sa.String, nullable=False),
        sa.Column("account_id", sa.String, nullable=False),
        sa.Column("assessed_by", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("assessment_id", name="pk_assessments"),
        sa.CheckConstraint("score IS NULL OR (score >= 1 AND score <= 5)", name="ck_assessments_score"),
        sa.CheckConstraint("assessor IN ('self', 'manager')", name="ck_assessments_assessor"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_assessments_rep_id_period", "assessments", ["rep_id", "period"])
    op.create_table(
        "feedback",
        sa.Column("feedback_id", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("batch_id", sa.String, nullable=False),
        sa.Column("period", sa.String, nullable=False),
        sa.Column("rep_id", sa.String, nullable=False),
        sa.Column("about", sa.String, nullable=False),
        sa.Column("verdict", sa.String, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("account_id", sa.String, nullable=False),
        sa.Column("given_by", sa.String, nullable=False),
        sa.Column("role", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("feedback_id", name="pk_feedback"),
        sa.CheckConstraint("about IN ('forecast', 'diagnosis', 'offer')", name="ck_feedback_about"),
        sa.CheckConstraint("verdict IN ('useful', 'no_use', 'wrong')", name="ck_feedback_verdict"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_feedback_rep_id_period", "feedback", ["rep_id", "period"])
