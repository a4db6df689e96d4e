"""Who had left by the closing of a pay period: batches know them no more, and their statements stay."""

import sqlalchemy as sa
from alembic import op

from spm_ml.predictions.migrations.append_only import protect

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the table; the next closing fills it, also with those who left before earlier ones."""
    op.create_table(
        "pay_leavers",
        sa.Column("period", sa.String, nullable=False),
        sa.Column("rep_id", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("manager_id", sa.String),
        sa.PrimaryKeyConstraint("period", "rep_id", name="pk_pay_leavers"),
        sa.ForeignKeyConstraint(["period"], ["pay_closings.period"], name="fk_pay_leavers_period"),
    )
    op.create_index("ix_pay_leavers_rep_id", "pay_leavers", ["rep_id"])
    protect("pay_leavers")


def downgrade() -> None:
    """Drops it."""
    op.drop_table("pay_leavers")
