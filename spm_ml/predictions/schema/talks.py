"""What reps and managers tell each other: the pulse, notes, and what they agree on."""

from sqlalchemy import Boolean, CheckConstraint, Column, Date, ForeignKey, Index, Integer, String, Table, Text

from spm_ml.predictions.schema.columns import UtcDateTime, metadata

QUESTIONS = ("pipeline", "quota", "workload", "support", "focus")
"""Questions of the pulse; each is a column of whole numbers from 1 to 5."""

pulses = Table(
    "pulses",
    metadata,
    Column("pulse_id", Integer, primary_key=True, autoincrement=True),
    Column("at", UtcDateTime, nullable=False),
    Column("batch_id", String, nullable=False),
    Column("period", String, nullable=False),
    Column("rep_id", String, nullable=False),
    *(Column(question, Integer, nullable=False) for question in QUESTIONS),
    Column("shared", Boolean, nullable=False),
    Column("terms", String, nullable=False),
    Column("salt", String(32), nullable=False),
    Column("account_id", String, nullable=False),
    *(CheckConstraint(f"{question} >= 1 AND {question} <= 5", name=question) for question in QUESTIONS),
    Index(None, "rep_id", "period"),
    sqlite_autoincrement=True,
)

pulse_withdrawals = Table(
    "pulse_withdrawals",
    metadata,
    Column("withdrawal_id", Integer, primary_key=True, autoincrement=True),
    Column("at", UtcDateTime, nullable=False),
    Column("pulse_id", Integer, nullable=False, unique=True),
    Column("newest_pulse_id", Integer, nullable=False),
    Column("period", String, nullable=False),
    Column("rep_id", String, nullable=False),
    Column("account_id", String, nullable=False),
    Index(None, "rep_id", "period"),
    sqlite_autoincrement=True,
)

notes = Table(
    "notes",
    metadata,
    Column("note_id", Integer, primary_key=True, autoincrement=True),
    Column("at", UtcDateTime, nullable=False),
    Column("about_on", Date, nullable=False),
    Column("batch_id", String, nullable=False),
    Column("period", String, nullable=False),
    Column("rep_id", String, nullable=False),
    Column("topic", String, nullable=False),
    Column("text", Text, nullable=False),
    Column("account_id", String, nullable=False),
    Column("written_by", String, nullable=False),
    CheckConstraint("topic IN ('strength', 'progress', 'obstacle', 'support', 'other')", name="topic"),
    CheckConstraint("length(text) > 0", name="text"),
    Index(None, "rep_id", "period"),
    sqlite_autoincrement=True,
)

agreements = Table(
    "agreements",
    metadata,
    Column("agreement_id", Integer, primary_key=True, autoincrement=True),
    Column("at", UtcDateTime, nullable=False),
    Column("batch_id", String, nullable=False),
    Column("period", String, nullable=False),
    Column("rep_id", String, nullable=False),
    Column("text", Text, nullable=False),
    Column("behaviour", String, nullable=False),
    Column("source", String, nullable=False),
    Column("program_id", String),
    Column("due_on", Date, nullable=False),
    Column("doer", String, nullable=False),
    Column("side", String, nullable=False),
    Column("account_id", String, nullable=False),
    Column("proposed_by", String, nullable=False),
    CheckConstraint("length(text) > 0", name="text"),
    CheckConstraint("source IN ('diagnosis', 'offer', 'talk')", name="source"),
    CheckConstraint("(source = 'offer') = (program_id IS NOT NULL)", name="program"),
    CheckConstraint("doer IN ('rep', 'manager', 'both')", name="doer"),
    CheckConstraint("side IN ('rep', 'manager')", name="side"),
    Index(None, "rep_id", "period"),
    sqlite_autoincrement=True,
)

agreement_events = Table(
    "agreement_events",
    metadata,
    Column("event_id", Integer, primary_key=True, autoincrement=True),
    Column("agreement_id", Integer, ForeignKey("agreements.agreement_id"), nullable=False, index=True),
    Column("at", UtcDateTime, nullable=False),
    Column("step", String, nullable=False),
    Column("text", Text, nullable=False),
    Column("side", String, nullable=False),
    Column("account_id", String, nullable=False),
    Column("taken_by", String, nullable=False),
    CheckConstraint("step IN ('agreed', 'done', 'dropped', 'reopened')", name="step"),
    CheckConstraint("side IN ('rep', 'manager')", name="side"),
    sqlite_autoincrement=True,
)

agreement_moves = Table(
    "agreement_moves",
    metadata,
    Column("move_id", Integer, primary_key=True, autoincrement=True),
    Column("agreement_id", Integer, ForeignKey("agreements.agreement_id"), nullable=False, index=True),
    Column("at", UtcDateTime, nullable=False),
    Column("due_on", Date, nullable=False),
    Column("text", Text, nullable=False),
    Column("side", String, nullable=False),
    Column("account_id", String, nullable=False),
    Column("taken_by", String, nullable=False),
    CheckConstraint("length(text) > 0", name="text"),
    CheckConstraint("side IN ('rep', 'manager')", name="side"),
    sqlite_autoincrement=True,
)
