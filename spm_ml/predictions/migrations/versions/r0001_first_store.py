"""The first store: batches behind one pointer, decisions, access and an append-only audit."""

import sqlalchemy as sa
from alembic import op

from spm_ml.predictions.schema import UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_APPEND_ONLY = ("audit", "decisions")


def upgrade() -> None:
    """Creates every table, and the triggers that keep the audit and the decisions append-only."""
    _create_batches()
    _create_rows()
    _create_access()
    _create_records()
    for table in _APPEND_ONLY:
        _protect(table)


def downgrade() -> None:
    """Drops everything."""
    if op.get_bind().dialect.name == "postgresql":
        for table in _APPEND_ONLY:
            op.execute(f"DROP TRIGGER {table}_append_only ON {table}")
        op.execute("DROP FUNCTION refuse_change()")
    for table in (
        "audit",
        "decisions",
        "sessions",
        "tokens",
        "model_cards",
        "recommendations",
        "teams",
        "predictions",
        "people",
        "pointer",
        "batches",
    ):
        op.drop_table(table)


def _batch_key() -> sa.Column[str]:
    return sa.Column("batch_id", sa.String, nullable=False)


def _owned(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["batch_id"], ["batches.batch_id"], name=f"fk_{table}_batch_id", ondelete="CASCADE")


def _create_batches() -> None:
    op.create_table(
        "batches",
        _batch_key(),
        sa.Column("period", sa.String, nullable=False),
        sa.Column("as_of", sa.Date, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("model_name", sa.String, nullable=False),
        sa.Column("model_version", sa.String, nullable=False),
        sa.Column("forecaster", sa.String, nullable=False),
        sa.Column("data_version", sa.Integer, nullable=False),
        sa.Column("data_hash", sa.String, nullable=False),
        sa.Column("watermark", sa.Date, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("minor_digits", sa.Integer, nullable=False),
        sa.Column("organisation_name", sa.String, nullable=False),
        sa.Column("risk_high_below", sa.Float, nullable=False),
        sa.Column("risk_medium_below", sa.Float, nullable=False),
        sa.Column("timezone", sa.String, nullable=False),
        sa.Column("staged_at", UtcDateTime, nullable=False),
        sa.Column("published_at", UtcDateTime),
        sa.PrimaryKeyConstraint("batch_id", name="pk_batches"),
    )
    op.create_index("ix_batches_period_published_at", "batches", ["period", "published_at"])
    op.create_table(
        "pointer",
        sa.Column("name", sa.String, nullable=False),
        sa.Column("batch_id", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_pointer"),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.batch_id"], name="fk_pointer_batch_id"),
    )


def _create_rows() -> None:
    op.create_table(
        "people",
        _batch_key(),
        sa.Column("rep_id", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("manager_id", sa.String),
        sa.Column("role", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("batch_id", "rep_id", name="pk_people"),
        _owned("people"),
    )
    op.create_index("ix_people_batch_id_manager_id", "people", ["batch_id", "manager_id"])
    op.create_table(
        "predictions",
        _batch_key(),
        sa.Column("rep_id", sa.String, nullable=False),
        sa.Column("as_of", sa.Date, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("name_folded", sa.String, nullable=False),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("manager_id", sa.String),
        sa.Column("team", sa.String, nullable=False),
        sa.Column("region", sa.String, nullable=False),
        sa.Column("segment", sa.String, nullable=False),
        sa.Column("risk_band", sa.String),
        sa.Column("abstention_reason", sa.String),
        sa.Column("abstention_detail", sa.Text),
        sa.Column("p_hit", sa.Float),
        sa.Column("quota", sa.BigInteger),
        sa.Column("booked", sa.BigInteger, nullable=False),
        sa.Column("booked_share", sa.Float),
        sa.Column("median", sa.Float),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("batch_id", "rep_id", "as_of", name="pk_predictions"),
        _owned("predictions"),
    )
    op.create_index("ix_predictions_batch_id_as_of", "predictions", ["batch_id", "as_of"])
    op.create_table(
        "teams",
        _batch_key(),
        sa.Column("manager_id", sa.String, nullable=False),
        sa.Column("as_of", sa.Date, nullable=False),
        sa.Column("manager_name", sa.String, nullable=False),
        sa.Column("reps", sa.Integer, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("batch_id", "manager_id", "as_of", name="pk_teams"),
        _owned("teams"),
    )
    op.create_table(
        "recommendations",
        _batch_key(),
        sa.Column("rep_id", sa.String, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("program_id", sa.String, nullable=False),
        sa.Column("abstained", sa.Boolean, nullable=False),
        sa.Column("effect", sa.Float),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("batch_id", "rep_id", "position", name="pk_recommendations"),
        _owned("recommendations"),
    )
    op.create_table(
        "model_cards",
        _batch_key(),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("batch_id", name="pk_model_cards"),
        _owned("model_cards"),
    )


def _create_access() -> None:
    op.create_table(
        "tokens",
        sa.Column("token_id", sa.String, nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("rep_id", sa.String),
        sa.Column("label", sa.String, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False),
        sa.Column("revoked_at", UtcDateTime),
        sa.PrimaryKeyConstraint("token_id", name="pk_tokens"),
        sa.UniqueConstraint("token_hash", name="uq_tokens_token_hash"),
        sa.CheckConstraint("role IN ('manager', 'hr', 'analyst', 'rep')", name="ck_tokens_role"),
    )
    op.create_table(
        "sessions",
        sa.Column("session_hash", sa.String(64), nullable=False),
        sa.Column("token_id", sa.String, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False),
        sa.Column("revoked_at", UtcDateTime),
        sa.PrimaryKeyConstraint("session_hash", name="pk_sessions"),
        sa.ForeignKeyConstraint(["token_id"], ["tokens.token_id"], name="fk_sessions_token_id"),
    )


def _create_records() -> None:
    op.create_table(
        "decisions",
        sa.Column("decision_id", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("decided_at", UtcDateTime, nullable=False),
        _batch_key(),
        sa.Column("period", sa.String, nullable=False),
        sa.Column("rep_id", sa.String, nullable=False),
        sa.Column("program_id", sa.String, nullable=False),
        sa.Column("verdict", sa.String, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("decided_by", sa.String, nullable=False),
        sa.Column("role", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("decision_id", name="pk_decisions"),
        sa.CheckConstraint("verdict IN ('accepted', 'overridden')", name="ck_decisions_verdict"),
        sa.CheckConstraint("verdict = 'accepted' OR length(reason) > 0", name="ck_decisions_reason"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_decisions_period_rep_id", "decisions", ["period", "rep_id"])
    op.create_table(
        "audit",
        sa.Column("sequence", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("batch_id", sa.String),
        sa.Column("model_version", sa.String),
        sa.Column("watermark", sa.Date),
        sa.Column("detail", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_audit"),
        sqlite_autoincrement=True,
    )


def _protect(table: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger AS "
            "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$ LANGUAGE plpgsql"
        )
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
