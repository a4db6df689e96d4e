"""Pay: what is settled for good, and the statements of the running period that go with a batch."""

from sqlalchemy import BigInteger, Column, Date, ForeignKey, Index, Integer, String, Table, Text

from spm_ml.predictions.schema.columns import UtcDateTime, batch_key, metadata

pay_closings = Table(
    "pay_closings",
    metadata,
    Column("closing_id", Integer, primary_key=True, autoincrement=True),
    Column("period", String, nullable=False, unique=True),
    Column("period_start", Date, nullable=False),
    Column("period_end", Date, nullable=False),
    Column("closed_at", UtcDateTime, nullable=False),
    Column("closed_by", String, nullable=False),
    Column("as_of", Date, nullable=False),
    Column("data_version", Integer, nullable=False),
    Column("data_hash", String, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("minor_digits", Integer, nullable=False),
    Column("plans", Text, nullable=False),
    Column("statements", Integer, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("statements_hash", String(64), nullable=False),
    sqlite_autoincrement=True,
)
"""One row a period that was closed; its plans as they were."""

pay_statements = Table(
    "pay_statements",
    metadata,
    Column("period", String, ForeignKey("pay_closings.period"), primary_key=True),
    Column("rep_id", String, primary_key=True),
    Column("plan_id", String, nullable=False),
    Column("plan_version", String, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    Index(None, "rep_id"),
)
"""What each person was paid for a closed period, with every line behind it."""

pay_leavers = Table(
    "pay_leavers",
    metadata,
    Column("period", String, ForeignKey("pay_closings.period"), primary_key=True),
    Column("rep_id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("manager_id", String),
    Index(None, "rep_id"),
)
"""Whoever had left by a closing and has statements: batches know them no more, so this says who they were."""

running_statements = Table(
    "running_statements",
    metadata,
    batch_key(),
    Column("rep_id", String, primary_key=True),
    Column("plan_id", String, nullable=False),
    Column("plan_version", String, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
)
"""What the running period would pay on what is credited so far."""

running_plans = Table("running_plans", metadata, batch_key(), Column("body", Text, nullable=False))
"""The plans that a batch's statements were worked out with."""

pay_costs = Table(
    "pay_costs",
    metadata,
    batch_key(),
    Column("manager_id", String, primary_key=True),
    Column("reps", Integer, nullable=False),
    Column("body", Text, nullable=False),
)
"""What the running period's incentives will cost: of each manager's people, and under an empty id of everybody."""
