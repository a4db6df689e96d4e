"""Who has access, and writes that they may repeat."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Integer, String, Table, Text, UniqueConstraint

from spm_ml.predictions.schema.columns import UtcDateTime, account_key, metadata

accounts = Table(
    "accounts",
    metadata,
    Column("account_id", String, primary_key=True),
    Column("label", String, nullable=False),
    Column("role", String, nullable=False),
    Column("rep_id", String),
    Column("issuer", String),
    Column("subject", String),
    Column("email", String, unique=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("disabled_at", UtcDateTime),
    CheckConstraint("role IN ('manager', 'hr', 'analyst', 'rep', 'admin')", name="role"),
    UniqueConstraint("issuer", "subject"),
)

tokens = Table(
    "tokens",
    metadata,
    Column("token_id", String, primary_key=True),
    account_key(),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("label", String, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime),
)

sessions = Table(
    "sessions",
    metadata,
    Column("session_hash", String(64), primary_key=True),
    account_key(),
    Column("token_id", String, ForeignKey("tokens.token_id")),
    Column("method", String, CheckConstraint("method IN ('token', 'oidc')", name="method"), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("account_id", String, primary_key=True),
    Column("key_hash", String(64), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("status", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False, index=True),
)
