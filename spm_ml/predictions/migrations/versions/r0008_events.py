"""The inbox: events that other systems sent, and the receipts for them."""

import sqlalchemy as sa
from alembic import op

from spm_ml.predictions.schema import UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "receipts",
        sa.Column("receipt_id", sa.String(32), nullable=False),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("received_at", UtcDateTime, nullable=False),
        sa.Column("event_ids", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("receipt_id", name="pk_receipts"),
    )
    op.create_table(
        "events",
        sa.Column("event_number", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("event_id", sa.String, nullable=False),
        sa.Column("content_hash", sa.String(64), nullable=False),
        sa.Column("table_name", sa.String, nullable=False),
        sa.Column("row_key", sa.String(64)),
        sa.Column("recorded_at", UtcDateTime, nullable=False),
        sa.Column("received_at", UtcDateTime, nullable=False),
        sa.Column("record", sa.Text),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("finding", sa.Text),
        sa.Column("version", sa.Integer),
        sa.Column("settled_at", UtcDateTime),
        sa.PrimaryKeyConstraint("event_number", name="pk_events"),
        sa.UniqueConstraint("source", "event_id", name="uq_events_source_event_id"),
        sa.CheckConstraint("state IN ('waiting', 'ingested', 'superseded', 'quarantined')", name="ck_events_state"),
        sa.CheckConstraint("(state = 'waiting') = (settled_at IS NULL)", name="ck_events_settled"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_state_recorded_at", "events", ["state", "recorded_at"])
    op.create_index("ix_events_row_key_recorded_at", "events", ["row_key", "recorded_at"])


def downgrade() -> None:
    """Drops them: what waits must be ingested before."""
    op.drop_table("events")
    op.drop_table("receipts")
