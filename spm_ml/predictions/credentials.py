"""Access tokens and browser sessions. Only SHA-256 hashes are stored: who reads the database cannot log in."""

import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Connection, Engine, Row, Select, Table, bindparam, case, null, select, update

from spm_ml.predictions import schema
from spm_ml.predictions.accounts import AccountDraft, Accounts
from spm_ml.predictions.audit import OPERATOR, record
from spm_ml.predictions.engine import reading, writing
from spm_ml.predictions.principal import Principal, hashed
from spm_ml.predictions.scope import Role, Scope
from spm_ml.predictions.session_limits import SESSION_LENGTH, SessionLimits, SessionSpan
from spm_ml.predictions.tokens import Tokens

__all__ = ["PROXY", "SESSION_LENGTH", "Credentials", "Principal", "SessionLimits", "hashed"]

PROXY: Final = "proxy"
"""The issuer of those whom a trusted proxy names."""


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
    select(*_WHO, _sessions.c.created_at, _sessions.c.expires_at)
    .join_from(_sessions, _accounts)
    .outerjoin(_tokens, _tokens.c.token_id == _sessions.c.token_id)
    .where(
        _sessions.c.session_hash == bindparam("secret"),
        _valid(_sessions),
        _sessions.c.token_id.is_(None) | _valid(_tokens),
        _accounts.c.disabled_at.is_(None),
    )
)
_ACTIVE: Final = select(*_WHO[:-1], null().label("token_id")).where(_accounts.c.disabled_at.is_(None))
_BY_ACCOUNT: Final = _ACTIVE.where(_accounts.c.account_id == bindparam("account_id"))
_BY_IDENTITY: Final = _ACTIVE.where(
    (_accounts.c.email == bindparam("email"))
    | ((_accounts.c.issuer == bindparam("issuer")) & (_accounts.c.subject == bindparam("value")))
).order_by(case((_accounts.c.issuer == bindparam("issuer"), 0), else_=1))


_USUAL: Final = SessionLimits()


class Credentials:
    """Issues, checks and revokes access."""

    def __init__(self, engine: Engine | Connection) -> None:
        self._engine = engine

    def issue(self, role: Role, *, rep_id: str | None = None, label: str, valid_for: timedelta) -> str:
        """Makes an account with a token and gives the token back, the only time it can be read.

        Raises:
            ValueError: A manager or rep without a `rep_id`.
        """
        draft = AccountDraft(label, role, rep_id)
        with writing(self._engine) as connection:
            account = Accounts(connection).add(draft)
            return Tokens(connection).issue(account.account_id, valid_for=valid_for).token

    def principal_of_token(self, token: str) -> Principal | None:
        """Who holds the token; None if it is unknown, expired or revoked."""
        row = self._row(BY_TOKEN, token)
        return None if row is None else _principal_from(row)

    def principal_of_session(self, session: str) -> Principal | None:
        """Whose session it is; None if it, or the token it was opened with, is unknown, expired or revoked."""
        row = self._row(_BY_SESSION, session)
        if row is None:
            return None
        return replace(_principal_from(row), session=SessionSpan(row.created_at, row.expires_at))

    def renew_session(self, session: str, ends_at: datetime) -> None:
        """Moves the end of a session that is used; one that is over stays so."""
        mine = (_sessions.c.session_hash == bindparam("secret")) & _valid(_sessions)
        with writing(self._engine) as connection:
            connection.execute(
                update(_sessions).where(mine).values(expires_at=ends_at),
                {"secret": hashed(session), "now": datetime.now(UTC)},
            )

    def principal_of_identity(self, value: str) -> Principal | None:
        """Whom a trusted proxy names, by email or as the subject of issuer `proxy`; None if nobody active is meant."""
        if not value.isprintable():
            return None
        with reading(self._engine) as connection:
            row = connection.execute(_BY_IDENTITY, {"value": value, "email": value.lower(), "issuer": PROXY}).first()
        return None if row is None else _principal_from(row)

    def open_session(self, token: str, limits: SessionLimits = _USUAL) -> str | None:
        """Opens a browser session for a valid token and gives its key; None if the token is not valid."""
        principal = self.principal_of_token(token)
        if principal is None:
            return None
        with writing(self._engine) as connection:
            return _open(connection, principal, "token", limits)

    def open_provider_session(
        self, *, issuer: str, subject: str, email: str | None, limits: SessionLimits = _USUAL
    ) -> str | None:
        """Opens a browser session for a person whom an identity provider vouches for; None if they have no account.

        See `Accounts.bind` for how the account is found.
        """
        with writing(self._engine) as connection:
            account_id = Accounts(connection).bind(issuer=issuer, subject=subject, email=email)
            if account_id is None:
                return None
            row = connection.execute(_BY_ACCOUNT, {"account_id": account_id}).one()
            return _open(connection, _principal_from(row), "oidc", limits)

    def close_session(self, session: str, *, everywhere: bool = False) -> None:
        """Ends a session, or with it every other of the account; one that is not valid is already over, and ends none.

        Args:
            session: Its key.
            everywhere: End the others too.
        """
        principal = self.principal_of_session(session) if everywhere else None
        if principal is not None:
            with writing(self._engine) as connection:
                Accounts(connection).end_sessions(principal.account_id, by=principal)
            return
        with writing(self._engine) as connection:
            connection.execute(
                update(schema.sessions)
                .where(schema.sessions.c.session_hash == hashed(session), schema.sessions.c.revoked_at.is_(None))
                .values(revoked_at=datetime.now(UTC))
            )

    def retire(self, *, label_prefix: str, actor: str = OPERATOR) -> int:
        """Disables every account whose label begins so, with its tokens and sessions; gives their number."""
        now = datetime.now(UTC)
        named = _accounts.c.label.startswith(label_prefix, autoescape=True) & _accounts.c.disabled_at.is_(None)
        with writing(self._engine) as connection:
            found = list(connection.execute(select(_accounts.c.account_id).where(named)).scalars())
            if not found:
                return 0
            connection.execute(update(_accounts).where(_accounts.c.account_id.in_(found)).values(disabled_at=now))
            for table in (_tokens, _sessions):
                live = table.c.account_id.in_(found) & table.c.revoked_at.is_(None)
                connection.execute(update(table).where(live).values(revoked_at=now))
            detail = {"accounts": len(found)}
            record(connection, actor=actor, action="accounts disabled", subject=label_prefix.strip(), detail=detail)
        return len(found)

    def _row(self, query: Select[Any], secret: str) -> Row[Any] | None:
        with reading(self._engine) as connection:
            return connection.execute(query, {"secret": hashed(secret), "now": datetime.now(UTC)}).first()


def _principal_from(row: Row[Any]) -> Principal:
    return Principal(row.account_id, row.label, Scope(row.role, row.rep_id), row.token_id)


def _open(connection: Connection, principal: Principal, method: Literal["token", "oidc"], limits: SessionLimits) -> str:
    key, now = secrets.token_urlsafe(32), datetime.now(UTC)
    connection.execute(
        _sessions.insert().values(
            session_hash=hashed(key),
            account_id=principal.account_id,
            token_id=principal.token_id,
            method=method,
            created_at=now,
            expires_at=limits.end(now, now),
        )
    )
    record(
        connection,
        actor=principal.label,
        account_id=principal.account_id,
        action="logged in",
        subject=principal.account_id,
        detail={"method": method},
    )
    return key
