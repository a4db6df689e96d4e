"""Closed pay periods, statements of the running one, and what incentives will cost."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from spm_ml.predictions.migrations.append_only import protect
from spm_ml.predictions.schema import UtcDateTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the tables; the next scoring run publishes the running period's statements."""
    op.create_table(
        "pay_closings",
        sa.Column("closing_id", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("period", sa.String, nullable=False),
        sa.Column("period_start", sa.Date, nullable=False),
        sa.Column("period_end", sa.Date, nullable=False),
        sa.Column("closed_at", UtcDateTime, nullable=False),
        sa.Column("closed_by", sa.String, nullable=False),
        sa.Column("as_of", sa.Date, nullable=False),
        sa.Column("data_version", sa.Integer, nullable=False),
        sa.Column("data_hash", sa.String, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("minor_digits", sa.Integer, nullable=False),
        sa.Column("plans", sa.Text, nullable=False),
        sa.Column("statements", sa.Integer, nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("statements_hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("closing_id", name="pk_pay_closings"),
        sa.UniqueConstraint("period", name="uq_pay_closings_period"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "pay_statements",
        sa.Column("period", sa.String, nullable=False),
        *_statement(),
        sa.PrimaryKeyConstraint("period", "rep_id", name="pk_pay_statements"),
        sa.ForeignKeyConstraint(["period"], ["pay_closings.period"], name="fk_pay_statements_period"),
    )
    op.create_index("ix_pay_statements_rep_id", "pay_statements", ["rep_id"])
    for table in ("pay_closings", "pay_statements"):
        protect(table)
    op.create_table(
        "running_statements",
        sa.Column("batch_id", sa.String, nullable=False),
        *_statement(),
        sa.PrimaryKeyConstraint("batch_id", "rep_id", name="pk_running_statements"),
        _of_batch("running_statements"),
    )
    op.create_table(
        "running_plans",
        sa.Column("batch_id", sa.String, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("batch_id", name="pk_running_plans"),
        _of_batch("running_plans"),
    )
    op.create_table(
        "pay_costs",
        sa.Column("batch_id", sa.String, nullable=False),
        sa.Column("manager_id", sa.String, nullable=False),
        sa.Column("reps", sa.Integer, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("batch_id", "manager_id", name="pk_pay_costs"),
        _of_batch("pay_costs"),
    )


def downgrade() -> None:
    """Drops them: what was closed is lost, so keep a backup."""
    for table in ("pay_costs", "running_plans", "running_statements", "pay_statements", "pay_closings"):
        op.drop_table(table)


def _statement() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("rep_id", sa.String, nullable=False),
        sa.Column("plan_id", sa.String, nullable=False),
        sa.Column("plan_version", sa.String, nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )


def _of_batch(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["batch_id"], ["batches.batch_id"], name=f"fk_{table}_batch_id", ondelete="CASCADE")
