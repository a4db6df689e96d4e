"""Access tokens and browser sessions. Only SHA-256 hashes are stored: who reads the database cannot log in."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Engine, Select, Table, bindparam, select, update

from spm_ml.predictions import schema
from spm_ml.predictions.audit import record
from spm_ml.predictions.engine import reading, writing
from spm_ml.predictions.scope import Role, Scope

SESSION_LENGTH: Final = timedelta(hours=12)


def _valid(table: Table) -> ColumnElement[bool]:
    return table.c.revoked_at.is_(None) & (table.c.expires_at > bindparam("now"))


_accounts, _tokens, _sessions = schema.accounts, schema.tokens, schema.sessions
_WHO: Final = (_accounts.c.account_id, _accounts.c.label, _accounts.c.role, _accounts.c.rep_id, _tokens.c.token_id)

# Built once: every request runs one of them, and building takes longer than running.
BY_TOKEN: Final = (
    select(*_WHO)
    .join_from(_tokens, _accounts)
    .where(_tokens.c.token_hash == bindparam("secret"), _valid(_tokens), _accounts.c.disabled_at.is_(None))
)
_BY_SESSION: Final = (
    select(*_WHO)
    .join_from(_sessions, _accounts)
    .outerjoin(_tokens, _tokens.c.token_id == _sessions.c.token_id)
    .where(
        _sessions.c.session_hash == bindparam("secret"),
        _valid(_sessions),
        _sessions.c.token_id.is_(None) | _valid(_tokens),
        _accounts.c.disabled_at.is_(None),
    )
)


@dataclass(frozen=True)
class Principal:
    """Who is asking.

    Attributes:
        account_id: Names the account, says nothing about it.
        label: Who it is, as audit rows name them.
        scope: What it may see.
        token_id: Names the access token it came with or logged in with; None without one.
    """

    account_id: str
    label: str
    scope: Scope
    token_id: str | None = None


def hashed(secret: str) -> str:
    """SHA-256 of a token or session key. They are 256 random bits, so no slow hash is needed."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


class Credentials:
    """Issues, checks and revokes access."""

    def __init__(self, engine: Engine | Connection) -> None:
        self._engine = engine

    def issue(
        self, role: Role, *, rep_id: str | None = None, label: str, valid_for: timedelta, actor: str = "operator"
    ) -> str:
        """Makes an account with a token and gives the token back, the only time it can be read.

        Raises:
            ValueError: A manager or rep without a `rep_id`.
        """
        Scope(role, rep_id)
        token, token_id, now = f"spm_{secrets.token_urlsafe(32)}", secrets.token_hex(6), datetime.now(UTC)
        with writing(self._engine) as connection:
            connection.execute(
                _accounts.insert().values(account_id=token_id, label=label, role=role, rep_id=rep_id, created_at=now)
            )
            connection.execute(
                schema.tokens.insert().values(
                    token_id=token_id,
                    account_id=token_id,
                    token_hash=hashed(token),
                    label=label,
                    created_at=now,
                    expires_at=now + valid_for,
                )
            )
            record(connection, actor=actor, action="token issued", subject=token_id, detail={"role": role})
        return token

    def principal_of_token(self, token: str) -> Principal | None:
        """Who holds the token; None if it is unknown, expired or revoked."""
        return self._principal(BY_TOKEN, token)

    def principal_of_session(self, session: str) -> Principal | None:
        """Whose session it is; None if it, or the token it was opened with, is unknown, expired or revoked."""
        return self._principal(_BY_SESSION, session)

    def open_session(self, token: str) -> str | None:
        """Opens a browser session for a valid token and gives its key; None if the token is not valid."""
        principal = self.principal_of_token(token)
        if principal is None:
            return None
        key, now = secrets.token_urlsafe(32), datetime.now(UTC)
        with writing(self._engine) as connection:
            connection.execute(
                schema.sessions.insert().values(
                    session_hash=hashed(key),
                    account_id=principal.account_id,
                    token_id=principal.token_id,
                    method="token",
                    created_at=now,
                    expires_at=now + SESSION_LENGTH,
                )
            )
            record(
                connection,
                actor=principal.label,
                account_id=principal.account_id,
                action="logged in",
                subject=principal.account_id,
            )
        return key

    def close_session(self, session: str) -> None:
        """Ends a session; an unknown one is already over."""
        with writing(self._engine) as connection:
            connection.execute(
                update(schema.sessions)
                .where(schema.sessions.c.session_hash == hashed(session), schema.sessions.c.revoked_at.is_(None))
                .values(revoked_at=datetime.now(UTC))
            )

    def revoke(self, *, label_prefix: str, actor: str = "operator") -> int:
        """Revokes every token whose label begins so, and with them their sessions; gives their number."""
        tokens = schema.tokens.c
        with writing(self._engine) as connection:
            revoked = connection.execute(
                update(schema.tokens)
                .where(tokens.label.startswith(label_prefix, autoescape=True), tokens.revoked_at.is_(None))
                .values(revoked_at=datetime.now(UTC))
            ).rowcount
            if revoked:
                record(
                    connection, actor=actor, action="tokens revoked", subject=label_prefix, detail={"tokens": revoked}
                )
        return revoked

    def _principal(self, query: Select[Any], secret: str) -> Principal | None:
        with reading(self._engine) as connection:
            row = connection.execute(query, {"secret": hashed(secret), "now": datetime.now(UTC)}).first()
        return None if row is None else Principal(row.account_id, row.label, Scope(row.role, row.rep_id), row.token_id)
