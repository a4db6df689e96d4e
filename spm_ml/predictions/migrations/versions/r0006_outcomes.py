"""What came of the forecasts of finished periods."""

import sqlalchemy as sa
from alembic import op

from spm_ml.predictions.schema import UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the table; the next scoring run fills it for every period whose batch is kept."""
    op.create_table(
        "outcomes",
        sa.Column("outcome_id", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("period", sa.String, nullable=False),
        sa.Column("rep_id", sa.String, nullable=False),
        sa.Column("bookings", sa.BigInteger, nullable=False),
        sa.Column("revenue", sa.BigInteger, nullable=False),
        sa.Column("quota", sa.BigInteger),
        sa.Column("censored", sa.Boolean, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("minor_digits", sa.Integer, nullable=False),
        sa.Column("batch_id", sa.String, nullable=False),
        sa.Column("data_version", sa.Integer, nullable=False),
        sa.Column("watermark", sa.Date, nullable=False),
        sa.Column("said_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("outcome_id", name="pk_outcomes"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_outcomes_period_rep_id", "outcomes", ["period", "rep_id"])


def downgrade() -> None:
    """Drops it: scoring again brings back what the data say, but not what was said before a restatement."""
    op.drop_table("outcomes")
