"""Accounts behind tokens and sessions, cases that people open, a chained audit, and writes that are safe to repeat."""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

from spm_ml.predictions.audit import FIRST_HASH, chained
from spm_ml.predictions.migrations.append_only import protect, unprotect
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
}
_STATUSES = "status IN ('open', 'in_review', 'upheld', 'partly_upheld', 'rejected', 'withdrawn', 'noted')"


def upgrade() -> None:
    """Gives each token an account of its own, chains the lines of the audit, and makes the new tables.

    What groups of earlier batches tell beside each other was not looked at: none is given to analysts.
    """
    op.add_column("teams", sa.Column("disclosable", sa.Boolean, nullable=False, server_default=sa.false()))
    _create_what_if_inputs()
    _give_tokens_accounts()
    _create_cases()
    _create_records()
    _replace_audit(_chained(_audit_rows()), chain=True)
    unprotect("decisions")
    for table in ("decisions", "cases", "case_events"):
        protect(table, kept=_KEPT[table])
    for table in ("champions", "audit_checkpoints"):
        protect(table)


def downgrade() -> None:
    """Drops them; a token keeps its account's role. Admins and sessions without a token were unknown before."""
    op.drop_column("teams", "disclosable")
    _replace_audit(_audit_rows(), chain=False)
    unprotect("decisions", kept=True)
    protect("decisions")
    for table in (
        "audit_checkpoints",
        "case_events",
        "cases",
        "champions",
        "idempotency",
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
    protect("audit", kept=_KEPT["audit"] if chain else "")


def _insert(table: sa.Table, rows: list[Row]) -> None:
    if rows:
        op.get_bind().execute(table.insert(), rows)
