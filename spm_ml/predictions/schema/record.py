"""What was done, and which model counts."""

from sqlalchemy import Column, Date, Integer, String, Table, Text

from spm_ml.predictions.schema.columns import UtcDateTime, metadata

champions = Table(
    "champions",
    metadata,
    Column("champion_id", Integer, primary_key=True, autoincrement=True),
    Column("at", UtcDateTime, nullable=False),
    Column("model_name", String, nullable=False),
    Column("model_version", String, nullable=False),
    Column("registry", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("reason", Text, nullable=False),
    sqlite_autoincrement=True,
)

audit = Table(
    "audit",
    metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=True),
    Column("at", UtcDateTime, nullable=False),
    Column("account_id", String),
    Column("actor", String, nullable=False),
    Column("action", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("batch_id", String),
    Column("model_version", String),
    Column("watermark", Date),
    Column("detail", Text, nullable=False),
    Column("previous_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    sqlite_autoincrement=True,
)

audit_checkpoints = Table(
    "audit_checkpoints",
    metadata,
    Column("checkpoint_id", Integer, primary_key=True, autoincrement=True),
    Column("at", UtcDateTime, nullable=False),
    Column("through_sequence", Integer, nullable=False),
    Column("hash", String(64), nullable=False),
    Column("decisions_through", Integer, nullable=False),
    Column("cases_through", Integer, nullable=False),
    Column("submissions_through", Integer, nullable=False, server_default="0"),
    Column("assessments_through", Integer, nullable=False, server_default="0"),
    Column("feedback_through", Integer, nullable=False, server_default="0"),
    Column("pulses_through", Integer, nullable=False, server_default="0"),
    Column("notes_through", Integer, nullable=False, server_default="0"),
    Column("agreements_through", Integer, nullable=False, server_default="0"),
    Column("actor", String, nullable=False),
    sqlite_autoincrement=True,
)
