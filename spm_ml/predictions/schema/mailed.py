"""Weekly mails: who wants none, and what went to whom."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, String, Table, Text

from spm_ml.predictions.schema.columns import UtcDateTime, metadata

digest_refusals = Table(
    "digest_refusals",
    metadata,
    Column("account_id", String, ForeignKey("accounts.account_id"), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
)

digests = Table(
    "digests",
    metadata,
    Column("account_id", String, ForeignKey("accounts.account_id"), primary_key=True),
    Column("week", String(10), primary_key=True),
    Column("way", String, primary_key=True),
    Column("state", String, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("detail", Text, nullable=False),
    CheckConstraint("state IN ('sending', 'sent', 'failed')", name="state"),
)
