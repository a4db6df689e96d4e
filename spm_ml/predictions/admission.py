"""Who asks, which batch is published, and may they see this person: one statement, for reads that come by the thousand.

The statement is put together from the parts that every other read uses (`credentials.BY_TOKEN`, `scope.condition`) and
compiled once. It runs past SQLAlchemy, whose machinery costs several times as much as the statement itself. It runs for
every request: what is revoked, disabled or moved in the tree counts at once.
"""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from sqlalchemy import ColumnElement, Engine, Select, String, bindparam, case, false, true

from spm_ml.predictions.credentials import BY_TOKEN, hashed
from spm_ml.predictions.publishing import PUBLISHED
from spm_ml.predictions.schema import UtcDateTime, accounts, pointer
from spm_ml.predictions.scope import REACH, ROLES, Role, Subject, condition

ABOUT: Final[tuple[Subject, ...]] = ("person", "figures")
"""What can be asked about."""

_CONNECTIONS: Final = 8
_WAIT_SECONDS: Final = 2.0
"""For a connection; then the ordinary path says what is wrong."""
_PERSON: Final = bindparam("person", type_=String)


@dataclass(frozen=True, slots=True)
class Admission:
    """What the store says of a request.

    Attributes:
        account_id: Whose token it is.
        role: Of the account.
        rep_id: Who the account is; None: nobody in particular.
        batch_id: The published batch.
        sees: Whether the scope takes in the person who is asked about.
    """

    account_id: str
    role: Role
    rep_id: str | None
    batch_id: str
    sees: bool


def admission(subject: Subject) -> Select[Any]:
    """The statement, with the parameters `secret`, `now` and `person`; no row: no valid token, or nothing published."""
    return (
        BY_TOKEN.with_only_columns(
            accounts.c.account_id, accounts.c.role, accounts.c.rep_id, pointer.c.batch_id, _sees(subject).label("sees")
        )
        .join(pointer, true())
        .where(pointer.c.name == PUBLISHED)
    )


def _sees(subject: Subject) -> ColumnElement[bool]:
    me, batch_id = accounts.c.rep_id, pointer.c.batch_id
    return case(
        *((accounts.c.role == role, condition(REACH[role][subject], subject, me, _PERSON, batch_id)) for role in ROLES),
        else_=false(),
    )


class Door(Protocol):
    """Asks the store; the event loop waits for nobody else meanwhile."""

    async def open(self) -> None:
        """Makes it ready, in the event loop that will ask."""

    async def ask(self, subject: Subject, token: str, person: str) -> Admission | None:
        """Who asks and what they may see; None: no valid token, nothing published, or the store does not answer."""

    async def close(self) -> None:
        """Closes its connections."""


def door_of(engine: Engine) -> Door:
    """The door of a store."""
    return EmbeddedDoor(engine) if engine.dialect.name == "sqlite" else ServerDoor(engine)


class EmbeddedDoor:
    """Asks a SQLite store, on a connection of its own that cannot write; asking takes less time than handing it on."""

    def __init__(self, engine: Engine) -> None:
        self._statements = {subject: _Statement(engine, admission(subject)) for subject in ABOUT}
        fairy = engine.raw_connection()
        self._connection: sqlite3.Connection = fairy.driver_connection  # type: ignore[assignment]
        fairy.detach()  # from the pool: nobody else gets it
        # A database that is busy recovering is left to the ordinary path, which waits.
        self._connection.execute("PRAGMA busy_timeout=0")
        self._connection.execute("PRAGMA query_only=ON")

    async def open(self) -> None:
        """Does nothing: it is open."""

    async def ask(self, subject: Subject, token: str, person: str) -> Admission | None:
        """Who asks and what they may see; None: no valid token, nothing published, or the store does not answer."""
        statement = self._statements[subject]
        try:
            # All rows: an unfinished statement would hold on to its snapshot.
            rows = self._connection.execute(statement.text, statement.positional(token, person)).fetchall()
        except sqlite3.Error:
            return None
        return Admission(*rows[0]) if rows else None

    async def close(self) -> None:
        """Closes the connection."""
        self._connection.close()


class ServerDoor:
    """Asks a PostgreSQL store, on connections of its own that the event loop itself waits for."""

    def __init__(self, engine: Engine) -> None:
        # Installed where the store is a server.
        import psycopg
        import psycopg_pool

        self._statements = {subject: _Statement(engine, admission(subject)) for subject in ABOUT}
        _, arguments = engine.dialect.create_connect_args(engine.url)
        self._pool: psycopg_pool.AsyncConnectionPool[psycopg.AsyncConnection[Any]] = psycopg_pool.AsyncConnectionPool(
            kwargs={**arguments, "autocommit": True},
            min_size=1,
            max_size=_CONNECTIONS,
            timeout=_WAIT_SECONDS,
            open=False,
        )
        self._errors = psycopg.Error

    async def open(self) -> None:
        """Connects, in the background: a store that does not answer yet is asked later."""
        await self._pool.open(wait=False)

    async def ask(self, subject: Subject, token: str, person: str) -> Admission | None:
        """Who asks and what they may see; None: no valid token, nothing published, or the store does not answer."""
        statement = self._statements[subject]
        try:
            async with self._pool.connection() as connection:
                found = await connection.execute(statement.text, statement.named(token, person))
                row = await found.fetchone()
        except self._errors:
            return None
        return Admission(*row) if row else None

    async def close(self) -> None:
        """Closes the connections."""
        await self._pool.close()


class _Statement:
    """A compiled statement: its text, and its parameters in the driver's form and order."""

    def __init__(self, engine: Engine, query: Select[Any]) -> None:
        compiled = query.compile(engine)
        self.text = compiled.string
        self._fixed = compiled.construct_params(_check=False)
        self._values = [self._fixed[name] for name in compiled.positiontup or ()]
        self._places = {
            name: [place for place, other in enumerate(compiled.positiontup or ()) if other == name]
            for name in ("secret", "now", "person")
        }
        in_driver_form = UtcDateTime().dialect_impl(engine.dialect).bind_processor(engine.dialect)
        self._moment: Callable[[datetime], Any] = in_driver_form or (lambda moment: moment)

    def named(self, token: str, person: str) -> dict[str, Any]:
        """The parameters by name."""
        return {**self._fixed, **self._asked(token, person)}

    def positional(self, token: str, person: str) -> list[Any]:
        """The parameters in order."""
        values = self._values.copy()
        for name, value in self._asked(token, person).items():
            for place in self._places[name]:
                values[place] = value
        return values

    def _asked(self, token: str, person: str) -> dict[str, Any]:
        return {"secret": hashed(token), "now": self._moment(datetime.now(UTC)), "person": person}
