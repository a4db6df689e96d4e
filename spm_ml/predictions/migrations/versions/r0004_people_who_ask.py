"""Accounts behind tokens and sessions, what people say, a chained audit, and writes that are safe to repeat."""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

from spm_ml.predictions.audit import FIRST_HASH, chained
from spm_ml.predictions.schema import UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

Row = dict[str, Any]

_ROLES = "role IN ('manager', 'hr', 'analyst', 'rep', 'admin')"
_OLD_ROLES = "role IN ('manager', 'hr', 'analyst', 'rep')"
_AUDIT = ("sequence", "actor", "action", "subject", "batch_id", "model_version", "detail")
_KEPT = {
    "audit": "OLD.sequence > COALESCE((SELECT MAX(through_sequence) FROM audit_checkpoints), 0)",
    "decisions": "OLD.decision_id > COALESCE((SELECT MAX(decisions_through) FROM audit_checkpoints), 0)",
    "cases": "OLD.case_id > COALESCE((SELECT MAX(cases_through) FROM audit_checkpoints), 0)",
    "case_events": "OLD.case_id > COALESCE((SELECT MAX(cases_through) FROM audit_checkpoints), 0)",
    "submissions": "OLD.submission_id > COALESCE((SELECT MAX(submissions_through) FROM audit_checkpoints), 0)",
    "assessments": "OLD.assessment_id > COALESCE((SELECT MAX(assessments_through) FROM audit_checkpoints), 0)",
    "feedback": "OLD.feedback_id > COALESCE((SELECT MAX(feedback_through) FROM audit_checkpoints), 0)",
}
_STATUSES = "status IN ('open', 'in_review', 'upheld', 'partly_upheld', 'rejected', 'withdrawn', 'noted')"


def upgrade() -> None:
    """Gives each token an account of its own, chains the lines of the audit, and makes the new tables.

    What groups of earlier batches tell beside each other was not looked at: none is given to analysts.
    """
    op.add_column("teams", sa.Column("disclosable", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("batches", sa.Column("plans_hash", sa.String, nullable=False, server_default=""))
    _create_what_if_inputs()
    _create_fairness_audits()
    _create_model_evidence()
    _give_tokens_accounts()
    _create_cases()
    _create_submissions()
    _create_assessments()
    _create_records()
    _replace_audit(_chained(_audit_rows()), chain=True)
    _unprotect("decisions")
    for table in ("decisions", "cases", "case_events", "submissions", "assessments", "feedback"):
        _protect(table, kept=_KEPT[table])
    for table in ("champions", "audit_checkpoints"):
        _protect(table)


def downgrade() -> None:
    """Drops them; a token keeps its account's role. Admins and sessions without a token were unknown before."""
    op.drop_column("teams", "disclosable")
    op.drop_column("batches", "plans_hash")
    _replace_audit(_audit_rows(), chain=False)
    _unprotect("decisions", kept=True)
    _protect("decisions")
    for table in (
        "model_evidence",
        "audit_checkpoints",
        "case_events",
        "cases",
        "assessments",
        "feedback",
        "champions",
        "fairness_audits",
        "idempotency",
        "submissions",
        "what_if_inputs",
        "what_if_models",
    ):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        for table in _KEPT:
            op.execute(f"DROP FUNCTION refuse_kept_{table}()")
    _give_tokens_roles()


def _create_what_if_inputs() -> None:
    op.create_table(
        "what_if_inputs",
        sa.Column("batch_id", sa.String, nullable=False),
        sa.Column("rep_id", sa.String, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("batch_id", "rep_id", name="pk_what_if_inputs"),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["batches.batch_id"], name="fk_what_if_inputs_batch_id", ondelete="CASCADE"
        ),
    )
    op.create_table(
        "what_if_models",
        sa.Column("batch_id", sa.String, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("batch_id", name="pk_what_if_models"),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["batches.batch_id"], name="fk_what_if_models_batch_id", ondelete="CASCADE"
        ),
    )


def _create_fairness_audits() -> None:
    op.create_table(
        "fairness_audits",
        sa.Column("batch_id", sa.String, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("batch_id", name="pk_fairness_audits"),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["batches.batch_id"], name="fk_fairness_audits_batch_id", ondelete="CASCADE"
        ),
    )


def _create_model_evidence() -> None:
    op.create_table(
        "model_evidence",
        sa.Column("batch_id", sa.String, nullable=False),
        sa.Column("section", sa.String, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("batch_id", "section", name="pk_model_evidence"),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["batches.batch_id"], name="fk_model_evidence_batch_id", ondelete="CASCADE"
        ),
    )


def _rows(table: str, names: tuple[str, ...], moments: tuple[str, ...]) -> list[Row]:
    columns: list[sa.ColumnClause[Any]] = [sa.column(name) for name in names]
    columns += [sa.column(name, UtcDateTime()) for name in moments]
    return [dict(row) for row in op.get_bind().execute(sa.select(*columns).select_from(sa.table(table))).mappings()]


def _give_tokens_accounts() -> None:
    moments = ("created_at", "expires_at", "revoked_at")
    tokens = _rows("tokens", ("token_id", "token_hash", "role", "rep_id", "label"), moments)
    sessions = _rows("sessions", ("session_hash", "token_id"), moments)
    op.drop_table("sessions")
    op.drop_table("tokens")
    accounts = op.create_table(
        "accounts",
        sa.Column("account_id", sa.String, nullable=False),
        sa.Column("label", sa.String, nullable=False),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("rep_id", sa.String),
        sa.Column("issuer", sa.String),
        sa.Column("subject", sa.String),
        sa.Column("email", sa.String),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("disabled_at", UtcDateTime),
        sa.PrimaryKeyConstraint("account_id", name="pk_accounts"),
        sa.UniqueConstraint("issuer", "subject", name="uq_accounts_issuer_subject"),
        sa.UniqueConstraint("email", name="uq_accounts_email"),
        sa.CheckConstraint(_ROLES, name="ck_accounts_role"),
    )
    new_tokens = op.create_table(
        "tokens",
        sa.Column("token_id", sa.String, nullable=False),
        sa.Column("account_id", sa.String, nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("label", sa.String, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False),
        sa.Column("revoked_at", UtcDateTime),
        sa.PrimaryKeyConstraint("token_id", name="pk_tokens"),
        sa.UniqueConstraint("token_hash", name="uq_tokens_token_hash"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name="fk_tokens_account_id"),
    )
    op.create_index("ix_tokens_account_id", "tokens", ["account_id"])
    new_sessions = op.create_table(
        "sessions",
        sa.Column("session_hash", sa.String(64), nullable=False),
        sa.Column("account_id", sa.String, nullable=False),
        sa.Column("token_id", sa.String),
        sa.Column("method", sa.String, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False),
        sa.Column("revoked_at", UtcDateTime),
        sa.PrimaryKeyConstraint("session_hash", name="pk_sessions"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name="fk_sessions_account_id"),
        sa.ForeignKeyConstraint(["token_id"], ["tokens.token_id"], name="fk_sessions_token_id"),
        sa.CheckConstraint("method IN ('token', 'oidc')", name="ck_sessions_method"),
    )
    op.create_index("ix_sessions_account_id", "sessions", ["account_id"])
    _insert(
        accounts,
        [
            {
                "account_id": row["token_id"],
                "label": row["label"],
                "role": row["role"],
                "rep_id": row["rep_id"],
                "created_at": row["created_at"],
            }
            for row in tokens
        ],
    )
    kept = ("token_id", "token_hash", "label", *moments)
    _insert(new_tokens, [{name: row[name] for name in kept} | {"account_id": row["token_id"]} for row in tokens])
    _insert(new_sessions, [row | {"account_id": row["token_id"], "method": "token"} for row in sessions])


def _give_tokens_roles() -> None:
    moments = ("created_at", "expires_at", "revoked_at")
    accounts = {row["account_id"]: row for row in _rows("accounts", ("account_id", "role", "rep_id"), ())}
    tokens = _rows("tokens", ("token_id", "account_id", "token_hash", "label"), moments)
    sessions = _rows("sessions", ("session_hash", "token_id"), moments)
    for table in ("sessions", "tokens", "accounts"):
        op.drop_table(table)
    old_tokens = op.create_table(
        "tokens",
        sa.Column("token_id", sa.String, nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("rep_id", sa.String),
        sa.Column("label", sa.String, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False),
        sa.Column("revoked_at", UtcDateTime),
        sa.PrimaryKeyConstraint("token_id", name="pk_tokens"),
        sa.UniqueConstraint("token_hash", name="uq_tokens_token_hash"),
        sa.CheckConstraint(_OLD_ROLES, name="ck_tokens_role"),
    )
    old_sessions = op.create_table(
        "sessions",
        sa.Column("session_hash", sa.String(64), nullable=False),
        sa.Column("token_id", sa.String, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False),
        sa.Column("revoked_at", UtcDateTime),
        sa.PrimaryKeyConstraint("session_hash", name="pk_sessions"),
        sa.ForeignKeyConstraint(["token_id"], ["tokens.token_id"], name="fk_sessions_token_id"),
    )
    kept = [row for row in tokens if accounts[row["account_id"]]["role"] != "admin"]
    known = {row["token_id"] for row in kept}
    for row in kept:
        account = accounts[row.pop("account_id")]
        row |= {"role": account["role"], "rep_id": account["rep_id"]}
    _insert(old_tokens, kept)
    _insert(old_sessions, [row for row in sessions if row["token_id"] in known])


def _create_cases() -> None:
    op.create_table(
        "cases",
        sa.Column("case_id", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("opened_at", UtcDateTime, nullable=False),
        sa.Column("batch_id", sa.String, nullable=False),
        sa.Column("period", sa.String, nullable=False),
        sa.Column("rep_id", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("about", sa.String, nullable=False),
        sa.Column("program_id", sa.String),
        sa.Column("item", sa.String),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("account_id", sa.String, nullable=False),
        sa.Column("opened_by", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("case_id", name="pk_cases"),
        sa.CheckConstraint("kind IN ('view', 'correction', 'contest')", name="ck_cases_kind"),
        sa.CheckConstraint("about IN ('forecast', 'recommendation', 'diagnosis', 'data')", name="ck_cases_about"),
        sa.CheckConstraint("length(text) > 0", name="ck_cases_text"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_cases_rep_id_period", "cases", ["rep_id", "period"])
    op.create_table(
        "case_events",
        sa.Column("event_id", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("case_id", sa.Integer, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("account_id", sa.String, nullable=False),
        sa.Column("answered_by", sa.String, nullable=False),
        sa.Column("role", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("event_id", name="pk_case_events"),
        sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"], name="fk_case_events_case_id"),
        sa.CheckConstraint(_STATUSES, name="ck_case_events_status"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_case_events_case_id", "case_events", ["case_id"])


def _create_submissions() -> None:
    op.create_table(
        "submissions",
        sa.Column("submission_id", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("submitted_at", UtcDateTime, nullable=False),
        sa.Column("batch_id", sa.String, nullable=False),
        sa.Column("watermark", sa.Date, nullable=False),
        sa.Column("period", sa.String, nullable=False),
        sa.Column("rep_id", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("minor_digits", sa.Integer, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("account_id", sa.String, nullable=False),
        sa.Column("submitted_by", sa.String, nullable=False),
        sa.Column("submitter_id", sa.String),
        sa.Column("role", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("submission_id", name="pk_submissions"),
        sa.CheckConstraint("kind IN ('commit', 'best_case', 'manager_override')", name="ck_submissions_kind"),
        sa.CheckConstraint("amount > 0", name="ck_submissions_amount"),
        sa.CheckConstraint("kind <> 'manager_override' OR length(note) > 0", name="ck_submissions_note"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_submissions_rep_id_period", "submissions", ["rep_id", "period"])


def _create_assessments() -> None:
    """Skill ratings and feedback."""
    op.create_table(
        "assessments",
        sa.Column("assessment_id", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("assessed_on", sa.Date, nullable=False),
        sa.Column("batch_id", sa.String, nullable=False),
        sa.Column("period", sa.String, nullable=False),
        sa.Column("rep_id", sa.String, nullable=False),
        sa.Column("skill", sa.String, nullable=False),
        sa.Column("score", sa.Integer),
        sa.Column("assessor", sa.String, nullable=False),
        sa.Column("account_id", sa.String, nullable=False),
        sa.Column("assessed_by", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("assessment_id", name="pk_assessments"),
        sa.CheckConstraint("score IS NULL OR (score >= 1 AND score <= 5)", name="ck_assessments_score"),
        sa.CheckConstraint("assessor IN ('self', 'manager')", name="ck_assessments_assessor"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_assessments_rep_id_period", "assessments", ["rep_id", "period"])
    op.create_table(
        "feedback",
        sa.Column("feedback_id", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("batch_id", sa.String, nullable=False),
        sa.Column("period", sa.String, nullable=False),
        sa.Column("rep_id", sa.String, nullable=False),
        sa.Column("about", sa.String, nullable=False),
        sa.Column("verdict", sa.String, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("account_id", sa.String, nullable=False),
        sa.Column("given_by", sa.String, nullable=False),
        sa.Column("role", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("feedback_id", name="pk_feedback"),
        sa.CheckConstraint("about IN ('forecast', 'diagnosis', 'offer')", name="ck_feedback_about"),
        sa.CheckConstraint("verdict IN ('useful', 'no_use', 'wrong')", name="ck_feedback_verdict"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_feedback_rep_id_period", "feedback", ["rep_id", "period"])


def _create_records() -> None:
    op.create_table(
        "champions",
        sa.Column("champion_id", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("model_name", sa.String, nullable=False),
        sa.Column("model_version", sa.String, nullable=False),
        sa.Column("registry", sa.String, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("champion_id", name="pk_champions"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "idempotency",
        sa.Column("account_id", sa.String, nullable=False),
        sa.Column("key_hash", sa.String(64), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "key_hash", name="pk_idempotency"),
    )
    op.create_index("ix_idempotency_created_at", "idempotency", ["created_at"])
    op.create_table(
        "audit_checkpoints",
        sa.Column("checkpoint_id", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("through_sequence", sa.Integer, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("decisions_through", sa.Integer, nullable=False),
        sa.Column("cases_through", sa.Integer, nullable=False),
        sa.Column("submissions_through", sa.Integer, nullable=False),
        sa.Column("assessments_through", sa.Integer, nullable=False),
        sa.Column("feedback_through", sa.Integer, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("checkpoint_id", name="pk_audit_checkpoints"),
        sqlite_autoincrement=True,
    )


def _audit_rows() -> list[Row]:
    columns: list[sa.ColumnClause[Any]] = [sa.column(name) for name in _AUDIT]
    columns += [sa.column("at", UtcDateTime()), sa.column("watermark", sa.Date())]
    query = sa.select(*columns).select_from(sa.table("audit")).order_by(sa.column("sequence"))
    return [dict(row) for row in op.get_bind().execute(query).mappings()]


def _chained(rows: list[Row]) -> list[Row]:
    """Renumbers nothing: gaps that a rolled back write left are part of the chain.

    Rows that lines named before a step back are forgotten: older revisions may have put them into other words.
    """
    previous, linked = FIRST_HASH, []
    for row in rows:
        detail = json.loads(row["detail"])
        if detail.pop("row", None) is not None:
            row["detail"] = json.dumps(detail, ensure_ascii=False)
        row |= {"account_id": None, "previous_hash": previous}
        row["hash"] = previous = chained(row)
        linked.append(row)
    return linked


def _replace_audit(rows: list[Row], *, chain: bool) -> None:
    """Makes the table anew: no row of it may be changed in place."""
    op.drop_table("audit")
    added = (
        sa.Column("account_id", sa.String),
        sa.Column("previous_hash", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    table = op.create_table(
        "audit",
        sa.Column("sequence", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("batch_id", sa.String),
        sa.Column("model_version", sa.String),
        sa.Column("watermark", sa.Date),
        sa.Column("detail", sa.Text, nullable=False),
        *(added if chain else ()),
        sa.PrimaryKeyConstraint("sequence", name="pk_audit"),
        sqlite_autoincrement=True,
    )
    _insert(table, rows)
    if rows and op.get_bind().dialect.name == "postgresql":
        op.execute(f"SELECT setval(pg_get_serial_sequence('audit', 'sequence'), {rows[-1]['sequence']})")
    _protect("audit", kept=_KEPT["audit"] if chain else "")


def _insert(table: sa.Table, rows: list[Row]) -> None:
    if rows:
        op.get_bind().execute(table.insert(), rows)


def _protect(table: str, *, kept: str = "") -> None:
    """Keeps rows from being changed or deleted; with a condition, only those that meet it from being deleted."""
    if op.get_bind().dialect.name == "postgresql":
        whole = "UPDATE OR TRUNCATE" if kept else "UPDATE OR DELETE OR TRUNCATE"
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE {whole} ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
        if kept:
            op.execute(
                f"CREATE OR REPLACE FUNCTION refuse_kept_{table}() RETURNS trigger AS "
                f"$$ BEGIN IF {kept} THEN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END IF; "
                "RETURN OLD; END $$ LANGUAGE plpgsql"
            )
            op.execute(
                f"CREATE TRIGGER {table}_kept BEFORE DELETE ON {table} "
                f"FOR EACH ROW EXECUTE FUNCTION refuse_kept_{table}()"
            )
        return
    for change in ("UPDATE", "DELETE"):
        when = f"WHEN {kept} " if kept and change == "DELETE" else ""
        op.execute(
            f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table} {when}"
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        )


def _unprotect(table: str, *, kept: bool = False) -> None:
    """Takes its triggers away, to be made anew."""
    postgresql = op.get_bind().dialect.name == "postgresql"
    names = (("append_only", "kept") if kept else ("append_only",)) if postgresql else ("no_update", "no_delete")
    for name in names:
        op.execute(f"DROP TRIGGER {table}_{name}" + (f" ON {table}" if postgresql else ""))
