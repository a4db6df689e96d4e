"""Weekly mails: to whom they go, who wants none, and that none goes out twice."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from spm_ml.predictions import schema
from spm_ml.predictions.accounts import UnknownAccountError
from spm_ml.predictions.audit import record
from spm_ml.predictions.engine import reading, writing
from spm_ml.predictions.scope import Role, Scope

Way = Literal["smtp", "webhook", "folder"]
Settled = Literal["sent", "failed"]

ACTOR: Final = "digest"
READERS: Final[tuple[Role, ...]] = ("manager", "hr", "rep")
"""Roles that a digest has something for."""

_accounts, _digests, _refusals = schema.accounts, schema.digests, schema.digest_refusals


@dataclass(frozen=True)
class Recipient:
    """An active account with an email address.

    Attributes:
        wants: It has not unsubscribed.
    """

    account_id: str
    label: str
    email: str
    scope: Scope
    wants: bool


class Digests:
    """Each call is a transaction of its own, or a part of the one whose connection is given."""

    def __init__(self, engine: Engine | Connection) -> None:
        self._engine = engine

    def recipients(self) -> tuple[Recipient, ...]:
        """Everybody a digest could go to, oldest account first."""
        columns = _accounts.c
        query = (
            select(columns.account_id, columns.label, columns.email, columns.role, columns.rep_id, _refusals.c.at)
            .outerjoin(_refusals, _refusals.c.account_id == columns.account_id)
            .where(columns.email.is_not(None), columns.disabled_at.is_(None), columns.role.in_(READERS))
            .order_by(columns.created_at, columns.account_id)
        )
        with reading(self._engine) as connection:
            return tuple(
                Recipient(row.account_id, row.label, row.email, Scope(row.role, row.rep_id), row.at is None)
                for row in connection.execute(query)
            )

    def begin(self, account_id: str, week: str, way: Way) -> bool:
        """Takes a digest on; False where it has gone out, or somebody began to send it and nobody knows the end.

        Args:
            account_id: To whom it goes.
            week: Its Monday, ISO 8601.
            way: How it goes.
        """
        which = (_digests.c.account_id == account_id, _digests.c.week == week, _digests.c.way == way)
        now = {"state": "sending", "at": datetime.now(UTC), "detail": ""}
        with writing(self._engine) as connection:
            state = connection.execute(select(_digests.c.state).where(*which)).scalar()
            if state in ("sent", "sending"):
                return False
            if state is None:
                connection.execute(insert(_digests).values(account_id=account_id, week=week, way=way, **now))
            else:
                connection.execute(update(_digests).where(*which).values(**now))
            self._note(connection, "digest begun", account_id, week, way)
            return True

    def settle(self, account_id: str, week: str, way: Way, state: Settled, detail: str = "") -> None:
        """Says what became of a digest that was begun: one that failed may be begun again."""
        which = (_digests.c.account_id == account_id, _digests.c.week == week, _digests.c.way == way)
        with writing(self._engine) as connection:
            connection.execute(
                update(_digests).where(*which).values(state=state, at=datetime.now(UTC), detail=detail[:500])
            )
            self._note(connection, f"digest {state}", account_id, week, way)

    def unsettled(self, week: str, way: Way) -> frozenset[str]:
        """Accounts whose digest was begun and of which nobody knows whether it went out."""
        which = (_digests.c.week == week, _digests.c.way == way, _digests.c.state == "sending")
        with reading(self._engine) as connection:
            return frozenset(connection.execute(select(_digests.c.account_id).where(*which)).scalars())

    def wants(self, account_id: str) -> bool:
        """Whether an account has not unsubscribed.

        Raises:
            UnknownAccountError: There is none.
        """
        with reading(self._engine) as connection:
            self._require(connection, account_id)
            return not connection.execute(select(func.count()).where(_refusals.c.account_id == account_id)).scalar_one()

    def refused(self) -> dict[str, datetime]:
        """Accounts that have unsubscribed, and since when."""
        with reading(self._engine) as connection:
            return {row.account_id: row.at for row in connection.execute(select(_refusals))}

    def choose(self, account_id: str, *, wanted: bool, by: str) -> None:
        """Subscribes or unsubscribes an account; doing so again changes nothing.

        Args:
            account_id: Whose mail it is.
            wanted: Whether it shall come.
            by: Who says so: its label, or `link` for whoever holds a link from such a mail.

        Raises:
            UnknownAccountError: There is none.
        """
        with writing(self._engine) as connection:
            self._require(connection, account_id)
            refused = _refusals.c.account_id == account_id
            known = connection.execute(select(func.count()).where(refused)).scalar_one() == 1
            if wanted is not known:
                return
            if wanted:
                connection.execute(delete(_refusals).where(refused))
            else:
                connection.execute(insert(_refusals).values(account_id=account_id, at=datetime.now(UTC)))
            action = "digest subscribed" if wanted else "digest unsubscribed"
            account = None if by == "link" else account_id
            record(connection, actor=by, account_id=account, action=action, subject=account_id)

    def _require(self, connection: Connection, account_id: str) -> None:
        if not connection.execute(select(func.count()).where(_accounts.c.account_id == account_id)).scalar_one():
            raise UnknownAccountError(f"there is no account {account_id!r}")

    def _note(self, connection: Connection, action: str, account_id: str, week: str, way: Way) -> None:
        record(connection, actor=ACTOR, action=action, subject=account_id, detail={"week": week, "way": way})
