"""Accounts: who may ask, in which role, and with which tokens. Each change and its audit line are one transaction."""

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Engine, Row, func, select, update

from spm_ml.errors import DataError
from spm_ml.predictions import schema
from spm_ml.predictions.audit import record
from spm_ml.predictions.engine import reading, writing
from spm_ml.predictions.principal import Principal, hashed
from spm_ml.predictions.scope import Role, Scope

OPERATOR: Final = "operator"
"""Who acts from the command line: whoever can write the database needs no account."""

_accounts, _tokens, _sessions = schema.accounts, schema.tokens, schema.sessions


class UnknownAccountError(DataError):
    """No such account."""


class AccountTakenError(DataError):
    """Another account has this email, or this identity at the provider."""


class LastAdminError(DataError):
    """The change would leave nobody who can give access."""


class DisabledAccountError(DataError):
    """The account is disabled."""


@dataclass(frozen=True)
class TokenRecord:
    """What is kept of a token; not the token."""

    token_id: str
    label: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True)
class AccountDraft:
    """Who is to have access.

    Attributes:
        label: Who it is, as pages and the audit name them.
        role: What they are.
        rep_id: Who they are in the data; managers and reps must be somebody.
        email: Under which the identity provider knows them, in lower case.
        issuer: The provider, where `subject` is known beforehand.
        subject: Their name at the provider, which never changes.
    """

    label: str
    role: Role
    rep_id: str | None = None
    email: str | None = None
    issuer: str | None = None
    subject: str | None = None

    def __post_init__(self) -> None:
        Scope(self.role, self.rep_id)
        if (self.issuer is None) != (self.subject is None):
            raise ValueError("an issuer and a subject belong together; give both or neither")
        if self.email is not None:
            object.__setattr__(self, "email", self.email.strip().lower())


@dataclass(frozen=True)
class Account:
    """An account as stored; see `AccountDraft`.

    Attributes:
        account_id: Names the account, says nothing about it.
        created_at: When it was made.
        disabled_at: Since when it opens nothing; None: it does.
        tokens: Its tokens, oldest first.
    """

    account_id: str
    label: str
    role: Role
    rep_id: str | None
    issuer: str | None
    subject: str | None
    email: str | None
    created_at: datetime
    disabled_at: datetime | None
    tokens: tuple[TokenRecord, ...] = ()


@dataclass(frozen=True)
class IssuedToken:
    """A new token; `token` can be read here and never again."""

    token_id: str
    account_id: str
    token: str
    label: str
    expires_at: datetime


def every_account(connection: Connection) -> tuple[Account, ...]:
    """All accounts, oldest first."""
    tokens: dict[str, list[TokenRecord]] = {}
    for row in connection.execute(select(_tokens).order_by(_tokens.c.created_at, _tokens.c.token_id)):
        tokens.setdefault(row.account_id, []).append(_token_from(row))
    rows = connection.execute(select(_accounts).order_by(_accounts.c.created_at, _accounts.c.account_id))
    return tuple(Account(**row._mapping, tokens=tuple(tokens.get(row.account_id, ()))) for row in rows)


def account_of(connection: Connection, account_id: str) -> Account:
    """One account.

    Raises:
        UnknownAccountError: There is none.
    """
    row = connection.execute(select(_accounts).where(_accounts.c.account_id == account_id)).first()
    if row is None:
        raise UnknownAccountError(f"there is no account {account_id!r}; 'spm access list' shows those there are")
    tokens = connection.execute(
        select(_tokens).where(_tokens.c.account_id == account_id).order_by(_tokens.c.created_at, _tokens.c.token_id)
    )
    return Account(**row._mapping, tokens=tuple(_token_from(token) for token in tokens))


def add_account(connection: Connection, draft: AccountDraft, *, by: Principal | None) -> Account:
    """Makes an account; it has no token yet.

    Raises:
        AccountTakenError: Its email or its identity at the provider belongs to another account.
    """
    _refuse_taken(connection, draft, besides=None)
    account_id = secrets.token_hex(6)
    row = asdict(draft) | {"account_id": account_id, "created_at": datetime.now(UTC)}
    connection.execute(_accounts.insert().values(**row))
    _record(connection, by, "account added", account_id, {"role": draft.role})
    return account_of(connection, account_id)


def change_account(connection: Connection, account_id: str, draft: AccountDraft, *, by: Principal | None) -> Account:
    """Gives an account another label, role, person or identity; its sessions follow at their next request.

    Raises:
        UnknownAccountError: There is none.
        AccountTakenError: The email or the identity belongs to another account.
        LastAdminError: It is the last active admin and would be none.
    """
    before = account_of(connection, account_id)
    if draft.role != "admin":
        _keep_an_admin(connection, before)
    _refuse_taken(connection, draft, besides=account_id)
    connection.execute(update(_accounts).where(_accounts.c.account_id == account_id).values(**asdict(draft)))
    _record(connection, by, "account changed", account_id, {"role": draft.role, "role_before": before.role})
    return account_of(connection, account_id)


def disable_account(connection: Connection, account_id: str, *, by: Principal | None) -> Account:
    """Shuts an account with all its tokens and sessions; doing so again changes nothing.

    Raises:
        UnknownAccountError: There is none.
        LastAdminError: It is the last active admin.
    """
    account = account_of(connection, account_id)
    if account.disabled_at is not None:
        return account
    _keep_an_admin(connection, account)
    now = datetime.now(UTC)
    connection.execute(update(_accounts).where(_accounts.c.account_id == account_id).values(disabled_at=now))
    for table in (_tokens, _sessions):
        _end(connection, table, table.c.account_id == account_id, now)
    _record(connection, by, "account disabled", account_id)
    return account_of(connection, account_id)


def enable_account(connection: Connection, account_id: str, *, by: Principal | None) -> Account:
    """Opens an account again; its old tokens and sessions stay revoked.

    Raises:
        UnknownAccountError: There is none.
    """
    account = account_of(connection, account_id)
    if account.disabled_at is None:
        return account
    connection.execute(update(_accounts).where(_accounts.c.account_id == account_id).values(disabled_at=None))
    _record(connection, by, "account enabled", account_id)
    return account_of(connection, account_id)


def issue_token(
    connection: Connection, account_id: str, *, valid_for: timedelta, label: str | None = None, by: Principal | None
) -> IssuedToken:
    """Gives an account a token, which can be read now and never again.

    Raises:
        UnknownAccountError: There is no such account.
        DisabledAccountError: It is disabled.
    """
    account = account_of(connection, account_id)
    if account.disabled_at is not None:
        raise DisabledAccountError(f"account {account_id!r} is disabled; 'spm access enable {account_id}' opens it")
    now = datetime.now(UTC)
    token, token_id = f"spm_{secrets.token_urlsafe(32)}", secrets.token_hex(6)
    issued = IssuedToken(token_id, account_id, token, account.label if label is None else label, now + valid_for)
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
    _record(connection, by, "token issued", token_id, detail)
    return issued


def revoke_token(connection: Connection, token_id: str, *, by: Principal | None) -> bool:
    """Revokes a token, and with it the sessions opened with it; False if there is none that `by` may revoke.

    Everybody may revoke their own tokens, admins and the operator any.
    """
    reached: ColumnElement[bool] = _tokens.c.token_id == token_id
    if by is not None and by.scope.reach("access") == "none":
        reached = reached & (_tokens.c.account_id == by.account_id)
    row = connection.execute(select(_tokens.c.account_id, _tokens.c.revoked_at).where(reached)).first()
    if row is None:
        return False
    if row.revoked_at is None:
        now = datetime.now(UTC)
        _end(connection, _tokens, _tokens.c.token_id == token_id, now)
        _end(connection, _sessions, _sessions.c.token_id == token_id, now)
        _record(connection, by, "token revoked", token_id, {"account": row.account_id})
    return True


def end_sessions(connection: Connection, account_id: str, *, by: Principal | None) -> int:
    """Ends every session of an account; gives their number."""
    ended = _end(connection, _sessions, _sessions.c.account_id == account_id, datetime.now(UTC))
    if ended:
        _record(connection, by, "sessions ended", account_id, {"sessions": ended})
    return ended


def add_first_admin(connection: Connection, *, label: str, valid_for: timedelta) -> IssuedToken:
    """Makes the account of the first admin, with a token.

    Raises:
        LastAdminError: There is an active admin already, who gives access to others.
    """
    admin = connection.execute(select(_accounts.c.account_id).where(_active_admin())).scalar()
    if admin is not None:
        raise LastAdminError(
            f"account {admin!r} is an admin already, so there is no first one to make; give it another token with "
            f"'spm access token {admin}', or add an admin with 'spm access add --role admin'"
        )
    account = add_account(connection, AccountDraft(label, "admin"), by=None)
    return issue_token(connection, account.account_id, valid_for=valid_for, by=None)


def bind_identity(connection: Connection, *, issuer: str, subject: str, email: str | None) -> str | None:
    """The active account of a person whom an identity provider vouches for; None: they have none.

    Args:
        connection: Of a transaction that writes alone.
        issuer: The provider.
        subject: The person's name there, which never changes.
        email: Theirs, where the provider has verified it. At the first login it finds the account that is bound to
            nobody yet, and from then on issuer and subject do: an address that is passed on gives nobody access.
    """
    if not (subject + (email or "")).isprintable():
        return None
    bound = connection.execute(
        select(_accounts.c.account_id, _accounts.c.disabled_at).where(
            _accounts.c.issuer == issuer, _accounts.c.subject == subject
        )
    ).first()
    if bound is not None:
        return None if bound.disabled_at is not None else str(bound.account_id)
    if email is None:
        return None
    found = connection.execute(
        select(_accounts.c.account_id).where(
            func.lower(_accounts.c.email) == email.strip().lower(),
            _accounts.c.subject.is_(None),
            _accounts.c.disabled_at.is_(None),
        )
    ).scalar()
    if found is None:
        return None
    account_id = str(found)
    connection.execute(
        update(_accounts).where(_accounts.c.account_id == account_id).values(issuer=issuer, subject=subject)
    )
    _record(connection, None, "identity bound", account_id, {"issuer": issuer}, actor="login")
    return account_id


class Accounts:
    """The same as methods: each call is a transaction of its own, or a part of the one whose connection is given."""

    def __init__(self, engine: Engine | Connection) -> None:
        self._engine = engine

    def every(self) -> tuple[Account, ...]:
        """See `every_account`."""
        with reading(self._engine) as connection:
            return every_account(connection)

    def find(self, account_id: str) -> Account:
        """See `account_of`."""
        with reading(self._engine) as connection:
            return account_of(connection, account_id)

    def add(self, draft: AccountDraft, *, by: Principal | None = None) -> Account:
        """See `add_account`."""
        with writing(self._engine) as connection:
            return add_account(connection, draft, by=by)

    def change(self, account_id: str, draft: AccountDraft, *, by: Principal | None = None) -> Account:
        """See `change_account`."""
        with writing(self._engine) as connection:
            return change_account(connection, account_id, draft, by=by)

    def disable(self, account_id: str, *, by: Principal | None = None) -> Account:
        """See `disable_account`."""
        with writing(self._engine) as connection:
            return disable_account(connection, account_id, by=by)

    def enable(self, account_id: str, *, by: Principal | None = None) -> Account:
        """See `enable_account`."""
        with writing(self._engine) as connection:
            return enable_account(connection, account_id, by=by)

    def issue(
        self, account_id: str, *, valid_for: timedelta, label: str | None = None, by: Principal | None = None
    ) -> IssuedToken:
        """See `issue_token`."""
        with writing(self._engine) as connection:
            return issue_token(connection, account_id, valid_for=valid_for, label=label, by=by)

    def revoke(self, token_id: str, *, by: Principal | None = None) -> bool:
        """See `revoke_token`."""
        with writing(self._engine) as connection:
            return revoke_token(connection, token_id, by=by)

    def end_sessions(self, account_id: str, *, by: Principal | None = None) -> int:
        """See `end_sessions`."""
        with writing(self._engine) as connection:
            return end_sessions(connection, account_id, by=by)

    def first_admin(self, *, label: str, valid_for: timedelta) -> IssuedToken:
        """See `add_first_admin`."""
        with writing(self._engine) as connection:
            return add_first_admin(connection, label=label, valid_for=valid_for)


def _token_from(row: Row[Any]) -> TokenRecord:
    return TokenRecord(row.token_id, row.label, row.created_at, row.expires_at, row.revoked_at)


def _active_admin() -> ColumnElement[bool]:
    return (_accounts.c.role == "admin") & _accounts.c.disabled_at.is_(None)


def _keep_an_admin(connection: Connection, account: Account) -> None:
    if account.role != "admin" or account.disabled_at is not None:
        return
    others = select(func.count()).where(_active_admin(), _accounts.c.account_id != account.account_id)
    if not connection.execute(others).scalar_one():
        raise LastAdminError(
            f"account {account.account_id!r} is the last active admin; add another with "
            f"'spm access add --role admin' first"
        )


def _refuse_taken(connection: Connection, draft: AccountDraft, *, besides: str | None) -> None:
    claims: list[tuple[str, ColumnElement[bool]]] = []
    if draft.email is not None:
        claims.append(("email", _accounts.c.email == draft.email))
    if draft.subject is not None:
        identity = (_accounts.c.issuer == draft.issuer) & (_accounts.c.subject == draft.subject)
        claims.append(("identity at the provider", identity))
    for name, same in claims:
        other = connection.execute(
            select(_accounts.c.account_id).where(same, _accounts.c.account_id.is_distinct_from(besides))
        ).scalar()
        if other is not None:
            raise AccountTakenError(f"account {other!r} has this {name} already; change that one instead")


def _end(connection: Connection, table: Any, which: ColumnElement[bool], now: datetime) -> int:
    return connection.execute(
        update(table).where(which, table.c.revoked_at.is_(None), table.c.expires_at > now).values(revoked_at=now)
    ).rowcount


def _record(
    connection: Connection,
    by: Principal | None,
    action: str,
    subject: str,
    detail: Mapping[str, Any] | None = None,
    *,
    actor: str = OPERATOR,
) -> None:
    record(
        connection,
        actor=actor if by is None else by.label,
        account_id=None if by is None else by.account_id,
        action=action,
        subject=subject,
        detail=dict(detail or {}),
    )
