"""Accounts: who may ask, and in which role. Each change and its audit line are one transaction."""

import secrets
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, func, select, update

from spm_ml.errors import DataError
from spm_ml.predictions import schema
from spm_ml.predictions.audit import record, record_act
from spm_ml.predictions.engine import reading, writing
from spm_ml.predictions.principal import Principal
from spm_ml.predictions.scope import Role, Scope

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


class Accounts:
    """Each call is a transaction of its own, or a part of the one whose connection is given."""

    def __init__(self, engine: Engine | Connection) -> None:
        self._engine = engine

    def every(self) -> tuple[Account, ...]:
        """All accounts, oldest first."""
        with reading(self._engine) as connection:
            tokens: dict[str, list[TokenRecord]] = {}
            for row in connection.execute(select(_tokens).order_by(_tokens.c.created_at, _tokens.c.token_id)):
                tokens.setdefault(row.account_id, []).append(_token_from(row))
            rows = connection.execute(select(_accounts).order_by(_accounts.c.created_at, _accounts.c.account_id))
            return tuple(Account(**row._mapping, tokens=tuple(tokens.get(row.account_id, ()))) for row in rows)

    def find(self, account_id: str) -> Account:
        """One account.

        Raises:
            UnknownAccountError: There is none.
        """
        with reading(self._engine) as connection:
            return _found(connection, account_id)

    def add(self, draft: AccountDraft, *, by: Principal | None = None) -> Account:
        """Makes an account; it has no token yet.

        Raises:
            AccountTakenError: Its email or its identity at the provider belongs to another account.
        """
        with writing(self._engine) as connection:
            _refuse_taken(connection, draft, besides=None)
            account_id = secrets.token_hex(6)
            row = asdict(draft) | {"account_id": account_id, "created_at": datetime.now(UTC)}
            connection.execute(_accounts.insert().values(**row))
            record_act(connection, by, "account added", account_id, {"role": draft.role})
            return _found(connection, account_id)

    def change(self, account_id: str, draft: AccountDraft, *, by: Principal | None = None) -> Account:
        """Gives an account another label, role, person or identity; its sessions follow at their next request.

        Raises:
            UnknownAccountError: There is none.
            AccountTakenError: The email or the identity belongs to another account.
            LastAdminError: It is the last active admin and would be none.
        """
        with writing(self._engine) as connection:
            before = _found(connection, account_id)
            if draft.role != "admin":
                _keep_an_admin(connection, before)
            _refuse_taken(connection, draft, besides=account_id)
            connection.execute(update(_accounts).where(_accounts.c.account_id == account_id).values(**asdict(draft)))
            record_act(connection, by, "account changed", account_id, {"role": draft.role, "role_before": before.role})
            return _found(connection, account_id)

    def disable(self, account_id: str, *, by: Principal | None = None) -> Account:
        """Shuts an account with all its tokens and sessions; doing so again changes nothing.

        Raises:
            UnknownAccountError: There is none.
            LastAdminError: It is the last active admin.
        """
        with writing(self._engine) as connection:
            account = _found(connection, account_id)
            if account.disabled_at is not None:
                return account
            _keep_an_admin(connection, account)
            now = datetime.now(UTC)
            connection.execute(update(_accounts).where(_accounts.c.account_id == account_id).values(disabled_at=now))
            for table in (_tokens, _sessions):
                end_access(connection, table, table.c.account_id == account_id, now)
            record_act(connection, by, "account disabled", account_id)
            return _found(connection, account_id)

    def enable(self, account_id: str, *, by: Principal | None = None) -> Account:
        """Opens an account again; its old tokens and sessions stay revoked.

        Raises:
            UnknownAccountError: There is none.
        """
        with writing(self._engine) as connection:
            account = _found(connection, account_id)
            if account.disabled_at is None:
                return account
            connection.execute(update(_accounts).where(_accounts.c.account_id == account_id).values(disabled_at=None))
            record_act(connection, by, "account enabled", account_id)
            return _found(connection, account_id)

    def bind(self, *, issuer: str, subject: str, email: str | None) -> str | None:
        """The active account of a person whom an identity provider vouches for; None: they have none.

        Args:
            issuer: The provider.
            subject: The person's name there, which never changes.
            email: Theirs, where the provider has verified it. At the first login it finds the account that is bound to
                nobody yet, and from then on issuer and subject do: an address that is passed on gives nobody access.
        """
        with writing(self._engine) as connection:
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
            record(connection, actor="login", action="identity bound", subject=account_id, detail={"issuer": issuer})
            return account_id

    def end_sessions(self, account_id: str, *, by: Principal | None = None) -> int:
        """Ends every session of an account; gives their number."""
        with writing(self._engine) as connection:
            ended = end_access(connection, _sessions, _sessions.c.account_id == account_id, datetime.now(UTC))
            if ended:
                record_act(connection, by, "sessions ended", account_id, {"sessions": ended})
            return ended


def _found(connection: Connection, account_id: str) -> Account:
    row = connection.execute(select(_accounts).where(_accounts.c.account_id == account_id)).first()
    if row is None:
        raise UnknownAccountError(f"there is no account {account_id!r}; 'spm access list' shows those there are")
    tokens = connection.execute(
        select(_tokens).where(_tokens.c.account_id == account_id).order_by(_tokens.c.created_at, _tokens.c.token_id)
    )
    return Account(**row._mapping, tokens=tuple(_token_from(token) for token in tokens))


def _token_from(row: Row[Any]) -> TokenRecord:
    return TokenRecord(row.token_id, row.label, row.created_at, row.expires_at, row.revoked_at)


def active_admin() -> ColumnElement[bool]:
    """Which accounts can give access to others."""
    return (_accounts.c.role == "admin") & _accounts.c.disabled_at.is_(None)


def _keep_an_admin(connection: Connection, account: Account) -> None:
    if account.role != "admin" or account.disabled_at is not None:
        return
    others = select(func.count()).where(active_admin(), _accounts.c.account_id != account.account_id)
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


def end_access(connection: Connection, table: Any, which: ColumnElement[bool], now: datetime) -> int:
    """Ends the tokens or sessions of `table` that are meant and still open something; gives their number."""
    return connection.execute(
        update(table).where(which, table.c.revoked_at.is_(None), table.c.expires_at > now).values(revoked_at=now)
    ).rowcount
