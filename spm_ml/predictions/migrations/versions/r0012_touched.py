"""Batches in which only those were scored about whom something was recorded."""

import sqlalchemy as sa
from alembic import op

from spm_ml.predictions.schema import UtcDateTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds when everybody was scored; empty in every batch there is, for in those everybody was."""
    op.add_column("batches", sa.Column("scored_whole_at", UtcDateTime))


def downgrade() -> None:
    """Drops it."""
    op.drop_column("batches", "scored_whole_at")
