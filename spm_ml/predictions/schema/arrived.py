"""What other systems sent, until it is in the tables, and for a while what became of it."""

from sqlalchemy import CheckConstraint, Column, Index, Integer, String, Table, Text, UniqueConstraint

from spm_ml.predictions.schema.columns import UtcDateTime, metadata

receipts = Table(
    "receipts",
    metadata,
    Column("receipt_id", String(32), primary_key=True),
    Column("source", String, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("event_ids", Text, nullable=False),
)

events = Table(
    "events",
    metadata,
    Column("event_number", Integer, primary_key=True, autoincrement=True),
    Column("source", String, nullable=False),
    Column("event_id", String, nullable=False),
    Column("content_hash", String(64), nullable=False),
    Column("table_name", String, nullable=False),
    Column("row_key", String(64)),
    Column("recorded_at", UtcDateTime, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("record", Text),
    Column("state", String, nullable=False),
    Column("finding", Text),
    Column("version", Integer),
    Column("settled_at", UtcDateTime),
    UniqueConstraint("source", "event_id"),
    CheckConstraint("state IN ('waiting', 'ingested', 'superseded', 'quarantined')", name="state"),
    CheckConstraint("(state = 'waiting') = (settled_at IS NULL)", name="settled"),
    Index(None, "state", "recorded_at"),
    Index(None, "row_key", "recorded_at"),
    sqlite_autoincrement=True,
)
