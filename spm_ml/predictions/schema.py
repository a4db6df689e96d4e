"""Tables of the operational store, the same on SQLite and PostgreSQL."""

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
)


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC; SQLite keeps no time zone, so it is put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Gives the moment in UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Gives the stored moment with its zone."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


def _batch_key() -> Column[str]:
    return Column("batch_id", String, ForeignKey("batches.batch_id", ondelete="CASCADE"), primary_key=True)


def _account_key() -> Column[str]:
    return Column("account_id", String, ForeignKey("accounts.account_id"), nullable=False, index=True)


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
    _batch_key(),
    Column("rep_id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("manager_id", String),
    Column("role", String, nullable=False),
    Index(None, "batch_id", "manager_id"),
)

predictions = Table(
    "predictions",
    metadata,
    _batch_key(),
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
    _batch_key(),
    Column("level", String, CheckConstraint("level IN ('team', 'region', 'company')", name="level"), primary_key=True),
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
    _batch_key(),
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
    _batch_key(),
    Column("rep_id", String, primary_key=True),
    Column("verdict", String, nullable=False),
    Column("body", Text, nullable=False),
)

findings = Table(
    "findings",
    metadata,
    _batch_key(),
    Column("program_id", String, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("body", Text, nullable=False),
)

options = Table(
    "options",
    metadata,
    _batch_key(),
    Column("rep_id", String, primary_key=True),
    Column("program_id", String, primary_key=True),
    Column("body", Text, nullable=False),
)

plans = Table(
    "plans",
    metadata,
    _batch_key(),
    Column("covariance", Text, nullable=False),
    Column("body", Text),
)

fairness_audits = Table("fairness_audits", metadata, _batch_key(), Column("body", Text, nullable=False))

model_cards = Table("model_cards", metadata, _batch_key(), Column("body", Text, nullable=False))

model_evidence = Table(
    "model_evidence",
    metadata,
    _batch_key(),
    Column("section", String, primary_key=True),
    Column("body", Text, nullable=False),
)

decisions = Table(
    "decisions",
    metadata,
    Column("decision_id", Integer, primary_key=True, autoincrement=True),
    Column("decided_at", UtcDateTime, nullable=False),
    Column("batch_id", String, nullable=False),
    Column("period", String, nullable=False),
    Column("rep_id", String, nullable=False),
    Column("program_id", String, nullable=False),
    Column("verdict", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("decided_by", String, nullable=False),
    Column("decider_id", String),
    Column("role", String, nullable=False),
    CheckConstraint("verdict IN ('accepted', 'overridden', 'reversed', 'declined')", name="verdict"),
    CheckConstraint("verdict IN ('accepted', 'declined') OR length(reason) > 0", name="reason"),
    Index(None, "period", "rep_id"),
    sqlite_autoincrement=True,
)

assignments = Table(
    "assignments",
    metadata,
    Column("assignment_id", Integer, primary_key=True, autoincrement=True),
    Column("at", UtcDateTime, nullable=False),
    Column("happened_on", Date, nullable=False),
    Column("batch_id", String, nullable=False),
    Column("period", String, nullable=False),
    Column("rep_id", String, nullable=False),
    Column("program_id", String, nullable=False),
    Column("event", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("propensity", Float),
    Column("effect", Float),
    Column("value", Float),
    CheckConstraint(
        "event IN ('offered', 'held_out', 'withdrawn', 'enrolled', 'completed', 'outcome')",
        name="event",
    ),
    CheckConstraint("propensity IS NULL OR (propensity >= 0 AND propensity <= 1)", name="propensity"),
    Index(None, "period", "rep_id"),
    sqlite_autoincrement=True,
)

what_if_inputs = Table(
    "what_if_inputs",
    metadata,
    _batch_key(),
    Column("rep_id", String, primary_key=True),
    Column("body", Text, nullable=False),
)

what_if_models = Table("what_if_models", metadata, _batch_key(), Column("body", Text, nullable=False))

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
    _account_key(),
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
    _account_key(),
    Column("token_id", String, ForeignKey("tokens.token_id")),
    Column("method", String, CheckConstraint("method IN ('token', 'oidc')", name="method"), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime),
)

cases = Table(
    "cases",
    metadata,
    Column("case_id", Integer, primary_key=True, autoincrement=True),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("batch_id", String, nullable=False),
    Column("period", String, nullable=False),
    Column("rep_id", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("about", String, nullable=False),
    Column("program_id", String),
    Column("item", String),
    Column("text", Text, nullable=False),
    Column("account_id", String, nullable=False),
    Column("opened_by", String, nullable=False),
    CheckConstraint("kind IN ('view', 'correction', 'contest')", name="kind"),
    CheckConstraint("about IN ('forecast', 'recommendation', 'diagnosis', 'data')", name="about"),
    CheckConstraint("length(text) > 0", name="text"),
    Index(None, "rep_id", "period"),
    sqlite_autoincrement=True,
)

case_events = Table(
    "case_events",
    metadata,
    Column("event_id", Integer, primary_key=True, autoincrement=True),
    Column("case_id", Integer, ForeignKey("cases.case_id"), nullable=False, index=True),
    Column("at", UtcDateTime, nullable=False),
    Column("status", String, nullable=False),
    Column("text", Text, nullable=False),
    Column("account_id", String, nullable=False),
    Column("answered_by", String, nullable=False),
    Column("role", String, nullable=False),
    CheckConstraint(
        "status IN ('open', 'in_review', 'upheld', 'partly_upheld', 'rejected', 'withdrawn', 'noted')", name="status"
    ),
    sqlite_autoincrement=True,
)

submissions = Table(
    "submissions",
    metadata,
    Column("submission_id", Integer, primary_key=True, autoincrement=True),
    Column("submitted_at", UtcDateTime, nullable=False),
    Column("batch_id", String, nullable=False),
    Column("watermark", Date, nullable=False),
    Column("period", String, nullable=False),
    Column("rep_id", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("minor_digits", Integer, nullable=False),
    Column("note", Text, nullable=False),
    Column("account_id", String, nullable=False),
    Column("submitted_by", String, nullable=False),
    Column("submitter_id", String),
    Column("role", String, nullable=False),
    CheckConstraint("kind IN ('commit', 'best_case', 'manager_override')", name="kind"),
    CheckConstraint("amount > 0", name="amount"),
    CheckConstraint("kind <> 'manager_override' OR length(note) > 0", name="note"),
    Index(None, "rep_id", "period"),
    sqlite_autoincrement=True,
)

assessments = Table(
    "assessments",
    metadata,
    Column("assessment_id", Integer, primary_key=True, autoincrement=True),
    Column("at", UtcDateTime, nullable=False),
    Column("assessed_on", Date, nullable=False),
    Column("batch_id", String, nullable=False),
    Column("period", String, nullable=False),
    Column("rep_id", String, nullable=False),
    Column("skill", String, nullable=False),
    Column("score", Integer),
    Column("assessor", String, nullable=False),
    Column("account_id", String, nullable=False),
    Column("assessed_by", String, nullable=False),
    CheckConstraint("score IS NULL OR (score >= 1 AND score <= 5)", name="score"),
    CheckConstraint("assessor IN ('self', 'manager')", name="assessor"),
    Index(None, "rep_id", "period"),
    sqlite_autoincrement=True,
)

feedback = Table(
    "feedback",
    metadata,
    Column("feedback_id", Integer, primary_key=True, autoincrement=True),
    Column("at", UtcDateTime, nullable=False),
    Column("batch_id", String, nullable=False),
    Column("period", String, nullable=False),
    Column("rep_id", String, nullable=False),
    Column("about", String, nullable=False),
    Column("verdict", String, nullable=False),
    Column("text", Text, nullable=False),
    Column("account_id", String, nullable=False),
    Column("given_by", String, nullable=False),
    Column("role", String, nullable=False),
    CheckConstraint("about IN ('forecast', 'diagnosis', 'offer')", name="about"),
    CheckConstraint("verdict IN ('useful', 'no_use', 'wrong')", name="verdict"),
    Index(None, "rep_id", "period"),
    sqlite_autoincrement=True,
)

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
    Column("actor", String, nullable=False),
    sqlite_autoincrement=True,
)

APPEND_ONLY = tuple(
    table.name
    for table in (
        audit,
        audit_checkpoints,
        decisions,
        assignments,
        cases,
        case_events,
        submissions,
        assessments,
        feedback,
        champions,
    )
)
"""Tables whose rows triggers keep from being changed or deleted; what checkpoints count may go up to where they say."""
