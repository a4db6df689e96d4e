"""What a scoring run publishes: each row of one batch, and what came of earlier periods."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    false,
)

from spm_ml.predictions.schema.columns import UtcDateTime, batch_key, metadata

batches = Table(
    "batches",
    metadata,
    Column("batch_id", String, primary_key=True),
    Column("period", String, nullable=False),
    Column("as_of", Date, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("model_name", String, nullable=False),
    Column("model_version", String, nullable=False),
    Column("forecaster", String, nullable=False),
    Column("data_version", Integer, nullable=False),
    Column("data_hash", String, nullable=False),
    Column("watermark", Date, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("minor_digits", Integer, nullable=False),
    Column("organisation_name", String, nullable=False),
    Column("risk_high_below", Float, nullable=False),
    Column("risk_medium_below", Float, nullable=False),
    Column("timezone", String, nullable=False),
    Column("plans_hash", String, nullable=False, server_default=""),
    Column("usual_share", Float),
    Column("scored_whole_at", UtcDateTime),
    Column("staged_at", UtcDateTime, nullable=False),
    Column("published_at", UtcDateTime),
    Index(None, "period", "published_at"),
)

pointer = Table(
    "pointer",
    metadata,
    Column("name", String, primary_key=True),
    Column("batch_id", String, ForeignKey("batches.batch_id"), nullable=False),
)

people = Table(
    "people",
    metadata,
    batch_key(),
    Column("rep_id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("manager_id", String),
    Column("role", String, nullable=False),
    Index(None, "batch_id", "manager_id"),
)

predictions = Table(
    "predictions",
    metadata,
    batch_key(),
    Column("rep_id", String, primary_key=True),
    Column("as_of", Date, primary_key=True),
    Column("name", String, nullable=False),
    Column("name_folded", String, nullable=False),
    Column("role", String, nullable=False),
    Column("manager_id", String),
    Column("team", String, nullable=False),
    Column("region", String, nullable=False),
    Column("segment", String, nullable=False),
    Column("risk_band", String),
    Column("abstention_reason", String),
    Column("abstention_detail", Text),
    Column("p_hit", Float),
    Column("quota", BigInteger),
    Column("booked", BigInteger, nullable=False),
    Column("booked_share", Float),
    Column("median", Float),
    Column("body", Text, nullable=False),
    Index(None, "batch_id", "as_of"),
)

teams = Table(
    "teams",
    metadata,
    batch_key(),
    Column(
        "level",
        String,
        CheckConstraint("level IN ('team', 'segment', 'region', 'company')", name="level"),
        primary_key=True,
    ),
    Column("key", String, primary_key=True),
    Column("as_of", Date, primary_key=True),
    Column("label", String, nullable=False),
    Column("manager_id", String, nullable=False),
    Column("reps", Integer, nullable=False),
    Column("disclosable", Boolean, nullable=False, server_default=false()),
    Column("body", Text, nullable=False),
)

recommendations = Table(
    "recommendations",
    metadata,
    batch_key(),
    Column("rep_id", String, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("program_id", String, nullable=False),
    Column("abstained", Boolean, nullable=False),
    Column("effect", Float),
    Column("body", Text, nullable=False),
)

diagnoses = Table(
    "diagnoses",
    metadata,
    batch_key(),
    Column("rep_id", String, primary_key=True),
    Column("verdict", String, nullable=False),
    Column("body", Text, nullable=False),
)

findings = Table(
    "findings",
    metadata,
    batch_key(),
    Column("program_id", String, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("body", Text, nullable=False),
)

options = Table(
    "options",
    metadata,
    batch_key(),
    Column("rep_id", String, primary_key=True),
    Column("program_id", String, primary_key=True),
    Column("body", Text, nullable=False),
)

plans = Table(
    "plans",
    metadata,
    batch_key(),
    Column("covariance", Text, nullable=False),
    Column("body", Text),
)

fairness_audits = Table("fairness_audits", metadata, batch_key(), Column("body", Text, nullable=False))

model_cards = Table("model_cards", metadata, batch_key(), Column("body", Text, nullable=False))

model_evidence = Table(
    "model_evidence",
    metadata,
    batch_key(),
    Column("section", String, primary_key=True),
    Column("body", Text, nullable=False),
)

what_if_inputs = Table(
    "what_if_inputs",
    metadata,
    batch_key(),
    Column("rep_id", String, primary_key=True),
    Column("body", Text, nullable=False),
)

what_if_models = Table("what_if_models", metadata, batch_key(), Column("body", Text, nullable=False))

outcomes = Table(
    "outcomes",
    metadata,
    Column("outcome_id", Integer, primary_key=True, autoincrement=True),
    Column("period", String, nullable=False),
    Column("rep_id", String, nullable=False),
    Column("bookings", BigInteger, nullable=False),
    Column("revenue", BigInteger, nullable=False),
    Column("quota", BigInteger),
    Column("censored", Boolean, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("minor_digits", Integer, nullable=False),
    Column("batch_id", String, nullable=False),
    Column("data_version", Integer, nullable=False),
    Column("watermark", Date, nullable=False),
    Column("said_at", UtcDateTime, nullable=False),
    Index(None, "period", "rep_id"),
    sqlite_autoincrement=True,
)
"""Results of finished periods; a batch that is no longer kept may have said them."""
