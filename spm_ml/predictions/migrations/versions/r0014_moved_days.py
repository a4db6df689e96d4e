"""Days of agreed actions that were moved."""

import sqlalchemy as sa
from alembic import op

from spm_ml.predictions.migrations.append_only import protect
from spm_ml.predictions.schema import UtcDateTime

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_KEPT = "OLD.agreement_id > COALESCE((SELECT MAX(agreements_through) FROM audit_checkpoints), 0)"


def upgrade() -> None:
    """Makes the table; its rows go with their agreements."""
    op.create_table(
        "agreement_moves",
        sa.Column("move_id", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("agreement_id", sa.Integer, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("due_on", sa.Date, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("side", sa.String, nullable=False),
        sa.Column("account_id", sa.String, nullable=False),
        sa.Column("taken_by", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("move_id", name="pk_agreement_moves"),
        sa.ForeignKeyConstraint(["agreement_id"], ["agreements.agreement_id"], name="fk_agreement_moves_agreement_id"),
        sa.CheckConstraint("length(text) > 0", name="ck_agreement_moves_text"),
        sa.CheckConstraint("side IN ('rep', 'manager')", name="ck_agreement_moves_side"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_agreement_moves_agreement_id", "agreement_moves", ["agreement_id"])
    protect("agreement_moves", kept=_KEPT)


def downgrade() -> None:
    """Drops it: moved days are lost, so keep a backup."""
    op.drop_table("agreement_moves")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION refuse_kept_agreement_moves()")
