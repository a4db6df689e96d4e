"""Closing a pay period: its statements are written once, with their line of the audit, and never changed.

What is in a plan or a statement only its writer knows: both are text here.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Final

from sqlalchemy import Connection, Engine, select

from spm_ml.errors import DataError
from spm_ml.predictions import schema
from spm_ml.predictions.audit import append, record
from spm_ml.predictions.engine import reading, writing
from spm_ml.predictions.pay import Leaver, PayStatement
from spm_ml.predictions.publishing_coaching import insert

_closings, _statements, _leavers = schema.pay_closings.c, schema.pay_statements.c, schema.pay_leavers.c


class ClosedAlreadyError(DataError):
    """The period is closed; nothing was changed."""


class ClosingOrderError(DataError):
    """Another period comes first, or data or clock have gone back since the last closing."""


@dataclass(frozen=True)
class NewClosing:
    """A period to be closed.

    Attributes:
        period: The label.
        period_start: First day.
        period_end: Last day.
        as_of: What was known at the end of this day is paid.
        data_version: Version of the tables.
        data_hash: Names their content.
        currency: Of all amounts.
        minor_digits: Decimals of the currency.
        plans: Every plan, as text.
    """

    period: str
    period_start: date
    period_end: date
    as_of: date
    data_version: int
    data_hash: str
    currency: str
    minor_digits: int
    plans: str


@dataclass(frozen=True)
class PayClosing(NewClosing):
    """A closed period.

    Attributes:
        closed_at: When (UTC).
        closed_by: Who.
        statements: How many people were paid.
        amount: What all of them were paid, minor units.
        statements_hash: SHA-256 of the statements.
    """

    closed_at: datetime
    closed_by: str
    statements: int
    amount: int
    statements_hash: str


class Closings:
    """Each call is a transaction of its own, or a part of the one whose connection is given."""

    def __init__(self, engine: Engine | Connection) -> None:
        self._engine = engine

    def every(self, *, by: datetime | None = None) -> tuple[PayClosing, ...]:
        """The closed periods in order; those closed by a moment.

        For the operator of the store, never behind a request.
        """
        query = select(*_COLUMNS).order_by(_closings.period_start)
        with reading(self._engine) as connection:
            rows = connection.execute(query if by is None else query.where(_closings.closed_at <= by))
            return tuple(PayClosing(*row) for row in rows)

    def statements(self, period: str) -> tuple[PayStatement, ...]:
        """What was paid for a closed period, by rep: for the operator of the store, never behind a request."""
        with reading(self._engine) as connection:
            return _statements_of(connection, period)

    def check(self, new: NewClosing) -> None:
        """Says early what `close` would refuse; the arguments and errors are the same."""
        with reading(self._engine) as connection:
            _require_next(connection, new, datetime.now(UTC))

    def close(
        self, new: NewClosing, statements: Sequence[PayStatement], *, actor: str, leavers: Iterable[Leaver] = ()
    ) -> PayClosing:
        """Writes the statements of a period for good.

        Args:
            new: The period.
            statements: What it pays.
            actor: Who closes it.
            leavers: Everybody who has left; kept of those who have a statement, of this period or an earlier one.

        Raises:
            ClosedAlreadyError: It is closed.
            ClosingOrderError: It is not the period after the last closed one, or the data or the clock are older than
                those of that closing.
        """
        now = datetime.now(UTC)
        with writing(self._engine) as connection:
            _require_next(connection, new, now)
            in_order = sorted(statements, key=lambda one: one.rep_id)
            closing = PayClosing(
                **{field.name: getattr(new, field.name) for field in fields(NewClosing)},
                closed_at=now,
                closed_by=actor,
                statements=len(in_order),
                amount=sum(one.amount for one in in_order),
                statements_hash=hash_of(in_order),
            )
            _, named = append(connection, "pay_closings", vars(closing))
            insert(connection, schema.pay_statements, [{"period": new.period} | vars(one) for one in in_order])
            gone = _new_leavers(connection, leavers)
            insert(connection, schema.pay_leavers, [{"period": new.period} | vars(one) for one in gone])
            told = {"as_of": new.as_of.isoformat(), "data_version": new.data_version, "data_hash": new.data_hash}
            detail = named | told | {"statements": closing.statements, "leavers": len(gone)}
            record(connection, actor=actor, action="pay period closed", subject=new.period, detail=detail)
        return closing


def hash_of(statements: Iterable[PayStatement]) -> str:
    """SHA-256 of statements in the order of their reps, each a line of JSON that later versions can write again."""
    found = sha256()
    for one in statements:
        line = json.dumps([one.rep_id, one.plan_id, one.plan_version, one.amount, one.body])
        found.update(f"{line}\n".encode("ascii"))
    return found.hexdigest()


def changed_closings(connection: Connection) -> tuple[str, ...]:
    """Periods whose statements are not those that were closed."""
    rows = connection.execute(select(_closings.period, _closings.statements_hash).order_by(_closings.period_start))
    return tuple(row.period for row in rows.all() if hash_of(_statements_of(connection, row.period)) != row[1])


def _require_next(connection: Connection, new: NewClosing, now: datetime) -> None:
    row = connection.execute(select(*_COLUMNS).order_by(_closings.period_start.desc()).limit(1)).first()
    if row is None:
        return
    last = PayClosing(*row)
    known = connection.execute(select(_closings.closed_at).where(_closings.period == new.period)).scalar()
    if known is not None:
        raise ClosedAlreadyError(f"{new.period} was closed on {known:%Y-%m-%d %H:%M} UTC; nothing was changed")
    after = last.period_end + timedelta(days=1)
    if new.period_start < after:
        raise ClosingOrderError(
            f"{new.period} lies before {last.period}, which is closed: what was paid before the first closed period "
            "is settled where it was paid"
        )
    if new.period_start > after:
        raise ClosingOrderError(
            f"{new.period} cannot be closed before the period that begins on {after}: close that one first, "
            f"as adjustments of {last.period} are paid with it"
        )
    if new.as_of < last.as_of or new.data_version < last.data_version:
        raise ClosingOrderError(
            f"{last.period} was closed on data version {last.data_version} as known on {last.as_of}, and these are "
            f"older (version {new.data_version}, {new.as_of}): ingest the newer data first"
        )
    if now < last.closed_at:
        raise ClosingOrderError(
            f"the clock says {now:%Y-%m-%d %H:%M} UTC, and {last.period} was closed at "
            f"{last.closed_at:%Y-%m-%d %H:%M} UTC: set the clock right, then close again"
        )


def _new_leavers(connection: Connection, leavers: Iterable[Leaver]) -> list[Leaver]:
    """Those with a statement of whom the same was not kept before."""
    paid = set(connection.execute(select(_statements.rep_id).distinct()).scalars())
    columns = (_leavers[field.name] for field in fields(Leaver))
    kept = select(*columns).join_from(schema.pay_leavers, schema.pay_closings).order_by(_closings.period_start)
    known = {row.rep_id: Leaver(*row) for row in connection.execute(kept).all()}
    return [one for one in leavers if one.rep_id in paid and known.get(one.rep_id) != one]


def _statements_of(connection: Connection, period: str) -> tuple[PayStatement, ...]:
    columns = (_statements[field.name] for field in fields(PayStatement))
    rows = connection.execute(select(*columns).where(_statements.period == period))
    # Databases sort text each in their own way.
    return tuple(sorted((PayStatement(*row) for row in rows), key=lambda one: one.rep_id))


_COLUMNS: Final = tuple(_closings[field.name] for field in fields(PayClosing))
