"""The company's goals, proposed quotas, groups by segment and the usual share of a period's bookings."""

import sqlalchemy as sa
from alembic import op

from spm_ml.predictions.migrations.append_only import protect
from spm_ml.predictions.schema import UtcDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the tables. Batches that are there hold no segments, and what was usual on their days is not known."""
    op.add_column("batches", sa.Column("usual_share", sa.Float))
    _levels("'team', 'segment', 'region', 'company'")
    _create_proposals()
    _create_goals()
    protect("quota_proposals", kept="FALSE")
    protect("proposed_quotas", kept="FALSE")
    protect("company_goals")


def downgrade() -> None:
    """Drops them, and what was published of segments."""
    for table in ("company_goals", "proposed_quotas", "quota_proposals"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        for table in ("proposed_quotas", "quota_proposals"):
            op.execute(f"DROP FUNCTION refuse_kept_{table}()")
    op.execute("DELETE FROM teams WHERE level = 'segment'")
    _levels("'team', 'region', 'company'")
    op.drop_column("batches", "usual_share")


def _levels(names: str) -> None:
    """What a row of `teams` may be; SQLite copies the table for it, and leaves the old constraint behind."""
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint("ck_teams_level", "teams", type_="check")
    with op.batch_alter_table("teams", recreate="auto") as table:
        table.create_check_constraint("ck_teams_level", f"level IN ({names})")


def _create_proposals() -> None:
    op.create_table(
        "quota_proposals",
        sa.Column("proposal_id", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("proposed_at", UtcDateTime, nullable=False),
        sa.Column("period", sa.String, nullable=False),
        sa.Column("as_of", sa.Date, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("minor_digits", sa.Integer, nullable=False),
        sa.Column("model_name", sa.String, nullable=False),
        sa.Column("model_version", sa.String, nullable=False),
        sa.Column("data_version", sa.Integer, nullable=False),
        sa.Column("data_hash", sa.String, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("proposal_id", name="pk_quota_proposals"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_quota_proposals_period", "quota_proposals", ["period"])
    op.create_table(
        "proposed_quotas",
        sa.Column("proposal_id", sa.Integer, nullable=False),
        sa.Column("rep_id", sa.String, nullable=False),
        sa.Column("quota", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("proposal_id", "rep_id", name="pk_proposed_quotas"),
        sa.ForeignKeyConstraint(
            ["proposal_id"],
            ["quota_proposals.proposal_id"],
            name="fk_proposed_quotas_proposal_id",
            ondelete="CASCADE",
        ),
    )


def _create_goals() -> None:
    op.create_table(
        "company_goals",
        sa.Column("goal_id", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("set_at", UtcDateTime, nullable=False),
        sa.Column("period", sa.String, nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("minor_digits", sa.Integer, nullable=False),
        sa.Column("proposal_id", sa.Integer),
        sa.Column("data_version", sa.Integer),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.CheckConstraint("amount > 0", name="ck_company_goals_amount"),
        sa.PrimaryKeyConstraint("goal_id", name="pk_company_goals"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_company_goals_period", "company_goals", ["period"])
