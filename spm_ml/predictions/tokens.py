"""Access tokens: shown once, and kept as hashes. Each change and its audit line are one transaction."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Engine, select

from spm_ml.predictions import schema
from spm_ml.predictions.accounts import (
    AccountDraft,
    Accounts,
    DisabledAccountError,
    LastAdminError,
    active_admin,
    end_access,
)
from spm_ml.predictions.audit import record_act
from spm_ml.predictions.engine import writing
from spm_ml.predictions.principal import Principal, hashed

_accounts, _tokens, _sessions = schema.accounts, schema.tokens, schema.sessions


@dataclass(frozen=True)
class IssuedToken:
    """A new token; `token` can be read here and never again."""

    token_id: str
    account_id: str
    token: str
    label: str
    expires_at: datetime


class Tokens:
    """Each call is a transaction of its own, or a part of the one whose connection is given."""

    def __init__(self, engine: Engine | Connection) -> None:
        self._engine = engine

    def issue(
        self, account_id: str, *, valid_for: timedelta, label: str | None = None, by: Principal | None = None
    ) -> IssuedToken:
        """Gives an account a token, which can be read now and never again.

        Raises:
            UnknownAccountError: There is no such account.
            DisabledAccountError: It is disabled.
        """
        with writing(self._engine) as connection:
            account = Accounts(connection).find(account_id)
            if account.disabled_at is not None:
                raise DisabledAccountError(
                    f"account {account_id!r} is disabled; 'spm access enable {account_id}' opens it"
                )
            now = datetime.now(UTC)
            token, token_id = f"spm_{secrets.token_urlsafe(32)}", secrets.token_hex(6)
            issued = IssuedToken(
                token_id, account_id, token, account.label if label is None else label, now + valid_for
            )
            connection.execute(
                _tokens.insert().values(
                    token_id=token_id,
                    account_id=account_id,
                    token_hash=hashed(token),
                    label=issued.label,
                    created_at=now,
                    expires_at=issued.expires_at,
                )
            )
            detail = {"account": account_id, "role": account.role, "expires_at": issued.expires_at.isoformat()}
            record_act(connection, by, "token issued", token_id, detail)
            return issued

    def revoke(self, token_id: str, *, by: Principal | None = None) -> bool:
        """Revokes a token, and with it the sessions opened with it; False if there is none that `by` may revoke.

        Everybody may revoke their own tokens, admins and the operator any.
        """
        with writing(self._engine) as connection:
            reached: ColumnElement[bool] = _tokens.c.token_id == token_id
            if by is not None and by.scope.reach("access") == "none":
                reached = reached & (_tokens.c.account_id == by.account_id)
            row = connection.execute(select(_tokens.c.account_id, _tokens.c.revoked_at).where(reached)).first()
            if row is None:
                return False
            if row.revoked_at is None:
                now = datetime.now(UTC)
                end_access(connection, _tokens, _tokens.c.token_id == token_id, now)
                end_access(connection, _sessions, _sessions.c.token_id == token_id, now)
                record_act(connection, by, "token revoked", token_id, {"account": row.account_id})
            return True

    def for_first_admin(self, *, label: str, valid_for: timedelta) -> IssuedToken:
        """Makes the account of the first admin, with a token.

        Raises:
            LastAdminError: There is an active admin already, who gives access to others.
        """
        with writing(self._engine) as connection:
            admin = connection.execute(select(_accounts.c.account_id).where(active_admin())).scalar()
            if admin is not None:
                raise LastAdminError(
                    f"account {admin!r} is an admin already, so there is no first one to make; give it another "
                    f"token with 'spm access token {admin}', or add an admin with 'spm access add --role admin'"
                )
            account = Accounts(connection).add(AccountDraft(label, "admin"))
            return Tokens(connection).issue(account.account_id, valid_for=valid_for)
