"""Weekly mails: who wants none, and what went to whom."""

import sqlalchemy as sa
from alembic import op

from spm_ml.predictions.schema import UtcDateTime

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "digest_refusals",
        sa.Column("account_id", sa.String, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("account_id", name="pk_digest_refusals"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name="fk_digest_refusals_account_id_accounts"),
    )
    op.create_table(
        "digests",
        sa.Column("account_id", sa.String, nullable=False),
        sa.Column("week", sa.String(10), nullable=False),
        sa.Column("way", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "week", "way", name="pk_digests"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name="fk_digests_account_id_accounts"),
        sa.CheckConstraint("state IN ('sending', 'sent', 'failed')", name="ck_digests_state"),
    )


def downgrade() -> None:
    """Drops them: whoever wanted no mail says so again."""
    op.drop_table("digests")
    op.drop_table("digest_refusals")
