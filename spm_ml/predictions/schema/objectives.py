"""What is to be reached: the company's goals, and the quotas that were proposed."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Date, ForeignKey, Index, Integer, String, Table, Text

from spm_ml.predictions.schema.columns import UtcDateTime, metadata

quota_proposals = Table(
    "quota_proposals",
    metadata,
    Column("proposal_id", Integer, primary_key=True, autoincrement=True),
    Column("proposed_at", UtcDateTime, nullable=False),
    Column("period", String, nullable=False),
    Column("as_of", Date, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("minor_digits", Integer, nullable=False),
    Column("model_name", String, nullable=False),
    Column("model_version", String, nullable=False),
    Column("data_version", Integer, nullable=False),
    Column("data_hash", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("body", Text, nullable=False),
    Index(None, "period"),
    sqlite_autoincrement=True,
)

proposed_quotas = Table(
    "proposed_quotas",
    metadata,
    Column(
        "proposal_id",
        Integer,
        ForeignKey("quota_proposals.proposal_id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("rep_id", String, primary_key=True),
    Column("quota", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
)

company_goals = Table(
    "company_goals",
    metadata,
    Column("goal_id", Integer, primary_key=True, autoincrement=True),
    Column("set_at", UtcDateTime, nullable=False),
    Column("period", String, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("minor_digits", Integer, nullable=False),
    Column("proposal_id", Integer),
    Column("data_version", Integer),
    Column("reason", Text, nullable=False),
    Column("actor", String, nullable=False),
    CheckConstraint("amount > 0", name="amount"),
    Index(None, "period"),
    sqlite_autoincrement=True,
)
"""The newest row of a period counts; one with a proposal says that its quotas were taken over as that data version."""
